/** Rule `loop-time-trend`: a loop takes more and more processor time. For the monitor. */

import type { LogEvent } from '../../model/event.ts'
import { Growth } from '../growth.ts'
import { inMinutes, type Rule, type RuleContext } from '../rule.ts'

/** How many times as long as at first a loop must take, by the lower limit of the trend. */
const maxRatio = 2
/** What a loop takes at first is the median over this share of the points. */
const firstShare = 0.25

/** Processor time is the same on any clock, and a machine that others are busy on changes it far less than the time that a loop takes. */
export class LoopTimeTrendRule implements Rule {
  readonly #context: RuleContext
  readonly #loopCpuMs = new Growth()
  #isRaised = false

  constructor(context: RuleContext) {
    this.#context = context
  }

  observe(event: LogEvent, nowMs: number): void {
    if (event.event !== 'process' || typeof event.loopCpuMeanMs !== 'number' || nowMs < this.#context.judgedFromMs) return
    if (this.#loopCpuMs.add(nowMs, event.loopCpuMeanMs)) this.#judge(nowMs)
  }

  #judge(atMs: number): void {
    const { span, points } = this.#loopCpuMs
    const trend = span < this.#context.settings.windowMs ? null : this.#loopCpuMs.trend()
    if (!trend) return
    const firstMs = medianOf(points.slice(0, Math.ceil(points.length * firstShare)).map(([, value]) => value))
    const ratioAt = (slopePerHour: number): number => 1 + (slopePerHour * span) / 3_600_000 / firstMs
    const wasRaised = this.#isRaised
    this.#isRaised = ratioAt(wasRaised ? trend.slopePerHour : trend.lowPerHour) > maxRatio
    if (!this.#isRaised || wasRaised) return
    const [ratio, least] = [ratioAt(trend.slopePerHour), ratioAt(trend.lowPerHour)].map((value) => value.toFixed(1))
    this.#context.raise({
      symbol: null,
      atMs,
      sinceMs: atMs - span,
      message: `a loop takes ${ratio} times the processor time of ${inMinutes(span)} ago, at least ${least} times`,
      cause: 'loop CPU time',
      evidence: points.slice(-10).map(([timeMs, value]) => `${new Date(timeMs).toISOString()} ${value} ms a loop`),
    })
  }
}

function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right)
  return ((sorted[(sorted.length - 1) >> 1] ?? 0) + (sorted[sorted.length >> 1] ?? 0)) / 2
}
