/** What is open in a trading log at an instant: checkers keep it in memory, so it has a bound. For who runs the checkers. */

import type { SessionOpened, TradingEvent } from '../model/event.ts'

/** Trades, or orders: three times what a thousand symbols may have open at once in any campaign of ours. */
const maxOpen = 10_000

export class OpenIds {
  #symbols: ReadonlySet<unknown> | null = null
  readonly #trades = new Set<string>()
  readonly #orders = new Set<string>()

  get hasSession(): boolean {
    return this.#symbols !== null
  }

  /** Why no checker may look at this event, or null. */
  observe(event: TradingEvent): string | null {
    if (event.event === 'session-opened') this.#symbols = symbolsOf(event)
    if (this.#symbols === null) return 'the log does not start with session-opened'
    if ('symbol' in event && !this.#symbols.has(event.symbol)) return 'the session has no route for its symbol'
    switch (event.event) {
      case 'guard-decided':
        if (event.tradeId !== null) this.#trades.add(event.tradeId)
        break
      case 'order-sent':
        this.#orders.add(event.orderId)
        this.#trades.add(event.tradeId)
        break
      case 'order-filled':
      case 'entry':
        this.#trades.add(event.tradeId)
        break
      case 'order-done':
        this.#orders.delete(event.orderId)
        break
      case 'exit':
      case 'entry-failed':
        this.#trades.delete(event.tradeId)
        break
      default:
    }
    return Math.max(this.#trades.size, this.#orders.size) > maxOpen ? `more than ${maxOpen} trades or orders are open at once` : null
  }
}

/** A broken line has none. */
function symbolsOf({ routes }: SessionOpened): Set<unknown> {
  const listed: unknown = routes
  return new Set(Array.isArray(listed) ? listed.map((route: { symbol?: unknown } | null) => route?.symbol) : [])
}
