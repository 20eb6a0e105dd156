/**
 * Carries one symbol's intents out: sends both legs at once, books what they got, and brings unequal legs back together. Everything is
 * committed before it is acted on, so a killed engine finds each trade at a step from which `resume` goes on.
 */

import { Decimal } from '../base/decimal.ts'
import type { MarketDataProvider } from '../market-data/market-data-provider.ts'
import type { Body, OrderInDoubt, TradingEvent } from '../model/event.ts'
import type { Side } from '../model/instrument.ts'
import type { EntryIntent, ExitIntent, LegPlan } from '../model/intent.ts'
import type { OrderPurpose, OrderReport, OrderRequest } from '../model/order.ts'
import { legs, sideOf, type Direction, type Leg, type Route } from '../model/route.ts'
import type { ExitReason, Trade } from '../model/trade.ts'
import type { PortfolioState } from '../portfolio/portfolio-state.ts'
import { requiredAsset, type RequiredAsset } from '../risk/inventory-holds.ts'
import { planUnwind } from './legs.ts'
import { askCountMax, OrdersInDoubt } from './orders-in-doubt.ts'
import type { OrderGateway } from './order-gateway.ts'

/** Where an executor writes down what it does. */
export interface AuditTrail {
  record(event: Body<TradingEvent>): void
  /** Makes all that was recorded and changed so far true. False where the store does not answer: then nothing may be sent. */
  commit(): Promise<boolean>
  /** For application.log, at once. */
  warn(event: Body<OrderInDoubt>, level: 'warn' | 'error'): void
}

/** Who must know how a trade goes on: the risk guard. */
export interface TradeWatcher {
  /** For orders that close or unwind: false where they would spend what other orders count on. */
  holdOrders(tradeId: string, required: readonly RequiredAsset[]): boolean
  /** No order of the trade is under way. */
  settled(tradeId: string): void
  closed(tradeId: string, realisedKrw: Decimal): void
  /** An entry that ended with nothing hedged; what it cost counts like any other loss. */
  failed(tradeId: string, realisedKrw: Decimal): void
}

export interface ExecutorOptions {
  route: Route
  portfolio: PortfolioState
  gateway: OrderGateway
  provider: Pick<MarketDataProvider, 'book'>
  trail: AuditTrail
  watcher: TradeWatcher
  nowMs: () => number
}

/** An order and its end, or null where that is in doubt; `error` where the gateway failed. */
interface Answer {
  order: OrderRequest
  report: OrderReport | null
  error: unknown
}

/** An entry under way: what its event states, and which orders did not go through, in words. */
interface Entering {
  intent: EntryIntent
  failures: string[]
}

/** Orders sent for one leg's excess in one loop; what is still in excess then waits for the next loop. */
const unwindOrdersMax = 3
/**
 * A venue that rejects what closes or unwinds a trade (a changed filter, a closed market) is not asked again every loop; and an exit whose
 * one leg is rejected or lost costs the fees of the other, there and back, each time. An unwind that was lost is urgent.
 */
const failedDelayMs = { first: 500, max: 30_000 }

export class Executor {
  readonly #options: ExecutorOptions
  /** What the entry and exit events state, until they are written. Lost in a kill, and then said to be so. */
  readonly #entries = new Map<string, Entering>()
  readonly #exits = new Map<string, ExitIntent>()
  readonly #inDoubt = new OrdersInDoubt()
  /** Legs of trades whose last order failed. */
  readonly #failedLegs = new Map<string, { delayMs: number; againAtMs: number }>()

  constructor(options: ExecutorOptions) {
    this.#options = options
  }

  /** Whether there are orders of which nobody has said what became of them. */
  get hasOrdersInDoubt(): boolean {
    return this.#inDoubt.size > 0
  }

