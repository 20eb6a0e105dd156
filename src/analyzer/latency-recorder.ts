/** Folds `latency` lines into the figures of a run, in the memory of one histogram. The analyzer's own. */

import { LatencyHistogram } from '../base/latency-histogram.ts'
import type { LatencyMeasured } from '../model/event.ts'
import type { LatencyFigures } from './analysis.ts'

export class LatencyRecorder {
  readonly #total = new LatencyHistogram()
  #queueDepthMax = 0
  #lagMaxUs = 0
  #coalesced = 0

  /** Gives the line's own 99th percentile in milliseconds, null where it counted nothing. Throws where it is not what it should be. */
  add({ buckets, maxUs, queueDepthMax, lagMaxUs, coalesced }: LatencyMeasured): number | null {
    if (![queueDepthMax, lagMaxUs, coalesced].every(Number.isFinite)) throw new Error('a latency line lacks a count')
    this.#total.include(buckets, maxUs)
    this.#queueDepthMax = Math.max(this.#queueDepthMax, queueDepthMax)
    this.#lagMaxUs = Math.max(this.#lagMaxUs, lagMaxUs)
    this.#coalesced += coalesced
    const line = new LatencyHistogram()
    line.include(buckets, maxUs)
    const p99Us = line.percentile(0.99)
    return p99Us === null ? null : p99Us / 1000
  }

  figures(): LatencyFigures | null {
    if (this.#total.count === 0) return null
    const at = (fraction: number): number => this.#total.percentile(fraction) ?? 0
    return {
      count: this.#total.count,
      p50Us: at(0.5),
      p99Us: at(0.99),
      p999Us: at(0.999),
      maxUs: this.#total.maxUs,
      queueDepthMax: this.#queueDepthMax,
      lagMaxUs: this.#lagMaxUs,
      coalesced: this.#coalesced,
    }
  }
}
