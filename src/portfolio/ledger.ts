/** Exact double-entry books of everything owned: the only place where a balance changes. The portfolio posts; anyone may read. */

import { assert } from '../base/assert.ts'
import { Decimal } from '../base/decimal.ts'
import type { Side, Venue } from '../model/instrument.ts'
import type { Balance } from '../model/money.ts'

/** A venue's name is its wallet; the others say where the money came from or went: `market:` and `fees:` a venue, and the opening. */
type Account = Venue | `market:${Venue}` | `fees:${Venue}` | 'equity'

interface Posting {
  account: Account
  asset: string
  /** Signed: money that comes into the account is positive. */
  amount: Decimal
}

export interface FillPosting {
  venue: Venue
  side: Side
  base: string
  quote: string
  quantity: Decimal
  notional: Decimal
  feeAsset: string
  fee: Decimal
}

export class Ledger {
  /** Account, then asset. */
  readonly #accounts = new Map<Account, Map<string, Decimal>>()

  constructor(opening: readonly Balance[]) {
    for (const { venue, asset, amount } of opening) {
      const owned = Decimal.parse(amount)
      this.post([
        { account: venue, asset, amount: owned },
        { account: 'equity', asset, amount: owned.negate() },
      ])
    }
  }

  /** One entry, all of it or none. Asserts that it sums to zero in every asset and leaves no wallet negative. */
  post(postings: readonly Posting[]): void {
    const sums = new Map<string, Decimal>()
    const balances = new Map<string, { posting: Posting; amount: Decimal }>()
    for (const posting of postings) {
      const { account, asset, amount } = posting
      sums.set(asset, (sums.get(asset) ?? Decimal.zero).add(amount))
      const key = `${account} ${asset}`
      const before = balances.get(key)?.amount ?? this.balance(account, asset)
      balances.set(key, { posting, amount: before.add(amount) })
    }
    for (const [asset, sum] of sums) assert(sum.isZero(), `entry does not balance: ${sum.toString()} ${asset} left over`)
    for (const { posting, amount } of balances.values()) {
      assert(!isWallet(posting.account) || !amount.isNegative(), `${posting.account} would hold ${amount.toString()} ${posting.asset}`)
    }
    for (const { posting, amount } of balances.values()) this.#set(posting.account, posting.asset, amount)
  }

  postFill(fill: FillPosting): void {
    const { venue, base, quote, feeAsset, fee } = fill
    const isBuy = fill.side === 'buy'
    const quantity = isBuy ? fill.quantity : fill.quantity.negate()
    const notional = isBuy ? fill.notional.negate() : fill.notional
    this.post([
      { account: venue, asset: base, amount: quantity },
      { account: `market:${venue}`, asset: base, amount: quantity.negate() },
      { account: venue, asset: quote, amount: notional },
      { account: `market:${venue}`, asset: quote, amount: notional.negate() },
      { account: venue, asset: feeAsset, amount: fee.negate() },
      { account: `fees:${venue}`, asset: feeAsset, amount: fee },
    ])
  }

  /** Of a wallet: what the venue holds for us, never negative. */
  balance(account: Account, asset: string): Decimal {
    return this.#accounts.get(account)?.get(asset) ?? Decimal.zero
  }

  /** Every wallet that was ever opened or posted to, also at zero, by venue and asset in code-unit order. */
  balances(): Balance[] {
    const balances: Balance[] = []
    for (const [account, assets] of this.#accounts) {
      if (!isWallet(account)) continue
      for (const [asset, amount] of assets) balances.push({ venue: account, asset, amount: amount.toString() })
    }
    return balances.sort((left, right) => order(left.venue, right.venue) || order(left.asset, right.asset))
  }

  #set(account: Account, asset: string, amount: Decimal): void {
    let assets = this.#accounts.get(account)
    if (assets === undefined) {
      assets = new Map()
      this.#accounts.set(account, assets)
    }
    assets.set(asset, amount)
  }
}

function isWallet(account: Account): account is Venue {
  return account === 'upbit' || account === 'binance'
}

function order(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0
}
