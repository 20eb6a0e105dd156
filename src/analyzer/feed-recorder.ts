/** Folds one venue's `feed` lines into its figures over the run. The analyzer's own. */

import type { FeedMeasured } from '../model/event.ts'
import type { FeedFigures } from './analysis.ts'

const noCounts = {
  requests: 0,
  heldBack: 0,
  rateLimited: 0,
  bans: 0,
  frames: 0,
  connects: 0,
  reconnects: 0,
  gaps: 0,
  resyncs: 0,
  confirmations: 0,
  dropped: 0,
}
const countNames = Object.keys(noCounts) as (keyof typeof noCounts)[]

export class FeedRecorder {
  #figures: FeedFigures | null = null

  /** Throws where a count is missing or no number: half a line must not look like a quiet feed. */
  add(line: FeedMeasured): void {
    const { venue, source, usedShareMax, liveSockets, clockOffsetMs, clockErrorMs } = line
    if (![...countNames.map((name) => line[name]), usedShareMax, liveSockets].every(Number.isFinite)) throw new Error('a count is missing')
    const before = this.#figures
    const figures: FeedFigures = {
      ...(before ?? noCounts),
      venue,
      source,
      usedShareMax: Math.max(before?.usedShareMax ?? 0, usedShareMax),
      liveSocketsMax: Math.max(before?.liveSocketsMax ?? 0, liveSockets),
      // An attempt that has not measured it yet does not take back what the one before it has.
      clockOffsetMs: clockOffsetMs ?? before?.clockOffsetMs ?? null,
      clockErrorMs: clockErrorMs ?? before?.clockErrorMs ?? null,
    }
    for (const name of countNames) figures[name] += line[name]
    this.#figures = figures
  }

  figures(): FeedFigures[] {
    return this.#figures === null ? [] : [this.#figures]
  }
}