  /** Opens the trade that the guard has allowed under the portfolio's next trade id. */
  async open(intent: EntryIntent): Promise<void> {
    const { portfolio } = this.#options
    const { symbol, direction, notionalKrw, netEdgeBps, fxKrwPerUsdt } = intent
    const { tradeId } = portfolio.openTrade({
      symbol,
      direction,
      notionalKrw: Math.round(notionalKrw),
      entryNetEdgeBps: netEdgeBps,
      entryFxKrwPerUsdt: fxKrwPerUsdt,
      nowMs: this.#options.nowMs(),
    })
    this.#entries.set(tradeId, { intent, failures: [] })
    await this.#sendBothLegs(tradeId, 'entry', direction, intent.legs, fxKrwPerUsdt)
    await this.#goOn(tradeId, 'opening', fxKrwPerUsdt)
  }

  async close(intent: ExitIntent): Promise<void> {
    const { portfolio, route, watcher } = this.#options
    const { tradeId, direction } = intent
    if (legs.some((leg) => this.#isWaiting(tradeId, leg))) return
    if (this.#isTooSmallToClose(portfolio.trade(tradeId))) {
      this.#exits.set(tradeId, intent)
      await this.#finishExit(tradeId, intent.fxKrwPerUsdt)
      return
    }
    if (!watcher.holdOrders(tradeId, requiredOf(route, direction, intent.legs))) return
    portfolio.startExit(tradeId)
    this.#exits.set(tradeId, intent)
    await this.#sendBothLegs(tradeId, 'exit', direction, intent.legs, intent.fxKrwPerUsdt)
    await this.#goOn(tradeId, 'closing', intent.fxKrwPerUsdt)
  }

  /**
   * Goes on with a trade that is neither open nor closed: an unwind that the venue did not take, orders in doubt, or what a killed engine
   * left. Of orders that a killed engine had under way nothing is stored but that they were to leave: the paper venue never got them.
   */
  async resume(trade: Trade, fxKrwPerUsdt: number): Promise<void> {
    const { tradeId, phase } = trade
    const { gateway, nowMs } = this.#options
    if (this.#inDoubt.has(tradeId)) {
      const orders = this.#inDoubt.due(tradeId, nowMs())
      if (orders === null) return
      const answers = await answersTo(orders, (order) => gateway.lookUp(order))
      this.#book(tradeId, answers, fxKrwPerUsdt)
      for (const { order, report } of answers)
        if (order.purpose === 'unwind' && report?.fill) this.#recordUnwind(order, report.fill.quantity)
    }
    await this.#goOn(tradeId, phase, fxKrwPerUsdt)
  }

  /** What follows a trade's orders: nothing while one of them is in doubt. `phase` is the trade's when they were sent. */
  async #goOn(tradeId: string, phase: Trade['phase'], fxKrwPerUsdt: number): Promise<void> {
    const { portfolio, trail } = this.#options
    if (this.#inDoubt.has(tradeId)) {
      await trail.commit()
      return
    }
    const phaseNow = portfolio.trade(tradeId).phase
    if (phaseNow === 'opening') portfolio.settleEntry(tradeId)
    if (phaseNow === 'closing') portfolio.settleExit(tradeId)
    if (phase === 'closing') await this.#finishExit(tradeId, fxKrwPerUsdt)
    else await this.#finishEntry(tradeId, fxKrwPerUsdt)
  }

  async #finishEntry(tradeId: string, fxKrwPerUsdt: number): Promise<void> {
    await this.#balance(tradeId, fxKrwPerUsdt, () => this.#concludeEntry(tradeId, fxKrwPerUsdt))
    await this.#options.trail.commit()
  }

