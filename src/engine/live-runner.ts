/**
 * ArbitrageLiveRunner: the multi-symbol loop. On a fixed cadence, all symbols at once and each behind its own boundary:
 * snapshot → freshness → edge → strategy → risk guard → executor → ledger → commit → journal and metrics.
 */

import { assert } from '../base/assert.ts'
import { messageOf, OperatingError, stackOf } from '../base/error.ts'
import type { Clock, ScheduledCall } from '../clock/clock.ts'
import type { ExecutorFactory } from '../execution/executor-factory.ts'
import { requiredOf } from '../execution/executor.ts'
import type { FreshnessSettings } from '../market-data/freshness.ts'
import { quoteTrouble } from '../market-data/freshness.ts'
import { fxRate, type FxRate } from '../market-data/fx-rate.ts'
import type { InstrumentKey, MarketDataProvider } from '../market-data/market-data-provider.ts'
import type { FeedTrouble, SampledQuote, StopReason } from '../model/event.ts'
import type { EntryIntent } from '../model/intent.ts'
import type { OrderBook } from '../model/order-book.ts'
import type { Route } from '../model/route.ts'
import type { PortfolioState } from '../portfolio/portfolio-state.ts'
import type { EntryRequest, GuardDecision } from '../risk/risk-guard.ts'
import type { Strategy, StrategyView } from '../strategy/cross-venue-arbitrage.ts'
import type { Committer } from './committer.ts'
import type { DecisionLog } from './decision-log.ts'
import type { FeedWatch } from './feed-watch.ts'
import type { Journal } from './journal.ts'
import type { Metrics } from './metrics.ts'

/** What the loop asks of a risk guard: ours, or one that is swapped in. */
export interface EntryGuard {
  decide(request: EntryRequest): GuardDecision
}

export interface LiveRunnerOptions {
  clock: Clock
  startAtMs: number
  endAtMs: number
  loopIntervalMs: number
  routes: readonly Route[]
  /** No entries on these; what is open on them is closed. */
  quarantinedSymbols: readonly string[]
  fxInstrument: InstrumentKey
  freshness: FreshnessSettings
  provider: MarketDataProvider
  strategy: Strategy
  guard: EntryGuard
  executors: ExecutorFactory
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
}

