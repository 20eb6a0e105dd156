/** The composition root: the one file that knows every part of the engine and puts them together, and the only one that may swap one. */

import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { assert } from './base/assert.ts'
import { exitCodes, type ExitCode } from './base/exit-code.ts'
import { SeededPrng, type Prng } from './base/prng.ts'
import type { Clock } from './clock/clock.ts'
import { SystemClock } from './clock/system-clock.ts'
import { VirtualClock } from './clock/virtual-clock.ts'
import { Committer } from './engine/committer.ts'
import { DecisionLog } from './engine/decision-log.ts'
import { runEngineProcess } from './engine/engine-process.ts'
import { Engine, type OpenedParts } from './engine/engine.ts'
import { FeedWatch } from './engine/feed-watch.ts'
import { Journal } from './engine/journal.ts'
import { LiveRunner, type EntryGuard } from './engine/live-runner.ts'
import { LogFile } from './engine/log-file.ts'
import { Metrics } from './engine/metrics.ts'
import type { EngineSettings } from './engine/settings.ts'
import type { StateStore } from './engine/state-store.ts'
import { ExecutorFactory } from './execution/executor-factory.ts'
import type { OrderGateway } from './execution/order-gateway.ts'
import { PaperOrderGateway } from './execution/paper-order-gateway.ts'
import type { MarketDataProvider } from './market-data/market-data-provider.ts'
import { instrumentOf, type Instrument, type Venue } from './model/instrument.ts'
import type { Route } from './model/route.ts'
import { PortfolioState } from './portfolio/portfolio-state.ts'
import { CircuitBreaker } from './risk/circuit-breaker.ts'
import { RiskGuard } from './risk/risk-guard.ts'
import { EmbeddedStateStore } from './store/embedded-state-store.ts'
import { RedisStateStore } from './store/redis-state-store.ts'
import { CrossVenueArbitrage, type Strategy } from './strategy/cross-venue-arbitrage.ts'
import { NetworkTransport, type VenueEndpoints } from './venues/network-transport.ts'
import { RestMarketDataProvider, type RestMarketDataProviderOptions } from './venues/rest-market-data-provider.ts'
import { makeMarket, type MarketPlan } from './market/make-market.ts'
import type { Market } from './market/market.ts'
import { SimulatedTransport, type LatencySettings } from './venues/simulated/simulated-transport.ts'
import { StreamMarketDataProvider } from './venues/stream-market-data-provider.ts'
import type { Transport } from './venues/transport.ts'

/** All that an engine's process is told, as plain data in a file. */
export interface EnginePlan {
  settings: EngineSettings
  market: MarketPlan | NetworkPlan
  venues: { depthLevels: number; requestTimeoutMs: number; latencyMs: Record<Venue, LatencySettings> }
  dataSource: 'rest' | 'ws'
  /** Times real time; null for as fast as possible. 1 where the market is on the network. */
  pace: number | null
  store: StorePlan
  logsFolder: string
  /** Event time between two checkpoints. */
  leadMs: number
  /** A module that exports `swaps: Swaps`, or null. */
  parts: string | null
}

/** Venues behind sockets: our own servers, or the real ones. */
export interface NetworkPlan {
  kind: 'network'
  name: 'loopback' | 'live'
  endpoints: VenueEndpoints
}

export type StorePlan =
  | { kind: 'embedded'; folder: string }
  | { kind: 'redis'; url: string; keyPrefix: string }
  | { kind: 'redis'; path: string; keyPrefix: string }

/** What a swapped part may look at. */
export interface SwapContext {
  plan: EnginePlan
  clock: Clock
}

/** Each takes the part that was made and gives the one to use: a strategy of your own, a guard, a planted defect. */
export interface Swaps {
  market?: (part: Market, context: SwapContext) => Market
  transport?: (part: Transport, context: SwapContext) => Transport
  provider?: (part: MarketDataProvider, context: SwapContext) => MarketDataProvider
  strategy?: (part: Strategy, context: SwapContext) => Strategy
  guard?: (part: EntryGuard, context: SwapContext) => EntryGuard
  gateway?: (part: OrderGateway, context: SwapContext) => OrderGateway
  store?: (part: StateStore, context: SwapContext) => StateStore
}

