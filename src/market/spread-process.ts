/** The spread of one instrument over time: a fast and a slow mean-reverting score, mapped to recorded quantiles. Markets step it. */

import type { Prng } from '../base/prng.ts'
import type { BookProfile } from './book-profile.ts'

/** Fitted to the autocorrelation of the recorded spread (0.83 after 1 s, 0.58 after 5 s, 0.22 after 30 s). */
const fastShare = 0.5
const fastTimeSeconds = 2.5
const slowTimeSeconds = 40

const fastKept = Math.exp(-1 / fastTimeSeconds)
const slowKept = Math.exp(-1 / slowTimeSeconds)
const fastShock = Math.sqrt(fastShare * (1 - fastKept ** 2))
const slowShock = Math.sqrt((1 - fastShare) * (1 - slowKept ** 2))

export class SpreadProcess {
  readonly #quantiles: BookProfile['spreadBps']
  readonly #prng: Prng
  #fast: number
  #slow: number

  constructor(profile: BookProfile, prng: Prng) {
    this.#quantiles = profile.spreadBps
    this.#prng = prng
    this.#fast = Math.sqrt(fastShare) * prng.gaussian()
    this.#slow = Math.sqrt(1 - fastShare) * prng.gaussian()
  }

  stepSecond(): void {
    this.#fast = fastKept * this.#fast + fastShock * this.#prng.gaussian()
    this.#slow = slowKept * this.#slow + slowShock * this.#prng.gaussian()
  }

  /** The spread now, before it is rounded to ticks. */
  bps(): number {
    const score = this.#fast + this.#slow
    let below = this.#quantiles[0]
    if (below === undefined || score <= below.score) return below?.bps ?? 0
    for (const above of this.#quantiles) {
      if (score < above.score) return below.bps + ((above.bps - below.bps) * (score - below.score)) / (above.score - below.score)
      below = above
    }
    return below.bps
  }
}
