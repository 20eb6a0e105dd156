/** The composition root: the one file that knows every part of the engine and puts them together, and the only one that may swap one. */

import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { assert } from './base/assert.ts'
import { OperatingError } from './base/error.ts'
import { exitCodes, type ExitCode } from './base/exit-code.ts'
import { SeededPrng, type Prng } from './base/prng.ts'
import type { Clock } from './clock/clock.ts'
import { SystemClock } from './clock/system-clock.ts'
import { VirtualClock } from './clock/virtual-clock.ts'
import { Committer } from './engine/committer.ts'
import { DecisionLog } from './engine/decision-log.ts'
import { runEngineProcess, type RunnableEngine } from './engine/engine-process.ts'
import { Engine, type OpenedParts } from './engine/engine.ts'
import { FeedWatch } from './engine/feed-watch.ts'
import { Journal, type LogFiles } from './engine/journal.ts'
import { LiveRunner, type EntryGuard } from './engine/live-runner.ts'
import { LogFile, type AppendBytes, type LogFileOptions } from './engine/log-file.ts'
import { Metrics } from './engine/metrics.ts'
import type { EngineSettings } from './engine/settings.ts'
import type { StateStore } from './engine/state-store.ts'
import { serveRuns } from './engine/warm-engine.ts'
import { ExecutorFactory } from './execution/executor-factory.ts'
import type { OrderGateway } from './execution/order-gateway.ts'
import { PaperOrderGateway } from './execution/paper-order-gateway.ts'
import { FaultyStateStore } from './faults/faulty-state-store.ts'
import { fullDisk } from './faults/full-disk.ts'
import { FaultyEngine } from './faults/faulty-engine.ts'
import { FaultyExchange } from './faults/faulty-exchange.ts'
import { FaultyGateway } from './faults/faulty-gateway.ts'
import { FaultyMarket } from './faults/faulty-market.ts'
import { openInjection, type Injection } from './faults/injection.ts'
import type { MarketDataProvider } from './market-data/market-data-provider.ts'
import { faultLogNames, type FaultPlan } from './model/fault.ts'
import type { StopReason } from './model/event.ts'
import { instrumentOf, type Instrument, type Venue } from './model/instrument.ts'
import type { Route } from './model/route.ts'
import { PortfolioState } from './portfolio/portfolio-state.ts'
import { CircuitBreaker } from './risk/circuit-breaker.ts'
import type { RiskSettings } from './risk/limits.ts'
import { RiskGuard } from './risk/risk-guard.ts'
import { EmbeddedStateStore } from './store/embedded-state-store.ts'
import { HeldStateStore } from './store/held-state-store.ts'
import { RedisStateStore } from './store/redis-state-store.ts'
import { CrossVenueArbitrage, type Strategy } from './strategy/cross-venue-arbitrage.ts'
import { NetworkTransport, type VenueEndpoints } from './venues/network-transport.ts'
import { CountingTransport } from './venues/counting-transport.ts'
import { RestMarketDataProvider, type RestMarketDataProviderOptions } from './venues/rest-market-data-provider.ts'
import { makeMarket, type MarketPlan } from './market/make-market.ts'
import type { Market } from './market/market.ts'
import { SimulatedExchange } from './venues/simulated/simulated-exchange.ts'
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
  /** What is injected into the parts; null where they stay as they are. */
  faults: FaultPlan | null
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
  /** The address may hold a password: it is in the environment, and in no file. */
  | { kind: 'redis'; urlVariable: 'REDIS_URL'; keyPrefix: string }
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
  /** What the guard goes by; the log goes on stating what was configured. */
  riskSettings?: (part: RiskSettings, context: SwapContext) => RiskSettings
  portfolio?: (part: PortfolioState, context: SwapContext) => PortfolioState
  executors?: (part: ExecutorFactory, context: SwapContext) => ExecutorFactory
  store?: (part: StateStore, context: SwapContext) => StateStore
}

/** How long a silent holder of the state's lease keeps it, and how long one command of the store may take, in wall time. */
const leaseMs = 10_000
const commandTimeoutMs = 2000

/** `longhaul engine <plan.json>`: what the supervisor forks. Without a plan it is given one after another by its supervisor. */
export async function engineCommand(args: readonly string[]): Promise<ExitCode> {
  const [planFile] = args
  const reason = planFile === undefined ? await serveRuns((file) => runPlan(file, true)) : await runPlan(planFile, false)
  return reason === 'failed' ? exitCodes.fail : exitCodes.ok
}

