import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { allCheckers } from '../analyzer/run-checkers.ts'
import { Decimal, sumDecimals } from '../base/decimal.ts'
import { OperatingError } from '../base/error.ts'
import { VirtualClock } from '../clock/virtual-clock.ts'
import { Committer } from '../engine/committer.ts'
import { Journal } from '../engine/journal.ts'
import { LogFile } from '../engine/log-file.ts'
import type { Changes, StateStore } from '../engine/state-store.ts'
import type { InstrumentKey, MarketDataProvider } from '../market-data/market-data-provider.ts'
import { schemaVersion, type TradingEvent } from '../model/event.ts'
import { type Instrument, instrumentOf, limitPriceBeyond, roundQuantity, type InstrumentFacts } from '../model/instrument.ts'
import type { LegPlan } from '../model/intent.ts'
import type { OrderBook } from '../model/order-book.ts'
import type { OrderReport, OrderRequest, VenueStatement } from '../model/order.ts'
import { type Direction, directions, type Leg, opposite, type Route, sideOf } from '../model/route.ts'
import type { ExitReason } from '../model/trade.ts'
import { PortfolioState } from '../portfolio/portfolio-state.ts'
import { RiskGuard } from '../risk/risk-guard.ts'
import { DropCopy } from './drop-copy.ts'
import { ExecutorFactory } from './executor-factory.ts'
import { requiredOf } from './executor.ts'
import type { OrderGateway } from './order-gateway.ts'

const startMs = Date.UTC(2026, 0, 5)

const facts: readonly InstrumentFacts[] = [
  listed('upbit', 'KRW-BTC', 'KRW', '1000', '0.00000001', '5000', '0.0005'),
  listed('binance', 'BTCUSDT', 'USDT', '0.01', '0.00001', '5', '0.001'),
  listed('upbit', 'USDT-BTC', 'USDT', '0.01', '0.00000001', '0.5', '0.0025'),
]
const [krwBtc, btcUsdt, usdtBtc] = facts.map(instrumentOf) as [Instrument, Instrument, Instrument]
const krwRoute: Route = { symbol: 'KRW-BTC', a: krwBtc, b: btcUsdt }
const usdtRoute: Route = { symbol: 'BTCUSDT', a: btcUsdt, b: usdtBtc }
const routes = [krwRoute, usdtRoute]

function listed(
  venue: InstrumentFacts['venue'],
  code: string,
  quote: string,
  tickSize: string,
  lotSize: string,
  minNotional: string,
  takerFee: string,
): InstrumentFacts {
  const tickBands = [{ fromPrice: '0', tickSize }]
  return { venue, code, base: 'BTC', quote, tickBands, lotSize, minNotional, takerFee, feeAsset: venue === 'upbit' ? 'quote' : 'received' }
}

const limits = { maxCapitalKrw: 4e7, maxOpenTrades: 2, maxConcurrentOrders: 4, maxDailyLossKrw: 1e9, cooldownMs: 0, failureCooldownMs: 0 }
const risk = {
  global: { maxNotionalKrw: 2e7, maxOpenTrades: 4, maxExposureKrw: 8e7, maxDailyLossKrw: 1e9, maxQuoteAgeMs: 3000, maxUnchangedMs: 30_000 },
  symbols: { 'KRW-BTC': limits, BTCUSDT: limits },
  dailyResetTimeZone: 'UTC',
  circuitBreaker: { openAfterFailures: 5, openForMs: 1000 },
}
const plenty = { 'upbit:KRW': '100000000', 'upbit:USDT': '90000', 'upbit:BTC': '2', 'binance:USDT': '90000', 'binance:BTC': '2' }

/** One price level a side, and always there. */
class OneLevelBooks implements Pick<MarketDataProvider, 'book' | 'fetchBook'> {
  readonly #prices: Readonly<Record<string, readonly [bid: number, ask: number]>> = {
    'upbit:KRW-BTC': [140_000_000, 140_100_000],
    'binance:BTCUSDT': [99_000, 99_010],
    'upbit:USDT-BTC': [99_500, 99_520],
  }
  priceFactor = 1
  nowMs = startMs

  /** On the tick for the factors in use. */
  best({ venue, code }: InstrumentKey): [bid: number, ask: number] {
    const [bid, ask] = this.#prices[`${venue}:${code}`]!
    return [bid * this.priceFactor, ask * this.priceFactor]
  }

  book(instrument: InstrumentKey): OrderBook {
    const [bid, ask] = this.best(instrument)
    const times = { exchangeTimeMs: this.nowMs, changedAtMs: this.nowMs, receivedAtMs: this.nowMs }
    return { bids: [{ price: bid, size: 1000 }], asks: [{ price: ask, size: 1000 }], ...times }
  }

  fetchBook(instrument: InstrumentKey): Promise<OrderBook> {
    return Promise.resolve(this.book(instrument))
  }
}

/** What the venue does with an order: the share of its quantity that it fills, or a refusal; and where it says so only when asked. */
type Answer = number | 'rejected' | 'timed-out' | 'defect' | InDoubt

interface InDoubt {
  share: number
  /** Asks to which the venue has no answer. */
  vainAsks: number
}

/** Answers orders by the script, in the order in which they are sent, and fills the rest whole. */
class ScriptedGateway implements OrderGateway {
  readonly script: Answer[]
  readonly sent: OrderRequest[] = []
  readonly asked: { orderId: string; atMs: number }[] = []
  readonly #ends = new Map<string, { report: OrderReport; vainAsks: number }>()
  #dropCopy = new DropCopy()
  readonly #books: OneLevelBooks

  constructor(books: OneLevelBooks, script: readonly Answer[]) {
    this.#books = books
    this.script = [...script]
  }

  clock: VirtualClock | null = null
  /** Event time that an answer takes on the symbol, and steps of the engine at that instant before it comes. */
  readonly delays: Record<string, { ms: number; steps: number }> = {}

