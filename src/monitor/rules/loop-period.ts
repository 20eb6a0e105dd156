/** Rule `loop-period`: loops come too slowly, too fast or too unevenly for a whole window. For the monitor. */

import type { LogEvent } from '../../model/event.ts'
import { inSeconds, type Rule, type RuleContext } from '../rule.ts'

const maxMeanDeviation = 0.1
const maxPeriodRatio = 1.5
const maxLateShare = 0.01
const minPeriods = 5

/**
 * Judges whole windows, one after the other; one with too few periods goes on until it has enough. A window has some sixty, of which the
 * 99th percentile is the largest: a single order that timed out would decide. So more than one late period is asked for, besides more than
 * one in a hundred.
 */
export class LoopPeriodRule implements Rule {
  readonly #context: RuleContext
  #windowStartMs: number
  #windowEndMs: number
  #count = 0
  #totalMs = 0
  #maxMs = 0
  #lateCount = 0
  #isRaised = false

  constructor(context: RuleContext) {
    this.#context = context
    this.#windowStartMs = context.judgedFromMs
    this.#windowEndMs = context.judgedFromMs + context.settings.windowMs
  }

  observe(event: LogEvent, nowMs: number): void {
    if (event.event !== 'loops' || nowMs <= this.#context.judgedFromMs) return
    for (const periodMs of event.periodsMs) {
      if (typeof periodMs !== 'number') continue
      this.#count++
      this.#totalMs += periodMs
      this.#maxMs = Math.max(this.#maxMs, periodMs)
      if (periodMs > maxPeriodRatio * this.#context.loopIntervalMs) this.#lateCount++
    }
  }

  advance(toMs: number): void {
    if (toMs < this.#windowEndMs) return
    const endedMs = this.#windowEndMs
    const { windowMs } = this.#context.settings
    this.#windowEndMs += (Math.floor((toMs - endedMs) / windowMs) + 1) * windowMs
    if (this.#count < minPeriods) return
    this.#judge(endedMs)
    this.#windowStartMs = endedMs
    this.#count = 0
    this.#totalMs = 0
    this.#maxMs = 0
    this.#lateCount = 0
  }

  #judge(atMs: number): void {
    const { loopIntervalMs } = this.#context
    const lasting = inSeconds(atMs - this.#windowStartMs)
    const meanMs = this.#totalMs / this.#count
    const isMeanOff = Math.abs(meanMs - loopIntervalMs) > maxMeanDeviation * loopIntervalMs
    const isUneven = this.#lateCount > Math.max(1, maxLateShare * this.#count)
    const wasRaised = this.#isRaised
    this.#isRaised = isMeanOff || isUneven
    if (!this.#isRaised || wasRaised) return
    this.#context.raise({
      symbol: null,
      atMs,
      sinceMs: this.#windowStartMs,
      message: isMeanOff
        ? `loops came every ${meanMs.toFixed(0)} ms on average over ${lasting}, ${loopIntervalMs} ms was set`
        : `${this.#lateCount} of ${this.#count} loops came more than ${maxPeriodRatio * loopIntervalMs} ms after the one before`,
      cause: isMeanOff ? 'mean' : 'p99',
      evidence: [`${this.#count} periods: mean ${meanMs.toFixed(1)} ms, max ${this.#maxMs} ms, ${this.#lateCount} late`],
    })
  }
}
