/** Rule `event-loop-delay`: the engine's event loop stood still, so that nothing else could happen in it. For the monitor. */

import type { LogEvent } from '../../model/event.ts'
import { inSeconds, type Rule, type RuleContext } from '../rule.ts'

/** Four times the least distance of a venue's frames that an engine may fall behind, and ten times a full collection of this heap. */
const maxDelayP99Ms = 200

/** On a real clock only; under virtual time there is no such figure. */
export class EventLoopDelayRule implements Rule {
  readonly #context: RuleContext
  /** Since when each line has told of delays. A line tells of the time since the one before it. */
  #sinceMs: number | null = null
  #lastLineMs: number
  #isRaised = false

  constructor(context: RuleContext) {
    this.#context = context
    this.#lastLineMs = context.startAtMs
  }

  observe(event: LogEvent, nowMs: number): void {
    if (event.event !== 'process') return
    const { eventLoopDelayP99Ms: delayMs } = event
    const lineFromMs = this.#lastLineMs
    this.#lastLineMs = nowMs
    if (typeof delayMs !== 'number' || delayMs <= maxDelayP99Ms) {
      this.#sinceMs = null
      this.#isRaised = false
      return
    }
    this.#sinceMs ??= lineFromMs
    const { judgedFromMs, settings } = this.#context
    if (this.#isRaised || nowMs < judgedFromMs || nowMs - this.#sinceMs < settings.windowMs) return
    this.#isRaised = true
    const lasting = inSeconds(nowMs - this.#sinceMs)
    this.#context.raise({
      symbol: null,
      atMs: nowMs,
      sinceMs: this.#sinceMs,
      message: `the event loop was late by ${delayMs.toFixed(0)} ms and more, at one turn in a hundred, for ${lasting}`,
      cause: 'event loop',
      evidence: [`p99 ${delayMs.toFixed(1)} ms`],
    })
  }
}
