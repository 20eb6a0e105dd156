/** What the analyzer says of a run: figures, checks and a verdict. Plain data; report.json holds it whole. */

import type { FeedCounts, StopReason } from '../model/event.ts'
import type { Histogram } from './statistics.ts'

export type Verdict = 'pass' | 'warn' | 'fail' | 'unknown'

/** Percentiles of a streamed sample. */
export interface Distribution {
  count: number
  mean: number
  min: number
  p50: number
  p90: number
  p99: number
  max: number
}

export interface Trend {
  /** Change an hour after warm-up (Theil-Sen); null with too few points to say. */
  slopePerHour: number | null
  /** Lower and upper end of its 95 % confidence interval. */
  lowPerHour: number | null
  highPerHour: number | null
  pointCount: number
}

export interface ProfitFigures {
  edgeKrw: string
  feesKrw: string
  fxKrw: string
  totalKrw: string
}

/** One symbol, or all of them together. */
export interface SymbolFigures {
  symbol: string
  entries: number
  exits: number
  entriesFailed: number
  wins: number
  exitsByReason: Record<string, number>
  guardBlocks: Record<string, number>
  ordersByStatus: Record<string, number>
  unwinds: number
  profit: ProfitFigures
  holdingMs: Distribution | null
  /** At entry, as the strategy saw it. */
  entryNetEdgeBps: Distribution | null
  /** Of the sampled quotes: (best ask - best bid) / mid of each leg, and the better direction's gross edge before fees. */
  spreadABps: Distribution | null
  spreadBBps: Distribution | null
  grossEdgeBps: Distribution | null
  errors: number
  missingSnapshots: number | null
  staleMs: number
}

export interface HourFigures {
  /** Event time of the hour's start. */
  startMs: number
  loops: number
  entries: number
  exits: number
  profitKrw: string
  guardBlocks: number
  errors: number
  warnings: number
  meanLoopPeriodMs: number | null
  p99LoopTimeMs: number | null
}

/** How long quotes waited for the decision on them, of runs on a real clock. Percentiles are at most 1.6 % above the true ones. */
export interface LatencyFigures {
  /** Decisions on a new quote. */
  count: number
  p50Us: number
  p99Us: number
  p999Us: number
  maxUs: number
  /** Most symbols that waited at once. */
  queueDepthMax: number
  /** Longest time from a quote's arrival until its symbol was looked at. */
  lagMaxUs: number
  /** Quotes of a symbol that was waiting already. */
  coalesced: number
}

/** What one venue's feed did over the run: sums over all attempts, largest values, the last source and offset of its clock. */
export interface FeedFigures extends Omit<FeedCounts, 'liveSockets'> {
  liveSocketsMax: number
  /** Gaps after which no book was fetched anew until the end of their attempt; those of its last two lines had no time for it. */
  unrepairedGaps: number
}

/**
 * Points for the charts: at most 500, evenly thinned, event time against value. Names: `loop-period`, `loop-time` (ms, mean of a
 * stretch), `quote-to-decision` (ms, 99th percentile of a minute), `heap-after-gc`, `heap-used`, `rss` (bytes), `realised-profit` (KRW,
 * running total), `entries`, `exits` (running total over all symbols), and `entries:KRW-BTC`, `exits:KRW-BTC` for each of the first
 * sixteen symbols.
 */
export interface Series {
  name: string
  unit: string
  points: [timeMs: number, value: number][]
}

/** One attempt as the engine itself told it. */
export interface SessionFigures {
  attempt: number
  symbols: string[]
  startAtMs: number
  /** When it was to end. */
  endAtMs: number
  loopIntervalMs: number
  /** Null where it ended without saying why. */
  stopReason: StopReason | null
  /** Errors logged since it started and before the next one did. */
  errors: number
}

/** How often a run did what a healthy one may never have to do. */
export interface Exercise {
  /** Entries refused by the guard, and symbols on which it allowed one again after that. */
  guardBlocks: number
  guardReleases: number
  partialFills: number
  rejections: number
  /** Orders to which no answer came in time. */
  timeOuts: number
  failedEntries: number
  unwinds: number
  staleFeeds: number
  recoveredFeeds: number
  openedCircuits: number
  closedCircuits: number
  venueTroubles: number
  storeTroubles: number
  reconnects: number
  sequenceGaps: number
  /** Attempts that went on from the state of one before. */
  restarts: number
}

/** What the last attempt left behind. */
export interface FinalState {
  /** It wrote its session's last line: the state is stored. */
  isClosed: boolean
  staleSymbols: string[]
  openCircuits: string[]
  /** Trades whose legs differ, or whose orders are under way. */
  unsettledTrades: string[]
}

export interface Analysis {
  schema: 1
  /** Why nothing can be judged from these logs (none, empty, another schema version), or null where it can. */
  notJudgeable: string | null
  /** Figures left out because a bounded table (symbols, hours, outages, kinds of error) was full. */
  droppedFigures: number
  /** The attempts' starts and ends, at most 100. */
  sessions: SessionFigures[]
  /** Event time of the first and last line read. */
  firstMs: number | null
  lastMs: number | null
  attempts: number
  loops: number
  overruns: number
  loopPeriodMs: Distribution | null
  loopTimeMs: Distribution | null
  loopPeriodHistogram: Histogram | null
  loopTimeHistogram: Histogram | null
  loopCpuMs: Distribution | null
  missingSnapshots: number
  errorsByKind: Record<string, number>
  warningsByKind: Record<string, number>
  /** Lines that are not JSON, in all and the first few. */
  rawLines: number
  rawLineSamples: string[]
  /** JSON lines that are no event we know, or broken: with the first few. */
  unreadableLines: number
  unreadableSamples: string[]
  feedOutages: { symbol: string; reason: string; fromMs: number; toMs: number }[]
  overall: SymbolFigures
  symbols: SymbolFigures[]
  hours: HourFigures[]
  rssBytes: Distribution | null
  heapAfterGcBytes: Distribution | null
  /** Null where no decision on a new quote was measured. */
  latency: LatencyFigures | null
  /** By venue; none where the logs have no `feed` lines. */
  feeds: FeedFigures[]
  /** What the guards were asked in drills before a first loop, over all attempts; null where the logs have no `guard-drilled`. */
  guardDrill: { refused: number; allowed: string[] } | null
  exercise: Exercise
  finalState: FinalState
  heapTrend: Trend
  loopTimeTrend: Trend
  series: Series[]
}

export interface CheckResult {
  /** The checker's, such as `balances-conserved`. */
  name: string
  verdict: Verdict
  /** What was examined: `1,204 fills on 4 symbols`. */
  examined: string
  /** At most twenty, each with event time and ids. */
  violations: string[]
}

/** One thing that a scenario asks for, judged. Each becomes one test in the campaign spec and in Allure. */
export interface Assertion {
  name: string
  verdict: Verdict
  expected: string
  actual: string
}

export interface Judgement {
  verdict: Verdict
  /** One sentence: why this verdict. */
  reason: string
  assertions: Assertion[]
}

export function worstVerdict(verdicts: Iterable<Verdict>): Verdict {
  const order: readonly Verdict[] = ['pass', 'warn', 'unknown', 'fail']
  let worst: Verdict = 'pass'
  for (const verdict of verdicts) if (order.indexOf(verdict) > order.indexOf(worst)) worst = verdict
  return worst
}
