/** The checks that every venue's levels pass before the engine sees a book; the venue parsers call this, nobody else. */

import { Decimal } from '../base/decimal.ts'
import type { PriceLevel } from '../model/order-book.ts'

/** A wire type before it has been checked: any field may be missing or be anything. */
export type Unchecked<T> = { readonly [K in keyof T]?: unknown }

/** The value as an object, of any type that is still `Unchecked`; null where it is none. */
export function objectOf(value: unknown): object | null {
  return typeof value === 'object' && value !== null ? value : null
}

/** Times and sequence numbers: what is above 2^53 would not be told from its neighbour. */
export function isExactInteger(value: unknown): value is number {
  return Number.isSafeInteger(value)
}

/** A tick, lot or notional as the venues spell them (`0.00001000`), or null where it is no positive decimal of sane length. */
export function positiveDecimalOf(value: unknown): Decimal | null {
  if (typeof value !== 'string' || !/^\d{1,20}(\.\d{1,20})?$/.test(value)) return null
  const decimal = Decimal.parse(value)
  return decimal.isPositive() ? decimal : null
}

/** Appends the level, or drops it where it cannot be traded: Upbit pads short sides with price 0, size 0. */
export function addLevel(levels: PriceLevel[], price: number, size: number): void {
  if (price > 0 && size > 0 && price < Infinity && size < Infinity) levels.push({ price, size })
}

/** Why these sides do not make an order book, or null where they do. */
export function refusalOf(bids: readonly PriceLevel[], asks: readonly PriceLevel[]): string | null {
  const bestBid = bids[0]
  const bestAsk = asks[0]
  if (bestBid === undefined) return 'it has no bids'
  if (bestAsk === undefined) return 'it has no asks'
  if (bestBid.price >= bestAsk.price) return `it is crossed: bid ${bestBid.price}, ask ${bestAsk.price}`
  let previous = Infinity
  for (const level of bids) {
    if (level.price >= previous) return `its bids do not fall: ${level.price} after ${previous}`
    previous = level.price
  }
  previous = 0
  for (const level of asks) {
    if (level.price <= previous) return `its asks do not rise: ${level.price} after ${previous}`
    previous = level.price
  }
  return null
}
