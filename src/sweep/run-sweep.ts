/** A whole sweep: runs the seeds that have no result yet, writes the table, shrinks the first failures. The command line calls it. */

import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { repoRoot } from '../campaign/run-campaign.ts'
import type { CampaignConfig } from '../config/schema.ts'
import { stopLeftovers } from '../environment/cleanup.ts'
import { checkRuntime } from '../environment/preflight.ts'
import { processRegister } from '../environment/prepare-environment.ts'
import { shrinkFailedSeed, type Failed } from './failed-seed.ts'
import type { SeedPool } from './seed-pool.ts'
import { cameToVerdict, type SeedResult } from './seed-result.ts'
import type { SeedJob } from './seed-run.ts'
import type { SweepFacts, SweepFolder } from './sweep-folder.ts'
import { SweepProgress } from './sweep-progress.ts'
import { sweepReport } from './sweep-report.ts'
import { sweepTable, type SweepTable } from './sweep-table.ts'

/** Runs seeds somewhere and gives each result as it comes, in any order. Ends when all are there, or when the signal says so. */
export type RunSeeds = (seeds: readonly number[], onResult: (result: SeedResult) => void, signal: AbortSignal) => Promise<void>

export interface SweepOptions {
  facts: SweepFacts
  config: CampaignConfig
  folder: SweepFolder
  /** Of this process: failures are shrunk here, wherever the seeds ran. */
  pool: SeedPool
  runSeeds: RunSeeds
  /** Folders of runs that stay. */
  maxKept: number
  signal: AbortSignal
  isTerminal: boolean
  write: (text: string) => void
}

export interface FinishedSweep {
  table: SweepTable
  report: string
}

/** Failures shrunk: the first seed of each of the gravest groups. */
const maxShrunk = 3

/** Throws ENVIRONMENT_NOT_READY. */
export async function runSweep(options: SweepOptions): Promise<FinishedSweep> {
  const { facts, folder, runSeeds, signal } = options
  await lookAtMachine(folder.path)
  const inRange = ({ seed }: SeedResult): boolean => seed >= facts.firstSeed && seed <= facts.lastSeed
  // What was without a verdict has another chance: a full disk, say, is another one by now.
  const results = folder.earlierResults().filter((result) => inRange(result) && cameToVerdict(result))
  const total = facts.lastSeed - facts.firstSeed + 1
  const progress = new SweepProgress({ ...options, total, earlier: [...results] })
  if (results.length > 0) progress.say(`goes on: ${results.length} of ${total} seeds have a result in ${folder.shownPath}/results.ndjson`)
  const done = new Set(results.map(({ seed }) => seed))
  const seeds = Array.from({ length: total }, (_, index) => facts.firstSeed + index).filter((seed) => !done.has(seed))
  let keptCount = results.filter(({ runFolder }) => runFolder !== null).length
  const withinBound = (result: SeedResult): SeedResult => {
    if (result.runFolder === null || ++keptCount <= options.maxKept) return result
    rmSync(join(repoRoot, result.runFolder), { recursive: true, force: true })
    return { ...result, runFolder: null }
  }
  const onResult = (result: SeedResult): void => {
    if (done.has(result.seed)) return
    const kept = withinBound(result)
    folder.append(kept)
    done.add(result.seed)
    results.push(kept)
    progress.note(kept)
  }
  if (seeds.length > 0) await runSeeds(seeds, onResult, signal)
  progress.end()
  const table = sweepTable(facts, results)
  folder.write('table.json', `${JSON.stringify(table, null, 2)}\n`)
  const failed = signal.aborted ? [] : await shrinkFailures(options, table, progress)
  const report = sweepReport({ id: facts.id, table, results, failed })
  folder.write('SWEEP.md', report)
  return { table, report }
}

/** What every run of its own would look at: once for all of them. */
export async function lookAtMachine(runFolder: string): Promise<void> {
  mkdirSync(runFolder, { recursive: true })
  await stopLeftovers(processRegister(repoRoot))
  await checkMachine(runFolder)
}

/**
 * Throws ENVIRONMENT_NOT_READY where the machine may be the reason of a result: a full disk fails every seed that comes, and is none of
 * their faults.
 */
export async function checkMachineAfter({ verdict }: SeedResult, runFolder: string): Promise<void> {
  if (verdict === 'fail' || verdict === 'unknown') await checkMachine(runFolder)
}

async function checkMachine(runFolder: string): Promise<void> {
  await checkRuntime({ repoRoot, runFolder, tapeFiles: [] })
}

/** On this machine, as many at one time as the pool has processes. */
export function runSeedsHere(pool: SeedPool, folder: SweepFolder, jobOf: (seed: number) => SeedJob): RunSeeds {
  return async (seeds, onResult, signal) => {
    const queue = seeds.toReversed()
    const work = async (): Promise<void> => {
      for (let seed = queue.pop(); seed !== undefined && !signal.aborted; seed = queue.pop()) {
        const result = await pool.run(jobOf(seed))
        if (result === null) return
        await checkMachineAfter(result, folder.path)
        onResult(result)
      }
    }
    await Promise.all(Array.from({ length: pool.size }, work))
  }
}

/** One on each of the pool's processes. */
async function shrinkFailures(options: SweepOptions, { groups }: SweepTable, progress: SweepProgress): Promise<Failed[]> {
  const { folder, config, pool, signal } = options
  const queue = groups.filter(({ verdict }) => verdict === 'fail').slice(0, maxShrunk)
  const found: Failed[] = []
  const work = async (): Promise<void> => {
    for (let group = queue.shift(); group !== undefined && !signal.aborted; group = queue.shift()) {
      const [seed] = group.seeds
      if (seed === undefined) continue
      progress.say(`seed ${seed}: runs again, to be shrunk`)
      const place = join(folder.path, 'failures', `seed-${seed}`)
      const failed = await shrinkFailedSeed({ seed, failure: group.failure, config, folder: place, run: (job) => pool.run(job) })
      if (failed === null) continue
      found.push(failed)
      progress.say(`seed ${seed}: ${failed.shrunk} after ${failed.runs} runs: ${failed.command}`)
    }
  }
  await Promise.all(Array.from({ length: pool.size }, work))
  return found.toSorted((left, right) => left.seed - right.seed)
}