  /** Whether the entry has come to its end: hedged, or given up. */
  #concludeEntry(tradeId: string, fxKrwPerUsdt: number): boolean {
    const { portfolio, trail, watcher } = this.#options
    const trade = portfolio.trade(tradeId)
    if (trade.phase === 'open') {
      this.#recordEntry(trade)
    } else if (isFlat(trade)) {
      const realised = portfolio.closeTrade(tradeId, fxKrwPerUsdt)
      const reason = this.#entries.get(tradeId)?.failures.join('; ') ?? 'the engine was stopped during the entry'
      trail.record({ event: 'entry-failed', tradeId, symbol: trade.symbol, reason, realised })
      watcher.failed(tradeId, Decimal.parse(realised.totalKrw))
    } else {
      return false
    }
    this.#entries.delete(tradeId)
    for (const leg of legs) this.#failedLegs.delete(legKey(tradeId, leg))
    return true
  }

  #recordEntry(trade: Trade): void {
    const { tradeId, symbol, direction, quantity, notionalKrw, entryNetEdgeBps } = trade
    this.#options.trail.record({
      event: 'entry',
      tradeId,
      symbol,
      direction,
      quantity,
      notionalKrw,
      grossEdgeBps: this.#entries.get(tradeId)?.intent.grossEdgeBps ?? null,
      netEdgeBps: entryNetEdgeBps,
      fxKrwPerUsdt: trade.entryFxKrwPerUsdt,
    })
  }

  async #finishExit(tradeId: string, fxKrwPerUsdt: number): Promise<void> {
    const { portfolio, trail } = this.#options
    const conclude = (): boolean => this.#concludeExit(tradeId, fxKrwPerUsdt)
    const isClosed = await this.#balance(tradeId, fxKrwPerUsdt, conclude)
    if (!isClosed && this.#isTooSmallToClose(portfolio.trade(tradeId))) {
      portfolio.dissolveHedge(tradeId)
      await this.#balance(tradeId, fxKrwPerUsdt, conclude)
    }
    await trail.commit()
  }

  /** Whether the trade is closed whole. */
  #concludeExit(tradeId: string, fxKrwPerUsdt: number): boolean {
    const { portfolio, trail, watcher } = this.#options
    const trade = portfolio.trade(tradeId)
    if (!isFlat(trade)) return false
    const realised = portfolio.closeTrade(tradeId, fxKrwPerUsdt)
    const intent = this.#exits.get(tradeId)
    const reason: ExitReason = intent?.reason ?? 'resumed-exit'
    trail.record({
      event: 'exit',
      tradeId,
      symbol: trade.symbol,
      direction: trade.direction,
      reason,
      holdingMs: this.#options.nowMs() - trade.openedAtMs,
      netEdgeBps: intent?.netEdgeBps ?? null,
      fxKrwPerUsdt,
      realised,
    })
    this.#exits.delete(tradeId)
    for (const leg of legs) this.#failedLegs.delete(legKey(tradeId, leg))
    watcher.closed(tradeId, Decimal.parse(realised.totalKrw))
    return true
  }

  /** Sends an order on each leg at the same time and books what they got. */
  async #sendBothLegs(
    tradeId: string,
    purpose: OrderPurpose,
    direction: Direction,
    plans: Readonly<Record<Leg, LegPlan>>,
    fxKrwPerUsdt: number,
  ): Promise<void> {
    const orders = legs.map((leg) => this.#order(tradeId, purpose, leg, { ...plans[leg], side: sideOf(direction, leg) }))
    this.#book(tradeId, await this.#send(tradeId, orders), fxKrwPerUsdt)
  }

  #order(tradeId: string, purpose: OrderPurpose, leg: Leg, plan: LegPlan & { side: Side }): OrderRequest {
    const { portfolio, route, trail } = this.#options
    const instrument = route[leg]
    const order: OrderRequest = { orderId: portfolio.nextOrderId(), tradeId, symbol: route.symbol, leg, purpose, instrument, ...plan }
    trail.record({
      event: 'order-sent',
      orderId: order.orderId,
      tradeId,
      symbol: route.symbol,
      leg,
      purpose,
      venue: instrument.venue,
      instrument: instrument.code,
      side: plan.side,
      quantity: plan.quantity.toString(),
      limitPrice: plan.limitPrice.toString(),
    })
    return order
  }

  /** An order leaves only when it is stored that it was to leave, and once: where no answer comes, the venue is asked. */
  async #send(tradeId: string, orders: readonly OrderRequest[]): Promise<Answer[]> {
    const { trail, gateway, watcher } = this.#options
    try {
      const isStored = await trail.commit()
      return await answersTo(orders, async (order) => (isStored ? ((await gateway.send(order)) ?? gateway.lookUp(order)) : unsent(order)))
    } catch (error) {
      watcher.settled(tradeId)
      throw error
    }
  }

  /**
   * Books the orders whose end is known; the others are in doubt, also where the gateway failed. What the guard holds for a trade's orders
   * is free only when none of them is in doubt and the wallets show what they have spent.
   */
  #book(tradeId: string, answers: readonly Answer[], fxKrwPerUsdt: number): void {
    const ordersInDoubt = answers.filter(({ report }) => report === null).map(({ order }) => order)
    this.#keepInDoubt(tradeId, ordersInDoubt)
    for (const { order, report } of answers) {
      if (report !== null && hasFailed(order, report)) this.#waitLonger(tradeId, order.leg)
      else if (report !== null) this.#failedLegs.delete(legKey(tradeId, order.leg))
    }
    try {
      for (const { order, report } of answers) if (report !== null) this.#bookOrder(order, report, fxKrwPerUsdt)
    } finally {
      if (ordersInDoubt.length === 0) this.#options.watcher.settled(tradeId)
    }
    const failed = answers.find(({ error }) => error !== null)
    if (failed) throw failed.error
  }

  #waitLonger(tradeId: string, leg: Leg): void {
    const { first, max } = failedDelayMs
    const key = legKey(tradeId, leg)
    const delayMs = Math.min(2 * (this.#failedLegs.get(key)?.delayMs ?? first / 2), max)
    this.#failedLegs.set(key, { delayMs, againAtMs: this.#options.nowMs() + delayMs })
  }

  #isWaiting(tradeId: string, leg: Leg): boolean {
    return this.#options.nowMs() < (this.#failedLegs.get(legKey(tradeId, leg))?.againAtMs ?? 0)
  }

  #keepInDoubt(tradeId: string, orders: readonly OrderRequest[]): void {
    const askCount = this.#inDoubt.keep(tradeId, orders, this.#options.nowMs())
    if (askCount !== 1 && askCount !== askCountMax) return
    for (const { orderId, symbol, instrument } of orders) {
      const level = askCount === 1 ? 'warn' : 'error'
      this.#options.trail.warn({ event: 'order-in-doubt', symbol, tradeId, orderId, venue: instrument.venue, askCount }, level)
    }
  }

  #bookOrder(order: OrderRequest, report: OrderReport, fxKrwPerUsdt: number): void {
    const { portfolio, trail } = this.#options
    const { orderId, tradeId, symbol, leg, purpose, side, instrument } = order
    const { fill, status, reason } = report
    if (fill) {
      portfolio.applyFill(order, fill, fxKrwPerUsdt)
      trail.record({
        event: 'order-filled',
        orderId,
        tradeId,
        symbol,
        leg,
        purpose,
        venue: instrument.venue,
        instrument: instrument.code,
        side,
        quantity: fill.quantity.toString(),
        notional: fill.notional.toString(),
        feeAsset: fill.feeAsset,
        fee: fill.fee.toString(),
        fxKrwPerUsdt,
        levels: fill.levels.map(({ price, quantity, displayedSize }) => ({
          price: price.toString(),
          quantity: quantity.toString(),
          displayedSize: displayedSize.toString(),
        })),
        book: {
          exchangeTimeMs: fill.bookExchangeTimeMs,
          changedAtMs: fill.bookChangedAtMs,
          receivedAtMs: fill.bookReceivedAtMs,
          bestBid: fill.bestBid.toString(),
          bestAsk: fill.bestAsk.toString(),
        },
      })
    }
    if (purpose === 'entry' && status !== 'filled') {
      this.#entries.get(tradeId)?.failures.push(`leg ${leg} ${status}: ${reason ?? ''}`)
    }
    const filledQuantity = (fill?.quantity ?? Decimal.zero).toString()
    trail.record({ event: 'order-done', orderId, tradeId, symbol, leg, status, filledQuantity, reason })
  }

  /**
   * Trades both legs' excess back, as far as the venues take it now, until `conclude` says that the trade has come to its end. That is
   * asked in the same step in which the legs came to agree, without a wait in between: another symbol's commit may come in any wait, and
   * what it stores must not be a trade that is hedged or flat and of which the log does not say so.
   */
  async #balance(tradeId: string, fxKrwPerUsdt: number, conclude: () => boolean): Promise<boolean> {
    if (conclude()) return true
    for (const leg of legs) {
      if (this.#options.portfolio.trade(tradeId).excess[leg] === '0') continue
      if (await this.#unwind(tradeId, leg, fxKrwPerUsdt, conclude)) return true
      if (this.#inDoubt.has(tradeId)) break
    }
    return false
  }

  async #unwind(tradeId: string, leg: Leg, fxKrwPerUsdt: number, conclude: () => boolean): Promise<boolean> {
    const { portfolio, provider, route, watcher } = this.#options
    if (this.#isWaiting(tradeId, leg)) return false
    const instrument = route[leg]
    const whole = portfolio.foldDust(tradeId, leg)
    const side = whole.isPositive() ? 'sell' : 'buy'
    let excess = whole
    for (let sent = 0; !excess.isZero(); sent++) {
      const plan = planUnwind(instrument, excess, provider.book(instrument))
      if (plan === 'dust') {
        portfolio.leaveDust(tradeId, leg)
        break
      }
      if (plan === 'no-quote' || sent === unwindOrdersMax) break
      if (!watcher.holdOrders(tradeId, [requiredAsset(instrument, plan.side, plan.quantity, plan.limitPrice)])) break
      this.#book(tradeId, await this.#send(tradeId, [this.#order(tradeId, 'unwind', leg, plan)]), fxKrwPerUsdt)
      excess = Decimal.parse(portfolio.trade(tradeId).excess[leg])
      if (this.#inDoubt.has(tradeId) || this.#isWaiting(tradeId, leg)) break
    }
    this.#recordUnwind({ tradeId, leg, side }, whole.subtract(excess).abs())
    return conclude()
  }

  #recordUnwind({ tradeId, leg, side }: Pick<OrderRequest, 'tradeId' | 'leg' | 'side'>, quantity: Decimal): void {
    const { portfolio, route, trail } = this.#options
    const { symbol } = route
    trail.record({
      event: 'unwind',
      tradeId,
      symbol,
      leg,
      side,
      quantity: quantity.toString(),
      dustQuantity: portfolio.dust(symbol, leg).toString(),
      excessQuantity: portfolio.trade(tradeId).excess[leg],
    })
  }

  /**
   * What a partial exit left, where neither venue or only one would take an order for it. Venues judge an order by its limit: at the best
   * price it may be large enough, and be rejected again and again while the other leg is filled and traded back.
   */
  #isTooSmallToClose(trade: Trade): boolean {
    if (trade.phase !== 'open') return false
    const { route, provider } = this.#options
    return legs.some((leg) => planUnwind(route[leg], Decimal.parse(trade.quantity), provider.book(route[leg])) === 'dust')
  }
}

