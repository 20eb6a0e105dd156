/** Rule `handle-growth`: descriptors or handles of the process become more and more, by time or by reconnect. For the monitor. */

import type { LogEvent } from '../../model/event.ts'
import { Growth } from '../growth.ts'
import { ReconnectGauge } from '../reconnect-gauge.ts'
import type { Rule, RuleContext } from '../rule.ts'

/** A quarter of the slowest growth that reaches the usual limit of 1024 descriptors within a day. Per hour of event time. */
const maxGrowthPerHour = 10
/** A client that closes what it replaces leaves none; one that leaves one at every second reconnect is far above. */
const maxGrowthPerReconnect = 0.25

/** One gauge of the process. */
class Gauge {
  readonly name: string
  readonly byTime = new Growth()
  readonly byReconnect = new ReconnectGauge()
  isRaised = false

  constructor(name: string) {
    this.name = name
  }
}

export class HandleGrowthRule implements Rule {
  readonly #context: RuleContext
  readonly #files = new Gauge('open files')
  readonly #handles = new Gauge('handles')

  constructor(context: RuleContext) {
    this.#context = context
  }

  observe(event: LogEvent, nowMs: number): void {
    for (const gauge of this.#gauges()) gauge.byReconnect.observe(event)
    if (event.event !== 'process' || nowMs < this.#context.judgedFromMs) return
    this.#sample(this.#files, nowMs, event.openFiles)
    this.#sample(this.#handles, nowMs, event.openHandles)
  }

  advance(): void {
    for (const gauge of this.#gauges()) {
      const atMs = gauge.byReconnect.settle()
      if (atMs === null || gauge.isRaised) continue
      const growth = gauge.byReconnect.growth.perCount()
      if (growth === null || growth.low <= maxGrowthPerReconnect) continue
      this.#raise(gauge, atMs, `${growth.slope.toFixed(1)} a reconnect`, 'per reconnect')
    }
  }

  #gauges(): readonly Gauge[] {
    return [this.#files, this.#handles]
  }

  /** Logs of systems that cannot tell, and of engines that do not, leave the gauge out. */
  #sample(gauge: Gauge, nowMs: number, value: number | null | undefined): void {
    if (typeof value !== 'number') return
    gauge.byReconnect.sample(nowMs, value)
    if (!gauge.byTime.add(nowMs, value) || gauge.isRaised || gauge.byTime.span < this.#context.settings.windowMs) return
    const trend = gauge.byTime.trend()
    if (trend === null || trend.lowPerHour <= maxGrowthPerHour) return
    this.#raise(gauge, nowMs, `${trend.slopePerHour.toFixed(0)} an hour`, 'over time')
  }

  /** Once a gauge: descriptors that leak do not come back. */
  #raise(gauge: Gauge, atMs: number, rate: string, cause: string): void {
    gauge.isRaised = true
    this.#context.raise({
      symbol: null,
      atMs,
      sinceMs: atMs - gauge.byTime.span,
      message: `${gauge.name} of the process grow by ${rate}`,
      cause: `${gauge.name} ${cause}`,
      evidence: gauge.byTime.points.slice(-10).map(([timeMs, count]) => `${new Date(timeMs).toISOString()} ${count}`),
    })
  }
}
