/** What of each wallet is promised to orders that are under way, so that no two orders count on the same coin. The risk guard owns one. */

import { Decimal } from '../base/decimal.ts'
import type { Instrument, Side, Venue } from '../model/instrument.ts'

/** The most that one order can take out of a wallet. */
export interface RequiredAsset {
  venue: Venue
  asset: string
  amount: Decimal
}

/** What a wallet holds, held for others or not. */
export type Available = (venue: Venue, asset: string) => Decimal

/** Digits to which venues round a fee up. */
const feeScale = 8

/** A buy spends quote at its limit price, and its fee where that is taken in quote; a sell spends base. */
export function requiredAsset(instrument: Instrument, side: Side, quantity: Decimal, limitPrice: Decimal): RequiredAsset {
  const { venue } = instrument
  if (side === 'sell') return { venue, asset: instrument.base, amount: quantity }
  const notional = quantity.multiply(limitPrice)
  const fee = instrument.feeAsset === 'quote' ? notional.multiply(instrument.takerFee).round(feeScale, 'up') : Decimal.zero
  return { venue, asset: instrument.quote, amount: notional.add(fee) }
}

export class InventoryHolds {
  readonly #byTrade = new Map<string, readonly RequiredAsset[]>()
  readonly #totals = new Map<string, Decimal>()

  /** Holds all of it for the trade, or nothing where any of it is missing. Returns whether it is held. */
  take(tradeId: string, required: readonly RequiredAsset[], available: Available): boolean {
    this.#add(required)
    const isCovered = required.every(({ venue, asset }) => !this.#total(venue, asset).isGreaterThan(available(venue, asset)))
    if (isCovered) this.#byTrade.set(tradeId, required)
    else this.#subtract(required)
    return isCovered
  }

  release(tradeId: string): void {
    this.#subtract(this.#byTrade.get(tradeId) ?? [])
    this.#byTrade.delete(tradeId)
  }

  /** Orders under way of one trade: each holds one asset. */
  orderCount(tradeId: string): number {
    return this.#byTrade.get(tradeId)?.length ?? 0
  }

  #add(required: readonly RequiredAsset[]): void {
    for (const { venue, asset, amount } of required) this.#totals.set(`${venue}:${asset}`, this.#total(venue, asset).add(amount))
  }

  #subtract(required: readonly RequiredAsset[]): void {
    for (const { venue, asset, amount } of required) this.#totals.set(`${venue}:${asset}`, this.#total(venue, asset).subtract(amount))
  }

  #total(venue: Venue, asset: string): Decimal {
    return this.#totals.get(`${venue}:${asset}`) ?? Decimal.zero
  }
}
