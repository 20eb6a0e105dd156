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

/** The run's prefix that a key lies under, itself one of `<prefix>:*`. */
export function runPrefixOf(key: string, prefix: string): string {
  const end = key.indexOf(':', prefix.length + 1)
  return end === -1 ? key : key.slice(0, end)
}
