/** One account's balances, free and held for open orders, in exact decimals. The order desk alone changes them. */

import { assert } from '../../base/assert.ts'
import { Decimal } from '../../base/decimal.ts'
import type { Balance } from '../../model/money.ts'
import type { DeskBalance } from './desk.ts'

export class Account {
  readonly #balances = new Map<string, DeskBalance>()

  constructor(openingBalances: readonly Pick<Balance, 'asset' | 'amount'>[]) {
    for (const { asset, amount } of openingBalances) this.change(asset, Decimal.parse(amount), Decimal.zero)
  }

  balance(asset: string): DeskBalance {
    return this.#balances.get(asset) ?? { asset, free: Decimal.zero, locked: Decimal.zero }
  }

  balances(): readonly DeskBalance[] {
    return [...this.#balances.values()]
  }

  /** Adds to both parts. Neither may go below zero: the desk has checked before it came here. */
  change(asset: string, free: Decimal, locked: Decimal): void {
    const before = this.balance(asset)
    const after = { asset, free: before.free.add(free), locked: before.locked.add(locked) }
    assert(!after.free.isNegative(), `${asset} has ${after.free.toString()} free`)
    assert(!after.locked.isNegative(), `${asset} has ${after.locked.toString()} locked`)
    this.#balances.set(asset, after)
  }
}
