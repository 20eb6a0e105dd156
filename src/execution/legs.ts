/** What is to be done where a trade's legs differ: an order that trades the excess back, or nothing where it is too small for one. Pure. */

import type { Decimal } from '../base/decimal.ts'
import { isTradable, limitPriceBeyond, roundQuantity, type Instrument, type Side } from '../model/instrument.ts'
import { levelsFor, type OrderBook } from '../model/order-book.ts'

export interface UnwindPlan {
  side: Side
  quantity: Decimal
  limitPrice: Decimal
}

/** An open leg costs more than a bad price: the limit lies this far beyond the best. */
const unwindSlackBps = 50

/**
 * `excess` is base bought minus base sold. `dust`: it is below the venue's least order. `no-quote`: there is no price to aim at now.
 */
export function planUnwind(instrument: Instrument, excess: Decimal, book: OrderBook | null): UnwindPlan | 'dust' | 'no-quote' {
  const side: Side = excess.isPositive() ? 'sell' : 'buy'
  const quantity = roundQuantity(instrument, excess.abs())
  if (quantity.isZero()) return 'dust'
  const best = book === null ? undefined : levelsFor(book, side)[0]
  if (!best) return 'no-quote'
  const limitPrice = limitPriceBeyond(instrument, side, best.price, unwindSlackBps)
  return isTradable(instrument, quantity, limitPrice) ? { side, quantity, limitPrice } : 'dust'
}