/** How long a silent holder of the state's lease keeps it, and how long one command of the store may take, in wall time. */
const leaseMs = 10_000
const commandTimeoutMs = 2000

/** `longhaul engine <plan.json>`: what the supervisor forks. */
export async function engineCommand(args: readonly string[]): Promise<ExitCode> {
  const [planFile] = args
  assert(planFile !== undefined, 'the engine is given its plan as a file')
  const plan = JSON.parse(readFileSync(planFile, 'utf8')) as EnginePlan
  const composed = composeEngine(plan, await loadSwaps(plan.parts))
  const reason = await runEngineProcess({ ...composed, leadMs: plan.leadMs })
  return reason === 'failed' ? exitCodes.fail : exitCodes.ok
}

async function loadSwaps(parts: string | null): Promise<Swaps> {
  if (parts === null) return {}
  const module = (await import(pathToFileURL(resolve(parts)).href)) as { swaps?: Swaps }
  assert(module.swaps, `${parts} exports no \`swaps\``)
  return module.swaps
}

/** Gives the part to use: the one that was made, or what a swap puts in its place. */
function swapper(context: SwapContext) {
  return <T>(part: T, replace: ((part: T, context: SwapContext) => T) | undefined): T => replace?.(part, context) ?? part
}

export interface Feed {
  clock: Clock
  instruments: readonly Instrument[]
  provider: MarketDataProvider
}

/** The clock and the quotes of a plan, without an engine: what `longhaul record` runs on. */
export function composeFeed(plan: EnginePlan, swaps: Swaps = {}): Feed {
  const { settings } = plan
  const isOnNetwork = plan.market.kind === 'network'
  const clock = isOnNetwork ? new SystemClock() : new VirtualClock({ startMs: settings.startAtMs, pace: plan.pace })
  const swap = swapper({ plan, clock })
  const prng = new SeededPrng(settings.seed)
  const instruments = settings.instruments.map(instrumentOf)
  const transport = swap(transportOf({ plan, clock, prng, instruments, swapMarket: (part) => swap(part, swaps.market) }), swaps.transport)
  const provider = swap(
    providerOf(plan, { transport, clock, instruments, ...plan.venues, measuresClock: isOnNetwork }, prng.fork('streams')),
    swaps.provider,
  )
  return { clock, instruments, provider }
}

export function composeEngine(plan: EnginePlan, swaps: Swaps): { clock: Clock; journal: Journal; engine: Engine } {
  const { settings } = plan
  const { clock, instruments, provider } = composeFeed(plan, swaps)
  const swap = swapper({ plan, clock })
  const prng = new SeededPrng(settings.seed)
  const gateway = swap(
    new PaperOrderGateway({
      provider,
      clock,
      prng: prng.fork('orders'),
      settings: settings.execution,
      freshness: settings.freshness,
    }),
    swaps.gateway,
  )
  const journal = new Journal(logFilesIn(plan.logsFolder), clock)
  const store = swap(storeOf(plan.store), swaps.store)
  const strategy = swap(new CrossVenueArbitrage(settings.strategy), swaps.strategy)
  const openParts = (stored: ReadonlyMap<string, string>): OpenedParts =>
    openState(stored, {
      plan,
      clock,
      instruments,
      provider,
      gateway,
      journal,
      store,
      strategy,
      swapGuard: (guard) => swap(guard, swaps.guard),
    })
  const facts = { market: plan.market.kind === 'network' ? plan.market.name : plan.market.kind, dataSource: plan.dataSource }
  return { clock, journal, engine: new Engine({ clock, store, journal, provider, settings, facts, openParts }) }
}

interface StateOptions {
  plan: EnginePlan
  clock: Clock
  instruments: readonly Instrument[]
  provider: MarketDataProvider
  gateway: OrderGateway
  journal: Journal
  store: StateStore
  strategy: Strategy
  swapGuard: (guard: EntryGuard) => EntryGuard
}

