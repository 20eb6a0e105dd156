/** Watches a running engine through its three log files and says what is wrong with it. For the supervisor. */

import path from 'node:path'
import type { MonitorSettings, RuleSettings } from '../config/schema.ts'
import type { LogEvent } from '../model/event.ts'
import type { Finding } from './finding.ts'
import { type LogName, RawLine } from './log-line.ts'
import { LogTail } from './log-tail.ts'
import type { OraclePricing } from './opportunity-oracle.ts'
import type { RaisedFacts, Rule, RuleContext } from './rule.ts'
import { ErrorLogRule, isTrouble } from './rules/error-log.ts'
import { EventLoopDelayRule } from './rules/event-loop-delay.ts'
import { FeedLatencyRule } from './rules/feed-latency.ts'
import { FxFrozenRule } from './rules/fx-frozen.ts'
import { GuardBlockRule } from './rules/guard-block.ts'
import { HandleGrowthRule } from './rules/handle-growth.ts'
import { HeapSlopeRule } from './rules/heap-slope.ts'
import { LiveSocketsRule } from './rules/live-sockets.ts'
import { LogVolumeRule } from './rules/log-volume.ts'
import { LoopPeriodRule } from './rules/loop-period.ts'
import { LoopTimeTrendRule } from './rules/loop-time-trend.ts'
import { NoEntryRule } from './rules/no-entry.ts'
import { NoProgressRule, silenceLimitMs } from './rules/no-progress.ts'
import { ReconnectLeakRule } from './rules/reconnect-leak.ts'
import { StaleFeedRule } from './rules/stale-feed.ts'
import { UnhedgedRule } from './rules/unhedged.ts'

/** At equal times the logs are read in this order. */
const logNames: readonly LogName[] = ['application', 'trading', 'metrics']

/** Of each severity, and as many again that abort; further findings are only counted. So what is harmless takes no other's place. */
const maxFindings = 200
/** How far beyond its end an attempt may still log; a later time is a broken line. */
const maxOverrunMs = 3_600_000

export interface MonitorOptions {
  /** The run's logs folder. */
  folder: string
  settings: MonitorSettings
  /** Those that the engine trades in this attempt. */
  symbols: readonly string[]
  loopIntervalMs: number
  /** Of the first loop. Lines of earlier attempts in the same files lie before the `engine-started` that names it, and are left out. */
  startAtMs: number
  /** Nothing is judged beyond. */
  endAtMs: number
  pricing: OraclePricing
}

export interface MonitorProgress {
  /** Up to here all lines have been read. */
  eventTimeMs: number
  loops: number
  entries: number
  exits: number
  /** Lines of level error or fatal, and raw lines that say that something failed. */
  errors: number
  openTrades: number
  rssBytes: number | null
  /** Findings beyond the bound. */
  droppedFindings: number
  /** Lines too long to be read. */
  droppedLines: number
  /** How often a log was cut or replaced under the engine. */
  replacedLogs: number
}

/**
 * Invariant: findings follow from the logs alone. However often `poll` is called, rule, symbol and time of each are the same, as long
 * as all lines before `nowMs` have been written when it is called. A line that comes late all the same counts as of then.
 */
export class Monitor {
  readonly #tails: readonly LogTail[]
  readonly #rules: readonly Rule[]
  readonly #startAtMs: number
  readonly #findings: Finding[] = []
  readonly #countByWeight = new Map<string, number>()
  readonly #counts = { loops: 0, entries: 0, exits: 0, errors: 0, openTrades: 0, rssBytes: null as number | null, droppedFindings: 0 }
  #endAtMs: number
  /** In real time an engine starts, and opens its session, before its first loop is due. */
  #isStarted = false
  /** All lines up to here have been fed. */
  #watermarkMs: number
  /** The rules have been judged up to here. */
  #judgedMs: number

