/** How far a venue's clock is from ours, from answers that carry the venue's time. Pure; the market data provider keeps one a venue. */

import { assert } from '../base/assert.ts'

export interface ClockEstimate {
  /** The venue's clock minus ours. */
  offsetMs: number
  /** How far that may be off, as long as neither clock was set in between. */
  errorMs: number
}

/** More would let clocks that drift contradict themselves. */
const maxSamples = 8

/**
 * An answer's time was read between our sending and our receiving (as in RFC 5905, section 8), which bounds the offset from both sides; a
 * venue that gives whole seconds may have read it up to one later. The estimate is the middle of what the last samples have in common.
 */
export class ClockOffset {
  /** Newest first. */
  readonly #bounds: { lowMs: number; highMs: number }[] = []

  /** `venueTimeMs` is cut down to a multiple of `resolutionMs`. */
  sample(venueTimeMs: number, resolutionMs: number, sentAtMs: number, receivedAtMs: number): void {
    assert(receivedAtMs >= sentAtMs, `an answer was received ${sentAtMs - receivedAtMs} ms before its request was sent`)
    this.#bounds.unshift({ lowMs: venueTimeMs - receivedAtMs, highMs: venueTimeMs + resolutionMs - sentAtMs })
    if (this.#bounds.length > maxSamples) this.#bounds.pop()
  }

  /** Null without a sample. Samples from before one of the clocks was set contradict the newest, which then counts without them. */
  estimate(): ClockEstimate | null {
    let lowMs = -Infinity
    let highMs = Infinity
    for (const bound of this.#bounds) {
      if (bound.lowMs > highMs || bound.highMs < lowMs) break
      lowMs = Math.max(lowMs, bound.lowMs)
      highMs = Math.min(highMs, bound.highMs)
    }
    return highMs === Infinity ? null : { offsetMs: (lowMs + highMs) / 2, errorMs: (highMs - lowMs) / 2 }
  }
}
