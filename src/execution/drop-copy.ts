/** The paper venue's own account of what our orders did: sums, so that it stays small in the longest session. The paper venue keeps one. */

import { Decimal } from '../base/decimal.ts'
import type { Venue } from '../model/instrument.ts'
import type { Balance } from '../model/money.ts'
import type { Fill, OrderRequest, VenueStatement } from '../model/order.ts'

export class DropCopy {
  #orders = 0
  /** By venue, then asset. */
  readonly #changes = new Map<Venue, Map<string, Decimal>>()

  /** An order that was taken, and what it got. */
  took({ instrument, side }: OrderRequest, fill: Fill | null): void {
    this.#orders++
    if (fill === null) return
    const { venue, base, quote } = instrument
    const isBuy = side === 'buy'
    this.#add(venue, base, isBuy ? fill.quantity : fill.quantity.negate())
    this.#add(venue, quote, isBuy ? fill.notional.negate() : fill.notional)
    this.#add(venue, fill.feeAsset, fill.fee.negate())
  }

  statement(): VenueStatement {
    const changes: Balance[] = []
    for (const [venue, assets] of this.#changes) {
      for (const [asset, amount] of assets) changes.push({ venue, asset, amount: amount.toString() })
    }
    changes.sort((left, right) => order(left.venue, right.venue) || order(left.asset, right.asset))
    return { orders: this.#orders, changes }
  }

  #add(venue: Venue, asset: string, amount: Decimal): void {
    const assets = this.#changes.get(venue) ?? new Map<string, Decimal>()
    this.#changes.set(venue, assets.set(asset, (assets.get(asset) ?? Decimal.zero).add(amount)))
  }
}

function order(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0
}
