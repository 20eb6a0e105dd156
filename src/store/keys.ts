/** The names of longhaul's keys in Redis, all under one prefix: `<prefix>:<name>`. The store and the clean-up share them. */

export interface StoreKeys {
  /** Hash: all of the engine's state. */
  state: string
  /** String with a time to live: the token of the engine that writes. */
  lease: string
  /** Hash without a time to live: the last token given out, and the number of its last commit. */
  fence: string
}

export function storeKeys(prefix: string): StoreKeys {
  return { state: `${prefix}:state`, lease: `${prefix}:lease`, fence: `${prefix}:fence` }
}

/** Each run has a prefix of its own, so that campaigns can share a server. */
export function runPrefix(prefix: string, runId: string): string {
  return `${prefix}:${runId}`
}

/** String: the process that owns a run's keys, as JSON. The clean-up of another campaign leaves them alone while it runs. */
export function ownerKey(ofRunPrefix: string): string {
  return `${ofRunPrefix}:owner`
}

/** More than a prefix of the longest kind and a run's id have. */
const maxParts = 64

/**
 * The runs' prefixes that a key under `<prefix>:` may lie under: several, since a campaign beside this one may have a prefix that begins
 * with this one, such as `longhaul:team` with `longhaul`.
 */
export function runPrefixesOf(key: string, prefix: string): string[] {
  const parts = key.slice(prefix.length + 1).split(':', maxParts)
  return parts.map((_, index) => [prefix, ...parts.slice(0, index + 1)].join(':'))
}
