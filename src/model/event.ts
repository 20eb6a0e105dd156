/**
 * The log schema: every line of application.log, trading.log and metrics.log is one of these events as JSON.
 * The engine writes them; monitor, analyzer, checkers and report read nothing else. docs/LOG_SCHEMA.md is the same for other languages.
 */

import type { InstrumentFacts, Side, Venue } from './instrument.ts'
import type { Balance } from './money.ts'
import type { OrderPurpose, OrderStatus, VenueStatement } from './order.ts'
import type { Direction, Leg, RouteFacts } from './route.ts'
import type { ExitReason, Realised, Trade } from './trade.ts'

/** Raised when a reader of older logs would misread newer ones. Readers answer another version with `unknown`. */
export const schemaVersion = 1

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'fatal'

/** What every line has. `time` is event time, whole Unix milliseconds. */
export interface LogLine {
  level: LogLevel
  time: number
  event: string
}

// trading.log

/** trading.log lines are numbered without a gap over all attempts of a run, so that a lost or doubled line shows. */
export interface TradingLine extends LogLine {
  seq: number
}

/** Amounts in KRW as numbers: limits are settings, not money owned. */
export interface GlobalLimitFacts {
  maxNotionalKrw: number
  maxOpenTrades: number
  maxExposureKrw: number
  maxDailyLossKrw: number
  maxQuoteAgeMs: number
  maxUnchangedMs: number
}

export interface SymbolLimitFacts {
  maxCapitalKrw: number
  maxOpenTrades: number
  maxConcurrentOrders: number
  maxDailyLossKrw: number
}

/** First line of each attempt: all that a checker needs to judge the rest without the engine. */
export interface SessionOpened extends TradingLine {
  event: 'session-opened'
  schema: number
  attempt: number
  seed: number
  routes: RouteFacts[]
  instruments: InstrumentFacts[]
  /** Daily losses count from the midnight of `dailyResetTimeZone`, an IANA name; logs that leave it out do not say from when. */
  limits: { global: GlobalLimitFacts & { dailyResetTimeZone?: string }; symbols: Record<string, SymbolLimitFacts> }
  balances: Balance[]
  openTrades: Trade[]
}

export type BlockReason =
  | 'max-notional'
  | 'max-open-trades'
  | 'max-exposure'
  | 'max-daily-loss'
  | 'symbol-max-capital'
  | 'symbol-max-open-trades'
  | 'symbol-max-concurrent-orders'
  | 'symbol-max-daily-loss'
  | 'cooldown'
  | 'stale-quote'
  | 'insufficient-inventory'
  | 'venue-circuit-open'
  | 'store-unavailable'
  | 'session-stopped'
  /** For a guard other than ours. */
  | 'policy'

/** What the guard saw when it decided, its own reservation not yet counted. */
export interface SeenByGuard {
  notionalKrw: number
  openTrades: number
  symbolOpenTrades: number
  exposureKrw: number
  symbolCapitalKrw: number
  dailyLossKrw: number
  symbolDailyLossKrw: number
  quoteAgeMs: number
}

/**
 * Every entry intent meets the guard. Each allow is logged; equal blocks of one symbol are logged at the first, on change of reason,
 * and then every ten seconds of event time, with the number left out since the last one logged.
 */
export interface GuardDecided extends TradingLine {
  event: 'guard-decided'
  symbol: string
  direction: Direction
  outcome: 'allow' | 'block' | 'stop-session'
  reason: BlockReason | null
  tradeId: string | null
  seen: SeenByGuard
  suppressedCount: number
}

export interface OrderSent extends TradingLine {
  event: 'order-sent'
  orderId: string
  tradeId: string
  symbol: string
  leg: Leg
  purpose: OrderPurpose
  venue: Venue
  instrument: string
  side: Side
  quantity: string
  limitPrice: string
}

export interface OrderFilled extends TradingLine {
  event: 'order-filled'
  orderId: string
  tradeId: string
  symbol: string
  leg: Leg
  purpose: OrderPurpose
  venue: Venue
  instrument: string
  side: Side
  quantity: string
  notional: string
  feeAsset: string
  fee: string
  fxKrwPerUsdt: number
  levels: { price: string; quantity: string; displayedSize: string }[]
  book: { exchangeTimeMs: number | null; changedAtMs: number; receivedAtMs: number; bestBid: string; bestAsk: string }
}

