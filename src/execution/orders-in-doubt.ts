/** Orders of which nobody has said what became of them, by trade, and when their venues are asked next. An executor keeps one. */

import type { OrderRequest } from '../model/order.ts'

interface Doubt {
  orders: readonly OrderRequest[]
  askCount: number
  nextAskAtMs: number
}

/** After so many asks it is an error that a venue does not say. */
export const askCountMax = 30
const firstDelayMs = 250
const maxDelayMs = 10_000

/** Holds at most both legs' orders of each open trade. */
export class OrdersInDoubt {
  readonly #byTrade = new Map<string, Doubt>()

  get size(): number {
    return this.#byTrade.size
  }

  has(tradeId: string): boolean {
    return this.#byTrade.has(tradeId)
  }

  /** The trade's orders that are still in doubt after an ask, none of them or some. Returns how often the venue was asked. */
  keep(tradeId: string, orders: readonly OrderRequest[], nowMs: number): number {
    const askCount = (this.#byTrade.get(tradeId)?.askCount ?? 0) + 1
    const delayMs = Math.min(maxDelayMs, firstDelayMs * 2 ** (askCount - 1))
    if (orders.length === 0) this.#byTrade.delete(tradeId)
    else this.#byTrade.set(tradeId, { orders, askCount, nextAskAtMs: nowMs + delayMs })
    return askCount
  }

  /** The trade's orders to ask about now; null where it is too early, or where none is in doubt. */
  due(tradeId: string, nowMs: number): readonly OrderRequest[] | null {
    const doubt = this.#byTrade.get(tradeId)
    return doubt !== undefined && nowMs >= doubt.nextAskAtMs ? doubt.orders : null
  }
}
