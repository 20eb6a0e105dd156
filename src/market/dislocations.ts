/** When and how far one instrument leaves fair value: what an honest strategy can trade on. Stepped by the simulated market. */

import type { Prng } from '../base/prng.ts'

/** All settings are ranges that each dislocation is drawn from, evenly. */
export interface DislocationSettings {
  /** From one start to the next. Even, not exponential, so that every seed offers trades and no long gap. */
  minIntervalMs: number
  maxIntervalMs: number
  minAmplitudeBps: number
  maxAmplitudeBps: number
}

const minFirstMs = 30_000
const maxFirstMs = 70_000
const minHoldMs = 6_000
const maxHoldMs = 20_000
const minDecayMs = 7_000
const maxDecayMs = 10_000
/** After this many decay times the rest, two percent, is dropped. */
const maxDecays = 4
/** The longest a dislocation is felt. */
export const maxDislocationMs = maxHoldMs + maxDecays * maxDecayMs
/** In quiet hours, and for the small dislocations between, amplitudes are this fraction: below any taker's costs. */
const smallFraction = 0.2

function between(prng: Prng, min: number, max: number): number {
  return min + (max - min) * prng.next()
}

/** One series of dislocations; the next begins after the last has passed or cuts it short. */
class Series {
  readonly #settings: DislocationSettings
  readonly #prng: Prng
  #nextAtMs: number
  #startMs = 0
  #holdMs = 0
  #decayMs = 1
  #amplitudeBps = 0

  constructor(settings: DislocationSettings, prng: Prng, startMs: number) {
    this.#settings = settings
    this.#prng = prng
    this.#nextAtMs = startMs + between(prng, minFirstMs, maxFirstMs)
  }

  /** Every start draws the same number of values, whatever the scale is. */
  step(nowMs: number, scaleAt: (startMs: number) => number): void {
    if (nowMs < this.#nextAtMs) return
    const { minAmplitudeBps, maxAmplitudeBps, minIntervalMs, maxIntervalMs } = this.#settings
    const sign = this.#prng.next() < 0.5 ? -1 : 1
    this.#amplitudeBps = sign * scaleAt(nowMs) * between(this.#prng, minAmplitudeBps, maxAmplitudeBps)
    this.#holdMs = between(this.#prng, minHoldMs, maxHoldMs)
    this.#decayMs = between(this.#prng, minDecayMs, maxDecayMs)
    this.#startMs = nowMs
    this.#nextAtMs += between(this.#prng, minIntervalMs, maxIntervalMs)
  }

  bpsAt(nowMs: number): number {
    const decays = (nowMs - this.#startMs - this.#holdMs) / this.#decayMs
    if (decays > maxDecays) return 0
    return decays <= 0 ? this.#amplitudeBps : this.#amplitudeBps * Math.exp(-decays)
  }
}

export class Dislocations {
  readonly #large: Series
  readonly #small: Series
  readonly #largeScaleAt: (startMs: number) => number

  /** `isQuiet` says whether a dislocation that starts then would be felt in quiet hours. */
  constructor(settings: DislocationSettings, prng: Prng, startMs: number, isQuiet: (startMs: number) => boolean) {
    this.#large = new Series(settings, prng.fork('large'), startMs)
    this.#small = new Series({ ...settings, minIntervalMs: settings.minIntervalMs / 3 }, prng.fork('small'), startMs)
    this.#largeScaleAt = (atMs) => (isQuiet(atMs) ? smallFraction : 1)
  }

  /** Goes to this instant; true while a dislocation is felt that is large outside quiet hours. */
  step(nowMs: number): boolean {
    this.#small.step(nowMs, alwaysSmall)
    this.#large.step(nowMs, this.#largeScaleAt)
    return this.#large.bpsAt(nowMs) !== 0
  }

  /** Distance from fair value. Small ones show only while no large one is felt: they must not take from its amplitude. */
  bpsAt(nowMs: number): number {
    const large = this.#large.bpsAt(nowMs)
    return large === 0 ? this.#small.bpsAt(nowMs) : large
  }
}

function alwaysSmall(): number {
  return smallFraction
}