/** The end of every order, filled or not; after its `order-filled` where there is one. */
export interface OrderDone extends TradingLine {
  event: 'order-done'
  orderId: string
  tradeId: string
  symbol: string
  leg: Leg
  status: OrderStatus
  filledQuantity: string
  reason: string | null
}

/** A trade is open and hedged. */
export interface Entry extends TradingLine {
  event: 'entry'
  tradeId: string
  symbol: string
  direction: Direction
  quantity: string
  notionalKrw: string
  /** What the quotes promised when the strategy decided; null where a killed engine had not said. */
  grossEdgeBps: number | null
  netEdgeBps: number
  fxKrwPerUsdt: number
}

/** An allowed entry that ended with nothing hedged; what it cost is in `realised`. */
export interface EntryFailed extends TradingLine {
  event: 'entry-failed'
  tradeId: string
  symbol: string
  reason: string
  realised: Realised
}

/** Legs of unequal size: the excess of one leg was traded back, as far as the venue's least order allows. */
export interface Unwound extends TradingLine {
  event: 'unwind'
  tradeId: string
  symbol: string
  leg: Leg
  side: Side
  /** Traded back by this unwind's orders. */
  quantity: string
  /** All dust now on this symbol and leg, signed: base bought minus sold, too small for an order, left for the next unwind. */
  dustQuantity: string
  /** Still in excess, signed, because the venue did not take it: tried again in the next loop. */
  excessQuantity: string
}

/** A trade was closed whole. */
export interface Exit extends TradingLine {
  event: 'exit'
  tradeId: string
  symbol: string
  direction: Direction
  reason: ExitReason
  holdingMs: number
  /** Of the closing orders, as the strategy saw it; null where a killed engine had not said. */
  netEdgeBps: number | null
  fxKrwPerUsdt: number
  realised: Realised
}

/** At each hour of event time and at the end: the state's balances, for a checker to compare with its own. */
export interface BalancesStated extends TradingLine {
  event: 'balances-stated'
  balances: Balance[]
  openTrades: number
  realisedKrw: string
}

/**
 * What the venues say that the session's orders did, since `session-opened`: after each `balances-stated` and before `session-closed`,
 * only at an instant at which no order is under way or in doubt. The sums are those of all `order-filled` and `order-done` before it.
 */
export interface VenueStated extends TradingLine, VenueStatement {
  event: 'venue-stated'
}

/** Last line of an attempt that stopped by itself. */
export interface SessionClosed extends TradingLine {
  event: 'session-closed'
  reason: StopReason
  balances: Balance[]
  openTrades: Trade[]
  realisedKrw: string
}

export type TradingEvent =
  | SessionOpened
  | GuardDecided
  | OrderSent
  | OrderFilled
  | OrderDone
  | Entry
  | EntryFailed
  | Unwound
  | Exit
  | BalancesStated
  | VenueStated
  | SessionClosed

/** By name, for readers that pick their lines. */
export const tradingEventNames: readonly TradingEvent['event'][] = [
  'session-opened',
  'guard-decided',
  'order-sent',
  'order-filled',
  'order-done',
  'entry',
  'entry-failed',
  'unwind',
  'exit',
  'balances-stated',
  'venue-stated',
  'session-closed',
]

// application.log. Lines that are not JSON are what the process printed raw (a stack trace, a warning of Node's).

/** Why the engine stopped: its duration was over, it was told to, its supervisor went away, the guard stopped it, or it failed. */
export type StopReason = 'completed' | 'aborted' | 'interrupted' | 'supervisor-gone' | 'guard-stopped-session' | 'failed'

export interface EngineStarted extends LogLine {
  event: 'engine-started'
  attempt: number
  market: string
  dataSource: string
  store: string
  symbols: string[]
  startAtMs: number
  endAtMs: number
  loopIntervalMs: number
}

/** Where a venue's quotes come from: Upbit's batched books, Binance's books, its batched top of book, or a stream of either. */
export type FeedSource = 'orderbook' | 'depth' | 'book-ticker' | 'orderbook-stream' | 'depth-stream'

/** The venue's quotes have begun to come in, or the wait for the first of them is over. Once a venue in each attempt. */
export interface FeedOpened extends LogLine {
  event: 'feed-opened'
  venue: Venue
  source: FeedSource
}