/** What depends on the stored state: portfolio and guard as they were, and all that works on them. */
function openState(stored: ReadonlyMap<string, string>, options: StateOptions): OpenedParts {
  const { plan, clock, provider, gateway, journal, store, strategy } = options
  const { settings } = plan
  const portfolio = PortfolioState.restore(stored) ?? PortfolioState.fresh(settings.openingBalances)
  const breaker = new CircuitBreaker(settings.risk.circuitBreaker)
  const guard = new RiskGuard(settings.risk, breaker)
  guard.restore(stored, portfolio.trades())
  const committer = new Committer({ store, clock, journal, sources: [portfolio, guard] })
  const routes = settings.routes.map((facts): Route => ({
    symbol: facts.symbol,
    a: findInstrument(options.instruments, facts.a),
    b: findInstrument(options.instruments, facts.b),
  }))
  const available = (venue: Venue, asset: string) => portfolio.ledger.balance(venue, asset)
  const executors = new ExecutorFactory(routes, {
    portfolio,
    gateway,
    provider,
    trail: { record: (event) => journal.trading(event), commit: () => committer.commit() },
    watcher: {
      holdOrders: (tradeId, required) => guard.holdOrders(tradeId, required, available),
      settled: (tradeId) => guard.settled(tradeId),
      closed: (tradeId, realisedKrw) => guard.closed(tradeId, realisedKrw, clock.nowMs()),
      failed: (tradeId, realisedKrw) => guard.failed(tradeId, realisedKrw, clock.nowMs()),
    },
    nowMs: () => clock.nowMs(),
  })
  const metrics: Metrics = new Metrics({
    clock,
    journal,
    settings: settings.metrics,
    symbols: routes.map(({ symbol }) => symbol),
    provider,
    quoteOf: (symbol) => runner.sampleQuote(symbol),
    isRealTime: !(clock instanceof VirtualClock),
  })
  const runner: LiveRunner = new LiveRunner({
    ...settings,
    clock,
    routes,
    fxInstrument: findInstrument(options.instruments, { venue: 'upbit', code: 'KRW-USDT' }),
    provider,
    strategy,
    guard: options.swapGuard(guard),
    executors,
    portfolio,
    committer,
    journal,
    decisions: new DecisionLog(journal),
    feeds: new FeedWatch(journal, breaker),
    metrics,
  })
  return { portfolio, committer, runner, metrics }
}

interface TransportParts {
  plan: EnginePlan
  clock: Clock
  prng: Prng
  instruments: readonly Instrument[]
  swapMarket: (market: Market) => Market
}

function transportOf({ plan: { market, settings, venues }, clock, prng, instruments, swapMarket }: TransportParts): Transport {
  if (market.kind === 'network') return new NetworkTransport({ clock, endpoints: market.endpoints })
  const made = swapMarket(makeMarket(market, settings.seed, instruments))
  return new SimulatedTransport({ clock, market: made, prng: prng.fork('network'), latency: venues.latencyMs, instruments })
}

type ProviderParts = Omit<RestMarketDataProviderOptions, 'loopIntervalMs'>

function providerOf({ dataSource, settings }: EnginePlan, parts: ProviderParts, prng: Prng): MarketDataProvider {
  const { loopIntervalMs, freshness } = settings
  return dataSource === 'ws'
    ? new StreamMarketDataProvider({ ...parts, prng, freshness })
    : new RestMarketDataProvider({ ...parts, loopIntervalMs })
}

function storeOf(plan: StorePlan): StateStore {
  if (plan.kind === 'embedded') return new EmbeddedStateStore(plan.folder)
  const address = 'url' in plan ? { url: plan.url } : { path: plan.path }
  // Leases and deadlines are about a real server and real silence, whatever the engine's own time.
  return new RedisStateStore({ ...address, keyPrefix: plan.keyPrefix, clock: new SystemClock(), leaseMs, commandTimeoutMs })
}

function logFilesIn(folder: string): { application: LogFile; trading: LogFile; metrics: LogFile } {
  const open = (name: string): LogFile => new LogFile(join(folder, `${name}.log`))
  return { application: open('application'), trading: open('trading'), metrics: open('metrics') }
}

function findInstrument(instruments: readonly Instrument[], { venue, code }: { venue: Venue; code: string }): Instrument {
  const instrument = instruments.find((candidate) => candidate.venue === venue && candidate.code === code)
  assert(instrument, `${venue} ${code} is on a route and not among the instruments`)
  return instrument
}
