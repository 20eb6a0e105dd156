/** How long quotes wait for the decision on them, between two `latency` lines of metrics.log. Metrics makes it, the runner tells it. */

import { LatencyHistogram } from '../base/latency-histogram.ts'
import type { Body, LatencyMeasured } from '../model/event.ts'

export class LatencyMeter {
  readonly #histogram = new LatencyHistogram()
  #queueDepthMax = 0
  #lagMaxMs = 0
  #coalesced = 0

  /** A quote has changed: so many symbols wait now, and so many of them it found waiting. */
  queued(depth: number, coalescedCount: number): void {
    this.#queueDepthMax = Math.max(this.#queueDepthMax, depth)
    this.#coalesced += coalescedCount
  }

  /** A symbol is looked at so long after its first new quote arrived. */
  lookedAt(lagMs: number): void {
    this.#lagMaxMs = Math.max(this.#lagMaxMs, lagMs)
  }

  /** A decision was made so long after the symbol's newest quote arrived. */
  decided(latencyMs: number): void {
    this.#histogram.record(latencyMs * 1000)
  }

  /** All since the last call. */
  take(): Body<LatencyMeasured> {
    const taken: Body<LatencyMeasured> = {
      event: 'latency',
      count: this.#histogram.count,
      maxUs: this.#histogram.maxUs,
      buckets: this.#histogram.buckets(),
      queueDepthMax: this.#queueDepthMax,
      lagMaxUs: Math.ceil(this.#lagMaxMs * 1000),
      coalesced: this.#coalesced,
    }
    this.#histogram.clear()
    this.#queueDepthMax = 0
    this.#lagMaxMs = 0
    this.#coalesced = 0
    return taken
  }
}
