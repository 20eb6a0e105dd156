/** Measures the loop and the process, and writes metrics.log: bounded bytes a second of event time, whatever the symbol count. */

import { readdirSync } from 'node:fs'
import { monitorEventLoopDelay, type ELDHistogram } from 'node:perf_hooks'
import type { Clock } from '../clock/clock.ts'
import type { MarketDataProvider } from '../market-data/market-data-provider.ts'
import type { FeedCounts, SampledQuote } from '../model/event.ts'
import type { Venue } from '../model/instrument.ts'
import type { Journal } from './journal.ts'
import { LatencyMeter } from './latency-meter.ts'

export interface MetricsSettings {
  /** Event time between two `process` lines, and two of `latency` and `feed`. */
  processIntervalMs: number
  /** Event time between two full collections, for the heap after GC. */
  collectIntervalMs: number
}

/** What one loop was, as the runner saw it. */
export interface LoopFacts {
  startedAtMs: number
  periodMs: number | null
  loopTimeMs: number
  overruns: number
  missingSnapshots: number
  staleSymbols: number
  openTrades: number
  blockedSymbols: number
  intents: number
  busySymbols: number
}

const loopsLineIntervalMs = 1000
/** A real timer's loop may come a little early after one that came a little late. */
const timerJitterMs = 20
const loopsListedMax = 64
const quotesPerLine = 4

export interface MetricsOptions {
  clock: Clock
  journal: Journal
  settings: MetricsSettings
  symbols: readonly string[]
  provider: Pick<MarketDataProvider, 'takeCounts'>
  /** Those of the transport itself: what the provider has forgotten is among them. */
  openSockets: (venue: Venue) => number
  /** The symbol's quotes now, or null where there are none to be used. */
  quoteOf: (symbol: string) => SampledQuote | null
  isRealTime: boolean
}

export class Metrics {
  /** Null under virtual time, in which a decision takes none. */
  readonly latency: LatencyMeter | null
  readonly #options: MetricsOptions
  readonly #eventLoopDelay: ELDHistogram | null
  #periodsMs: (number | null)[] = []
  #loopTimesMs: number[] = []
  #firstLoop = 1
  #loopCount = 0
  #overruns = 0
  #missingSnapshots = 0
  #busySymbols = 0
  #lineStartedAtMs: number | null = null
  #nextSymbolIndex = 0
  #loopsSinceProcess = 0
  #processMeasuredAtMs: number
  #cpuMs: number
  #collectedAtMs: number

  constructor(options: MetricsOptions) {
    this.#options = options
    this.latency = options.isRealTime ? new LatencyMeter() : null
    this.#eventLoopDelay = options.isRealTime ? monitorEventLoopDelay({ resolution: 10 }) : null
    this.#eventLoopDelay?.enable()
    this.#processMeasuredAtMs = options.clock.nowMs()
    this.#collectedAtMs = options.clock.nowMs()
    this.#cpuMs = options.clock.cpuMs()
  }