  constructor(options: MonitorOptions) {
    this.#startAtMs = options.startAtMs
    this.#endAtMs = options.endAtMs
    this.#watermarkMs = options.startAtMs
    this.#judgedMs = options.startAtMs
    const maxTimeMs = options.endAtMs + maxOverrunMs
    this.#tails = logNames.map((log) => {
      return new LogTail({ log, path: path.join(options.folder, `${log}.log`), startAtMs: options.startAtMs, maxTimeMs })
    })
    this.#rules = this.#makeRules(options)
  }

  /** Reads and judges all that lies before event time `nowMs`, and gives the findings that are new, oldest first. */
  poll(nowMs: number): Finding[] {
    return this.#read(nowMs - 1)
  }

  /** The engine has ended: reads all lines that it left, judges up to the last of them, and gives the findings that are new. */
  finish(): Finding[] {
    return this.#read(Number.POSITIVE_INFINITY)
  }

  /** All so far. */
  findings(): readonly Finding[] {
    return this.#findings
  }

  progress(): MonitorProgress {
    const droppedLines = this.#tails.reduce((sum, tail) => sum + tail.droppedLineCount, 0)
    const replacedLogs = this.#tails.reduce((sum, tail) => sum + tail.replacedCount, 0)
    return { ...this.#counts, eventTimeMs: this.#watermarkMs, droppedLines, replacedLogs }
  }

  close(): void {
    for (const tail of this.#tails) tail.close()
  }

  #read(limitMs: number): Finding[] {
    const knownCount = this.#findings.length
    for (const tail of this.#tails) tail.refresh()
    for (let tail = this.#nextTail(limitMs); tail !== null; tail = this.#nextTail(limitMs)) {
      const line = tail.shift()
      if (line !== null) this.#feed(line, tail.lineBytes)
    }
    if (Number.isFinite(limitMs)) this.#watermarkMs = Math.max(this.#watermarkMs, limitMs)
    this.#judge(this.#watermarkMs)
    return this.#findings.slice(knownCount)
  }

  #makeRules(options: MonitorOptions): Rule[] {
    const { rules } = options.settings
    const makers: [name: string, settings: RuleSettings, make: (context: RuleContext) => Rule][] = [
      ['error-log', rules.errorLog, (context) => new ErrorLogRule(context)],
      ['no-progress', rules.noProgress, (context) => new NoProgressRule(context)],
      ['stale-feed', rules.staleFeed, (context) => new StaleFeedRule(context)],
      ['guard-block', rules.guardBlock, (context) => new GuardBlockRule(context)],
      ['loop-period', rules.loopPeriod, (context) => new LoopPeriodRule(context)],
      ['feed-latency', rules.feedLatency, (context) => new FeedLatencyRule(context)],
      ['heap-slope', rules.heapSlope, (context) => new HeapSlopeRule(context)],
      ['reconnect-leak', rules.reconnectLeak, (context) => new ReconnectLeakRule(context)],
      ['handle-growth', rules.handleGrowth, (context) => new HandleGrowthRule(context)],
      ['live-sockets', rules.liveSockets, (context) => new LiveSocketsRule(context)],
      ['loop-time-trend', rules.loopTimeTrend, (context) => new LoopTimeTrendRule(context)],
      ['event-loop-delay', rules.eventLoopDelay, (context) => new EventLoopDelayRule(context)],
      ['log-volume', rules.logVolume, (context) => new LogVolumeRule(context)],
      ['unhedged', rules.unhedged, (context) => new UnhedgedRule(context)],
      ['fx-frozen', rules.fxFrozen, (context) => new FxFrozenRule(context)],
      [
        'no-entry',
        rules.noEntry,
        (context) => {
          const stuckAfterMs = silenceLimitMs(rules.noProgress.windowMs, options.loopIntervalMs)
          return new NoEntryRule(context, { pricing: options.pricing, stuckAfterMs })
        },
      ],
    ]
    return makers
      .filter(([, settings]) => settings.enabled)
      .map(([name, settings, make]) => {
        const { symbols, loopIntervalMs, startAtMs } = options
        const raise = (facts: RaisedFacts): void => this.#raise(name, settings, facts)
        return make({ settings, symbols, loopIntervalMs, startAtMs, judgedFromMs: startAtMs + settings.graceMs, raise })
      })
  }

  #raise(rule: string, settings: RuleSettings, { isHarmless = false, isGrave = false, ...facts }: RaisedFacts): void {
    const aborts = settings.aborts && !isHarmless
    const severity = isHarmless ? 'info' : isGrave ? 'error' : settings.severity
    const weight = aborts ? 'aborts' : severity
    const count = this.#countByWeight.get(weight) ?? 0
    if (count === maxFindings) {
      this.#counts.droppedFindings++
      return
    }
    this.#countByWeight.set(weight, count + 1)
    this.#findings.push({ rule, severity, aborts, ...facts })
  }

  /** The log with the earliest line, or null where that lies beyond `limitMs`. */
  #nextTail(limitMs: number): LogTail | null {
    let first: LogTail | null = null
    let firstMs = limitMs
    for (const tail of this.#tails) {
      const line = tail.peek()
      if (line === null) continue
      const timeMs = timeOf(line)
      if (first === null ? timeMs <= limitMs : timeMs < firstMs) {
        first = tail
        firstMs = timeMs
      }
    }
    return first
  }

  #feed(line: LogEvent | RawLine, bytes: number): void {
    this.#isStarted ||= timeOf(line) >= this.#startAtMs || isStartOf(line, this.#startAtMs)
    if (!this.#isStarted) return
    if (line instanceof RawLine) {
      if (isTrouble(line.text)) this.#counts.errors++
      for (const rule of this.#rules) rule.observeRaw?.(line, bytes)
      return
    }
    if (line.time > this.#watermarkMs) {
      this.#watermarkMs = line.time
      this.#judge(line.time - 1)
    }
    this.#count(line)
    for (const rule of this.#rules) rule.observe?.(line, this.#watermarkMs, bytes)
    if (line.event === 'engine-stopped') this.#endAtMs = Math.min(this.#endAtMs, this.#watermarkMs)
  }

  /** Judges up to `toMs`; all lines up to there have been fed. */
  #judge(toMs: number): void {
    const untilMs = Math.min(toMs, this.#endAtMs)
    if (untilMs <= this.#judgedMs) return
    this.#judgedMs = untilMs
    const knownCount = this.#findings.length
    for (const rule of this.#rules) rule.advance?.(untilMs)
    if (this.#findings.length - knownCount < 2) return
    const raised = this.#findings.splice(knownCount).sort((left, right) => left.atMs - right.atMs)
    this.#findings.push(...raised)
  }

  #count(event: LogEvent): void {
    if (event.level === 'error' || event.level === 'fatal') this.#counts.errors++
    if (event.event === 'loops') {
      this.#counts.loops += event.loopCount
      this.#counts.openTrades = event.openTrades
    } else if (event.event === 'process') {
      this.#counts.rssBytes = event.rssBytes
    } else if (event.event === 'entry') {
      this.#counts.entries++
    } else if (event.event === 'exit') {
      this.#counts.exits++
    }
  }
}

function isStartOf(line: LogEvent | RawLine, startAtMs: number): boolean {
  return !(line instanceof RawLine) && line.event === 'engine-started' && line.startAtMs === startAtMs
}

function timeOf(line: LogEvent | RawLine): number {
  return line instanceof RawLine ? line.timeMs : line.time
}
