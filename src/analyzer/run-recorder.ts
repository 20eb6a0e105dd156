/** Folds a run's events into the figures of an Analysis; memory does not grow with the run. The analyzer's own. */

import { Decimal } from '../base/decimal.ts'
import {
  schemaVersion,
  type EngineStarted,
  type EngineStopped,
  type Entry,
  type EntryFailed,
  type Exit,
  type FeedRecovered,
  type FeedStale,
  type GuardDecided,
  type GuardDrilled,
  type LogEvent,
  type LogLevel,
  type OrderDone,
  type ProcessMeasured,
  type Unwound,
} from '../model/event.ts'
import type { Venue } from '../model/instrument.ts'
import type { Analysis, HourFigures, SessionFigures, SymbolFigures } from './analysis.ts'
import { BoundedCount } from './bounded-count.ts'
import { ExerciseRecorder } from './exercise-recorder.ts'
import { FeedRecorder } from './feed-recorder.ts'
import { LatencyRecorder } from './latency-recorder.ts'
import { quoteFields, type LoopsLine } from './loops-line.ts'
import { HistogramRecorder, ThinnedSeries } from './statistics.ts'
import { SymbolRecorder } from './symbol-recorder.ts'
import { TrendRecorder } from './trend-recorder.ts'

const hourMs = 3_600_000
/** Beyond these a price is none, and a ratio of two might not be finite. */
const [minPrice, maxPrice] = [1e-18, 1e18]
/** Of an attempt's loops so many are logged, and all but those of its last second, which no line tells of. */
const minLoopShare = 0.99
const maxUnloggedMs = 1000
const maxUnloggedLoops = 2
const maxSymbols = 5000
const maxHours = 2000
const maxOutages = 1000
const maxSessions = 100
const chartedSymbols = 16
/** One is one too many. */
const maxAllowedInDrills = 10

/** What the lines that are no events were; the reader of lines counts them. */
export type UnreadFigures = Pick<Analysis, 'rawLines' | 'rawLineSamples' | 'unreadableLines' | 'unreadableSamples'>

interface Hour extends Pick<HourFigures, 'startMs' | 'loops' | 'entries' | 'exits' | 'guardBlocks' | 'errors' | 'warnings'> {
  profitKrw: Decimal
  periodSumMs: number
  periodCount: number
  loopTimeMs: HistogramRecorder
}

/** The trading events that make a symbol's figures. */
type TradeEvent = GuardDecided | OrderDone | Unwound | Entry | EntryFailed | Exit

/** One attempt, from what it logged first to what the next one did. */
interface AttemptSpan {
  fromMs: number
  loopIntervalMs: number
  /** As logged, and by the engine's own count, 0 where it came to no end. */
  loops: number
  statedLoops: number
}

interface SymbolTrack {
  recorder: SymbolRecorder
  entries: ThinnedSeries | null
  exits: ThinnedSeries | null
  stale: { reason: string; fromMs: number } | null
}

