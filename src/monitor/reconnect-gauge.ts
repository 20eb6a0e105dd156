/** A gauge of the process against the reconnects so far: how much each of them leaves behind. For the rules that judge growth. */

import type { LogEvent } from '../model/event.ts'
import { Growth } from './growth.ts'

/** The `feed` lines of an instant come after its `process` line, so a value waits until all lines of its instant have been seen. */
export class ReconnectGauge {
  readonly growth = new Growth()
  #reconnectCount = 0
  #countOfLastPoint = -1
  #waiting: { atMs: number; value: number } | null = null

  /** Tell it of every line, also of those in a rule's grace period. */
  observe(event: LogEvent): void {
    if (event.event === 'feed' && Number.isFinite(event.reconnects)) this.#reconnectCount += event.reconnects
  }

  sample(atMs: number, value: number): void {
    this.#waiting = { atMs, value }
  }

  /** All lines of the sample's instant have been seen: the time of a new point, or null. The first sample of a count makes its point. */
  settle(): number | null {
    const waiting = this.#waiting
    this.#waiting = null
    if (waiting === null || this.#reconnectCount === this.#countOfLastPoint) return null
    this.#countOfLastPoint = this.#reconnectCount
    return this.growth.add(this.#reconnectCount, waiting.value) ? waiting.atMs : null
  }
}