  loopEnded(loop: LoopFacts): void {
    this.#lineStartedAtMs ??= loop.startedAtMs
    this.#loopCount++
    this.#overruns += loop.overruns
    this.#missingSnapshots += loop.missingSnapshots
    this.#busySymbols += loop.busySymbols
    if (this.#loopTimesMs.length < loopsListedMax) {
      this.#periodsMs.push(loop.periodMs)
      this.#loopTimesMs.push(loop.loopTimeMs)
    }
    this.#loopsSinceProcess++
    const nowMs = this.#options.clock.nowMs()
    const { isRealTime } = this.#options
    const lineMs = loopsLineIntervalMs - (isRealTime ? timerJitterMs : 0)
    // A loop that starts on the second belongs to the line of the second before it: one line a second at any interval.
    if (loop.startedAtMs - this.#lineStartedAtMs + (loop.periodMs ?? loopsLineIntervalMs) >= lineMs) this.#writeLoops(loop)
    if (nowMs - this.#processMeasuredAtMs >= this.#options.settings.processIntervalMs) this.#measure()
  }

  /** Writes what the feeds did since this was last asked, and gives it. The engine calls it once they are open. */
  measureFeeds(): readonly FeedCounts[] {
    const feeds = this.#options.provider.takeCounts()
    for (const counts of feeds) {
      const { usedShareMax, clockOffsetMs, clockErrorMs } = counts
      const rounded = { usedShareMax: round(usedShareMax, 4), clockOffsetMs: round(clockOffsetMs, 2), clockErrorMs: round(clockErrorMs, 2) }
      const openSockets = this.#options.openSockets(counts.venue)
      this.#options.journal.metrics({ event: 'feed', ...counts, ...rounded, openSockets })
    }
    return feeds
  }

  /** On its interval and once at the end. */
  #measure(): void {
    this.#measureProcess()
    if (this.latency) this.#options.journal.metrics(this.latency.take())
    this.measureFeeds()
  }

  #measureProcess(): void {
    const { clock, settings, journal } = this.#options
    const nowMs = clock.nowMs()
    const cpuMs = clock.cpuMs()
    const loopCpuMeanMs = this.#loopsSinceProcess === 0 ? null : (cpuMs - this.#cpuMs) / this.#loopsSinceProcess
    this.#processMeasuredAtMs = nowMs
    let heapAfterGcBytes: number | null = null
    if (globalThis.gc && nowMs - this.#collectedAtMs >= settings.collectIntervalMs) {
      this.#collectedAtMs = nowMs
      globalThis.gc()
      heapAfterGcBytes = process.memoryUsage().heapUsed
    }
    const memory = process.memoryUsage()
    journal.metrics({
      event: 'process',
      rssBytes: memory.rss,
      heapUsedBytes: memory.heapUsed,
      heapAfterGcBytes,
      eventLoopDelayP99Ms: this.#eventLoopDelay ? round(this.#eventLoopDelay.percentile(99) / 1e6, 2) : null,
      openHandles: process.getActiveResourcesInfo().length,
      openFiles: countOpenFiles(),
      loopCpuMeanMs: round(loopCpuMeanMs, 4),
    })
    this.#loopsSinceProcess = 0
    // The collection above is not the loops' work.
    this.#cpuMs = clock.cpuMs()
    this.#eventLoopDelay?.reset()
  }

  close(): void {
    this.#measure()
    this.#eventLoopDelay?.disable()
  }

  #writeLoops(last: LoopFacts): void {
    this.#options.journal.metrics({
      event: 'loops',
      firstLoop: this.#firstLoop,
      loopCount: this.#loopCount,
      periodsMs: this.#periodsMs,
      loopTimesMs: this.#loopTimesMs,
      overruns: this.#overruns,
      missingSnapshots: this.#missingSnapshots,
      staleSymbols: last.staleSymbols,
      openTrades: last.openTrades,
      blockedSymbols: last.blockedSymbols,
      intents: last.intents,
      busySymbols: this.#busySymbols,
      quotes: this.#sampleQuotes(),
    })
    this.#firstLoop += this.#loopCount
    this.#loopCount = 0
    this.#overruns = 0
    this.#missingSnapshots = 0
    this.#busySymbols = 0
    this.#periodsMs = []
    this.#loopTimesMs = []
    this.#lineStartedAtMs = null
  }

  #sampleQuotes(): SampledQuote[] {
    const { symbols, quoteOf } = this.#options
    const quotes: SampledQuote[] = []
    for (let i = 0; i < Math.min(quotesPerLine, symbols.length); i++) {
      const symbol = symbols[this.#nextSymbolIndex % symbols.length]
      this.#nextSymbolIndex = (this.#nextSymbolIndex + 1) % symbols.length
      const quote = symbol === undefined ? null : quoteOf(symbol)
      if (quote) quotes.push(quote)
    }
    return quotes
  }
}

/** Linux lists them; elsewhere nobody does. The one that lists them is not counted. */
function countOpenFiles(): number | null {
  return process.platform === 'linux' ? readdirSync('/proc/self/fd').length - 1 : null
}

function round<T extends number | null>(value: T, digits: number): T | number {
  return value === null ? value : Math.round(value * 10 ** digits) / 10 ** digits
}