async function runPlan(planFile: string, isWarm: boolean): Promise<StopReason> {
  const plan = JSON.parse(readFileSync(planFile, 'utf8')) as EnginePlan
  const composed = composeEngine(plan, await loadSwaps(plan.parts))
  return runEngineProcess({ ...composed, leadMs: plan.leadMs, isWarm })
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
  openSockets: (venue: Venue) => number
  injection: Injection | null
}

/** The clock and the quotes of a plan, without an engine: what `longhaul record` runs on. */
export function composeFeed(plan: EnginePlan, swaps: Swaps = {}): Feed {
  const { settings } = plan
  const isOnNetwork = plan.market.kind === 'network'
  const clock = isOnNetwork ? new SystemClock() : new VirtualClock({ startMs: settings.startAtMs, pace: plan.pace })
  const injection = openInjection(plan.faults, join(plan.logsFolder, faultLogNames.engine), clock)
  const swap = swapper({ plan, clock })
  const prng = new SeededPrng(settings.seed)
  const instruments = settings.instruments.map(instrumentOf)
  const sockets = new CountingTransport(
    transportOf({ plan, clock, prng, instruments, injection, swapMarket: (part) => swap(part, swaps.market) }),
  )
  const transport = swap<Transport>(sockets, swaps.transport)
  const provider = swap(
    providerOf(plan, { transport, clock, instruments, ...plan.venues, measuresClock: isOnNetwork }, prng.fork('streams')),
    swaps.provider,
  )
  return { clock, instruments, provider, openSockets: (venue) => sockets.openSockets(venue), injection }
}

export function composeEngine(plan: EnginePlan, swaps: Swaps): { clock: Clock; journal: Journal; engine: RunnableEngine } {
  const { settings } = plan
  const { clock, instruments, provider, openSockets, injection } = composeFeed(plan, swaps)
  const swap = swapper({ plan, clock })
  const prng = new SeededPrng(settings.seed)
  const { execution, freshness } = settings
  const paper = new PaperOrderGateway({ provider, clock, prng: prng.fork('orders'), settings: execution, freshness })
  const { orderTimeoutMs } = execution
  const venues = injection === null ? paper : new FaultyGateway({ gateway: paper, clock, board: injection.board, orderTimeoutMs })
  const gateway = swap<OrderGateway>(venues, swaps.gateway)
  const journal = new Journal(logFilesIn(plan.logsFolder, clock, injection), clock)
  const held = new HeldStateStore(storeOf(plan.store), clock)
  const store = swap(injection === null ? held : new FaultyStateStore({ store: held, clock, board: injection.board }), swaps.store)
  const strategy = swap(new CrossVenueArbitrage(settings.strategy), swaps.strategy)
  const openParts = (stored: ReadonlyMap<string, string>): OpenedParts =>
    openState(stored, {
      plan,
      clock,
      instruments,
      provider,
      openSockets,
      gateway,
      journal,
      store,
      strategy,
      swapGuard: (guard) => swap(guard, swaps.guard),
      swapRiskSettings: (risk) => swap(risk, swaps.riskSettings),
      swapPortfolio: (portfolio) => swap(portfolio, swaps.portfolio),
      swapExecutors: (executors) => swap(executors, swaps.executors),
    })
  const facts = { market: plan.market.kind === 'network' ? plan.market.name : plan.market.kind, dataSource: plan.dataSource }
  const engine = new Engine({ clock, store, journal, provider, settings, facts, openParts })
  return { clock, journal, engine: injection === null ? engine : new FaultyEngine({ engine, clock, ...injection }) }
}

interface StateOptions {
  plan: EnginePlan
  clock: Clock
  instruments: readonly Instrument[]
  provider: MarketDataProvider
  openSockets: (venue: Venue) => number
  gateway: OrderGateway
  journal: Journal
  store: StateStore
  strategy: Strategy
  swapGuard: (guard: EntryGuard) => EntryGuard
  swapRiskSettings: (risk: RiskSettings) => RiskSettings
  swapPortfolio: (portfolio: PortfolioState) => PortfolioState
  swapExecutors: (executors: ExecutorFactory) => ExecutorFactory
}