  async send(order: OrderRequest): Promise<OrderReport | null> {
    this.sent.push(order)
    const answer = this.script.shift() ?? 1
    const { share, vainAsks } = typeof answer === 'object' ? answer : { share: answer, vainAsks: 0 }
    const report = this.#answer(order, share)
    const isTaken = report.status !== 'rejected' && report.status !== 'timed-out'
    if (isTaken) this.#dropCopy.took(order, report.fill)
    const { ms, steps } = this.delays[order.symbol] ?? { ms: 0, steps: 0 }
    if (ms > 0) await this.clock?.sleepUntil(this.clock.nowMs() + ms)
    for (let i = 0; i < steps; i++) await Promise.resolve()
    if (typeof answer !== 'object' && report.status !== 'timed-out') return report
    this.#ends.set(order.orderId, { report, vainAsks })
    return null
  }

  lookUp({ orderId }: OrderRequest): Promise<OrderReport | null> {
    this.asked.push({ orderId, atMs: this.clock?.nowMs() ?? 0 })
    const end = this.#ends.get(orderId)
    if (end && end.vainAsks-- > 0) return Promise.resolve(null)
    this.#ends.delete(orderId)
    return Promise.resolve(end?.report ?? { orderId, status: 'timed-out', reason: 'never came', fill: null })
  }

  statement(): VenueStatement {
    return this.#dropCopy.statement()
  }

  /** The engine dies, and the paper venue in it. */
  forget(): void {
    this.#ends.clear()
    this.#dropCopy = new DropCopy()
  }

  #answer(order: OrderRequest, answer: Exclude<Answer, InDoubt>): OrderReport {
    const { orderId, instrument, side } = order
    if (answer === 'defect') throw new TypeError('a defect of the gateway')
    if (typeof answer === 'string') return { orderId, status: answer, reason: 'as the script has it', fill: null }
    const quantity = roundQuantity(instrument, order.quantity.multiply(Decimal.fromNumber(answer)))
    if (quantity.isZero()) return { orderId, status: 'unfilled', reason: 'nothing displayed', fill: null }
    const book = this.#books.book(instrument)
    const [bestBid, bestAsk] = this.#books.best(instrument).map((price) => Decimal.fromNumber(price)) as [Decimal, Decimal]
    const price = side === 'buy' ? bestAsk : bestBid
    const notional = quantity.multiply(price)
    const isFeeInBase = instrument.feeAsset === 'received' && side === 'buy'
    const fill = {
      levels: [{ price, quantity, displayedSize: Decimal.parse('1000') }],
      quantity,
      notional,
      feeAsset: isFeeInBase ? instrument.base : instrument.quote,
      fee: (isFeeInBase ? quantity : notional).multiply(instrument.takerFee).round(8, 'up'),
      bookExchangeTimeMs: book.exchangeTimeMs,
      bookChangedAtMs: book.changedAtMs,
      bookReceivedAtMs: book.receivedAtMs,
      bestBid,
      bestAsk,
    }
    return { orderId, status: quantity.equals(order.quantity) ? 'filled' : 'partial', reason: null, fill }
  }
}

/** Thrown in the place of a process that ends. */
class Killed extends Error {}

/** A store that the engine's death leaves as it is: the engine dies in a given commit, before that is made or after. */
class MortalStore implements StateStore {
  readonly kind = 'embedded'
  readonly state = new Map<string, string>()
  commitCount = 0
  killAt: { commit: number; isStored: boolean } | null = null
  isDown = false

  open(): Promise<ReadonlyMap<string, string>> {
    return Promise.resolve(new Map(this.state))
  }

  async commit({ set, remove }: Changes): Promise<void> {
    // As long as a real store takes, so that symbols can come between one another.
    await Promise.resolve()
    if (this.isDown) throw new OperatingError('STORE_UNAVAILABLE', 'as the test has it', { hint: 'none' })
    this.commitCount++
    const { commit = Infinity, isStored = false } = this.killAt ?? {}
    if (this.commitCount > commit || (this.commitCount === commit && !isStored)) throw new Killed()
    for (const key of remove) this.state.delete(key)
    for (const [key, value] of Object.entries(set)) this.state.set(key, value)
    if (this.commitCount === commit) throw new Killed()
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}

let folder: string
let deskCount = 0

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'longhaul-executor-'))
})

afterAll(() => rmSync(folder, { recursive: true }))

/** An engine without its loop: every part but market and venue is real, and it can be killed and started again. */
class Desk {
  readonly books = new OneLevelBooks()
  readonly gateway: ScriptedGateway
  readonly store = new MortalStore()
  readonly #logs: string
  readonly #balances: Readonly<Record<string, string>>
  /** What had left Upbit's wallet of BTC each time that the guard was told to free what it held. */
  readonly soldWhenFreed: string[] = []
  readonly warnings: string[] = []
  #attempt = 0
  krwPerUsdt = 1400
  clock = new VirtualClock({ startMs, pace: null })
  portfolio!: PortfolioState
  #journal!: Journal
  #committer!: Committer
  #guard!: RiskGuard
  #executors!: ExecutorFactory

  constructor(script: readonly Answer[], balances: Readonly<Record<string, string>> = plenty) {
    this.#logs = join(folder, `${++deskCount}`)
    this.#balances = balances
    this.gateway = new ScriptedGateway(this.books, script)
  }

  static async started(script: readonly Answer[], balances: Readonly<Record<string, string>> = plenty): Promise<Desk> {
    const desk = new Desk(script, balances)
    await desk.start()
    return desk
  }

