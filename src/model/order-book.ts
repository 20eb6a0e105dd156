/** An order book as the engine sees it: clean levels, best first, in plain numbers, with the venue's time and ours. Pure. */

import { Decimal } from '../base/decimal.ts'
import type { Side } from './instrument.ts'

export interface PriceLevel {
  price: number
  size: number
}

/** Invariant, held by the venue parsers: finite, positive, bids strictly falling, asks strictly rising, best bid below best ask. */
export interface OrderBook {
  bids: readonly PriceLevel[]
  asks: readonly PriceLevel[]
  /** When the venue last changed the book, or null where it does not say (Binance depth). */
  exchangeTimeMs: number | null
  /** When we last saw the book move: by the venue's time where it gives one, else when its sequence number changed. */
  changedAtMs: number
  /** When the answer reached us. */
  receivedAtMs: number
}

/** The levels that an order of this side takes. */
export function levelsFor(book: OrderBook, side: Side): readonly PriceLevel[] {
  return side === 'buy' ? book.asks : book.bids
}

export interface Walk {
  /** How much of the asked quantity the book can fill. */
  quantity: number
  /** Sum of price x quantity over the levels taken. */
  notional: number
  worstPrice: number
}

/** Prices `quantity` against the levels, best first, never more than is displayed: a signal, in plain numbers. */
export function walkBook(levels: readonly PriceLevel[], quantity: number): Walk {
  let left = quantity
  let filled = 0
  let notional = 0
  let worstPrice = 0
  for (const level of levels) {
    if (left <= 0) break
    const taken = Math.min(left, level.size)
    notional += taken * level.price
    worstPrice = level.price
    filled += taken
    left -= taken
  }
  return { quantity: left > 0 ? filled : quantity, notional, worstPrice }
}

/** A level's numbers as exact decimals: the digits that came off the wire. */
export function exactLevel(level: PriceLevel): { price: Decimal; size: Decimal } {
  return { price: Decimal.fromNumber(level.price), size: Decimal.fromNumber(level.size) }
}