const noCounts: LoopCounts = { overruns: 0, missingSnapshots: 0, blockedSymbols: 0, intents: 0 }

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
  #fx: FxRate | FeedTrouble = 'fx-missing'
  #stopReason: StopReason | null = null
  #wakeEarly: (() => void) | null = null
  #loops = 0
  #overruns = 0
  /** When the last loop started. */
  #startedAtMs: number | null = null
  #balancesStatedHour: number
  #counts: LoopCounts = { ...noCounts }

  constructor(options: LiveRunnerOptions) {
    this.#options = options
    this.#quarantined = new Set(options.quarantinedSymbols)
    this.#routes = new Map(options.routes.map((route) => [route.symbol, route]))
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

  /** Loops start at `startAtMs + n x loopIntervalMs`; one that runs over skips the starts that it missed and counts them. */
  async run(): Promise<StopReason> {
    const { clock, startAtMs, endAtMs, loopIntervalMs } = this.#options
    let slot = 0
    for (;;) {
      const startMs = startAtMs + slot * loopIntervalMs
      await this.#sleepUntil(Math.min(startMs, endAtMs))
      if (this.#stopReason !== null) return this.#stopReason
      if (startMs >= endAtMs) return 'completed'
      await this.#runLoop()
      const missed = Math.max(0, Math.ceil((clock.nowMs() - startMs) / loopIntervalMs) - 1)
      this.#overruns += missed
      this.#counts = { ...noCounts, overruns: missed }
      slot += 1 + missed
    }
  }

  async #runLoop(): Promise<void> {
    const { clock, routes, provider, feeds, committer } = this.#options
    const startedAtMs = clock.nowMs()
    // Catches up with what an unavailable store has left waiting.
    if (!committer.isHealthy) await committer.commit()
    const failures = await provider.refresh()
    feeds.refreshed(failures, clock.nowMs())
    this.#fx = fxRate(provider.book(this.#options.fxInstrument), clock.nowMs(), this.#options.freshness)
    await Promise.all(routes.map((route) => this.#runOnceForSymbol(route)))
    await this.#stateBalances()
    this.#measure(startedAtMs)
  }

  /** One symbol's failure stops no other: it is logged with its stack. What concerns the whole engine goes on up. */
  async #runOnceForSymbol(route: Route): Promise<void> {
    try {
      await this.#processSymbol(route)
    } catch (error) {
      if (error instanceof OperatingError && error.code === 'STORE_FENCED') throw error
      const { symbol } = route
      this.#options.journal.application({ event: 'symbol-failed', symbol, message: messageOf(error), stack: stackOf(error) }, 'error')
    }
  }

  async #processSymbol(route: Route): Promise<void> {
    const { portfolio, strategy, executors, committer } = this.#options
    const { symbol } = route
    const trades = portfolio.tradesOf(symbol)
    if (this.#quarantined.has(symbol) && trades.length === 0) return
    const view = this.#view(route)
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
      const intent = strategy.decide({ ...view, trade })
      if (intent?.kind === 'exit') await executor.close(intent)
    }
    if (trades.length > 0) return
    const intent = strategy.decide(view)
    if (intent?.kind === 'entry') await this.#enter(route, view, intent)
  }

  async #enter(route: Route, view: StrategyView, intent: EntryIntent): Promise<void> {
    const { portfolio, guard, committer, decisions, clock, executors } = this.#options
    const { symbol, direction, notionalKrw, quoteAgeMs } = intent
    this.#counts.intents++
    // Without a store nothing could be made true: the committer has logged why.
    if (!committer.isHealthy) {
      this.#counts.blockedSymbols++
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
    const { outcome, reason, seen } = decision
    const tradeId = outcome === 'allow' ? portfolio.nextTradeId : null
    decisions.record({ symbol, direction, outcome, reason, tradeId, seen }, nowMs)
    if (outcome === 'allow') {
      await executors.executorOf(symbol).open(intent)
      return
    }
    this.#counts.blockedSymbols++
    await committer.commit()
    if (outcome === 'stop-session') this.stop('guard-stopped-session')
  }

  /** What the strategy may see of the symbol, or null, counted and logged, where a quote is not to be used. */
  #view(route: Route): StrategyView | null {
    const { clock, feeds } = this.#options
    const nowMs = clock.nowMs()
    const quotes = this.#quotesOf(route)
    if ('trouble' in quotes) {
      // A halted market is quoted, if always the same: that is stale time, and no snapshot is missing.
      if (quotes.trouble !== 'frozen') this.#counts.missingSnapshots++
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
    const route = this.#routes.get(symbol)
    assert(route, `no route for ${symbol}`)
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

  /** Both books and the rate as they are now, or why they are not to be used. Age is that of the older book. */
  #quotesOf(route: Route): UsableQuotes | { trouble: FeedTrouble; ageMs: number | null } {
    const { provider, clock, freshness } = this.#options
    const nowMs = clock.nowMs()
    const a = provider.book(route.a)
    const b = provider.book(route.b)
    const fx = this.#fx
    const trouble = quoteTrouble(a, nowMs, freshness) ?? quoteTrouble(b, nowMs, freshness) ?? (typeof fx === 'string' ? fx : null)
    const receivedAtMs = Math.min(a?.receivedAtMs ?? Infinity, b?.receivedAtMs ?? Infinity)
    if (trouble === null && a !== null && b !== null && typeof fx !== 'string') return { a, b, fx, ageMs: nowMs - receivedAtMs }
    return { trouble: trouble ?? 'missing', ageMs: Number.isFinite(receivedAtMs) ? nowMs - receivedAtMs : null }
  }

  /** Once an hour of event time, so that a reader can compare its own sums with the state's on the way. */
  async #stateBalances(): Promise<void> {
    const { clock, journal, portfolio, committer } = this.#options
    const hour = Math.floor(clock.nowMs() / hourMs)
    if (hour === this.#balancesStatedHour) return
    this.#balancesStatedHour = hour
    journal.trading({
      event: 'balances-stated',
      balances: portfolio.ledger.balances(),
      openTrades: portfolio.tradeCount,
      realisedKrw: portfolio.realisedKrw.toString(),
    })
    await committer.commit()
  }

  #measure(startedAtMs: number): void {
    const { clock, metrics, portfolio, feeds } = this.#options
    const previousMs = this.#startedAtMs
    this.#startedAtMs = startedAtMs
    this.#loops++
    metrics.loopEnded({
      startedAtMs,
      periodMs: previousMs === null ? null : startedAtMs - previousMs,
      loopTimeMs: clock.nowMs() - startedAtMs,
      openTrades: portfolio.tradeCount,
      staleSymbols: feeds.staleSymbolCount,
      ...this.#counts,
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

/** Price of leg B's quote currency in leg A's. */
function fxBetween(route: Route, fx: FxRate): number {
  return route.a.quote === route.b.quote ? 1 : fx.krwPerUsdt
}
