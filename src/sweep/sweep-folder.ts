/** A sweep's folder: what it is, the result of each seed as it came, the table. What is on disk is all that a resumed sweep knows. */

import { existsSync, linkSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { messageOf, OperatingError } from '../base/error.ts'
import { repoRoot } from '../campaign/run-campaign.ts'
import { LogFile } from '../engine/log-file.ts'
import { currentProcess, isGone, parseIdentity, type ProcessIdentity } from '../store/process-identity.ts'
import type { CodeVersion } from './code-version.ts'
import type { SeedResult } from './seed-result.ts'

/** sweep.json. */
export interface SweepFacts {
  schema: 1
  id: string
  scenario: string
  firstSeed: number
  lastSeed: number
  /** SHA-256 over the resolved config, whatever its seed. */
  configHash: string
  version: CodeVersion
}

const idPattern = /^[A-Za-z0-9][A-Za-z0-9-]{0,80}$/

/** Wall time. A holder that cannot be looked at, because it ran in another container, lives as long as it renews its lock. */
const lockRenewalMs = 10_000
const maxLockAgeMs = 60_000

export function sweepFolderOf(id: string): string {
  if (!idPattern.test(id)) {
    throw new OperatingError('CONFIG_INVALID', `not a sweep's id: ${JSON.stringify(id.slice(0, 80))}`, {
      hint: 'An id has letters, digits and dashes, such as s1-1-1000-3f2a9c41.',
    })
  }
  return join(repoRoot, 'reports/sweeps', id)
}

/** Null where there is no such sweep. Throws RUN_NOT_FOUND where its facts are broken. */
export function readSweep(folder: string): SweepFacts | null {
  const file = join(folder, 'sweep.json')
  if (!existsSync(file)) return null
  try {
    const facts = JSON.parse(readFileSync(file, 'utf8')) as Partial<SweepFacts>
    if (facts.schema === 1 && typeof facts.configHash === 'string' && facts.version) return facts as SweepFacts
    throw new Error('not of schema 1')
  } catch (error) {
    throw new OperatingError('RUN_NOT_FOUND', `cannot read ${file}: ${messageOf(error)}`, { hint: '--fresh begins the sweep anew.' })
  }
}

export class SweepFolder {
  readonly path: string
  readonly #results: LogFile
  readonly #earlier: readonly SeedResult[]
  readonly #lockFile: string
  readonly #renewal: NodeJS.Timeout

  /** Begins, or goes on where the folder holds results. `config` is the resolved config. Throws ENVIRONMENT_NOT_READY. */
  constructor(facts: SweepFacts, config: unknown, isFresh: boolean) {
    this.path = sweepFolderOf(facts.id)
    mkdirSync(this.path, { recursive: true })
    this.#lockFile = join(this.path, 'lock.json')
    this.#lock()
    this.#renewal = setInterval(() => this.#renewLock(), lockRenewalMs).unref()
    const found = ['results.ndjson', 'table.json', 'SWEEP.md', 'failures']
    if (isFresh) for (const name of found) rmSync(join(this.path, name), { recursive: true, force: true })
    this.write('config.yaml', `${JSON.stringify(config, null, 2)}\n`)
    this.write('sweep.json', `${JSON.stringify(facts, null, 2)}\n`)
    const file = join(this.path, 'results.ndjson')
    this.#earlier = existsSync(file) ? readResults(readFileSync(file, 'utf8')) : []
    this.#results = new LogFile(file)
  }

  /** JSON is YAML: the resolved config is a config file as it is. */
  get configFile(): string {
    return join(this.path, 'config.yaml')
  }

  get shownPath(): string {
    return relative(repoRoot, this.path)
  }

  /** Of before this process, one a seed. */
  earlierResults(): readonly SeedResult[] {
    return this.#earlier
  }

  /** One line in one write: whatever ends this process, the line is there or it is not. Throws ENVIRONMENT_NOT_READY on a full disk. */
  append(result: SeedResult): void {
    this.#results.write(`${JSON.stringify(result)}\n`)
    if (this.#results.flush()) return
    throw new OperatingError('ENVIRONMENT_NOT_READY', `the disk of ${this.shownPath} is full`, {
      hint: 'Free some space, then let the same command go on: longhaul clean --keep 5 removes old runs.',
    })
  }

  /** A reader sees the old file or the new one, never half of one. */
  write(name: string, text: string): void {
    const file = join(this.path, name)
    writeFileSync(`${file}.part`, text)
    renameSync(`${file}.part`, file)
  }

  close(): void {
    clearInterval(this.#renewal)
    this.#results.close()
    rmSync(this.#lockFile, { force: true })
  }

  /** Two at once would run every seed twice. */
  #lock(): void {
    const draft = `${this.#lockFile}.${process.pid}`
    writeFileSync(draft, JSON.stringify(currentProcess()))
    try {
      if (existsSync(this.#lockFile) && liveHolder(this.#lockFile) === null) rmSync(this.#lockFile)
      // Whole at once, and only where there is none: of two that begin in one moment, one comes too late.
      linkSync(draft, this.#lockFile)
    } catch (error) {
      const holder = liveHolder(this.#lockFile)
      if (holder === null) throw error
      throw new OperatingError('ENVIRONMENT_NOT_READY', `this sweep is being run by process ${holder.pid} on ${holder.space}`, {
        hint: `Wait for it, or give this one another --id. If that process is known to be gone, remove ${this.#lockFile}.`,
      })
    } finally {
      rmSync(draft, { force: true })
    }
  }

  #renewLock(): void {
    try {
      const now = new Date()
      utimesSync(this.#lockFile, now, now)
    } catch (error) {
      // Whoever removed the folder has taken its lock away with it; the next result will say so.
      if (existsSync(this.#lockFile)) throw error
    }
  }
}

/** The last of each seed. A line that a loss of power left broken is one seed to be run again. */
export function readResults(text: string): SeedResult[] {
  const bySeed = new Map<number, SeedResult>()
  for (const line of text.split('\n').slice(0, -1)) {
    const result = parseResult(line)
    if (result !== null) bySeed.set(result.seed, result)
  }
  return [...bySeed.values()]
}

/** Null where the text is no result. */
export function parseResult(text: string): SeedResult | null {
  try {
    const value = JSON.parse(text) as Partial<SeedResult> | null
    return typeof value?.seed === 'number' && typeof value.verdict === 'string' ? (value as SeedResult) : null
  } catch {
    // Not a line that was written whole.
    return null
  }
}

function liveHolder(lockFile: string): ProcessIdentity | null {
  const holder = readHolder(lockFile)
  if (holder === null) return null
  const isOfHere = holder.space === currentProcess().space
  const isSilent = !isOfHere && Date.now() - statSync(lockFile).mtimeMs > maxLockAgeMs
  return isSilent || isGone(holder) ? null : holder
}

/** Null where there is none, or where a loss of power left no whole one behind. */
function readHolder(lockFile: string): ProcessIdentity | null {
  try {
    return parseIdentity(JSON.parse(readFileSync(lockFile, 'utf8')))
  } catch (error) {
    const isEmptyOrGone = error instanceof SyntaxError || !existsSync(lockFile)
    if (!isEmptyOrGone) throw error
    return null
  }
}