export class RunRecorder {
  readonly #only: ReadonlySet<string> | null
  readonly #overall = new SymbolRecorder('all')
  readonly #symbols = new Map<string, SymbolTrack>()
  readonly #hours = new Map<number, Hour>()
  /** The hour that was last asked for; at first none, which no time lies in. */
  #hour: Hour = newHour(NaN)
  readonly #sessions: SessionFigures[] = []
  readonly #outages: Analysis['feedOutages'] = []
  readonly #errorsByKind = new BoundedCount(200)
  readonly #warningsByKind = new BoundedCount(200)
  readonly #periodMs = new HistogramRecorder()
  readonly #loopTimeMs = new HistogramRecorder()
  readonly #loopCpuMs = new HistogramRecorder()
  readonly #rssBytes = new HistogramRecorder()
  readonly #heapAfterGcBytes = new HistogramRecorder()
  readonly #latency = new LatencyRecorder()
  readonly #exercise = new ExerciseRecorder()
  #guardDrill: Analysis['guardDrill'] = null
  readonly #feeds: Record<Venue, FeedRecorder> = { upbit: new FeedRecorder(), binance: new FeedRecorder() }
  readonly #heapTrend = new TrendRecorder()
  readonly #loopTimeTrend = new TrendRecorder()
  readonly #series = {
    loopPeriod: new ThinnedSeries('mean'),
    loopTime: new ThinnedSeries('mean'),
    heapAfterGc: new ThinnedSeries('mean'),
    heapUsed: new ThinnedSeries('mean'),
    rss: new ThinnedSeries('mean'),
    realisedProfit: new ThinnedSeries('last'),
    entries: new ThinnedSeries('last'),
    exits: new ThinnedSeries('last'),
    quoteToDecision: new ThinnedSeries('mean'),
  }
  #firstMs = Infinity
  #lastMs = -Infinity
  #events = 0
  #tradingSessions = 0
  #loops = 0
  #overruns = 0
  #missingSnapshots = 0
  #droppedFigures = 0
  #otherSchema: number | null = null
  /** By time, because metrics.log is read when all of application.log has been. */
  readonly #spans: AttemptSpan[] = []
  /** The place of the one whose gauges were measured last. */
  #measuredSpan = -1

  constructor(symbols: readonly string[] | null) {
    this.#only = symbols === null ? null : new Set(symbols)
    for (const symbol of symbols ?? []) this.#track(symbol)
  }

  /** A line of event time `timeMs`, whatever it says. */
  sawTime(timeMs: number): void {
    this.#events++
    if (timeMs < this.#firstMs) this.#firstMs = timeMs
    if (timeMs > this.#lastMs) this.#lastMs = timeMs
  }

  /** An error or a warning, with the symbol it concerns where it names one. */
  trouble(level: LogLevel, timeMs: number | null, kind: string, symbol: string | null): void {
    const hour = timeMs === null ? this.#hour : this.#hourAt(timeMs)
    if (level === 'warn') {
      this.#warningsByKind.add(kind)
      hour.warnings++
    } else {
      this.#errorsByKind.add(kind)
      this.#overall.errors++
      hour.errors++
      const session = this.#sessions.at(-1)
      if (session) session.errors++
      const track = symbol === null ? null : this.#track(symbol)
      if (track) track.recorder.errors++
    }
  }

  loops(line: LoopsLine): void {
    const hour = this.#hourAt(line.timeMs)
    if (line.firstLoop === 1) this.#loopTimeTrend.restart()
    this.#loops += line.loopCount
    const span = this.#spans[this.#spanAt(line.timeMs)]
    if (span) span.loops += line.loopCount
    hour.loops += line.loopCount
    this.#overruns += line.overruns
    this.#missingSnapshots += line.missingSnapshots
    for (let i = 0; i < line.periodCount; i++) {
      const periodMs = line.periodsMs[i] ?? NaN
      // Not a number: an attempt's first loop has no period.
      if (!Number.isFinite(periodMs)) continue
      this.#periodMs.record(periodMs)
      this.#series.loopPeriod.add(line.timeMs, periodMs)
      hour.periodSumMs += periodMs
      hour.periodCount++
    }
    for (let i = 0; i < line.loopTimeCount; i++) {
      const loopTimeMs = line.loopTimesMs[i] ?? NaN
      if (!Number.isFinite(loopTimeMs)) continue
      this.#loopTimeMs.record(loopTimeMs)
      hour.loopTimeMs.record(loopTimeMs)
      this.#series.loopTime.add(line.timeMs, loopTimeMs)
      this.#loopTimeTrend.add(line.timeMs, loopTimeMs)
    }
    for (let i = 0; i < line.quoteCount; i++) this.#quote(line.quoteSymbols[i] ?? '', line.quotes, i * quoteFields)
  }

  /** Throws where the event lacks what the schema says it has; `loops` come in through their own door. */
  observe(event: LogEvent): void {
    this.#exercise.observe(event)
    switch (event.event) {
      case 'engine-started':
        return this.#started(event)
      case 'engine-stopped':
        return this.#stopped(event)
      case 'session-opened':
        this.#tradingSessions++
        if (event.schema !== schemaVersion) this.#otherSchema = event.schema
        return
      case 'guard-drilled':
        return this.#guardDrilled(event)
      case 'feed-stale':
        return this.#feedStale(event)
      case 'feed-recovered':
        return this.#feedRecovered(event)
      case 'process':
        return this.#process(event)
      case 'latency': {
        const p99Ms = this.#latency.add(event)
        if (p99Ms !== null) this.#series.quoteToDecision.add(event.time, p99Ms)
        return
      }
      case 'feed':
        this.#measuredAt(event.time)
        return this.#feeds[event.venue].add(event)
      case 'guard-decided':
      case 'order-done':
      case 'unwind':
      case 'entry':
      case 'entry-failed':
      case 'exit': {
        const track = this.#track(event.symbol)
        if (track) this.#trade(event, track)
        return
      }
      default:
    }
  }

  #trade(event: TradeEvent, track: SymbolTrack): void {
    const hour = this.#hourAt(event.time)
    const both = [track.recorder, this.#overall]
    if (event.event === 'guard-decided') {
      this.#overall.guardDecided(event)
      hour.guardBlocks += track.recorder.guardDecided(event)
    } else if (event.event === 'order-done') {
      for (const recorder of both) recorder.ordersByStatus.add(event.status)
    } else if (event.event === 'unwind') {
      for (const recorder of both) recorder.unwinds++
    } else if (event.event === 'entry') {
      for (const recorder of both) recorder.entered(event)
      hour.entries++
      this.#series.entries.add(event.time, this.#overall.entries)
      track.entries?.add(event.time, track.recorder.entries)
    } else {
      const before = this.#overall.totalKrw
      for (const recorder of both) {
        if (event.event === 'exit') recorder.exited(event)
        else recorder.entryFailed(event)
      }
      hour.profitKrw = hour.profitKrw.add(this.#overall.totalKrw.subtract(before))
      this.#series.realisedProfit.add(event.time, this.#overall.totalKrw.toNumber())
      if (event.event !== 'exit') return
      hour.exits++
      this.#series.exits.add(event.time, this.#overall.exits)
      track.exits?.add(event.time, track.recorder.exits)
    }
  }

  #quote(symbol: string, quotes: Float64Array, slot: number): void {
    const track = this.#track(symbol)
    if (!track) return
    const bidA = quotes[slot] ?? NaN
    const askA = quotes[slot + 1] ?? NaN
    const bidB = (quotes[slot + 2] ?? NaN) * (quotes[slot + 4] ?? NaN)
    const askB = (quotes[slot + 3] ?? NaN) * (quotes[slot + 4] ?? NaN)
    // Also false for NaN, which stands for a quote that could not be used.
    if (!(Math.min(bidA, askA, bidB, askB) > minPrice && Math.max(bidA, askA, bidB, askB) < maxPrice)) return
    track.recorder.spreadABps.record((20_000 * (askA - bidA)) / (askA + bidA))
    track.recorder.spreadBBps.record((20_000 * (askB - bidB)) / (askB + bidB))
    track.recorder.grossEdgeBps.record(10_000 * (Math.max(bidA / askB, bidB / askA) - 1))
  }

  #started(event: EngineStarted): void {
    const { attempt, symbols, startAtMs, endAtMs, loopIntervalMs } = event
    if (this.#sessions.length === maxSessions) {
      this.#droppedFigures++
      return
    }
    this.#sessions.push({ attempt, symbols: symbols.slice(0, maxSymbols), startAtMs, endAtMs, loopIntervalMs, stopReason: null, errors: 0 })
    this.#spans.push({ fromMs: event.time, loopIntervalMs, loops: 0, statedLoops: 0 })
  }

  #stopped(event: EngineStopped): void {
    const session = this.#sessions.at(-1)
    if (session) session.stopReason = event.reason
    const span = this.#spans.at(-1)
    if (span) span.statedLoops += event.loops
  }

  /** -1 before the first of them. */
  #spanAt(timeMs: number): number {
    return this.#spans.findLastIndex(({ fromMs }) => timeMs >= fromMs)
  }

  /** A process that starts anew has a new heap, and knows nothing of the gaps of the one before it. */
  #measuredAt(timeMs: number): void {
    const span = this.#spanAt(timeMs)
    if (span === this.#measuredSpan) return
    this.#measuredSpan = span
    this.#heapTrend.restart()
    for (const feed of Object.values(this.#feeds)) feed.restart()
  }

  #guardDrilled({ refused, allowed }: GuardDrilled): void {
    this.#guardDrill ??= { refused: 0, allowed: [] }
    this.#guardDrill.refused += refused.length
    this.#guardDrill.allowed.push(...allowed.slice(0, maxAllowedInDrills - this.#guardDrill.allowed.length))
  }

  #feedStale(event: FeedStale): void {
    const track = this.#track(event.symbol)
    if (track) track.stale ??= { reason: event.reason, fromMs: event.time }
  }

  #feedRecovered(event: FeedRecovered): void {
    const track = this.#track(event.symbol)
    if (track) this.#endOutage(track, event.time)
  }

  #endOutage(track: SymbolTrack, toMs: number): void {
    if (track.stale === null) return
    const { reason, fromMs } = track.stale
    track.stale = null
    track.recorder.staleMs += toMs - fromMs
    this.#overall.staleMs += toMs - fromMs
    if (this.#outages.length === maxOutages) this.#droppedFigures++
    else this.#outages.push({ symbol: track.recorder.symbol, reason, fromMs, toMs })
  }

  #process(event: ProcessMeasured): void {
    this.#measuredAt(event.time)
    this.#rssBytes.record(event.rssBytes)
    this.#series.rss.add(event.time, event.rssBytes)
    this.#series.heapUsed.add(event.time, event.heapUsedBytes)
    if (event.loopCpuMeanMs !== null) this.#loopCpuMs.record(event.loopCpuMeanMs)
    if (event.heapAfterGcBytes === null) return
    this.#heapAfterGcBytes.record(event.heapAfterGcBytes)
    this.#heapTrend.add(event.time, event.heapAfterGcBytes)
    this.#series.heapAfterGc.add(event.time, event.heapAfterGcBytes)
  }

  /** Null for a symbol that was not asked for, and where there are too many. */
  #track(symbol: string): SymbolTrack | null {
    const known = this.#symbols.get(symbol)
    if (known) return known
    if (this.#only !== null && !this.#only.has(symbol)) return null
    if (this.#symbols.size >= maxSymbols) {
      this.#droppedFigures++
      return null
    }
    const isCharted = this.#symbols.size < chartedSymbols
    const track: SymbolTrack = {
      recorder: new SymbolRecorder(symbol),
      entries: isCharted ? new ThinnedSeries('last') : null,
      exits: isCharted ? new ThinnedSeries('last') : null,
      stale: null,
    }
    this.#symbols.set(symbol, track)
    return track
  }

  #hourAt(timeMs: number): Hour {
    if (timeMs >= this.#hour.startMs && timeMs < this.#hour.startMs + hourMs) return this.#hour
    const startMs = Math.floor(timeMs / hourMs) * hourMs
    let hour = this.#hours.get(startMs)
    if (hour === undefined) {
      hour = newHour(startMs)
      if (this.#hours.size < maxHours) this.#hours.set(startMs, hour)
      else this.#droppedFigures++
    }
    this.#hour = hour
    return hour
  }

  finish(unread: UnreadFigures): Analysis {
    for (const track of this.#symbols.values()) {
      this.#endOutage(track, this.#lastMs)
      this.#overall.spreadABps.include(track.recorder.spreadABps)
      this.#overall.spreadBBps.include(track.recorder.spreadBBps)
      this.#overall.grossEdgeBps.include(track.recorder.grossEdgeBps)
    }
    this.#overall.missingSnapshots = this.#missingSnapshots
    return {
      schema: 1,
      notJudgeable: this.#notJudgeable(),
      droppedFigures: this.#droppedFigures,
      sessions: this.#sessions,
      firstMs: this.#events === 0 ? null : this.#firstMs,
      lastMs: this.#events === 0 ? null : this.#lastMs,
      attempts: Math.max(this.#sessions.length, this.#tradingSessions),
      loops: this.#loops,
      overruns: this.#overruns,
      loopPeriodMs: this.#periodMs.distribution(),
      loopTimeMs: this.#loopTimeMs.distribution(),
      loopPeriodHistogram: this.#periodMs.histogram(),
      loopTimeHistogram: this.#loopTimeMs.histogram(),
      loopCpuMs: this.#loopCpuMs.distribution(),
      missingSnapshots: this.#missingSnapshots,
      errorsByKind: this.#errorsByKind.toRecord(),
      warningsByKind: this.#warningsByKind.toRecord(),
      ...unread,
      feedOutages: this.#outages.toSorted((left, right) => left.fromMs - right.fromMs),
      overall: this.#overall.figures(),
      symbols: this.#symbolFigures(),
      hours: [...this.#hours.values()].toSorted((left, right) => left.startMs - right.startMs).map(hourFigures),
      rssBytes: this.#rssBytes.distribution(),
      heapAfterGcBytes: this.#heapAfterGcBytes.distribution(),
      latency: this.#latency.figures(),
      feeds: [...this.#feeds.upbit.figures(), ...this.#feeds.binance.figures()],
      guardDrill: this.#guardDrill,
      exercise: this.#exercise.exercise(),
      finalState: this.#exercise.finalState(),
      heapTrend: this.#heapTrend.trend(),
      loopTimeTrend: this.#loopTimeTrend.trend(),
      series: this.#allSeries(),
    }
  }

  #notJudgeable(): string | null {
    if (this.#events === 0) return 'the logs hold no event'
    if (this.#otherSchema !== null) return `the logs are of schema ${this.#otherSchema}, this analyzer reads schema ${schemaVersion}`
    return this.#loss()
  }

  /** What the engine said at its end that it had done, and what there is to read of it: whole lines may be gone from the end of a log. */
  #loss(): string | null {
    const lossy = this.#spans.find(({ loops, statedLoops, loopIntervalMs }) => {
      return loops < minLoopShare * statedLoops - maxUnloggedLoops - maxUnloggedMs / loopIntervalMs
    })
    if (this.#loops > 0 && lossy) return `the logs tell of ${lossy.loops} loops, and the engine made ${lossy.statedLoops}`
    const isCompleted = this.#sessions.at(-1)?.stopReason === 'completed'
    if (isCompleted && this.#tradingSessions > 0 && !this.#exercise.finalState().isClosed) return 'the trading log lacks its end'
    return null
  }

  #symbolFigures(): SymbolFigures[] {
    return [...this.#symbols.values()].map((track) => track.recorder.figures())
  }

  #allSeries(): Analysis['series'] {
    const all: [string, string, ThinnedSeries | null][] = [
      ['loop-period', 'ms', this.#series.loopPeriod],
      ['loop-time', 'ms', this.#series.loopTime],
      ['heap-after-gc', 'bytes', this.#series.heapAfterGc],
      ['heap-used', 'bytes', this.#series.heapUsed],
      ['rss', 'bytes', this.#series.rss],
      ['realised-profit', 'KRW', this.#series.realisedProfit],
      ['entries', 'entries', this.#series.entries],
      ['exits', 'exits', this.#series.exits],
      ['quote-to-decision', 'ms', this.#series.quoteToDecision],
    ]
    for (const { recorder, entries, exits } of this.#symbols.values()) {
      all.push([`entries:${recorder.symbol}`, 'entries', entries], [`exits:${recorder.symbol}`, 'exits', exits])
    }
    return all.flatMap(([name, unit, series]) => (series === null ? [] : [{ name, unit, points: series.points() }]))
  }
}

function newHour(startMs: number): Hour {
  return {
    startMs,
    loops: 0,
    entries: 0,
    exits: 0,
    guardBlocks: 0,
    errors: 0,
    warnings: 0,
    profitKrw: Decimal.zero,
    periodSumMs: 0,
    periodCount: 0,
    loopTimeMs: new HistogramRecorder(),
  }
}

function hourFigures(hour: Hour): HourFigures {
  return {
    startMs: hour.startMs,
    loops: hour.loops,
    entries: hour.entries,
    exits: hour.exits,
    profitKrw: hour.profitKrw.toString(),
    guardBlocks: hour.guardBlocks,
    errors: hour.errors,
    warnings: hour.warnings,
    meanLoopPeriodMs: hour.periodCount === 0 ? null : hour.periodSumMs / hour.periodCount,
    p99LoopTimeMs: hour.loopTimeMs.percentile(0.99),
  }
}
