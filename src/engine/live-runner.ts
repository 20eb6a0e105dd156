/**
 * ArbitrageLiveRunner: the multi-symbol loop. On a fixed cadence, all symbols at once and each behind its own boundary:
 * snapshot → freshness → edge → strategy → risk guard → executor → ledger → commit → journal and metrics.
 * With the trigger `quote` a symbol is besides looked at, behind the same boundary, as soon as a quote of it changes.
 */

import { assert } from '../base/assert.ts'
import { messageOf, OperatingError, stackOf } from '../base/error.ts'
import type { Clock, ScheduledCall } from '../clock/clock.ts'
import type { ExecutorFactory } from '../execution/executor-factory.ts'
import { requiredOf } from '../execution/executor.ts'
import type { OrderGateway } from '../execution/order-gateway.ts'
import type { FreshnessSettings } from '../market-data/freshness.ts'
import { quoteTrouble } from '../market-data/freshness.ts'
import { fxRate, type FxRate } from '../market-data/fx-rate.ts'
import type { InstrumentKey, MarketDataProvider } from '../market-data/market-data-provider.ts'
import type { FeedTrouble, SampledQuote, StopReason } from '../model/event.ts'
import type { EntryIntent, ExitIntent } from '../model/intent.ts'
import type { OrderBook } from '../model/order-book.ts'
import type { Route } from '../model/route.ts'
import type { PortfolioState } from '../portfolio/portfolio-state.ts'
import type { EntryRequest, GuardDecision } from '../risk/risk-guard.ts'
import type { Strategy, StrategyView } from '../strategy/cross-venue-arbitrage.ts'
import type { Committer } from './committer.ts'
import type { DecisionLog } from './decision-log.ts'
import type { FeedWatch } from './feed-watch.ts'
import { drillGuard } from './guard-drill.ts'
import type { Journal } from './journal.ts'
import type { Metrics } from './metrics.ts'
import { QuoteQueue } from './quote-queue.ts'
import type { Trigger } from './settings.ts'

/** What the loop asks of a risk guard: ours, or one that is swapped in. */
export interface EntryGuard {
  decide(request: EntryRequest): GuardDecision
}

export interface LiveRunnerOptions {
  clock: Clock
  startAtMs: number
  endAtMs: number
  loopIntervalMs: number
  trigger: Trigger
  routes: readonly Route[]
  /** No entries on these; what is open on them is closed. */
  quarantinedSymbols: readonly string[]
  fxInstrument: InstrumentKey
  freshness: FreshnessSettings
  provider: MarketDataProvider
  strategy: Strategy
  guard: EntryGuard
  executors: ExecutorFactory
  gateway: Pick<OrderGateway, 'statement'>
  portfolio: PortfolioState
  committer: Committer
  journal: Journal
  decisions: DecisionLog
  feeds: FeedWatch
  metrics: Metrics
}

const hourMs = 3_600_000

/** Counted anew in each loop. */
interface LoopCounts {
  /** Starts that the loop before this one had missed. */
  overruns: number
  missingSnapshots: number
  blockedSymbols: number
  intents: number
  busySymbols: number
}

const noCounts: LoopCounts = { overruns: 0, missingSnapshots: 0, blockedSymbols: 0, intents: 0, busySymbols: 0 }

/** One look at one symbol. */
interface Look {
  counts: LoopCounts
  /** When the newest quote that nothing was decided on yet arrived, by `Clock.preciseMs()`; null where there is none. */
  quoteArrivedAtMs: number | null
}

interface UsableQuotes {
  a: OrderBook
  b: OrderBook
  fx: FxRate
  ageMs: number
}

