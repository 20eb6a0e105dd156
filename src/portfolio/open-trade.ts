/** One trade's arithmetic from entry to exit: what is hedged, what is in excess, what its fills moved. The portfolio state owns these. */

import { assert } from '../base/assert.ts'
import { Decimal, minDecimal } from '../base/decimal.ts'
import type { Fill, OrderRequest } from '../model/order.ts'
import { type Direction, type Leg, legs, opposite, sideOf } from '../model/route.ts'
import type { Realised, Trade, TradeCash } from '../model/trade.ts'

/** Digits kept where a value in KRW needs a division; all else is exact. */
const dividedKrwScale = 8

export class OpenTrade {
  readonly #facts: Trade
  #phase: Trade['phase']
  #quantity: Decimal
  readonly #excess: Record<Leg, Decimal>
  #entryFxKrwPerUsdt: number
  readonly #cash: Record<keyof TradeCash, Decimal>

  constructor(facts: Trade) {
    this.#facts = facts
    this.#phase = facts.phase
    this.#quantity = Decimal.parse(facts.quantity)
    this.#excess = { a: Decimal.parse(facts.excess.a), b: Decimal.parse(facts.excess.b) }
    this.#entryFxKrwPerUsdt = facts.entryFxKrwPerUsdt
    this.#cash = {
      entryKrw: Decimal.parse(facts.cash.entryKrw),
      entryUsdt: Decimal.parse(facts.cash.entryUsdt),
      exitValueKrw: Decimal.parse(facts.cash.exitValueKrw),
      feesKrw: Decimal.parse(facts.cash.feesKrw),
    }
  }

  get symbol(): string {
    return this.#facts.symbol
  }

  get isFlat(): boolean {
    return this.#quantity.isZero() && this.#isBalanced
  }

  get #isBalanced(): boolean {
    return this.#excess.a.isZero() && this.#excess.b.isZero()
  }

  /** Its `entry` was made: from here on fills count as exit. */
  get #hasEntered(): boolean {
    return this.#phase === 'open' || this.#phase === 'closing'
  }

  excess(leg: Leg): Decimal {
    return this.#excess[leg]
  }

  /** A copy as of now. */
  facts(): Trade {
    const cash = this.#cash
    return {
      ...this.#facts,
      phase: this.#phase,
      quantity: this.#quantity.toString(),
      excess: { a: this.#excess.a.toString(), b: this.#excess.b.toString() },
      entryFxKrwPerUsdt: this.#entryFxKrwPerUsdt,
      cash: {
        entryKrw: cash.entryKrw.toString(),
        entryUsdt: cash.entryUsdt.toString(),
        exitValueKrw: cash.exitValueKrw.toString(),
        feesKrw: cash.feesKrw.toString(),
      },
    }
  }

  applyFill(order: OrderRequest, fill: Fill, fxKrwPerUsdt: number): void {
    this.#assertExpected(order, fill)
    const isBuy = order.side === 'buy'
    if (this.#isUntouched) this.#entryFxKrwPerUsdt = fxKrwPerUsdt
    this.#addCash(order, isBuy ? fill.notional.negate() : fill.notional, fxKrwPerUsdt)
    this.#cash.feesKrw = this.#cash.feesKrw.add(feeKrw(order, fill, fxKrwPerUsdt))
    this.addExcess(order.leg, isBuy ? fill.quantity : fill.quantity.negate())
  }

  /** Both entry orders are done: what both legs have becomes the hedge, the rest stays in excess. */
  settleEntry(): void {
    assert(this.#phase === 'opening', `${this.#facts.tradeId} cannot settle an entry while ${this.#phase}`)
    this.#quantity = this.#net(this.#facts.direction, null)
    if (!this.#isBalanced) this.#phase = 'unbalanced'
    else if (this.#quantity.isPositive()) this.#phase = 'open'
  }

  startExit(): void {
    assert(this.#phase === 'open', `${this.#facts.tradeId} cannot start an exit while ${this.#phase}`)
    this.#phase = 'closing'
  }

  /** Both exit orders are done: what both legs closed leaves the hedge, the rest stays in excess. */
  settleExit(): void {
    assert(this.#phase === 'closing', `${this.#facts.tradeId} cannot settle an exit while ${this.#phase}`)
    this.#quantity = this.#quantity.subtract(this.#net(opposite(this.#facts.direction), this.#quantity))
    this.#openIfBalanced()
  }

  /** Moves base between this leg's excess and somewhere outside of the hedge: a fill, or dust. */
  addExcess(leg: Leg, amount: Decimal): void {
    this.#excess[leg] = this.#excess[leg].add(amount)
  }

  /** After an unwind: a trade whose legs agree again is open, if anything of it is left. */
  settleUnwind(): void {
    assert(this.#phase === 'unbalanced' || this.#phase === 'closing', `${this.#facts.tradeId} cannot unwind while ${this.#phase}`)
    this.#openIfBalanced()
  }

  /** What is left of the hedge is too small to be closed by orders: it becomes excess on both legs. */
  dissolveHedge(): void {
    assert(this.#phase === 'open' || this.#phase === 'closing', `${this.#facts.tradeId} has no hedge to dissolve while ${this.#phase}`)
    this.#phase = 'closing'
    for (const leg of legs) this.addExcess(leg, signed(this.#quantity, this.#facts.direction, leg))
    this.#quantity = Decimal.zero
  }

  /** See PortfolioState for the rule. */
  realised(exitFxKrwPerUsdt: number): Realised {
    const entryFx = Decimal.fromNumber(this.#entryFxKrwPerUsdt)
    const { entryKrw, entryUsdt, exitValueKrw, feesKrw } = this.#cash
    const edge = entryKrw.add(entryUsdt.multiply(entryFx)).add(exitValueKrw)
    const fx = this.#hasEntered ? entryUsdt.multiply(Decimal.fromNumber(exitFxKrwPerUsdt).subtract(entryFx)) : Decimal.zero
    return {
      edgeKrw: edge.toString(),
      feesKrw: feesKrw.toString(),
      fxKrw: fx.toString(),
      totalKrw: edge.subtract(feesKrw).add(fx).toString(),
    }
  }

  get #isUntouched(): boolean {
    return this.#phase === 'opening' && this.#isBalanced
  }

  /** Takes out of the excess what both legs hold in this direction, up to a most, and returns how much that is. */
  #net(direction: Direction, most: Decimal | null): Decimal {
    const held = minDecimal(signed(this.#excess.a, direction, 'a'), signed(this.#excess.b, direction, 'b'))
    const both = most === null ? held : minDecimal(held, most)
    if (!both.isPositive()) return Decimal.zero
    for (const leg of legs) this.addExcess(leg, signed(both, direction, leg).negate())
    return both
  }

  #openIfBalanced(): void {
    if (this.#isBalanced && this.#quantity.isPositive()) this.#phase = 'open'
  }

  #addCash(order: OrderRequest, amount: Decimal, fxKrwPerUsdt: number): void {
    const isKrw = isQuotedInKrw(order)
    if (this.#hasEntered) {
      const valueKrw = isKrw ? amount : amount.multiply(Decimal.fromNumber(fxKrwPerUsdt))
      this.#cash.exitValueKrw = this.#cash.exitValueKrw.add(valueKrw)
    } else {
      const key = isKrw ? 'entryKrw' : 'entryUsdt'
      this.#cash[key] = this.#cash[key].add(amount)
    }
  }

  #assertExpected(order: OrderRequest, fill: Fill): void {
    const { tradeId, symbol, direction } = this.#facts
    const what = `${order.purpose} fill of ${order.orderId} on ${tradeId}`
    assert(order.tradeId === tradeId && order.symbol === symbol, `${what}: order of ${order.tradeId} on ${order.symbol}`)
    assert(fill.quantity.isPositive() && !fill.quantity.isGreaterThan(order.quantity), `${what}: ${fill.quantity.toString()} filled`)
    switch (order.purpose) {
      case 'entry':
        assert(this.#phase === 'opening' && order.side === sideOf(direction, order.leg), `${what}: ${order.side} while ${this.#phase}`)
        break
      case 'exit':
        assert(this.#phase === 'closing' && order.side !== sideOf(direction, order.leg), `${what}: ${order.side} while ${this.#phase}`)
        assert(!fill.quantity.isGreaterThan(this.#quantity), `${what}: ${fill.quantity.toString()} of ${this.#quantity.toString()}`)
        break
      case 'unwind': {
        assert(this.#phase === 'unbalanced' || this.#phase === 'closing', `${what}: while ${this.#phase}`)
        const excess = order.side === 'sell' ? this.#excess[order.leg] : this.#excess[order.leg].negate()
        assert(!fill.quantity.isGreaterThan(excess), `${what}: ${fill.quantity.toString()} of ${excess.toString()} in excess`)
        break
      }
    }
  }
}

/** Base bought, positive, or sold, negative, on a leg by holding this quantity in this direction; and the way back. */
function signed(quantity: Decimal, direction: Direction, leg: Leg): Decimal {
  return sideOf(direction, leg) === 'buy' ? quantity : quantity.negate()
}

function isQuotedInKrw(order: OrderRequest): boolean {
  const { quote } = order.instrument
  assert(quote === 'KRW' || quote === 'USDT', `${order.instrument.code} is quoted in ${quote}, which has no rate in KRW`)
  return quote === 'KRW'
}

/** A fee in the quote currency at its rate; a fee in base at the fill's average price. */
function feeKrw(order: OrderRequest, fill: Fill, fxKrwPerUsdt: number): Decimal {
  const { base, quote } = order.instrument
  const rate = isQuotedInKrw(order) ? Decimal.one : Decimal.fromNumber(fxKrwPerUsdt)
  if (fill.feeAsset === quote) return fill.fee.multiply(rate)
  assert(fill.feeAsset === base, `${order.orderId} paid its fee in ${fill.feeAsset}, which is neither ${base} nor ${quote}`)
  return fill.fee.multiply(fill.notional).multiply(rate).divide(fill.quantity, dividedKrwScale, 'half-even')
}
