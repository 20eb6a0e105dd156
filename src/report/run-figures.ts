/** Figures that need both the run's record and its analysis: event time covered, acceleration, throughput. Pure. */

import type { Analysis } from '../analyzer/analysis.ts'
import type { RunRecord } from './run-record.ts'

/** Event time that the attempts covered, without the pauses between them; to the last line logged where an attempt has no end. */
export function eventMsOf(record: RunRecord, analysis: Analysis): number {
  return record.attempts.reduce((sum, { startAtMs, endedAtMs }) => {
    const endMs = endedAtMs ?? analysis.lastMs ?? startAtMs
    return sum + Math.max(0, endMs - startAtMs)
  }, 0)
}

/** Event time over the engine's wall time; null where the run ended before its wall time was recorded. */
export function accelerationOf(record: RunRecord, analysis: Analysis): number | null {
  return record.engineWallMs === 0 ? null : eventMsOf(record, analysis) / record.engineWallMs
}

/** Symbol evaluations a second of the engine's wall time. */
export function evaluationsPerSecondOf(record: RunRecord, analysis: Analysis): number | null {
  if (record.engineWallMs === 0) return null
  return (analysis.loops * record.config.symbols.length * 1000) / record.engineWallMs
}