export class LiveRunner {
  readonly #options: LiveRunnerOptions
  readonly #quarantined: ReadonlySet<string>
  readonly #routes: ReadonlyMap<string, Route>
  /** Plain numbers for the signals, made from the exact ones once. */
  readonly #takerFees: ReadonlyMap<string, { takerFeeA: number; takerFeeB: number }>
  readonly #quotes: QuoteQueue
  /** Looks under way, by symbol: never two at a time. None of them rejects. */
  readonly #runs = new Map<string, Promise<void>>()
  /** From the first loop's start to the last one's end: quotes set off nothing before and after. */
  #isOpen = false
  #isLookDue = false
  /** What a look ended with and the whole engine must end with too. */
  #failure: { error: unknown } | null = null
  #stopReason: StopReason | null = null
  #wakeEarly: (() => void) | null = null
  #loops = 0
  #overruns = 0
  /** When the last loop started. */
  #startedAtMs: number | null = null
  #balancesStatedHour: number
  #isVenueStatementDue = false

  constructor(options: LiveRunnerOptions) {
    this.#options = options
    this.#quarantined = new Set(options.quarantinedSymbols)
    this.#routes = new Map(options.routes.map((route) => [route.symbol, route]))
    this.#quotes = new QuoteQueue(options.routes)
    this.#takerFees = new Map(
      options.routes.map(({ symbol, a, b }) => [symbol, { takerFeeA: a.takerFee.toNumber(), takerFeeB: b.takerFee.toNumber() }]),
    )
    this.#balancesStatedHour = Math.floor(options.startAtMs / hourMs)
  }

  get loops(): number {
    return this.#loops
  }

  get overruns(): number {
    return this.#overruns
  }

  /** Ends the loop before its next start. The first reason stands. */
  stop(reason: StopReason): void {
    this.#stopReason ??= reason
    this.#wakeEarly?.()
  }

  /**
   * Loops start at `startAtMs + n x loopIntervalMs`, first at the first of these that has not passed; one that runs over skips the starts
   * that it missed and counts them.
   */
  async run(): Promise<StopReason> {
    const { provider, trigger, metrics } = this.#options
    // Under virtual time quotes that set nothing off need not be heard of: nothing is measured there.
    if (trigger === 'quote' || metrics.latency) provider.onChange(this.#onQuote)
    this.#drillGuard()
    let reason: StopReason
    try {
      reason = await this.#loopToEnd()
    } finally {
      this.#isOpen = false
      await Promise.all(this.#runs.values())
    }
    // Of a look that ended after the loop.
    if (this.#failure !== null) throw this.#failure.error
    return reason
  }

  /** A guard that would allow anything is no guard: the engine does not start. The one in force is asked, be it ours or a swapped one. */
  #drillGuard(): void {
    const { guard, routes, freshness, clock, journal } = this.#options
    const [route] = routes
    if (route === undefined || this.#stopReason !== null) return
    const { refused, allowed, isSessionOver } = drillGuard({ guard, symbol: route.symbol, freshness, nowMs: clock.nowMs() })
    journal.application({ event: 'guard-drilled', refused, allowed })
    assert(allowed.length === 0, `the risk guard allowed, in a drill, ${allowed.join(' and ')}`)
    if (isSessionOver) this.stop('guard-stopped-session')
  }

  async #loopToEnd(): Promise<StopReason> {
    const { clock, startAtMs, endAtMs, loopIntervalMs } = this.#options
    let slot = Math.max(0, Math.ceil((clock.nowMs() - startAtMs) / loopIntervalMs))
    let missed = 0
    for (;;) {
      const startMs = startAtMs + slot * loopIntervalMs
      await this.#sleepUntil(Math.min(startMs, endAtMs))
      if (this.#failure !== null) throw this.#failure.error
      if (this.#stopReason !== null) return this.#stopReason
      if (startMs >= endAtMs) return 'completed'
      this.#isOpen = true
      await this.#runLoop(startMs + loopIntervalMs, { ...noCounts, overruns: missed })
      missed = Math.max(0, Math.ceil((clock.nowMs() - startMs) / loopIntervalMs) - 1)
      this.#overruns += missed
      slot += 1 + missed
    }
  }

  async #runLoop(nextStartMs: number, counts: LoopCounts): Promise<void> {
    const { clock, provider, feeds, committer } = this.#options
    const startedAtMs = clock.nowMs()
    const startedAtPreciseMs = clock.preciseMs()
    // Catches up with what an unavailable store has left waiting.
    if (!committer.isHealthy) await committer.commit()
    const failures = await provider.refresh()
    feeds.refreshed(failures, clock.nowMs())
    await this.#lookAtAll(nextStartMs, counts)
    if (this.#failure !== null) throw this.#failure.error
    await this.#makeStatements()
    this.#measure(startedAtMs, clock.preciseMs() - startedAtPreciseMs, counts)
  }

  readonly #onQuote = (instrument: InstrumentKey, arrivedAtMs: number): void => {
    if (!this.#isOpen) return
    const coalescedCount = this.#quotes.add(instrument, arrivedAtMs)
    this.#options.metrics.latency?.queued(this.#quotes.depth, coalescedCount)
    this.#lookSoon()
  }

  /** Once all that the same message or answer brought is known, so that a symbol is not looked at for each of its parts. */
  #lookSoon(): void {
    if (this.#isLookDue || this.#options.trigger !== 'quote') return
    this.#isLookDue = true
    void Promise.resolve().then(() => {
      this.#isLookDue = false
      this.#lookAtWaiting()
    })
  }

  /** A symbol that is being looked at keeps its place: the end of that run comes back here. */
  #lookAtWaiting(): void {
    if (!this.#isOpen || this.#stopReason !== null) return
    for (const symbol of this.#quotes.symbols()) {
      if (this.#runs.has(symbol)) continue
      // The gauges of a loops line are the loop's own: a hundred quotes of one symbol that cannot be traded are no hundred symbols.
      void this.#startRun(this.#routeOf(symbol), { ...noCounts })
    }
  }

  /**
   * All symbols at once, until the last look has ended or the next loop is due. A look whose order takes longer goes on beside the loops
   * that follow, which leave its symbol out: one venue's slow answer holds up nobody else.
   */
  #lookAtAll(nextStartMs: number, counts: LoopCounts): Promise<void> {
    const looks: Promise<void>[] = []
    for (const route of this.#options.routes) {
      if (this.#runs.has(route.symbol)) counts.busySymbols++
      else looks.push(this.#startRun(route, counts))
    }
    return new Promise((resolve) => {
      const deadline = this.#options.clock.schedule(nextStartMs, resolve)
      void Promise.all(looks).then(() => {
        deadline.cancel()
        resolve()
      })
    })
  }

  #startRun(route: Route, counts: LoopCounts): Promise<void> {
    const { symbol } = route
    assert(!this.#runs.has(symbol), `${symbol} is looked at twice at a time`)
    const run = this.#runOnceForSymbol(route, counts)
      .catch((error: unknown) => {
        this.#failure ??= { error }
        this.stop('failed')
      })
      .finally(() => {
        this.#runs.delete(symbol)
        if (this.#quotes.has(symbol)) this.#lookSoon()
      })
    this.#runs.set(symbol, run)
    return run
  }

  /** One symbol's failure stops no other: it is logged with its stack. What concerns the whole engine goes on up. */
  async #runOnceForSymbol(route: Route, counts: LoopCounts): Promise<void> {
    const { symbol } = route
    const { clock, journal, metrics } = this.#options
    const arrivals = this.#quotes.take(symbol)
    if (arrivals) metrics.latency?.lookedAt(clock.preciseMs() - arrivals.firstMs)
    try {
      await this.#processSymbol(route, { counts, quoteArrivedAtMs: arrivals?.newestMs ?? null })
    } catch (error) {
      if (error instanceof OperatingError && error.code === 'STORE_FENCED') throw error
      journal.application({ event: 'symbol-failed', symbol, message: messageOf(error), stack: stackOf(error) }, 'error')
    }
  }

  async #processSymbol(route: Route, look: Look): Promise<void> {
    const { portfolio, strategy, executors, committer } = this.#options
    const { symbol } = route
    const trades = portfolio.tradesOf(symbol)
    if (this.#quarantined.has(symbol) && trades.length === 0) return
    const view = this.#view(route, look.counts)
    if (view === null) return
    // Without a store nothing can be sent: each try would only leave lines that wait for it.
    if (trades.length > 0 && !committer.isHealthy) return
    const executor = executors.executorOf(symbol)
    for (const trade of trades) {
      if (trade.phase !== 'open') {
        await executor.resume(trade, view.krwPerUsdt)
        return
      }
    }
    for (const trade of trades) {
      const intent = decide(strategy, { ...view, trade })
      this.#decided(look)
      if (intent?.kind === 'exit') await executor.close(intent)
    }
    if (trades.length > 0) return
    const intent = decide(strategy, view)
    if (intent?.kind === 'entry') await this.#enter(route, view, intent, look)
    else this.#decided(look)
  }

  /** Counted once for each new quote. One that could not be used, or found a trade to be resumed, sets off no decision. */
  #decided(look: Look): void {
    if (look.quoteArrivedAtMs === null) return
    this.#options.metrics.latency?.decided(this.#options.clock.preciseMs() - look.quoteArrivedAtMs)
    look.quoteArrivedAtMs = null
  }

  async #enter(route: Route, view: StrategyView, intent: EntryIntent, look: Look): Promise<void> {
    const { portfolio, guard, committer, decisions, clock, executors } = this.#options
    const { symbol, direction, notionalKrw, quoteAgeMs } = intent
    look.counts.intents++
    // Without a store nothing could be made true: the committer has logged why.
    if (!committer.isHealthy) {
      look.counts.blockedSymbols++
      return
    }
    const nowMs = clock.nowMs()
    const decision = guard.decide({
      tradeId: portfolio.nextTradeId,
      symbol,
      direction,
      notionalKrw: Math.round(notionalKrw),
      quoteAgeMs,
      unchangedMs: nowMs - Math.min(view.quotes.a.changedAtMs, view.quotes.b.changedAtMs),
      venues: [route.a.venue, route.b.venue],
      required: requiredOf(route, direction, intent.legs),
      available: (venue, asset) => portfolio.ledger.balance(venue, asset),
      nowMs,
    })
    this.#decided(look)
    const { outcome, reason, seen } = decision
    const tradeId = outcome === 'allow' ? portfolio.nextTradeId : null
    decisions.record({ symbol, direction, outcome, reason, tradeId, seen }, nowMs)
    if (outcome === 'allow') {
      await executors.executorOf(symbol).open(intent)
      return
    }
    look.counts.blockedSymbols++
    await committer.commit()
    if (outcome === 'stop-session') this.stop('guard-stopped-session')
  }

  /** What the strategy may see of the symbol, or null, counted and logged, where a quote is not to be used. */
  #view(route: Route, counts: LoopCounts): StrategyView | null {
    const { clock, feeds } = this.#options
    const nowMs = clock.nowMs()
    const quotes = this.#quotesOf(route)
    if ('trouble' in quotes) {
      // A halted market is quoted, if always the same: that is stale time, and no snapshot is missing.
      if (quotes.trouble !== 'frozen') counts.missingSnapshots++
      feeds.symbolStale(route.symbol, quotes.trouble, quotes.ageMs, nowMs)
      return null
    }
    feeds.symbolFresh(route.symbol, nowMs)
    const { a, b, fx, ageMs } = quotes
    const fees = this.#takerFees.get(route.symbol)
    assert(fees, `no route for ${route.symbol}`)
    return {
      route,
      quotes: { a, b, ...fees, fxBToA: fxBetween(route, fx) },
      krwPerUsdt: fx.krwPerUsdt,
      quoteAgeMs: Math.max(ageMs, fx.ageMs),
      trade: null,
      nowMs,
    }
  }

  /** For metrics.log: the top of both books as they are now, usable or not being said by its absence. */
  sampleQuote(symbol: string): SampledQuote | null {
    const route = this.#routeOf(symbol)
    const quotes = this.#quotesOf(route)
    if ('trouble' in quotes) return null
    const { a, b, fx, ageMs } = quotes
    const [bidA, askA, bidB, askB] = [a.bids[0], a.asks[0], b.bids[0], b.asks[0]]
    if (!bidA || !askA || !bidB || !askB) return null
    return {
      symbol,
      bidA: bidA.price,
      askA: askA.price,
      bidB: bidB.price,
      askB: askB.price,
      fx: fxBetween(route, fx),
      quoteAgeMs: ageMs,
    }
  }

  #routeOf(symbol: string): Route {
    const route = this.#routes.get(symbol)
    assert(route, `no route for ${symbol}`)
    return route
  }

  /** Both books and the rate as they are now, or why they are not to be used. Age is that of the older book. */
  #quotesOf(route: Route): UsableQuotes | { trouble: FeedTrouble; ageMs: number | null } {
    const { provider, clock, freshness, fxInstrument } = this.#options
    const nowMs = clock.nowMs()
    const a = provider.book(route.a)
    const b = provider.book(route.b)
    const fx = fxRate(provider.book(fxInstrument), nowMs, freshness)
    const trouble = quoteTrouble(a, nowMs, freshness) ?? quoteTrouble(b, nowMs, freshness) ?? (typeof fx === 'string' ? fx : null)
    const receivedAtMs = Math.min(a?.receivedAtMs ?? Infinity, b?.receivedAtMs ?? Infinity)
    if (trouble === null && a !== null && b !== null && typeof fx !== 'string') return { a, b, fx, ageMs: nowMs - receivedAtMs }
    return { trouble: trouble ?? 'missing', ageMs: Number.isFinite(receivedAtMs) ? nowMs - receivedAtMs : null }
  }

  /** Once an hour of event time, so that a reader can compare its own sums with the state's and the venues' on the way. */
  async #makeStatements(): Promise<void> {
    const { clock, committer } = this.#options
    const hour = Math.floor(clock.nowMs() / hourMs)
    if (hour !== this.#balancesStatedHour) {
      this.#balancesStatedHour = hour
      this.#stateBalances()
      this.#isVenueStatementDue = true
    }
    if (!this.#isVenueStatementDue) return
    this.#isVenueStatementDue = !this.stateVenues()
    await committer.commit()
  }

  #stateBalances(): void {
    const { journal, portfolio } = this.#options
    journal.trading({
      event: 'balances-stated',
      balances: portfolio.ledger.balances(),
      openTrades: portfolio.tradeCount,
      realisedKrw: portfolio.realisedKrw.toString(),
    })
  }

  /** Writes down what the venues say that our orders did. False where an order is under way: then they may know of it, or we, alone. */
  stateVenues(): boolean {
    const { journal, gateway, executors } = this.#options
    if (this.#runs.size > 0 || executors.hasOrdersInDoubt) return false
    journal.trading({ event: 'venue-stated', ...gateway.statement() })
    return true
  }

  #measure(startedAtMs: number, loopTimeMs: number, counts: LoopCounts): void {
    const { metrics, portfolio, feeds } = this.#options
    const previousMs = this.#startedAtMs
    this.#startedAtMs = startedAtMs
    this.#loops++
    metrics.loopEnded({
      startedAtMs,
      periodMs: previousMs === null ? null : startedAtMs - previousMs,
      loopTimeMs: Math.round(loopTimeMs * 100) / 100,
      openTrades: portfolio.tradeCount,
      staleSymbols: feeds.staleSymbolCount,
      ...counts,
    })
  }

  /** Sleeps, or until the runner is stopped. */
  #sleepUntil(atMs: number): Promise<void> {
    if (this.#stopReason !== null) return Promise.resolve()
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#wakeEarly = null
        call.cancel()
        resolve()
      }
      const call: ScheduledCall = this.#options.clock.schedule(atMs, wake)
      this.#wakeEarly = wake
    })
  }
}

/** Size, limits and profit are all reckoned at the intent's rate: with another one than the market's, nothing later would look wrong. */
function decide(strategy: Strategy, view: StrategyView): EntryIntent | ExitIntent | null {
  const intent = strategy.decide(view)
  // Most loops end here, and need no words.
  if (intent === null) return null
  const { fxKrwPerUsdt } = intent
  assert(fxKrwPerUsdt === view.krwPerUsdt, `the strategy reckons with ${fxKrwPerUsdt} KRW per USDT, the rate is ${view.krwPerUsdt}`)
  return intent
}

/** Price of leg B's quote currency in leg A's. */
function fxBetween(route: Route, fx: FxRate): number {
  return route.a.quote === route.b.quote ? 1 : fx.krwPerUsdt
}
