/** Checks that opening balances plus every fill and fee make the balances that the engine states, to the last unit, never negative. */

import { Decimal } from '../../base/decimal.ts'
import type { OrderFilled, TradingEvent } from '../../model/event.ts'
import type { Balance } from '../../model/money.ts'
import type { CheckResult } from '../analysis.ts'
import { type Checker, Findings, Listing } from '../checker.ts'

/** Venues round fees at their own last digit; ours are logged to eight digits at least. */
const feeTolerance = Decimal.parse('0.00000001')

export class BalancesConserved implements Checker {
  readonly name = 'balances-conserved'
  readonly #findings = new Findings(this.name, 'fills', 'statements of balances')
  readonly #listing = new Listing()
  readonly #balances = new Map<string, Decimal>()
  #isOpen = false

  observe(event: TradingEvent): void {
    switch (event.event) {
      case 'session-opened':
        this.#listing.open(event.instruments)
        if (this.#isOpen) this.#compare(event, event.balances)
        else this.#adopt(event.balances)
        this.#isOpen = true
        return
      case 'balances-stated':
      case 'session-closed':
        this.#compare(event, event.balances)
        return
      case 'order-filled':
        this.#fill(event)
        return
      default:
    }
  }

  finish(): CheckResult {
    return this.#findings.result()
  }

  #fill(event: OrderFilled): void {
    this.#findings.examine('fills')
    const instrument = this.#listing.get(event.venue, event.instrument)
    const quantity = Decimal.parse(event.quantity)
    const notional = Decimal.parse(event.notional)
    const fee = Decimal.parse(event.fee)
    const isBuy = event.side === 'buy'
    const feeAsset = instrument.feeAsset === 'received' && isBuy ? instrument.base : instrument.quote
    if (event.feeAsset !== feeAsset) {
      this.#findings.violate(event, `${event.orderId}: fee in ${event.feeAsset}, the venue takes ${feeAsset}`)
    }
    const due = instrument.takerFee.multiply(event.feeAsset === instrument.base ? quantity : notional)
    if (fee.subtract(due).abs().isGreaterThan(feeTolerance)) {
      this.#findings.violate(event, `${event.orderId}: fee ${event.fee} ${event.feeAsset}, due ${due.toString()}`)
    }
    this.#move(event, instrument.base, isBuy ? quantity : quantity.negate())
    this.#move(event, instrument.quote, isBuy ? notional.negate() : notional)
    this.#move(event, event.feeAsset, fee.negate())
    // Judged when the fill is complete: a sale's fee is paid out of what the sale brings.
    for (const asset of new Set([instrument.base, instrument.quote, event.feeAsset])) {
      const balance = this.#balances.get(`${event.venue}:${asset}`) ?? Decimal.zero
      if (balance.isNegative()) this.#findings.violate(event, `${event.orderId}: ${event.venue} ${asset} falls to ${balance.toString()}`)
    }
  }

  #move(event: OrderFilled, asset: string, amount: Decimal): void {
    const key = `${event.venue}:${asset}`
    this.#balances.set(key, (this.#balances.get(key) ?? Decimal.zero).add(amount))
  }

  #compare(event: TradingEvent, stated: readonly Balance[]): void {
    this.#findings.examine('statements of balances')
    const statedByKey = new Map(stated.map(({ venue, asset, amount }) => [`${venue}:${asset}`, Decimal.parse(amount)]))
    for (const key of new Set([...statedByKey.keys(), ...this.#balances.keys()])) {
      const said = statedByKey.get(key) ?? Decimal.zero
      const derived = this.#balances.get(key) ?? Decimal.zero
      if (said.equals(derived)) continue
      this.#findings.violate(event, `${event.event} states ${key} ${said.toString()}, the fills make ${derived.toString()}`)
    }
    // One fault is reported once, not at every statement that follows.
    this.#adopt(stated)
  }

  #adopt(balances: readonly Balance[]): void {
    this.#balances.clear()
    for (const { venue, asset, amount } of balances) this.#balances.set(`${venue}:${asset}`, Decimal.parse(amount))
  }
}
