/** Rule `reconnect-leak`: each reconnect leaves something behind on the heap, as full collections show. For the monitor. */

import type { LogEvent } from '../../model/event.ts'
import { ReconnectGauge } from '../reconnect-gauge.ts'
import { inMegabytes, type Rule, type RuleContext } from '../rule.ts'

/** A sixth of what one session too many was seen to hold (6 MB), and many times a connection's own buffers. */
const maxGrowthBytesPerReconnect = 2 ** 20

export class ReconnectLeakRule implements Rule {
  readonly #context: RuleContext
  readonly #heap = new ReconnectGauge()
  #firstMs: number | null = null
  #isRaised = false

  constructor(context: RuleContext) {
    this.#context = context
  }

  observe(event: LogEvent, nowMs: number): void {
    this.#heap.observe(event)
    if (event.event !== 'process' || typeof event.heapAfterGcBytes !== 'number' || nowMs < this.#context.judgedFromMs) return
    this.#heap.sample(nowMs, event.heapAfterGcBytes)
  }

  advance(): void {
    const atMs = this.#heap.settle()
    if (atMs === null) return
    this.#firstMs ??= atMs
    const { growth } = this.#heap
    const leak = growth.perCount()
    if (!leak || atMs - this.#firstMs < this.#context.settings.windowMs) return
    const wasRaised = this.#isRaised
    this.#isRaised = (wasRaised ? leak.slope : leak.low) > maxGrowthBytesPerReconnect
    if (!this.#isRaised || wasRaised) return
    this.#context.raise({
      symbol: null,
      atMs,
      sinceMs: this.#firstMs,
      message: `the heap after collections grows by ${inMegabytes(leak.slope)} a reconnect, at least ${inMegabytes(leak.low)}`,
      cause: 'leak',
      evidence: growth.points.slice(-10).map(([reconnects, bytes]) => `after ${reconnects} reconnects ${inMegabytes(bytes)}`),
    })
  }
}
