/** Checks that what an attempt found stored, and what it stated at its end, is what the log of everything before it makes. */

import { Decimal } from '../../base/decimal.ts'
import type { OrderFilled, SessionClosed, SessionOpened, TradingEvent } from '../../model/event.ts'
import type { Balance } from '../../model/money.ts'
import type { Trade } from '../../model/trade.ts'
import type { CheckResult } from '../analysis.ts'
import { type Checker, Findings, Listing } from '../checker.ts'

interface DerivedTrade {
  symbol: string
  /** What its `entry` said; null before that, and once it is being closed. */
  quantity: Decimal | null
}

export class StoredStateAgrees implements Checker {
  readonly name = 'stored-state-agrees'
  readonly #findings = new Findings(this.name, 'attempts', 'states at an attempt’s start or end')
  readonly #listing = new Listing()
  readonly #balances = new Map<string, Decimal>()
  readonly #trades = new Map<string, DerivedTrade>()
  #attempt: number | null = null

  observe(event: TradingEvent): void {
    switch (event.event) {
      case 'session-opened':
        return this.#opened(event)
      case 'session-closed':
        return this.#compare(event, event.openTrades, event.balances)
      case 'guard-decided':
        if (event.outcome === 'allow' && event.tradeId !== null) this.#trades.set(event.tradeId, { symbol: event.symbol, quantity: null })
        return
      case 'order-sent': {
        const trade = this.#trades.get(event.tradeId)
        if (trade) trade.quantity = null
        return
      }
      case 'order-filled':
        return this.#filled(event)
      case 'entry':
        this.#trades.set(event.tradeId, { symbol: event.symbol, quantity: Decimal.parse(event.quantity) })
        return
      case 'exit':
      case 'entry-failed':
        this.#trades.delete(event.tradeId)
        return
      default:
    }
  }

  finish(): CheckResult {
    return this.#findings.result()
  }

  #opened(event: SessionOpened): void {
    this.#findings.examine('attempts')
    this.#listing.open(event.instruments)
    if (this.#attempt !== null) {
      if (event.attempt <= this.#attempt) this.#findings.violate(event, `attempt ${event.attempt} follows attempt ${this.#attempt}`)
      this.#compare(event, event.openTrades, event.balances)
    }
    this.#attempt = event.attempt
    this.#adopt(event)
  }

  #compare(event: SessionOpened | SessionClosed, openTrades: readonly Trade[], balances: readonly Balance[]): void {
    this.#findings.examine('states at an attempt’s start or end')
    const stated = new Map(openTrades.map((trade) => [trade.tradeId, trade]))
    for (const [tradeId, { symbol }] of this.#trades) {
      if (!stated.has(tradeId)) this.#findings.violate(event, `${event.event}: ${tradeId} on ${symbol} is lost`)
    }
    for (const [tradeId, trade] of stated) {
      const derived = this.#trades.get(tradeId)
      if (derived === undefined) {
        this.#findings.violate(event, `${event.event}: ${tradeId} on ${trade.symbol} is open, and the log never opened it`)
      } else if (trade.phase === 'open' && derived.quantity !== null && !derived.quantity.equals(Decimal.parse(trade.quantity))) {
        this.#findings.violate(event, `${event.event}: ${tradeId} holds ${trade.quantity}, its entry ${derived.quantity.toString()}`)
      }
    }
    const amounts = new Map(balances.map(({ venue, asset, amount }) => [`${venue}:${asset}`, Decimal.parse(amount)]))
    for (const key of new Set([...amounts.keys(), ...this.#balances.keys()])) {
      const said = amounts.get(key) ?? Decimal.zero
      const derived = this.#balances.get(key) ?? Decimal.zero
      if (said.equals(derived)) continue
      this.#findings.violate(event, `${event.event}: ${key} ${said.toString()}, the log makes ${derived.toString()}`)
    }
  }

  /** What the attempt starts from, so that one fault is reported once. */
  #adopt(event: SessionOpened): void {
    this.#balances.clear()
    for (const { venue, asset, amount } of event.balances) this.#balances.set(`${venue}:${asset}`, Decimal.parse(amount))
    const quantities = new Map([...this.#trades].map(([tradeId, trade]) => [tradeId, trade.quantity]))
    this.#trades.clear()
    for (const { tradeId, symbol } of event.openTrades) this.#trades.set(tradeId, { symbol, quantity: quantities.get(tradeId) ?? null })
  }

  #filled(event: OrderFilled): void {
    const { base, quote } = this.#listing.get(event.venue, event.instrument)
    const sign = event.side === 'buy' ? Decimal.one : Decimal.one.negate()
    const moves: [asset: string, amount: Decimal][] = [
      [base, Decimal.parse(event.quantity).multiply(sign)],
      [quote, Decimal.parse(event.notional).multiply(sign).negate()],
      [event.feeAsset, Decimal.parse(event.fee).negate()],
    ]
    for (const [asset, amount] of moves) {
      const key = `${event.venue}:${asset}`
      this.#balances.set(key, (this.#balances.get(key) ?? Decimal.zero).add(amount))
    }
  }
}