/**
 * Before an attempt's first loop the guard in force was asked for entries that no guard may allow. Nothing came of them, whatever it said;
 * an engine whose guard would have allowed one does not start.
 */
export interface GuardDrilled extends LogLine {
  event: 'guard-drilled'
  refused: BlockReason[]
  /** What was asked for and allowed, in words. */
  allowed: string[]
}

export interface EngineStopped extends LogLine {
  event: 'engine-stopped'
  reason: StopReason
  loops: number
  overruns: number
}

/** One symbol's failure in one loop, caught at the symbol's boundary; the other symbols went on. */
export interface SymbolFailed extends LogLine {
  event: 'symbol-failed'
  symbol: string
  message: string
  stack: string
}

/**
 * A venue request that gave no usable answer; `code` is an ErrorCode. Warn for the first and for every five minutes that it lasts, error
 * never: the loop goes on without quotes.
 */
export interface VenueTroubled extends LogLine {
  event: 'venue-troubled'
  venue: Venue
  code: string
  message: string
}

/** A symbol had no usable quotes from here on, and from there again. Logged on change. */
export interface FeedStale extends LogLine {
  event: 'feed-stale'
  symbol: string
  reason: FeedTrouble
  quoteAgeMs: number | null
}

export interface FeedRecovered extends LogLine {
  event: 'feed-recovered'
  symbol: string
  staleForMs: number
}

/** Why a symbol cannot be priced now. */
export type FeedTrouble = 'missing' | 'stale' | 'frozen' | 'crossed' | 'empty' | 'fx-missing' | 'fx-stale'

export interface CircuitChanged extends LogLine {
  event: 'circuit-opened' | 'circuit-closed'
  venue: Venue
  reason: string
}

/**
 * No answer came for an order, and the venue, asked again, could not say what became of it: `warn` when its first answer says so, `error`
 * once when it has been asked thirty times. It goes on being asked, and is never sent again.
 */
export interface OrderInDoubt extends LogLine {
  event: 'order-in-doubt'
  symbol: string
  tradeId: string
  orderId: string
  venue: Venue
  /** How often the venue was asked. */
  askCount: number
}

export interface StoreTroubled extends LogLine {
  event: 'store-troubled'
  code: string
  message: string
}

/** What waited for the store is stored. */
export interface StoreRecovered extends LogLine {
  event: 'store-recovered'
  downForMs: number
}

/** The disk takes no more of this log: what is written waits. While it is trading.log, nothing new is opened. */
export interface LogTroubled extends LogLine {
  event: 'log-troubled'
  log: LogFileName
  message: string
}

/** All that waited is on disk, but for these lines, for which there was no room to wait; warn where there are some. */
export interface LogRecovered extends LogLine {
  event: 'log-recovered'
  log: LogFileName
  droppedLines: number
}

export type LogFileName = 'application' | 'trading' | 'metrics'

/** Any other failure of the engine; `fatal` when it ends it. */
export interface EngineFailed extends LogLine {
  event: 'engine-failed'
  message: string
  stack: string
}

/**
 * On a fixed rhythm of event time, and first of all in each attempt: everything before it is in the logs. It dates what the process
 * prints raw between two of them.
 */
export interface CheckpointPassed extends LogLine {
  event: 'checkpoint'
}

export type ApplicationEvent =
  | EngineStarted
  | FeedOpened
  | GuardDrilled
  | EngineStopped
  | SymbolFailed
  | VenueTroubled
  | FeedStale
  | FeedRecovered
  | CircuitChanged
  | OrderInDoubt
  | StoreTroubled
  | StoreRecovered
  | LogTroubled
  | LogRecovered
  | EngineFailed
  | CheckpointPassed

// metrics.log

/** Top of both books of one symbol in plain numbers, leg B in its own quote currency; null where there is no usable quote. */
export interface SampledQuote {
  symbol: string
  bidA: number
  askA: number
  bidB: number
  askB: number
  /** What one unit of B's quote currency is in A's: KRW per USDT on a KRW route, 1 where both are USDT. */
  fx: number
  quoteAgeMs: number
}

/**
 * Once a second of event time (or once a loop, where loops are longer): the loops since the last such line, at most 64 listed.
 * Quotes: at most four symbols a line, all symbols in turn.
 */