/** What depends on the stored state: portfolio and guard as they were, and all that works on them. */
function openState(stored: ReadonlyMap<string, string>, options: StateOptions): OpenedParts {
  const { plan, clock, provider, gateway, journal, store, strategy } = options
  const { settings } = plan
  const portfolio = options.swapPortfolio(PortfolioState.restore(stored) ?? PortfolioState.fresh(settings.openingBalances))
  const breaker = new CircuitBreaker(settings.risk.circuitBreaker)
  const guard = new RiskGuard(options.swapRiskSettings(settings.risk), breaker)
  guard.restore(stored, portfolio.trades())
  const committer = new Committer({ store, clock, journal, sources: [portfolio, guard] })
  const routes = settings.routes.map((facts): Route => ({
    symbol: facts.symbol,
    a: findInstrument(options.instruments, facts.a),
    b: findInstrument(options.instruments, facts.b),
  }))
  const available = (venue: Venue, asset: string) => portfolio.ledger.balance(venue, asset)
  const made = new ExecutorFactory(routes, {
    portfolio,
    gateway,
    provider,
    trail: {
      record: (event) => journal.trading(event),
      commit: () => committer.commit(),
      warn: (event, level) => journal.application(event, level),
    },
    watcher: {
      holdOrders: (tradeId, required) => guard.holdOrders(tradeId, required, available),
      settled: (tradeId) => guard.settled(tradeId),
      closed: (tradeId, realisedKrw) => guard.closed(tradeId, realisedKrw, clock.nowMs()),
      failed: (tradeId, realisedKrw) => guard.failed(tradeId, realisedKrw, clock.nowMs()),
    },
    nowMs: () => clock.nowMs(),
  })
  const executors = options.swapExecutors(made)
  const metrics: Metrics = new Metrics({
    clock,
    journal,
    settings: settings.metrics,
    symbols: routes.map(({ symbol }) => symbol),
    provider,
    openSockets: options.openSockets,
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
    gateway,
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
  injection: Injection | null
  swapMarket: (market: Market) => Market
}

function transportOf({ plan: { market, settings, venues }, clock, prng, instruments, injection, swapMarket }: TransportParts): Transport {
  if (market.kind === 'network') return new NetworkTransport({ clock, endpoints: market.endpoints })
  const made = swapMarket(makeMarket(market, settings.seed, instruments))
  const parts = { clock, prng: prng.fork('network'), latency: venues.latencyMs }
  if (injection === null) return new SimulatedTransport({ ...parts, market: made, instruments })
  const { board } = injection
  const exchange = new SimulatedExchange({ market: new FaultyMarket({ market: made, board, instruments }), instruments })
  return new SimulatedTransport({ ...parts, exchange: new FaultyExchange({ exchange, board }) })
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
  const address = 'path' in plan ? { path: plan.path } : { url: 'url' in plan ? plan.url : urlIn(plan.urlVariable) }
  // Leases and deadlines are about a real server and real silence, whatever the engine's own time.
  return new RedisStateStore({ ...address, keyPrefix: plan.keyPrefix, clock: new SystemClock(), leaseMs, commandTimeoutMs })
}

/** Without an address ioredis takes the server of this machine, whoever's that is. */
function urlIn(variable: 'REDIS_URL'): string {
  const url = process.env[variable] ?? ''
  if (url !== '') return url
  throw new OperatingError('ENVIRONMENT_NOT_READY', `the state is in the Redis that ${variable} names, and it names none`, {
    hint: `Set ${variable} to the address that the campaign was started with.`,
  })
}

function logFilesIn(folder: string, clock: Clock, injection: Injection | null): LogFiles {
  const open = (log: keyof LogFiles, options: LogFileOptions): LogFile => {
    const disk = (append: AppendBytes): AppendBytes =>
      injection === null ? append : fullDisk({ append, clock, board: injection.board, log })
    return new LogFile(join(folder, `${log}.log`), { ...options, disk })
  }
  return {
    application: open('application', { mayDrop: true }),
    trading: open('trading', { isSole: true }),
    metrics: open('metrics', { mayDrop: true }),
  }
}

function findInstrument(instruments: readonly Instrument[], { venue, code }: { venue: Venue; code: string }): Instrument {
  const instrument = instruments.find((candidate) => candidate.venue === venue && candidate.code === code)
  assert(instrument, `${venue} ${code} is on a route and not among the instruments`)
  return instrument
}
