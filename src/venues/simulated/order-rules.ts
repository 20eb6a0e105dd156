/** What a new order at a simulated venue must be like, what it costs and what it finds in a book. Pure; the order desk calls it. */

import { Decimal, minDecimal } from '../../base/decimal.ts'
import { type Instrument, roundPrice, roundQuantity } from '../../model/instrument.ts'
import type { DeskOrder, DeskRefusal, NewOrder } from './desk.ts'
import type { DisplayedLevel, TakenLiquidity } from './taken-liquidity.ts'

/** Fees are charged in whole units of the eighth digit, rounded up. */
const feeScale = 8

export function feeOn(instrument: Instrument, amount: Decimal): Decimal {
  return amount.multiply(instrument.takerFee).round(feeScale, 'up')
}

/** Upbit takes quote; Binance takes what the order receives. */
export function feeAssetOf(instrument: Instrument, { side }: Pick<NewOrder, 'side'>): string {
  return side === 'buy' && instrument.feeAsset === 'received' ? instrument.base : instrument.quote
}

/** True of an Upbit bid, whose fee is paid besides; otherwise it is taken from what the order receives. */
export function isFeeOnTop(instrument: Instrument, { side }: Pick<NewOrder, 'side'>): boolean {
  return side === 'buy' && instrument.feeAsset === 'quote'
}

/** The fee of the fill that brought `received` and is already counted in the executed amounts. */
export function nextFee(
  instrument: Instrument,
  order: Pick<DeskOrder, 'side' | 'executedQuantity' | 'executedNotional' | 'paidFee'>,
  received: Decimal,
): Decimal {
  const isInBase = feeAssetOf(instrument, order) === instrument.base
  // Rounded over the whole order, so that what was held for its fee is enough however many fills there are.
  const due = feeOn(instrument, isInBase ? order.executedQuantity : order.executedNotional).subtract(order.paidFee)
  // A fill smaller than the least fee leaves the rest of the fee to the next one.
  return isFeeOnTop(instrument, order) ? due : minDecimal(due, received)
}

/** What the order pays with. */
export function paidAsset(instrument: Instrument, order: Pick<NewOrder, 'side'>): string {
  return order.side === 'buy' ? instrument.quote : instrument.base
}

export function receivedAsset(instrument: Instrument, order: Pick<NewOrder, 'side'>): string {
  return order.side === 'buy' ? instrument.base : instrument.quote
}

/** Market orders, and those that say so, never rest. */
export function mayRest(order: Pick<NewOrder, 'limitPrice' | 'timeInForce'>): boolean {
  return order.limitPrice !== null && (order.timeInForce === 'gtc' || order.timeInForce === 'post-only')
}

/** What is wrong with the order whoever sends it; `bestPrice` is what a market order would meet first, null on an empty side. */
export function faultOf(order: NewOrder, instrument: Instrument, bestPrice: Decimal | null): DeskRefusal | null {
  const { quantity, quoteTotal, limitPrice } = order
  const amount = quantity ?? quoteTotal
  const isOneAmount = (quantity === null) !== (quoteTotal === null)
  const isLimitWhole = limitPrice === null ? order.timeInForce !== 'post-only' : quantity !== null && limitPrice.isPositive()
  if (!isOneAmount || !isLimitWhole || !amount?.isPositive()) return 'invalid-order'
  if (quantity !== null && !quantity.equals(roundQuantity(instrument, quantity))) return 'quantity-off-lot'
  if (limitPrice !== null && !limitPrice.equals(roundPrice(instrument, limitPrice, 'down'))) return 'price-off-tick'
  const price = limitPrice ?? bestPrice
  const notional = quoteTotal ?? (price === null ? null : amount.multiply(price))
  return notional?.isLessThan(instrument.minNotional) ? 'below-minimum' : null
}

export interface Take {
  level: DisplayedLevel
  quantity: Decimal
}

export interface Walk {
  /** Best first. */
  takes: readonly Take[]
  quantity: Decimal
  notional: Decimal
  /** The book gave all that was asked for; of a total in quote, down to less than a lot. */
  isComplete: boolean
}

/** What the order would take from these levels, best first: never beyond its limit, nor more than is left of what they display. */
export function walkLevels(
  order: Pick<NewOrder, 'quantity' | 'quoteTotal' | 'limitPrice'>,
  instrument: Instrument,
  levels: Iterable<DisplayedLevel>,
  taken: TakenLiquidity,
): Walk {
  const takes: Take[] = []
  let quantity = Decimal.zero
  let notional = Decimal.zero
  let isComplete = false
  for (const level of levels) {
    if (order.limitPrice !== null && isBeyond(order.limitPrice, level)) break
    const wanted =
      order.quantity?.subtract(quantity) ?? lotsFor(instrument, level.price, (order.quoteTotal ?? Decimal.zero).subtract(notional))
    const take = minDecimal(roundQuantity(instrument, taken.left(level)), wanted)
    if (take.isPositive()) {
      takes.push({ level, quantity: take })
      quantity = quantity.add(take)
      notional = notional.add(take.multiply(level.price))
    }
    isComplete = take.equals(wanted)
    if (isComplete) break
  }
  return { takes, quantity, notional, isComplete }
}

function isBeyond(limitPrice: Decimal, { side, price }: DisplayedLevel): boolean {
  return side === 'buy' ? price.isGreaterThan(limitPrice) : price.isLessThan(limitPrice)
}

/** The quantity in whole lots that a total in quote pays for. */
function lotsFor({ lotSize }: Instrument, price: Decimal, total: Decimal): Decimal {
  return lotSize.multiply(total.divide(price.multiply(lotSize), 0, 'down'))
}
