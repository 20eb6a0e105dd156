/** Checks the realised profit of every closed trade against its fills: edge, fees and FX, as model/trade.ts defines them; and their sum. */

import { assert } from '../../base/assert.ts'
import { Decimal } from '../../base/decimal.ts'
import type {
  BalancesStated,
  Entry,
  EntryFailed,
  Exit,
  OrderFilled,
  SessionClosed,
  SessionOpened,
  TradingEvent,
} from '../../model/event.ts'
import type { Realised, Trade } from '../../model/trade.ts'
import type { CheckResult } from '../analysis.ts'
import { type Checker, Findings, Listing } from '../checker.ts'

/** What the fills of a trade have moved; money that came in is positive. */
interface Cash {
  entryKrw: Decimal
  entryUsdt: Decimal
  exitValueKrw: Decimal
  feesKrw: Decimal
  /** The first fill's rate until the entry, then the entry's. */
  entryFx: Decimal | null
  hasEntered: boolean
  /** A fee taken in base is valued by one division, which the engine may round at eight digits of the quote currency. */
  tolerance: Decimal
}

const tolerance = Decimal.parse('0.000001')
const divisionScale = 20
const quoteUnit = Decimal.parse('0.00000001')

export class ProfitAgrees implements Checker {
  readonly name = 'profit-agrees'
  readonly #findings = new Findings(this.name, 'closed trades', 'statements of profit')
  readonly #listing = new Listing()
  /** Open trades only. */
  readonly #cash = new Map<string, Cash>()
  /** Of all trades so far, over all attempts; null while a state that is older than the log has not said what it was. */
  #realisedKrw: Decimal | null = null

  observe(event: TradingEvent): void {
    switch (event.event) {
      case 'session-opened':
        this.#open(event)
        return
      case 'order-filled':
        this.#fill(event)
        return
      case 'entry':
        this.#entered(event)
        return
      case 'exit':
        this.#exited(event)
        return
      case 'entry-failed':
        this.#failed(event)
        return
      case 'balances-stated':
      case 'session-closed':
        this.#stated(event)
        return
      default:
    }
  }

  finish(): CheckResult {
    return this.#findings.result()
  }

  #open(event: SessionOpened): void {
    this.#listing.open(event.instruments)
    if (event.seq === 1) this.#realisedKrw = Decimal.zero
    for (const trade of event.openTrades) if (!this.#cash.has(trade.tradeId)) this.#cash.set(trade.tradeId, cashOf(trade))
  }

  #fill(event: OrderFilled): void {
    const cash = this.#cashOf(event.tradeId)
    const { base, quote } = this.#listing.get(event.venue, event.instrument)
    assert(quote === 'KRW' || quote === 'USDT', `${event.orderId}: no rule for a quote currency ${quote}`)
    const fx = Decimal.fromNumber(event.fxKrwPerUsdt)
    const rate = quote === 'KRW' ? Decimal.one : fx
    const notional = Decimal.parse(event.notional)
    const moved = event.side === 'sell' ? notional : notional.negate()
    cash.entryFx ??= fx
    if (cash.hasEntered) cash.exitValueKrw = cash.exitValueKrw.add(moved.multiply(rate))
    else if (quote === 'KRW') cash.entryKrw = cash.entryKrw.add(moved)
    else cash.entryUsdt = cash.entryUsdt.add(moved)
    const isFeeInBase = event.feeAsset === base
    const fee = Decimal.parse(event.fee)
    const feeInQuote = isFeeInBase ? fee.multiply(notional).divide(Decimal.parse(event.quantity), divisionScale, 'half-even') : fee
    cash.feesKrw = cash.feesKrw.add(feeInQuote.multiply(rate))
    if (isFeeInBase) cash.tolerance = cash.tolerance.add(quoteUnit.multiply(rate))
  }

  #entered(event: Entry): void {
    const cash = this.#cashOf(event.tradeId)
    cash.hasEntered = true
    cash.entryFx = Decimal.fromNumber(event.fxKrwPerUsdt)
  }

  #exited(event: Exit): void {
    const cash = this.#cashOf(event.tradeId)
    const entryFx = cash.entryFx ?? Decimal.zero
    const edge = cash.entryKrw.add(cash.entryUsdt.multiply(entryFx)).add(cash.exitValueKrw)
    this.#compare(event, cash, edge, cash.entryUsdt.multiply(Decimal.fromNumber(event.fxKrwPerUsdt).subtract(entryFx)))
  }

  #failed(event: EntryFailed): void {
    const cash = this.#cashOf(event.tradeId)
    this.#compare(event, cash, cash.entryKrw.add(cash.entryUsdt.multiply(cash.entryFx ?? Decimal.zero)), Decimal.zero)
  }

  /** What is stated is where the next comparison starts, so that one fault is reported once. */
  #stated(event: BalancesStated | SessionClosed): void {
    this.#findings.examine('statements of profit')
    const said = Decimal.parse(event.realisedKrw)
    const made = this.#realisedKrw ?? said
    if (!said.equals(made))
      this.#findings.violate(event, `${event.event} states ${said.toString()} KRW, the trades make ${made.toString()}`)
    this.#realisedKrw = said
  }

  #compare(event: Exit | EntryFailed, cash: Cash, edge: Decimal, fx: Decimal): void {
    this.#findings.examine('closed trades')
    this.#cash.delete(event.tradeId)
    this.#realisedKrw &&= this.#realisedKrw.add(Decimal.parse(event.realised.totalKrw))
    const derived: [keyof Realised, Decimal][] = [
      ['edgeKrw', edge],
      ['feesKrw', cash.feesKrw],
      ['fxKrw', fx],
      ['totalKrw', edge.subtract(cash.feesKrw).add(fx)],
    ]
    for (const [name, value] of derived) {
      const said = event.realised[name]
      if (!Decimal.parse(said).subtract(value).abs().isGreaterThan(cash.tolerance)) continue
      const made = value.round(8, 'half-even').toString()
      this.#findings.violate(event, `${event.tradeId} on ${event.symbol}: ${name} ${said}, the fills make ${made}`)
    }
  }

  #cashOf(tradeId: string): Cash {
    const known = this.#cash.get(tradeId)
    if (known) return known
    const fresh: Cash = {
      entryKrw: Decimal.zero,
      entryUsdt: Decimal.zero,
      exitValueKrw: Decimal.zero,
      feesKrw: Decimal.zero,
      entryFx: null,
      hasEntered: false,
      tolerance,
    }
    this.#cash.set(tradeId, fresh)
    return fresh
  }
}

/** A trade that an earlier run left open: its past is not in this log, so what the state says of it stands. */
function cashOf(trade: Trade): Cash {
  return {
    entryKrw: Decimal.parse(trade.cash.entryKrw),
    entryUsdt: Decimal.parse(trade.cash.entryUsdt),
    exitValueKrw: Decimal.parse(trade.cash.exitValueKrw),
    feesKrw: Decimal.parse(trade.cash.feesKrw),
    entryFx: Decimal.fromNumber(trade.entryFxKrwPerUsdt),
    hasEntered: trade.phase === 'open' || trade.phase === 'closing',
    tolerance,
  }
}
