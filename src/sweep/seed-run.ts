/** Runs one seed of a sweep in this process, and keeps its folder only where somebody will want to look into it. */

import { createHash } from 'node:crypto'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join, relative } from 'node:path'
import { messageOf } from '../base/error.ts'
import { SystemClock } from '../clock/system-clock.ts'
import { newRunId, repoRoot, runCampaign, runFolderOf } from '../campaign/run-campaign.ts'
import type { StartEngine } from '../campaign/supervisor.ts'
import { loadConfig } from '../config/load.ts'
import type { CampaignConfig } from '../config/schema.ts'
import type { JudgedRun } from '../report/write-report.ts'
import { factsOf, unknownResult, type SeedResult } from './seed-result.ts'

/** What is run: plain data that may travel to another machine. */
export interface SeedJob {
  seed: number
  /** A campaign's config with every override in it. */
  configFile: string
  /** `failed`: the folder of a run that failed or is unknown stays, with its report. */
  keep: 'none' | 'failed' | 'all'
  /** `kept`: in an engine process that has run others. Not for engines with parts swapped: somebody else's module may remember things. */
  engine: 'kept' | 'new'
  /** Wall time that it may take. */
  deadlineMs: number
  /** What a user types to see the same run. */
  command: string
}

/** Event time over wall time that `pace: max` reaches even on a slow and busy machine. */
const minAcceleration = 200
/** Besides what its pace asks for. */
const graceMs = 600_000

export function deadlineMsOf({ duration_minutes: minutes, pace, retry }: CampaignConfig): number {
  const acceleration = pace === 'max' ? minAcceleration : Number(pace.slice(0, -1))
  return Math.ceil((minutes * 60_000) / acceleration) + retry.maxAttempts * retry.maxBackoffMs + graceMs
}

const clock = new SystemClock()

/** Never throws: what keeps a run from a verdict is the reason of an unknown one. */
export async function runSeed(job: SeedJob, startEngine: StartEngine, signal: AbortSignal): Promise<SeedResult> {
  const { seed, configFile, keep, command } = job
  const startedMs = clock.nowMs()
  const overrides = [{ source: 'seed', path: ['seed'], value: seed }]
  const isWanted = ({ judgement }: JudgedRun): boolean =>
    keep === 'all' || (keep === 'failed' && (judgement.verdict === 'fail' || judgement.verdict === 'unknown'))
  let runFolder: string | null = null
  let isKept = false
  try {
    const runId = newRunId(loadConfig(configFile, overrides).config)
    runFolder = runFolderOf(runId)
    const redisUrl = process.env['REDIS_URL']
    const ofMany = { startEngine, isReported: (judged: JudgedRun) => isWanted(judged) && !signal.aborted }
    const judged = await runCampaign({ configFile, overrides, runId, command, redisUrl, signal, print: () => undefined, ofMany })
    isKept = ofMany.isReported(judged)
    const place = isKept ? relative(repoRoot, runFolder) : null
    return { ...factsOf(seed, judged, hashOf(runFolder)), wallMs: clock.nowMs() - startedMs, runFolder: place }
  } catch (error) {
    return unknownResult(seed, `Cannot be told: ${messageOf(error)}.`, clock.nowMs() - startedMs)
  } finally {
    if (runFolder !== null && !isKept) rmSync(runFolder, { recursive: true, force: true })
  }
}

function hashOf(runFolder: string): string | null {
  const file = join(runFolder, 'logs/trading.log')
  return existsSync(file) ? createHash('sha256').update(readFileSync(file)).digest('hex') : null
}