  /** Also after a kill: everything in memory is made anew from the store. */
  async start(): Promise<void> {
    this.clock = new VirtualClock({ startMs: Math.max(this.clock.nowMs(), startMs + 60_000 * this.#attempt), pace: null })
    this.books.nowMs = this.clock.nowMs()
    this.gateway.clock = this.clock
    this.gateway.forget()
    this.store.killAt = null
    const { portfolio, committer, stored } = this.#restored()
    committer.recover(stored)
    const { clock, books: provider, gateway } = this
    this.#executors = new ExecutorFactory(routes, {
      portfolio,
      gateway,
      provider,
      trail: {
        record: (event) => this.#journal.trading(event),
        commit: () => committer.commit(),
        warn: (event, level) => this.warnings.push(`${level}: ${event.orderId} asked ${event.askCount} times`),
      },
      watcher: {
        holdOrders: (tradeId, required) =>
          this.#guard.holdOrders(tradeId, required, (venue, asset) => portfolio.ledger.balance(venue, asset)),
        settled: (tradeId) => {
          this.#guard.settled(tradeId)
          this.soldWhenFreed.push(Decimal.parse('2').subtract(portfolio.ledger.balance('upbit', 'BTC')).toString())
        },
        closed: (tradeId, realisedKrw) => this.#guard.closed(tradeId, realisedKrw, clock.nowMs()),
        failed: (tradeId, realisedKrw) => this.#guard.failed(tradeId, realisedKrw, clock.nowMs()),
      },
      nowMs: () => clock.nowMs(),
    })
    this.#journal.trading({
      event: 'session-opened',
      schema: schemaVersion,
      attempt: ++this.#attempt,
      seed: 1,
      routes: routes.map(({ symbol, a, b }) => ({ symbol, a: { venue: a.venue, code: a.code }, b: { venue: b.venue, code: b.code } })),
      instruments: [...facts],
      limits: { global: risk.global, symbols: risk.symbols },
      balances: portfolio.ledger.balances(),
      openTrades: [...portfolio.trades()],
    })
    await this.clock.run(committer.commit())
  }

  #restored(): { portfolio: PortfolioState; committer: Committer; stored: ReadonlyMap<string, string> } {
    const stored = new Map(this.store.state)
    const opening = Object.entries(this.#balances).map(([key, amount]) => {
      const [venue, asset] = key.split(':') as [Instrument['venue'], string]
      return { venue, asset, amount }
    })
    const portfolio = PortfolioState.restore(stored) ?? PortfolioState.fresh(opening)
    const guard = new RiskGuard(risk, { isOpen: () => false })
    guard.restore(stored, portfolio.trades())
    const open = (name: string): LogFile => new LogFile(`${this.#logs}-${name}.log`)
    const { store, clock } = this
    this.#journal?.close()
    const journal = new Journal({ application: open('application'), trading: open('trading'), metrics: open('metrics') }, clock)
    const committer = new Committer({ store, clock, journal, sources: [portfolio, guard] })
    this.portfolio = portfolio
    this.#guard = guard
    this.#journal = journal
    this.#committer = committer
    return { portfolio, committer, stored }
  }

  #plans(route: Route, direction: Direction, quantity: Decimal): Record<Leg, LegPlan> {
    const plan = (leg: Leg): LegPlan => {
      const side = sideOf(direction, leg)
      const [bid, ask] = this.books.best(route[leg])
      return { quantity, limitPrice: limitPriceBeyond(route[leg], side, side === 'buy' ? ask : bid, 5) }
    }
    return { a: plan('a'), b: plan('b') }
  }

  #inKrw(instrument: Instrument): [bid: number, ask: number] {
    const [bid, ask] = this.books.best(instrument)
    const rate = instrument.quote === 'KRW' ? 1 : this.krwPerUsdt
    return [bid * rate, ask * rate]
  }

  #netEdgeBps(route: Route, direction: Direction): number {
    const [sold, bought] = direction === 'sell-a' ? [route.a, route.b] : [route.b, route.a]
    const received = this.#inKrw(sold)[0] * (1 - sold.takerFee.toNumber())
    return (received / (this.#inKrw(bought)[1] * (1 + bought.takerFee.toNumber())) - 1) * 10_000
  }

  /** Asks the guard and opens a trade. */
  async #enter(route: Route, direction: Direction, quantity: Decimal): Promise<void> {
    const { portfolio } = this
    const { symbol } = route
    const plans = this.#plans(route, direction, quantity)
    const [bidA, askA] = this.#inKrw(route.a)
    const notionalKrw = Math.round((quantity.toNumber() * (bidA + askA)) / 2)
    const nowMs = this.clock.nowMs()
    const { outcome, reason, seen } = this.#guard.decide({
      tradeId: portfolio.nextTradeId,
      symbol,
      direction,
      notionalKrw,
      quoteAgeMs: 0,
      unchangedMs: 0,
      venues: [route.a.venue, route.b.venue],
      required: requiredOf(route, direction, plans),
      available: (venue, asset) => portfolio.ledger.balance(venue, asset),
      nowMs,
    })
    expect(outcome, reason ?? '').toBe('allow')
    this.#journal.trading({
      event: 'guard-decided',
      symbol,
      direction,
      outcome,
      reason,
      tradeId: portfolio.nextTradeId,
      seen,
      suppressedCount: 0,
    })
    const netEdgeBps = this.#netEdgeBps(route, direction)
    const figures = { notionalKrw, grossEdgeBps: netEdgeBps + 40, netEdgeBps, fxKrwPerUsdt: this.krwPerUsdt, quoteAgeMs: 0 }
    await this.#executors.executorOf(symbol).open({ kind: 'entry', symbol, direction, quantity, legs: plans, ...figures })
  }

  enter(route: Route, direction: Direction, quantity = '0.01'): Promise<void> {
    return this.clock.run(this.#enter(route, direction, Decimal.parse(quantity)))
  }

  /** On both routes at once. */
  enterBoth(quantity = '0.01'): Promise<unknown> {
    return this.clock.run(Promise.all(routes.map((route) => this.#enter(route, 'sell-a', Decimal.parse(quantity)))))
  }

  exit(route: Route, reason: ExitReason = 'take-profit'): Promise<void> {
    const [trade] = this.portfolio.tradesOf(route.symbol)
    const direction = opposite(trade!.direction)
    const quantity = roundQuantity(route.a, roundQuantity(route.b, Decimal.parse(trade!.quantity)))
    const executor = this.#executors.executorOf(route.symbol)
    const intent = {
      symbol: route.symbol,
      tradeId: trade!.tradeId,
      direction,
      quantity,
      reason,
      netEdgeBps: -10,
      fxKrwPerUsdt: this.krwPerUsdt,
    }
    return this.clock.run(executor.close({ kind: 'exit', legs: this.#plans(route, direction, quantity), ...intent }))
  }

  /** Goes on to a later time, in which the books stand as they are. */
  async wait(ms: number): Promise<void> {
    await this.clock.run(this.clock.sleepUntil(this.clock.nowMs() + ms))
    this.books.nowMs = this.clock.nowMs()
  }

  /** As the loop does, once for the first trade that is neither open nor closed, when the executor has waited as long as it may. */
  async resume(): Promise<boolean> {
    if (this.portfolio.trades().some(({ phase }) => phase !== 'open')) await this.wait(30_000)
    return this.look()
  }

  /** The same, now. */
  async look(): Promise<boolean> {
    const trade = this.portfolio.trades().find(({ phase }) => phase !== 'open')
    if (!trade) return false
    await this.clock.run(this.#executors.executorOf(trade.symbol).resume(trade, this.krwPerUsdt))
    return true
  }

  /** Unwinds what is to be unwound and closes what is open. */
  async finish(): Promise<void> {
    for (let i = 0; i < 20 && this.portfolio.tradeCount > 0; i++) {
      if (await this.resume()) continue
      await this.wait(30_000)
      const [trade] = this.portfolio.trades()
      await this.exit(
        routes.find(({ symbol }) => symbol === trade!.symbol)!,
        'max-holding-time',
      )
    }
    expect(this.portfolio.trades()).toEqual([])
  }

  /** What the venues say, where no order is in doubt. */
  async stateVenues(): Promise<void> {
    if (this.#executors.hasOrdersInDoubt) return
    this.#journal.trading({ event: 'venue-stated', ...this.gateway.statement() })
    await this.clock.run(this.#committer.commit())
  }

  /** Ends the session, and hands the whole log to the checkers that judge campaigns. */
  async judge(): Promise<void> {
    await this.stateVenues()
    this.#journal.trading({
      event: 'session-closed',
      reason: 'completed',
      balances: this.portfolio.ledger.balances(),
      openTrades: [...this.portfolio.trades()],
      realisedKrw: this.portfolio.realisedKrw.toString(),
    })
    await this.clock.run(this.#committer.commit())
    this.#journal.close()
    const events = this.log()
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_event, index) => index + 1))
    for (const checker of allCheckers()) {
      for (const event of events) checker.observe(event)
      expect(checker.finish()).toMatchObject({ verdict: 'pass', violations: [] })
    }
    for (const { amount } of this.portfolio.ledger.balances()) expect(Decimal.parse(amount).isNegative()).toBe(false)
    const closed = this.events('exit', 'entry-failed').map((event) => Decimal.parse(event.realised.totalKrw))
    expect(this.portfolio.realisedKrw.toString()).toBe(sumDecimals(closed).toString())
    const orderIds = this.gateway.sent.map(({ orderId }) => orderId)
    expect(new Set(orderIds).size, 'no order is sent twice').toBe(orderIds.length)
  }

  log(): TradingEvent[] {
    const text = readFileSync(`${this.#logs}-trading.log`, 'utf8')
    return text
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as TradingEvent)
  }

  events<Name extends TradingEvent['event']>(...names: Name[]): Extract<TradingEvent, { event: Name }>[] {
    return this.log().filter((event): event is Extract<TradingEvent, { event: Name }> => names.includes(event.event as Name))
  }
}

const shares = { filled: 1, partial: { a: 0.4, b: 0.7 }, none: 0 } as const
type Got = keyof typeof shares

function shareOf(got: Got, leg: Leg): number {
  return got === 'partial' ? shares.partial[leg] : shares[got]
}

const outcomes = Object.keys(shares) as Got[]
const combinations = routes.flatMap((route) =>
  directions.flatMap((direction) => outcomes.flatMap((a) => outcomes.map((b) => ({ symbol: route.symbol, route, direction, a, b })))),
)

/** Multiples of 0.01 that both legs got. */
function hedgedQuantity(a: Got, b: Got): string {
  return Decimal.fromNumber(Math.min(shareOf(a, 'a'), shareOf(b, 'b')))
    .multiply(Decimal.parse('0.01'))
    .toString()
}

describe('what both legs got', () => {
  test.for(combinations)('entry $symbol $direction: leg a $a, leg b $b', async ({ route, direction, a, b }) => {
    const desk = await Desk.started([shareOf(a, 'a'), shareOf(b, 'b')])
    await desk.enter(route, direction)
    const hedged = hedgedQuantity(a, b)
    const isUnequal = shareOf(a, 'a') !== shareOf(b, 'b')
    expect(desk.events('unwind').map(({ leg, excessQuantity }) => [leg, excessQuantity])).toEqual(
      isUnequal ? [[shareOf(a, 'a') > shareOf(b, 'b') ? 'a' : 'b', '0']] : [],
    )
    if (hedged === '0') {
      expect(desk.portfolio.trades()).toEqual([])
      const [failed] = desk.events('entry-failed')
      const totalKrw = Number(failed!.realised.totalKrw)
      if (isUnequal) expect(totalKrw).toBeLessThan(0)
      else expect(totalKrw).toBe(0)
      expect(desk.portfolio.realisedKrw.toNumber()).toBe(totalKrw)
    } else {
      expect(desk.portfolio.trades()).toMatchObject([{ phase: 'open', quantity: hedged, excess: { a: '0', b: '0' } }])
      expect(desk.events('entry')).toMatchObject([{ quantity: hedged, direction }])
    }
    await desk.finish()
    await desk.judge()
  })

  test.for(combinations)('exit $symbol $direction: leg a $a, leg b $b', async ({ route, direction, a, b }) => {
    const desk = await Desk.started([1, 1, shareOf(a, 'a'), shareOf(b, 'b')])
    await desk.enter(route, direction)
    await desk.exit(route)
    const left = Decimal.parse('0.01').subtract(Decimal.parse(hedgedQuantity(a, b)))
    if (left.isZero()) expect(desk.portfolio.trades()).toEqual([])
    else expect(desk.portfolio.trades()).toMatchObject([{ phase: 'open', quantity: left.toString(), excess: { a: '0', b: '0' } }])
    await desk.finish()
    expect(desk.events('exit')).toHaveLength(1)
    await desk.judge()
  })
})

describe('the cost of a leg that was left alone', () => {
  test('is the spread and the fees of its way back', async () => {
    const desk = await Desk.started(['rejected', 1])
    await desk.enter(krwRoute, 'sell-a')
    // Bought 0.01 at 99,010 and sold it at 99,000 USDT; fees 0.1 % of each, the buy's in BTC at the price paid; all at 1,400.
    const [failed] = desk.events('entry-failed')
    expect(failed).toMatchObject({
      reason: 'leg a rejected: as the script has it',
      realised: { edgeKrw: '-140', feesKrw: '2772.14', fxKrw: '0', totalKrw: '-2912.14' },
    })
    await desk.judge()
  })
})

describe('an unwind that the venue does not take', () => {
  test.each([
    ['rejected', ['rejected'] as Answer[], '0.01'],
    ['lost', ['timed-out', 'timed-out', 'timed-out'] as Answer[], '0.01'],
    ['filled in part, three times', [0.5, 0.5, 0.5] as Answer[], '0.00125'],
  ])('%s: the trade waits, and the next loop goes on', async (_name, script, excess) => {
    const desk = await Desk.started([0, 1, ...script])
    await desk.enter(krwRoute, 'sell-a')
    expect(desk.portfolio.trades()).toMatchObject([{ phase: 'unbalanced', excess: { a: '0', b: excess } }])
    expect(desk.events('unwind')).toMatchObject([{ leg: 'b', side: 'sell', excessQuantity: excess }])
    expect(await desk.resume()).toBe(true)
    expect(desk.portfolio.trades()).toEqual([])
    expect(desk.events('entry-failed')).toHaveLength(1)
    await desk.judge()
  })

  test('of an exit leaves the trade closing, and then open with what no leg closed', async () => {
    const desk = await Desk.started([1, 1, 1, 0.5, 'rejected'])
    await desk.enter(usdtRoute, 'buy-a')
    await desk.exit(usdtRoute)
    expect(desk.portfolio.trades()).toMatchObject([{ phase: 'closing', quantity: '0.005', excess: { a: '-0.005', b: '0' } }])
    await desk.resume()
    expect(desk.portfolio.trades()).toMatchObject([{ phase: 'open', quantity: '0.005' }])
    await desk.finish()
    await desk.judge()
  })

  test('is tried again in the next loop where it was rejected, and then after twice as long each time', async () => {
    const desk = await Desk.started([1, 0, ...Array<Answer>(12).fill('rejected')])
    await desk.enter(krwRoute, 'sell-a')
    const sentAfterSeconds: number[] = []
    for (let second = 1; second <= 8; second++) {
      const before = desk.gateway.sent.length
      await desk.wait(1000)
      await desk.look()
      if (desk.gateway.sent.length > before) sentAfterSeconds.push(second)
    }
    expect(sentAfterSeconds).toEqual([1, 2, 4, 8])
    await desk.finish()
    await desk.judge()
  })

  test('sends at most three orders a loop', async () => {
    const desk = await Desk.started([0, 1, ...Array.from({ length: 20 }, () => 0)])
    await desk.enter(krwRoute, 'sell-a')
    expect(desk.gateway.sent).toHaveLength(2 + 3)
    await desk.resume()
    expect(desk.gateway.sent).toHaveLength(2 + 6)
    await desk.judge()
  })

  test('waits where the wallet lacks what it would spend', async () => {
    // Leg a sells; leg b's buy fails. Buying back on leg a needs KRW that the sale itself brings, less the spread.
    const desk = await Desk.started([1, 'rejected'], { ...plenty, 'upbit:KRW': '0' })
    await desk.enter(krwRoute, 'sell-a')
    expect(desk.portfolio.trades()).toMatchObject([{ phase: 'unbalanced', excess: { a: '-0.01', b: '0' } }])
    expect(desk.gateway.sent).toHaveLength(2)
    await desk.judge()
  })
})

describe('dust', () => {
  test('is what a leg has in excess below the least order, and the next unwind sweeps it', async () => {
    // 0.00998 on leg b against 0.01 on leg a: 0.00002 BTC is 2,800 KRW, below the 5,000 of an order.
    const desk = await Desk.started([1, 0.998, 1, 0.5])
    await desk.enter(krwRoute, 'sell-a')
    expect(desk.events('unwind')).toMatchObject([{ leg: 'a', side: 'buy', quantity: '0', dustQuantity: '-0.00002', excessQuantity: '0' }])
    expect(desk.events('entry')).toMatchObject([{ quantity: '0.00998' }])
    expect(desk.portfolio.dust('KRW-BTC', 'a').toString()).toBe('-0.00002')
    await desk.enter(krwRoute, 'sell-a')
    expect(desk.events('unwind')[1]).toMatchObject({ leg: 'a', side: 'buy', quantity: '0.00502', dustQuantity: '0', excessQuantity: '0' })
    await desk.finish()
    await desk.judge()
  })

  test('of the other sign can make up for an excess without an order', async () => {
    const desk = await Desk.started([0.998, 1, 1, 0.998])
    await desk.enter(krwRoute, 'sell-a')
    expect(desk.portfolio.dust('KRW-BTC', 'b').toString()).toBe('0.00002')
    await desk.enter(krwRoute, 'buy-a')
    expect(desk.portfolio.dust('KRW-BTC', 'a').toString()).toBe('0.00002')
    await desk.finish()
    await desk.judge()
  })

  test('ends a trade of which a venue would take no order any more', async () => {
    const desk = await Desk.started([1, 1, 0.998, 0.998])
    await desk.enter(krwRoute, 'sell-a')
    await desk.exit(krwRoute, 'stop-loss')
    expect(desk.portfolio.trades()).toEqual([])
    expect(desk.events('unwind').map(({ leg, dustQuantity }) => [leg, dustQuantity])).toEqual([
      ['a', '-0.00002'],
      ['b', '0.00002'],
    ])
    expect(desk.events('exit')).toMatchObject([{ reason: 'stop-loss', holdingMs: 0 }])
    await desk.judge()
  })
})

test.for(['rejected', 'timed-out'] as const)(
  'an exit of which a leg is %s is tried again after twice as long each time',
  async (answer) => {
    const failed: Answer[] = [answer, 1, 1]
    const desk = await Desk.started([1, 1, ...failed, ...failed, ...failed, ...failed])
    await desk.enter(krwRoute, 'sell-a')
    const sentAtSeconds: number[] = []
    for (let second = 0; second <= 7; second++) {
      const before = desk.gateway.sent.length
      await desk.exit(krwRoute)
      if (desk.gateway.sent.length > before) sentAtSeconds.push(second)
      await desk.wait(1000)
    }
    expect(sentAtSeconds).toEqual([0, 1, 2, 4])
    await desk.finish()
    await desk.judge()
  },
)

test('a rest that is large enough at the best price, and not at its order’s limit, is not sent: it would be rejected', async () => {
  const desk = await Desk.started([1, 1, 0.989, 0.989])
  // 0.00011 BTC is 5.0094 USDT at the best bid, less than the least order of 5 half a percent below it.
  desk.books.priceFactor = 0.46
  await desk.enter(krwRoute, 'sell-a')
  await desk.exit(krwRoute)
  expect(desk.events('order-sent').filter(({ purpose }) => purpose === 'exit')).toHaveLength(2)
  expect(desk.events('exit')).toHaveLength(1)
  await desk.judge()
})

describe('what the guard holds for orders', () => {
  test('is freed only when the wallets show what the orders have spent', async () => {
    const desk = await Desk.started([1, 0.4])
    await desk.enter(krwRoute, 'sell-a')
    // The entry's two legs, then the unwind of leg A.
    expect(desk.soldWhenFreed).toEqual(['0.01', '0.004'])
  })

  test('stays held while an order is in doubt', async () => {
    const desk = await Desk.started([1, { share: 0.4, vainAsks: 2 }])
    await desk.enter(krwRoute, 'sell-a')
    await desk.resume()
    expect(desk.soldWhenFreed).toEqual([])
    await desk.resume()
    expect(desk.soldWhenFreed).toEqual(['0.01', '0.004'])
    await desk.judge()
  })
})

describe('an order in doubt', () => {
  const lost: InDoubt = { share: 1, vainAsks: 0 }
  const late: InDoubt = { share: 1, vainAsks: 3 }

  test.each<[string, Answer[], number]>([
    ['the other leg is filled', [1, late], 1],
    ['both are', [late, late], 2],
    ['one is told at once', [lost, late], 2],
  ])('of an entry is asked about until the venue says what it got, and is not sent again: %s', async (_name, script) => {
    const desk = await Desk.started(script)
    await desk.enter(krwRoute, 'sell-a')
    expect(desk.portfolio.trades()).toMatchObject([{ phase: 'opening' }])
    expect(desk.events('entry')).toEqual([])
    for (let i = 0; i < 3; i++) await desk.resume()
    expect(desk.gateway.sent).toHaveLength(2)
    expect(desk.events('entry')).toMatchObject([{ quantity: '0.01' }])
    expect(desk.events('unwind')).toEqual([])
    await desk.finish()
    await desk.judge()
  })

  test('that never came ends the entry with the reason', async () => {
    const desk = await Desk.started(['timed-out', { share: 0, vainAsks: 1 }])
    await desk.enter(krwRoute, 'sell-a')
    expect(desk.events('order-done')).toMatchObject([{ leg: 'a', status: 'timed-out' }])
    await desk.resume()
    const reason = 'leg a timed-out: as the script has it; leg b unfilled: nothing displayed'
    expect(desk.events('entry-failed')).toMatchObject([{ reason }])
    await desk.judge()
  })

  test('of an exit keeps the trade closing until it is known what it got', async () => {
    const desk = await Desk.started([1, 1, { share: 0.4, vainAsks: 2 }, 1])
    await desk.enter(krwRoute, 'sell-a')
    await desk.exit(krwRoute)
    await desk.resume()
    expect(desk.portfolio.trades()).toMatchObject([{ phase: 'closing', excess: { a: '0', b: '-0.01' } }])
    await desk.resume()
    expect(desk.portfolio.trades()).toMatchObject([{ phase: 'open', quantity: '0.006' }])
    await desk.finish()
    expect(desk.events('exit')).toMatchObject([{ reason: 'max-holding-time' }])
    await desk.judge()
  })

  test.each<[string, Answer[], string[]]>([
    ['an entry that is given up', [0, 1, late], ['entry-failed']],
    ['an entry that is hedged', [0.4, 1, late], ['entry']],
    ['an unwind in pieces', [0.4, 1, { share: 0.5, vainAsks: 3 }, late], ['entry']],
  ])('of an unwind is not followed by another one: %s', async (_name, script, ends) => {
    const desk = await Desk.started(script)
    await desk.enter(krwRoute, 'sell-a')
    const sentCount = desk.gateway.sent.length
    await desk.resume()
    expect(desk.gateway.sent).toHaveLength(sentCount)
    while (desk.portfolio.trades().some(({ phase }) => phase !== 'open')) await desk.resume()
    expect(desk.events('entry', 'entry-failed').map(({ event }) => event)).toEqual(ends)
    const filled = desk.events('order-filled').filter(({ purpose }) => purpose === 'unwind')
    const unwound = (amounts: readonly { quantity: string }[]): string =>
      sumDecimals(amounts.map((amount) => Decimal.parse(amount.quantity))).toString()
    expect(unwound(desk.events('unwind'))).toBe(unwound(filled))
    await desk.finish()
    await desk.judge()
  })

  test('of an exit’s unwind leaves the rest of the trade open', async () => {
    const desk = await Desk.started([1, 1, 1, 0.4, late])
    await desk.enter(krwRoute, 'sell-a')
    await desk.exit(krwRoute)
    for (let i = 0; i < 3; i++) await desk.resume()
    expect(desk.portfolio.trades()).toMatchObject([{ phase: 'open', quantity: '0.006', excess: { a: '0', b: '0' } }])
    await desk.finish()
    await desk.judge()
  })

  test('of one leg’s unwind holds up the other leg’s', async () => {
    // Dust of 0.00004 on leg b, and a hedge of as much that leg b alone would take no order for: together they are enough for one.
    const desk = await Desk.started([0.996, 1, 0.99598394, 0.99598394, late])
    await desk.enter(krwRoute, 'sell-a')
    await desk.exit(krwRoute)
    expect(desk.gateway.sent.map(({ purpose, leg }) => `${purpose} ${leg}`).slice(4)).toEqual(['unwind a'])
    for (let i = 0; i < 3; i++) await desk.resume()
    expect(desk.gateway.sent.map(({ purpose, leg }) => `${purpose} ${leg}`).slice(4)).toEqual(['unwind a', 'unwind b'])
    expect(desk.events('exit')).toHaveLength(1)
    await desk.judge()
  })

  test('is asked about at growing intervals of ten seconds at most: a warning first, an error at the thirtieth ask', async () => {
    const desk = await Desk.started([1, { share: 1, vainAsks: 31 }])
    await desk.enter(krwRoute, 'sell-a')
    for (let waitedMs = 0; desk.gateway.asked.length < 31; waitedMs += 250) {
      expect(waitedMs).toBeLessThan(300_000)
      await desk.wait(250)
      await desk.look()
    }
    const times = desk.gateway.asked.map(({ atMs }) => atMs - startMs)
    const intervalsMs = times.slice(1).map((atMs, index) => atMs - times[index]!)
    expect(intervalsMs).toEqual([250, 500, 1000, 2000, 4000, 8000, ...Array.from({ length: 24 }, () => 10_000)])
    expect(desk.warnings).toEqual(['warn: O2 asked 1 times', 'error: O2 asked 30 times'])
    await desk.finish()
    expect(desk.events('entry')).toHaveLength(1)
    await desk.judge()
  })

  test('is what an order is of which the gateway fails to say it, and the other leg is booked', async () => {
    const desk = await Desk.started([1, 'defect'])
    await expect(desk.enter(krwRoute, 'sell-a')).rejects.toThrow('a defect of the gateway')
    expect(desk.portfolio.trades()).toMatchObject([{ phase: 'opening', excess: { a: '-0.01', b: '0' } }])
    await desk.resume()
    expect(desk.events('entry-failed')).toMatchObject([{ reason: 'leg b timed-out: never came' }])
    await desk.judge()
  })

  test('dies with the engine: the next one finds that its venue never got it', async () => {
    const desk = await Desk.started([1, late])
    await desk.enter(krwRoute, 'sell-a')
    await desk.start()
    await desk.resume()
    expect(desk.events('entry-failed')).toMatchObject([{ reason: 'the engine was stopped during the entry' }])
    expect(desk.events('unwind')).toMatchObject([{ leg: 'a', quantity: '0.01' }])
    await desk.judge()
  })
})

describe('a store that does not answer', () => {
  test('lets nothing be sent, and the trade goes on when it answers again', async () => {
    const desk = await Desk.started([1, 1])
    await desk.enter(krwRoute, 'sell-a')
    desk.store.isDown = true
    await desk.exit(krwRoute)
    expect(desk.gateway.sent).toHaveLength(2)
    expect(desk.portfolio.trades()).toMatchObject([{ phase: 'open', quantity: '0.01' }])
    desk.store.isDown = false
    await desk.finish()
    await desk.judge()
  })
})

/** Runs `action` in an engine that dies in its commit number `commit`; counts from 1, the session's first line apart. */
async function killedIn(desk: Desk, commit: number, isStored: boolean, action: () => Promise<unknown>): Promise<boolean> {
  desk.store.killAt = { commit: desk.store.commitCount + commit, isStored }
  try {
    await action()
  } catch (error) {
    if (!(error instanceof Killed)) throw error
    await desk.start()
    return true
  }
  desk.store.killAt = null
  return false
}

/** The same at every commit until there is none left, each in an engine of its own. */
async function killedInEach(newDesk: () => Promise<Desk>, action: (desk: Desk) => Promise<unknown>): Promise<number> {
  for (let commit = 1; ; commit++) {
    let hasDied = false
    for (const isStored of [false, true]) {
      const desk = await newDesk()
      hasDied = await killedIn(desk, commit, isStored, () => action(desk))
      await desk.finish()
      await desk.judge()
    }
    if (!hasDied) return commit - 1
  }
}

describe('an engine that is killed in a commit', () => {
  const lost: InDoubt = { share: 1, vainAsks: 0 }

  test.each<[string, Answer[]]>([
    ['both legs fill', [1, 1]],
    ['neither fills', [0, 0]],
    ['one leg is unwound', [1, 0.4]],
    ['one leg is unwound in pieces', [0, 1, 0.5, 0.5]],
    ['dust is left', [1, 0.998]],
    ['answers are lost', [lost, { share: 0.4, vainAsks: 2 }, { share: 0.5, vainAsks: 1 }]],
  ])('loses nothing of an entry and does nothing twice: %s', async (_name, script) => {
    const deaths = await killedInEach(
      () => Desk.started(script),
      (desk) => desk.enter(krwRoute, 'sell-a'),
    )
    expect(deaths).toBeGreaterThanOrEqual(2)
  })

  test.each([
    ['both legs fill', [1, 1]],
    ['neither fills', [0, 0]],
    ['one leg is unwound', [1, 0.4]],
    ['the rest is too small to close', [0.998, 0.998]],
  ])('loses nothing of an exit and does nothing twice: %s', async (_name, script) => {
    const newDesk = async (): Promise<Desk> => {
      const desk = await Desk.started([1, 1, ...script])
      await desk.enter(krwRoute, 'sell-a')
      return desk
    }
    const deaths = await killedInEach(newDesk, (desk) => desk.exit(krwRoute))
    expect(deaths).toBeGreaterThanOrEqual(2)
  })

  test.each([
    ['all fill', [1, 1, 1, 1]],
    ['both routes unwind', [1, 0.4, 0.4, 1]],
    ['one fails, one has dust', [0, 0, 1, 0.998]],
  ])('loses nothing while two symbols enter at once: %s', async (_name, script) => {
    await killedInEach(
      () => Desk.started(script),
      (desk) => desk.enterBoth(),
    )
  })

  test('loses nothing wherever one symbol’s commits come between the steps of another', { timeout: 30_000 }, async () => {
    for (let steps = 0; steps < 12; steps++) {
      const newDesk = async (): Promise<Desk> => {
        const desk = await Desk.started([1, 0.4, 1, 1])
        // The first symbol's unwind and the second one's entry are answered at one instant, the second a few steps later.
        desk.gateway.delays['KRW-BTC'] = { ms: 10, steps: 0 }
        desk.gateway.delays['BTCUSDT'] = { ms: 20, steps }
        return desk
      }
      await killedInEach(newDesk, (desk) => desk.enterBoth())
    }
  })

  test('never holds a hedged trade without its entry', async () => {
    for (const isStored of [false, true]) {
      for (let commit = 1; commit <= 3; commit++) {
        const desk = await Desk.started([1, 1])
        await killedIn(desk, commit, isStored, () => desk.enter(krwRoute, 'sell-a'))
        const open = desk.portfolio.trades().filter(({ phase }) => phase === 'open')
        expect(desk.events('entry').map(({ tradeId }) => tradeId)).toEqual(open.map(({ tradeId }) => tradeId))
      }
    }
  })
})

const answers = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom<Answer>(0, 1, 'rejected', 'timed-out', 0.998, 0.002, 0.001) },
  { weight: 2, arbitrary: fc.double({ min: 0, max: 1, noNaN: true }) },
  {
    weight: 2,
    arbitrary: fc.record({ share: fc.constantFrom(0, 1, 0.998, 0.5, 0.001), vainAsks: fc.integer({ min: 0, max: 4 }) }),
  },
)
const moves = fc.record({
  symbol: fc.constantFrom(...routes.map(({ symbol }) => symbol)),
  direction: fc.constantFrom(...directions),
  quantity: fc.integer({ min: 5, max: 2000 }).map((lots) => `${lots}e-5`),
  script: fc.array(answers, { maxLength: 8 }),
  /** Of all prices, while this lasts. */
  priceFactor: fc.constantFrom(1, 1, 0.75, 1.25),
  krwPerUsdt: fc.constantFrom(1400, 1400, 1404.25, 1396.5),
  kill: fc.option(fc.record({ commit: fc.integer({ min: 1, max: 6 }), isStored: fc.boolean() }), { freq: 3 }),
  /** Loops after which it is left where it is. */
  loops: fc.integer({ min: 0, max: 3 }),
  isStated: fc.boolean(),
})

test('whatever venues fill, lose and delay, and wherever the engine dies, every checker passes', { timeout: 30_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(moves, { minLength: 1, maxLength: 5 }), async (all) => {
      const desk = await Desk.started([], { ...plenty, 'upbit:KRW': '1000000000', 'upbit:USDT': '900000', 'binance:USDT': '900000' })
      for (const { symbol, direction, quantity, script, priceFactor, krwPerUsdt, kill, loops, isStated } of all) {
        const route = routes.find((candidate) => candidate.symbol === symbol)!
        desk.books.priceFactor = priceFactor
        desk.krwPerUsdt = krwPerUsdt
        const loop = async (): Promise<void> => {
          if (await desk.resume()) return
          const [trade] = desk.portfolio.tradesOf(route.symbol)
          await (trade ? desk.exit(route) : desk.enter(route, direction, quantity))
        }
        desk.gateway.script.splice(0, Infinity, ...script)
        for (let i = 0; i <= loops; i++) {
          if (kill && i === loops) await killedIn(desk, kill.commit, kill.isStored, loop)
          else await loop()
          if (isStated) await desk.stateVenues()
        }
      }
      desk.gateway.script.length = 0
      await desk.finish()
      await desk.judge()
    }),
    { numRuns: 100 },
  )
})
