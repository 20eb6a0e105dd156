/** When one instrument's book stands still for a while, as matching engines do now and then. Stepped by the simulated market. */

import type { Prng } from '../base/prng.ts'

export interface HaltSettings {
  /** From one halt's start to the next, over the whole market. */
  minIntervalMs: number
  maxIntervalMs: number
  minDurationMs: number
  maxDurationMs: number
}

/** A short run should not meet one. */
const minFirstMs = 300_000

export class Halts {
  readonly #settings: HaltSettings
  readonly #prng: Prng
  readonly #instrumentCount: number
  #nextAtMs: number
  #untilMs = 0
  #index = -1

  constructor(settings: HaltSettings, prng: Prng, startMs: number, instrumentCount: number) {
    this.#settings = settings
    this.#prng = prng
    this.#instrumentCount = instrumentCount
    this.#nextAtMs = startMs + Math.max(minFirstMs, settings.minIntervalMs * (0.4 + prng.next()))
  }

  /** The instrument that stands still at this instant, or -1. */
  step(nowMs: number): number {
    if (nowMs >= this.#nextAtMs) {
      const { minIntervalMs, maxIntervalMs, minDurationMs, maxDurationMs } = this.#settings
      this.#index = Math.floor(this.#prng.next() * this.#instrumentCount)
      this.#untilMs = this.#nextAtMs + minDurationMs + (maxDurationMs - minDurationMs) * this.#prng.next()
      this.#nextAtMs += minIntervalMs + (maxIntervalMs - minIntervalMs) * this.#prng.next()
    }
    if (nowMs >= this.#untilMs) this.#index = -1
    return this.#index
  }
}
