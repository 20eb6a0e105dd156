/** A Clock moved to another instant, from which it goes on as it did. For servers whose market has a date of its own. */

import type { Clock, ScheduledCall } from './clock.ts'

export class ShiftedClock implements Clock {
  readonly #clock: Clock
  readonly #shiftMs: number

  /** It is `startMs` now. */
  constructor(clock: Clock, startMs: number) {
    this.#clock = clock
    this.#shiftMs = startMs - clock.nowMs()
  }

  nowMs(): number {
    return this.#clock.nowMs() + this.#shiftMs
  }

  preciseMs(): number {
    return this.#clock.preciseMs() + this.#shiftMs
  }

  cpuMs(): number {
    return this.#clock.cpuMs()
  }

  sleepUntil(atMs: number): Promise<void> {
    return this.#clock.sleepUntil(atMs - this.#shiftMs)
  }

  schedule(atMs: number, callback: () => void): ScheduledCall {
    return this.#clock.schedule(atMs - this.#shiftMs, callback)
  }

  scheduleQuietly(atMs: number, callback: () => void): ScheduledCall {
    return this.#clock.scheduleQuietly(atMs - this.#shiftMs, callback)
  }

  hold<T>(io: () => Promise<T>): Promise<T> {
    return this.#clock.hold(io)
  }
}
