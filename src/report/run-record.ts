/**
 * run.json: all that a run knows of itself besides its logs. Saved at the start, after each attempt and at the end, so that a run
 * killed at any moment can still be analyzed and reported from its folder alone.
 */

import type { CampaignConfig } from '../config/schema.ts'
import type { StepReport } from '../environment/step.ts'
import type { StopReason } from '../model/event.ts'
import type { Fault } from '../model/fault.ts'
import type { Finding } from '../monitor/finding.ts'

export interface AttemptRecord {
  attempt: number
  /** Event time. */
  startAtMs: number
  /** Event time of the last thing that it logged; null while it runs. */
  endedAtMs: number | null
  /** Null where the process ended without saying why. */
  stopReason: StopReason | null
  exitCode: number | null
  signal: string | null
  wallMs: number
  /** All findings of this attempt's monitor, in order; the first that aborts is what stopped it. */
  findings: Finding[]
  /** What was decided after it, and why, in words. */
  decision: 'running' | 'finished' | 'retry' | 'retry-adjusted' | 'give-up' | 'interrupted'
  decisionReason: string
  /** Symbols quarantined, interval and size in force during this attempt, where they differ from the config. */
  adjustments: string[]
  /** Folder with the last minutes of every log, relative to the run's; null where the attempt was not aborted. */
  flightRecorder: string | null
}

export interface RunRecord {
  schema: 1
  runId: string
  scenario: string
  title: string
  status: 'preparing' | 'running' | 'finished' | 'interrupted' | 'not-ready'
  /** Git commit of longhaul, or null outside a checkout. */
  commit: string | null
  isDirty: boolean
  command: string
  /** The campaign spec that ran it, from the repository's root; left out where none did. */
  specFile?: string | undefined
  seed: number
  /** SHA-256 over the resolved config. */
  configHash: string
  configFile: string
  /** Resolved, defaults filled in, secrets left out. */
  config: CampaignConfig
  store: 'redis' | 'embedded' | null
  /** Wall time, ISO 8601. */
  startedAt: string
  endedAt: string | null
  /** Wall time of the engine's attempts alone. */
  engineWallMs: number
  host: { nodeVersion: string; platform: string; cpuModel: string; cpuCount: number; memoryBytes: number }
  /** The modelled parts of the market, in words, for the report: spread, path inside a minute, tradable FX. */
  modelledParts: string[]
  /** All that were to be injected: those of the config, and after them those that the seed drew. */
  faults: Fault[]
  steps: StepReport[]
  attempts: AttemptRecord[]
}
