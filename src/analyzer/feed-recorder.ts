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
  /** Gaps since a book was last fetched anew, by line, the newest last. */
  #openGaps: number[] = []

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
      unrepairedGaps: before?.unrepairedGaps ?? 0,
    }
    for (const name of countNames) figures[name] += line[name]
    this.#figures = figures
    if (line.resyncs > 0) this.#openGaps = []
    else this.#openGaps.push(line.gaps)
    if (this.#openGaps.length > 3) this.#openGaps.splice(0, 2, (this.#openGaps[0] ?? 0) + (this.#openGaps[1] ?? 0))
  }

  /** An attempt ends, or a new one begins: what is still open stays open. */
  restart(): void {
    const open = this.#openGaps.slice(0, -2).reduce((sum, gaps) => sum + gaps, 0)
    if (this.#figures !== null) this.#figures.unrepairedGaps += open
    this.#openGaps = []
  }

  figures(): FeedFigures[] {
    this.restart()
    return this.#figures === null ? [] : [this.#figures]
  }
}