/** What both legs' orders spend at most, for the guard. */
export function requiredOf(route: Route, direction: Direction, plans: Readonly<Record<Leg, LegPlan>>): RequiredAsset[] {
  return legs.map((leg) => requiredAsset(route[leg], sideOf(direction, leg), plans[leg].quantity, plans[leg].limitPrice))
}

/** The end of each order, where it is known: one that fails does not hide what became of the other. */
function answersTo(orders: readonly OrderRequest[], endOf: (order: OrderRequest) => Promise<OrderReport | null>): Promise<Answer[]> {
  return Promise.all(
    orders.map(async (order): Promise<Answer> => {
      try {
        return { order, report: await endOf(order), error: null }
      } catch (error) {
        return { order, report: null, error }
      }
    }),
  )
}

function hasFailed({ purpose }: OrderRequest, { status }: OrderReport): boolean {
  return status === 'rejected' || (status === 'timed-out' && purpose === 'exit')
}

function legKey(tradeId: string, leg: Leg): string {
  return `${tradeId} ${leg}`
}

function unsent({ orderId }: OrderRequest): OrderReport {
  return { orderId, status: 'rejected', reason: 'not sent: the state could not be stored', fill: null }
}

function isFlat(trade: Trade): boolean {
  return trade.quantity === '0' && trade.excess.a === '0' && trade.excess.b === '0'
}
