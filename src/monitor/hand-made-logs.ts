/** Logs written by hand into a temporary folder, for the tests of the monitor: what an engine would have logged, second by second. */

import { appendFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { MonitorSettings, RuleSettings } from '../config/schema.ts'
import type { SampledQuote } from '../model/event.ts'
import type { LogName } from './log-line.ts'
import { Monitor } from './monitor.ts'

export const startAtMs = Date.parse('2026-01-05T00:00:00Z')
export const symbols = ['KRW-BTC', 'KRW-ETH']
const pricing = { takerFeeA: 0.0005, takerFeeB: 0.001, minEntryNetEdgeBps: 25 }

export type Facts = Record<string, unknown> & { event: string }

/** A line of JSON at `atSecond` of the attempt. */
export function lineAt(atSecond: number, facts: Facts): string {
  return JSON.stringify({ level: 'info', time: startAtMs + Math.round(atSecond * 1000), ...facts })
}

/** A quote whose better direction, selling A, nets `netEdgeBps` at the top of the books. */
export function quoteOf(symbol: string, netEdgeBps: number, fx = 1400): SampledQuote {
  const paidB = 100_000 * fx * (1 + pricing.takerFeeB)
  const bidA = (paidB * (1 + netEdgeBps / 10_000)) / (1 - pricing.takerFeeA)
  return { symbol, bidA, askA: bidA * 1.0002, bidB: 99_990, askB: 100_000, fx, quoteAgeMs: 50 }
}

/** A `loops` line of one quiet loop; `edges` are the net edges of the symbols' quotes. */
export function loopsAt(second: number, facts: Record<string, unknown> = {}, edges: readonly (number | null)[] = [5, 5]): string {
  const quotes = edges.flatMap((edge, index) => (edge === null ? [] : [quoteOf(symbols[index] ?? '', edge)]))
  const gauges = { overruns: 0, missingSnapshots: 0, staleSymbols: 0, openTrades: 0, blockedSymbols: 0, intents: 0, busySymbols: 0 }
  const loops = { firstLoop: second, loopCount: 1, periodsMs: [second <= 1 ? null : 1000], loopTimesMs: [80] }
  return lineAt(second, { event: 'loops', ...loops, ...gauges, quotes, ...facts })
}

export function decidedAt(second: number, symbol: string, outcome: string, reason: string | null = null): string {
  return lineAt(second, { event: 'guard-decided', symbol, outcome, reason, suppressedCount: 0 })
}

/** A rule's settings as in the config's defaults, but for what a test says. */
export function ruleOf(windowMs: number, other: Partial<RuleSettings> = {}): RuleSettings {
  return { enabled: true, windowMs, graceMs: 0, severity: 'error', aborts: true, ...other }
}

export function rulesOf(other: Partial<MonitorSettings['rules']> = {}): MonitorSettings['rules'] {
  return {
    noEntry: ruleOf(300_000),
    guardBlock: ruleOf(180_000),
    errorLog: ruleOf(1),
    noProgress: ruleOf(30_000),
    staleFeed: ruleOf(120_000),
    loopPeriod: ruleOf(60_000, { graceMs: 10_000, severity: 'warn', aborts: false }),
    feedLatency: ruleOf(60_000, { severity: 'warn', aborts: false }),
    heapSlope: ruleOf(3_600_000, { graceMs: 1_800_000, severity: 'warn', aborts: false }),
    reconnectLeak: ruleOf(600_000, { graceMs: 300_000, severity: 'warn', aborts: false }),
    handleGrowth: ruleOf(1_800_000, { graceMs: 600_000, severity: 'warn', aborts: false }),
    liveSockets: ruleOf(60_000),
    loopTimeTrend: ruleOf(1_800_000, { graceMs: 600_000, severity: 'warn', aborts: false }),
    eventLoopDelay: ruleOf(60_000, { graceMs: 30_000, severity: 'warn', aborts: false }),
    logVolume: ruleOf(60_000, { severity: 'warn', aborts: false }),
    unhedged: ruleOf(60_000),
    fxFrozen: ruleOf(7_200_000),
    ...other,
  }
}

interface MonitorTestOptions {
  seconds?: number
  symbols?: string[]
  rules?: MonitorSettings['rules']
  fromSecond?: number
  loopIntervalMs?: number
}

export class HandMadeLogs {
  readonly folder = mkdtempSync(path.join(tmpdir(), 'longhaul-monitor-'))

  pathOf(log: LogName): string {
    return path.join(this.folder, `${log}.log`)
  }

  write(log: LogName, lines: readonly string[]): this {
    if (lines.length > 0) appendFileSync(this.pathOf(log), `${lines.join('\n')}\n`)
    return this
  }

  /** Quiet loops, one a second, from the first to the last. */
  loops(fromSecond: number, toSecond: number, facts: Record<string, unknown> = {}, edges?: readonly (number | null)[]): this {
    const lines: string[] = []
    for (let second = fromSecond; second <= toSecond; second++) lines.push(loopsAt(second, facts, edges))
    return this.write('metrics', lines)
  }

  monitor(options: MonitorTestOptions = {}): Monitor {
    const watched = options.symbols ?? symbols
    return new Monitor({
      folder: this.folder,
      settings: { leadMs: 10_000, watchdogMs: 30_000, rules: options.rules ?? rulesOf() },
      symbols: watched,
      loopIntervalMs: options.loopIntervalMs ?? 1000,
      startAtMs: startAtMs + (options.fromSecond ?? 0) * 1000,
      endAtMs: startAtMs + (options.seconds ?? 3600) * 1000,
      pricing: Object.fromEntries(watched.map((symbol) => [symbol, pricing])),
    })
  }

  /** What one poll finds that sees all up to `second`, each as `rule symbol cause @second`, with `aborts` where it stops the run. */
  findingsAt(second: number, options: MonitorTestOptions = {}): string[] {
    const monitor = this.monitor(options)
    monitor.poll(startAtMs + second * 1000 + 1)
    monitor.close()
    return summaryOf(monitor)
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}

export function summaryOf(monitor: Monitor): string[] {
  return monitor.findings().map(({ rule, symbol, cause, atMs, severity, aborts }) => {
    return `${rule} ${symbol ?? 'all'} ${cause} @${(atMs - startAtMs) / 1000} ${severity}${aborts ? ' aborts' : ''}`
  })
}
