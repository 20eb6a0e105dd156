/** Rule `feed-latency`: quotes wait too long for the decision on them. For the monitor. */

import { LatencyHistogram } from '../../base/latency-histogram.ts'
import type { LogEvent } from '../../model/event.ts'
import { inSeconds, type Rule, type RuleContext } from '../rule.ts'

/** The campaign plan's limits for quotes by WebSocket: above the first a warning, above the second an error. */
const limitsMs = [500, 2000] as const
/** With fewer decisions the 99th percentile is the largest of them: one late quote would decide. */
const minDecisions = 100

/**
 * Judges whole windows, one after the other; one with too few decisions goes on until it has enough. Raised when it gets worse than in the
 * window before.
 */
export class FeedLatencyRule implements Rule {
  readonly #context: RuleContext
  readonly #latencies = new LatencyHistogram()
  #windowStartMs: number
  #windowEndMs: number
  /** How many of the limits the last window was above. */
  #level = 0

  constructor(context: RuleContext) {
    this.#context = context
    this.#windowStartMs = context.judgedFromMs
    this.#windowEndMs = context.judgedFromMs + context.settings.windowMs
  }

  observe(event: LogEvent, nowMs: number): void {
    if (event.event !== 'latency' || nowMs <= this.#context.judgedFromMs) return
    this.#latencies.include(event.buckets, event.maxUs)
  }

  advance(toMs: number): void {
    if (toMs < this.#windowEndMs) return
    const endedMs = this.#windowEndMs
    const { windowMs } = this.#context.settings
    this.#windowEndMs += (Math.floor((toMs - endedMs) / windowMs) + 1) * windowMs
    if (this.#latencies.count < minDecisions) return
    this.#judge(endedMs, (this.#latencies.percentile(0.99) ?? 0) / 1000)
    this.#latencies.clear()
    this.#windowStartMs = endedMs
  }

  #judge(atMs: number, p99Ms: number): void {
    const before = this.#level
    this.#level = limitsMs.filter((limitMs) => p99Ms > limitMs).length
    if (this.#level <= before) return
    const { count, maxUs } = this.#latencies
    this.#context.raise({
      symbol: null,
      atMs,
      sinceMs: this.#windowStartMs,
      isGrave: this.#level === limitsMs.length,
      message: `99 of 100 quotes were decided on within ${p99Ms.toFixed(0)} ms only, over ${inSeconds(atMs - this.#windowStartMs)}`,
      cause: 'p99',
      evidence: [`${count} decisions: p99 ${p99Ms.toFixed(1)} ms, max ${(maxUs / 1000).toFixed(1)} ms`],
    })
  }
}
