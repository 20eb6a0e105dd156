/** Rule `heap-slope`: the heap left after full collections keeps growing once the process is warm. For the monitor. */

import type { LogEvent } from '../../model/event.ts'
import { Growth } from '../growth.ts'
import { inMegabytes, type Rule, type RuleContext } from '../rule.ts'

/**
 * Half of the slowest leak that public trackers of trading engines report (5 MB an hour), and twice what healthy processes gain on
 * their way to a plateau (some 60 MB over two days). The lower limit of the growth must pass it. Per hour of event time.
 */
const maxGrowthBytesPerHour = 2.5 * 2 ** 20

export class HeapSlopeRule implements Rule {
  readonly #context: RuleContext
  readonly #heap = new Growth()
  #isRaised = false

  constructor(context: RuleContext) {
    this.#context = context
  }

  observe(event: LogEvent, nowMs: number): void {
    if (event.event !== 'process' || typeof event.heapAfterGcBytes !== 'number' || nowMs < this.#context.judgedFromMs) return
    if (this.#heap.add(nowMs, event.heapAfterGcBytes)) this.#judge(nowMs)
  }

  #judge(atMs: number): void {
    if (this.#heap.span < this.#context.settings.windowMs) return
    const trend = this.#heap.trend()
    const wasRaised = this.#isRaised
    if (!trend) return
    // Once raised, it is over when the growth itself is, so that a limit which hovers does not raise it time and again.
    this.#isRaised = (wasRaised ? trend.slopePerHour : trend.lowPerHour) > maxGrowthBytesPerHour
    if (!this.#isRaised || wasRaised) return
    this.#context.raise({
      symbol: null,
      atMs,
      sinceMs: atMs - this.#heap.span,
      message: `the heap after collections grows by ${inMegabytes(trend.slopePerHour)} an hour, at least ${inMegabytes(trend.lowPerHour)}`,
      cause: 'leak',
      evidence: this.#heap.points.slice(-10).map(([timeMs, bytes]) => `${new Date(timeMs).toISOString()} ${inMegabytes(bytes)}`),
    })
  }
}
