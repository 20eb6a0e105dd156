/** Rule `live-sockets`: the transport has more sockets open than the feed knows of. For the monitor. */

import type { LogEvent } from '../../model/event.ts'
import type { Venue } from '../../model/instrument.ts'
import { inSeconds, type Rule, type RuleContext } from '../rule.ts'

/** A socket that was replaced and never closed goes on costing: its frames come in, and the venue counts it. */
export class LiveSocketsRule implements Rule {
  readonly #context: RuleContext
  /** Since when there are too many, and whether that is told. */
  readonly #forgotten = new Map<Venue, { sinceMs: number; isRaised: boolean }>()

  constructor(context: RuleContext) {
    this.#context = context
  }

  /** A gauge is known at its lines alone, so what falls due between two of them is judged at the second. */
  observe(event: LogEvent, nowMs: number): void {
    if (event.event !== 'feed' || nowMs < this.#context.judgedFromMs) return
    const { venue, openSockets, liveSockets } = event
    // Also false where an engine does not count its sockets.
    if (!(openSockets > liveSockets)) {
      this.#forgotten.delete(venue)
      return
    }
    const forgotten = this.#forgotten.get(venue) ?? { sinceMs: nowMs, isRaised: false }
    this.#forgotten.set(venue, forgotten)
    if (forgotten.isRaised || nowMs - forgotten.sinceMs < this.#context.settings.windowMs) return
    forgotten.isRaised = true
    const lasting = inSeconds(nowMs - forgotten.sinceMs)
    this.#context.raise({
      symbol: null,
      atMs: nowMs,
      sinceMs: forgotten.sinceMs,
      message: `${openSockets} sockets to ${venue} are open, its feed knows of ${liveSockets}: some have been forgotten for ${lasting}`,
      cause: 'forgotten sockets',
      evidence: [`${venue}: ${openSockets} open, ${liveSockets} known`],
    })
  }
}
