/** What crossing both books now would earn, in basis points: gross, then net of taker fees and depth. Pure signals in plain numbers. */

import type { OrderBook, Walk } from '../model/order-book.ts'
import { walkBook } from '../model/order-book.ts'
import type { Direction } from '../model/route.ts'

/** Both books of a route, and how to bring leg B's money into leg A's. */
export interface RouteQuotes {
  a: OrderBook
  b: OrderBook
  takerFeeA: number
  takerFeeB: number
  /** Price of one unit of leg B's quote currency in leg A's: KRW per USDT on a KRW route, 1 where both are USDT. */
  fxBToA: number
}

export interface Edge {
  direction: Direction
  /** Best prices only, before fees, over the price bought at. */
  grossEdgeBps: number
  /** Both books walked for the whole quantity, after taker fees. */
  netEdgeBps: number
  a: Walk
  b: Walk
}

/** Best bid of the leg sold over best ask of the leg bought. */
export function grossEdgeBps(quotes: RouteQuotes, direction: Direction): number {
  const bestA = direction === 'sell-a' ? quotes.a.bids[0] : quotes.a.asks[0]
  const bestB = direction === 'sell-a' ? quotes.b.asks[0] : quotes.b.bids[0]
  if (!bestA || !bestB) return -Infinity
  const priceB = bestB.price * quotes.fxBToA
  return direction === 'sell-a' ? (bestA.price / priceB - 1) * 10_000 : (priceB / bestA.price - 1) * 10_000
}

/** Null where a book is too thin for the quantity. Nothing at all earns nothing. */
export function edgeOf(quotes: RouteQuotes, direction: Direction, quantity: number): Edge | null {
  const sellsA = direction === 'sell-a'
  const a = walkBook(sellsA ? quotes.a.bids : quotes.a.asks, quantity)
  const b = walkBook(sellsA ? quotes.b.asks : quotes.b.bids, quantity)
  if (a.quantity < quantity || b.quantity < quantity) return null
  const valueA = a.notional
  const valueB = b.notional * quotes.fxBToA
  const received = sellsA ? valueA * (1 - quotes.takerFeeA) : valueB * (1 - quotes.takerFeeB)
  const paid = sellsA ? valueB * (1 + quotes.takerFeeB) : valueA * (1 + quotes.takerFeeA)
  const netEdgeBps = paid === 0 ? 0 : (received / paid - 1) * 10_000
  return { direction, grossEdgeBps: grossEdgeBps(quotes, direction), netEdgeBps, a, b }
}
