/** Which code and which config a sweep runs: results of two of either must not meet in one table. For the sweep and its workers. */

import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { gitState, repoRoot } from '../campaign/run-campaign.ts'

export interface CodeVersion {
  /** SHA-256 over the sources and the lockfile: in a container there may be no git to ask. */
  sources: string
  /** Of the module with swapped parts, where the config names one. */
  parts: string | null
  /** For people; null outside a checkout. */
  commit: string | null
}

export function codeVersion(parts: string | undefined): CodeVersion {
  const git = gitState()
  const commit = git === null ? null : `${git.commit.slice(0, 12)}${git.isDirty ? ' with changes' : ''}`
  return { sources: hashOf([...sourceFiles(), 'package-lock.json']), parts: partsHash(parts), commit }
}

/** `parts`: from the root of the repository. */
export function partsHash(parts: string | undefined): string | null {
  return parts === undefined ? null : hashOf([parts])
}

/** Two versions that give the same results. */
export function isSameVersion(left: CodeVersion, right: CodeVersion): boolean {
  return left.sources === right.sources && left.parts === right.parts
}

function sourceFiles(): string[] {
  return readdirSync(join(repoRoot, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts'))
    .map((path) => join('src', path))
    .toSorted()
}

function hashOf(paths: readonly string[]): string {
  const hash = createHash('sha256')
  for (const path of paths) {
    const file = resolve(repoRoot, path)
    hash.update(`${path}\n`).update(existsSync(file) ? readFileSync(file) : 'not there')
  }
  return hash.digest('hex')
}

export function describeVersion({ sources, commit }: CodeVersion): string {
  return `sources ${sources.slice(0, 12)}${commit === null ? '' : ` (commit ${commit})`}`
}

/** SHA-256, whatever the order of the keys: a resolved config that is read again has another. */
export function configHash(config: object): string {
  const sorted = (_key: string, value: unknown): unknown => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
    return Object.fromEntries(Object.entries(value).toSorted(([left], [right]) => (left < right ? -1 : 1)))
  }
  return createHash('sha256').update(JSON.stringify(config, sorted)).digest('hex')
}
