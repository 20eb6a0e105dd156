/** Rule `no-progress`: the engine logs no loops any more. For the monitor. */

import type { LogEvent } from '../../model/event.ts'
import { inSeconds, type Rule, type RuleContext } from '../rule.ts'

/** A line comes once a loop where loops are long, and lies anywhere in its period: two of them may be almost two periods apart. */
export function silenceLimitMs(windowMs: number, loopIntervalMs: number): number {
  return Math.max(windowMs, 2 * loopIntervalMs)
}

export class NoProgressRule implements Rule {
  readonly #context: RuleContext
  #lastLoopsMs: number
  #isRaised = false

  constructor(context: RuleContext) {
    this.#context = context
    this.#lastLoopsMs = context.startAtMs
  }

  observe(event: LogEvent, nowMs: number): void {
    if (event.event !== 'loops') return
    this.#lastLoopsMs = nowMs
    this.#isRaised = false
  }

  advance(toMs: number): void {
    const { settings, judgedFromMs, loopIntervalMs } = this.#context
    const dueMs = Math.max(this.#lastLoopsMs + silenceLimitMs(settings.windowMs, loopIntervalMs), judgedFromMs)
    if (this.#isRaised || dueMs > toMs) return
    this.#isRaised = true
    this.#context.raise({
      symbol: null,
      atMs: dueMs,
      sinceMs: this.#lastLoopsMs,
      message: `the engine has finished no loop for ${inSeconds(dueMs - this.#lastLoopsMs)}`,
      cause: 'engine-stuck',
      evidence: [],
    })
  }
}