export interface LoopsMeasured extends LogLine {
  event: 'loops'
  /** Number of the first loop of this line; loops are numbered from 1 in each attempt. */
  firstLoop: number
  loopCount: number
  /** Start to start; null for an attempt's first loop. */
  periodsMs: (number | null)[]
  /** Start to last symbol's end, in event time; to a hundredth on a real clock. */
  loopTimesMs: number[]
  /** Loop starts skipped because a loop ran over. */
  overruns: number
  /** Symbol snapshots that were due and unusable. */
  missingSnapshots: number
  /** Symbols that are stale now. */
  staleSymbols: number
  openTrades: number
  /** The next two are gauges of the guard: symbols with a blocked intent in this line's last loop, and intents in it. */
  blockedSymbols: number
  intents: number
  /** Looks left out since the last line, because an order of the symbol was still under way. */
  busySymbols: number
  quotes: SampledQuote[]
}

/** Once a minute of event time: the process. Measured, so outside the determinism contract. */
export interface ProcessMeasured extends LogLine {
  event: 'process'
  rssBytes: number
  heapUsedBytes: number
  /** Heap used right after a full collection; null on lines for which none was made. */
  heapAfterGcBytes: number | null
  /** Delay of the event loop since the last such line, 99th percentile; null under virtual time, where the loop is always busy. */
  eventLoopDelayP99Ms: number | null
  openHandles: number
  /** Descriptors that the process has open: files, sockets, pipes. Null where the system does not tell. */
  openFiles: number | null
  /** Processor time a loop since the last such line, of the whole thread: exchange and logs included; null with no loop. */
  loopCpuMeanMs: number | null
}

/**
 * Once a minute of event time and at the end, on a real clock only: how long quotes wait, since the last such line. Measured, so outside
 * the determinism contract. Latency is from a quote's arrival to the decision on its symbol, once for the newest quote of each decision.
 */
export interface LatencyMeasured extends LogLine {
  event: 'latency'
  /** Decisions on a new quote. */
  count: number
  maxUs: number
  /** The buckets of base/latency-histogram.ts that hold something, rising: lowest latency of the bucket in microseconds, and count. */
  buckets: [lowUs: number, count: number][]
  /** Most symbols that waited at once to be looked at because of a new quote. */
  queueDepthMax: number
  /** Longest time from a quote's arrival until its symbol was looked at. */
  lagMaxUs: number
  /** Quotes of a symbol that was waiting already. */
  coalesced: number
}

/** What a venue's feed did since this was last asked; gauges say so. */
export interface FeedCounts {
  venue: Venue
  source: FeedSource
  /** REST requests sent. */
  requests: number
  /** Requests that our own ledger put off or left out, so as to stay within the venue's limits. */
  heldBack: number
  /** Answers 429. */
  rateLimited: number
  /** Answers 418. */
  bans: number
  /** Largest share of the venue's tightest limit that was used, 0 to 1. */
  usedShareMax: number
  /** Stream frames received. */
  frames: number
  /** Connections that stood, the first included. */
  connects: number
  /** Of these, those that replaced one that was lost or given up. */
  reconnects: number
  /** Sequence gaps. */
  gaps: number
  /** Books that were fetched anew after a gap. */
  resyncs: number
  /** Quiet books that REST showed to be current. */
  confirmations: number
  /** Stream events dropped because a queue was full. */
  dropped: number
  /** Gauge: sockets open now. */
  liveSockets: number
  /** Gauge: the venue's clock minus ours, and how far that may be off; null while it is not known. */
  clockOffsetMs: number | null
  clockErrorMs: number | null
}

/** Once a minute of event time, when the feeds are open and at the end, one a venue: what its feed did since the last such line. */
export interface FeedMeasured extends LogLine, FeedCounts {
  event: 'feed'
  /** Gauge: sockets to the venue that are really open, by the transport's count. Beyond `liveSockets`, the feed has forgotten them. */
  openSockets: number
}

export type MetricsEvent = LoopsMeasured | ProcessMeasured | LatencyMeasured | FeedMeasured

export type LogEvent = TradingEvent | ApplicationEvent | MetricsEvent

/** An event without what the log itself adds. */
export type Body<E extends LogLine> = E extends unknown ? Omit<E, 'level' | 'time' | 'seq'> : never
