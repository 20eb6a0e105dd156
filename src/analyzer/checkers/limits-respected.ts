/** Checks that at every instant the trades that the guard had allowed lay within the session's limits, and that a stop was a stop. */

import type { GuardDecided, OrderSent, SessionOpened, TradingEvent } from '../../model/event.ts'
import type { CheckResult } from '../analysis.ts'
import { type Checker, Findings } from '../checker.ts'
import { DailyLosses } from '../daily-losses.ts'

interface Reservation {
  symbol: string
  notionalKrw: number
}

/** Limits are plain numbers, and so are the sums held against them. */
const relativeSlack = 1e-9
const lossSlackKrw = 0.01

/**
 * A reservation stands from its allow until the trade's end. Its notional is what the guard allowed, or what the entry then said where
 * that is less: a lower bound of the guard's own figure, so that a violation is one by any account.
 *
 * What a decision says that it saw of the day's losses must be what the trades closed since the local midnight have lost. An entry's order
 * goes out for a trade that was allowed and for no other, so that after a stop nothing is opened by any way.
 */
export class LimitsRespected implements Checker {
  readonly name = 'limits-respected'
  readonly #findings = new Findings(this.name, 'allowed entries', 'refused entries')
  readonly #reservations = new Map<string, Reservation>()
  readonly #ordersUnderWay = new Map<string, number>()
  #limits: SessionOpened['limits'] | null = null
  #dailyLosses: DailyLosses | null = null
  #isStopped = false

  observe(event: TradingEvent): void {
    switch (event.event) {
      case 'session-opened':
        return this.#opened(event)
      case 'guard-decided':
        return this.#decided(event)
      case 'order-sent':
        return this.#sent(event)
      case 'order-done':
        this.#ordersUnderWay.set(event.symbol, Math.max(0, (this.#ordersUnderWay.get(event.symbol) ?? 0) - 1))
        return
      case 'entry': {
        const reservation = this.#reservations.get(event.tradeId)
        if (reservation) reservation.notionalKrw = Math.min(reservation.notionalKrw, Number(event.notionalKrw))
        return
      }
      case 'exit':
      case 'entry-failed':
        this.#reservations.delete(event.tradeId)
        this.#dailyLosses?.realised(event.time, event.symbol, event.realised.totalKrw)
        return
      default:
    }
  }

  finish(): CheckResult {
    return this.#findings.result()
  }

  #opened(event: SessionOpened): void {
    this.#limits = event.limits
    this.#isStopped = false
    this.#ordersUnderWay.clear()
    this.#reservations.clear()
    for (const { tradeId, symbol, notionalKrw } of event.openTrades) {
      this.#reservations.set(tradeId, { symbol, notionalKrw: Number(notionalKrw) })
    }
    const { dailyResetTimeZone } = event.limits.global
    // A state that is older than its log has a first line with a higher number.
    if (dailyResetTimeZone !== undefined) this.#dailyLosses ??= new DailyLosses(dailyResetTimeZone, event.seq === 1)
  }

  #sent(event: OrderSent): void {
    this.#ordersUnderWay.set(event.symbol, (this.#ordersUnderWay.get(event.symbol) ?? 0) + 1)
    if (event.purpose !== 'entry' || this.#reservations.has(event.tradeId)) return
    this.#findings.violate(event, `${event.orderId} enters ${event.tradeId}, which the guard has not allowed`)
  }

  #decided(event: GuardDecided): void {
    // A guard with a policy of its own need not count.
    if (event.reason !== 'policy') this.#compareLosses(event)
    if (event.outcome !== 'allow') {
      this.#findings.examine('refused entries')
      if (event.outcome === 'stop-session') this.#isStopped = true
      return
    }
    this.#findings.examine('allowed entries')
    if (this.#isStopped) this.#findings.violate(event, `${event.symbol} is allowed after the session was stopped`)
    // An allow without a trade's name still takes a slot; it frees itself never, which shows.
    this.#reservations.set(event.tradeId ?? `seq ${event.seq}`, { symbol: event.symbol, notionalKrw: event.seen.notionalKrw })
    this.#compare(event)
  }

  #compare(event: GuardDecided): void {
    const { symbol, seen } = event
    const limits = this.#limits?.symbols[symbol]
    if (this.#limits === null || limits === undefined) {
      return this.#findings.violate(event, `${symbol} is allowed, and the session sets it no limits`)
    }
    const { global } = this.#limits
    const all = [...this.#reservations.values()]
    const own = all.filter((reservation) => reservation.symbol === symbol)
    const sum = (reservations: readonly Reservation[]): number => reservations.reduce((total, { notionalKrw }) => total + notionalKrw, 0)
    const figures: [what: string, value: number, limit: number][] = [
      ['notional', seen.notionalKrw, global.maxNotionalKrw],
      ['open trades', all.length, global.maxOpenTrades],
      ['exposure', sum(all), global.maxExposureKrw],
      ['quote age', seen.quoteAgeMs, global.maxQuoteAgeMs],
      [`${symbol} open trades`, own.length, limits.maxOpenTrades],
      [`${symbol} capital`, sum(own), limits.maxCapitalKrw],
      [`${symbol} orders under way with both legs`, (this.#ordersUnderWay.get(symbol) ?? 0) + 2, limits.maxConcurrentOrders],
    ]
    for (const [what, value, limit] of figures) {
      if (value <= limit * (1 + relativeSlack)) continue
      this.#findings.violate(event, `${event.tradeId ?? symbol} is allowed with ${what} ${value}, limit ${limit}`)
    }
    const losses: [what: string, value: number, limit: number][] = [
      ['daily loss', seen.dailyLossKrw, global.maxDailyLossKrw],
      [`${symbol} daily loss`, seen.symbolDailyLossKrw, limits.maxDailyLossKrw],
    ]
    for (const [what, value, limit] of losses) {
      if (value < limit) continue
      this.#findings.violate(event, `${event.tradeId ?? symbol} is allowed with ${what} ${value}, limit ${limit}`)
    }
  }

  #compareLosses(event: GuardDecided): void {
    const { symbol, seen, time } = event
    const losses: [what: string, said: number, derived: number | null][] = [
      ['daily loss', seen.dailyLossKrw, this.#dailyLosses?.lossKrw(time, null) ?? null],
      [`daily loss on ${symbol}`, seen.symbolDailyLossKrw, this.#dailyLosses?.lossKrw(time, symbol) ?? null],
    ]
    for (const [what, said, derived] of losses) {
      if (derived === null || Math.abs(said - derived) <= lossSlackKrw) continue
      this.#findings.violate(event, `the guard saw a ${what} of ${said}, the trades closed since midnight make ${derived}`)
    }
  }
}
