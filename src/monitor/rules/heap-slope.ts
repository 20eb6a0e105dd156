/** Rule `heap-slope`: the heap left after full collections keeps growing once the process is warm. For the monitor. */

import { theilSenTrend, type TimedValue } from '../../base/theil-sen.ts'
import type { LogEvent } from '../../model/event.ts'
import { type Rule, type RuleContext } from '../rule.ts'

/**
 * Half of the slowest leak that public trackers of trading engines report (5 MB an hour), and twice what healthy processes gain on
 * their way to a plateau (some 60 MB over two days). The lower limit of the growth must pass it. Per hour of event time.
 */
const maxGrowthBytesPerHour = 2.5 * 2 ** 20
/** Of a two-sided interval of 99 %. The rule looks again at each new point, so 95 % would be passed by chance too often. */
const normalQuantile = 2.5758
const minPoints = 8
/** Full, every second point goes, so that a trend costs the same at hour twelve as at hour one. */
const maxPoints = 64

export class HeapSlopeRule implements Rule {
  readonly #context: RuleContext
  #points: TimedValue[] = []
  /** Of the collections, one in so many is kept. */
  #stride = 1
  #collectionCount = 0
  #isRaised = false

  constructor(context: RuleContext) {
    this.#context = context
  }

  observe(event: LogEvent, nowMs: number): void {
    if (event.event !== 'process' || typeof event.heapAfterGcBytes !== 'number' || nowMs < this.#context.judgedFromMs) return
    if (this.#collectionCount++ % this.#stride !== 0) return
    this.#points.push([nowMs, event.heapAfterGcBytes])
    this.#judge(nowMs)
    if (this.#points.length < maxPoints) return
    this.#points = this.#points.filter((_, index) => index % 2 === 0)
    this.#stride *= 2
  }

  #judge(atMs: number): void {
    const [firstMs] = this.#points[0] ?? [atMs]
    if (this.#points.length < minPoints || atMs - firstMs < this.#context.settings.windowMs) return
    const trend = theilSenTrend(this.#points, normalQuantile)
    const wasRaised = this.#isRaised
    if (!trend) return
    // Once raised, it is over when the growth itself is, so that a limit which hovers does not raise it time and again.
    this.#isRaised = (wasRaised ? trend.slopePerHour : trend.lowPerHour) > maxGrowthBytesPerHour
    if (!this.#isRaised || wasRaised) return
    this.#context.raise({
      symbol: null,
      atMs,
      sinceMs: firstMs,
      message: `the heap after collections grows by ${inMegabytes(trend.slopePerHour)} an hour, at least ${inMegabytes(trend.lowPerHour)}`,
      cause: 'leak',
      evidence: this.#points.slice(-10).map(([timeMs, bytes]) => `${new Date(timeMs).toISOString()} ${inMegabytes(bytes)}`),
    })
  }
}

function inMegabytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MB`
}
