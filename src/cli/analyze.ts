/** `longhaul analyze`: figures, checks and a verdict from any logs that follow docs/LOG_SCHEMA.md. main.ts calls it. */

import { existsSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { type Analysis, type CheckResult, type Judgement, type SymbolFigures } from '../analyzer/analysis.ts'
import { type AttemptSummary, judge } from '../analyzer/judge.ts'
import { analyzeLogs, type LogPaths } from '../analyzer/longrun-analyzer.ts'
import { runCheckers } from '../analyzer/run-checkers.ts'
import { OperatingError } from '../base/error.ts'
import { exitCodes, type ExitCode } from '../base/exit-code.ts'
import { loadConfig } from '../config/load.ts'
import { formatBytes, formatCount, formatDuration, formatKrw, formatNumber, formatPercent, formatUtc } from '../report/format.ts'
import { judgeRun } from '../report/judge-run.ts'
import { resolveRun } from '../report/read-run.ts'
import type { JudgedRun } from '../report/write-report.ts'
import { exitCodeOfVerdict } from './exit-code-of-verdict.ts'
import { badFlags, oneRun, parseFlags } from './flags.ts'
import { printable, textTable } from './text-table.ts'

const usage = `Usage: longhaul analyze <run id | path of a run's folder | latest> [--json]
       longhaul analyze --log-file FILE [--symbols KRW-BTC,KRW-ETH] [--budgets CONFIG] [--json]

Reads logs whole, in one pass, and prints what happened in them, whether they hold together, and a verdict. A run is judged by what it was
asked for, and nothing in its folder is changed: that is longhaul report.

  --log-file FILE    one log with events of any kind; beside an application.log, trading.log and metrics.log are read too
  --symbols A,B      only these symbols; default: all that occur
  --budgets CONFIG   a campaign's YAML file, whose budgets are judged too (configs/s0.yaml)
  --json             everything as one JSON object: { analysis, checks, judgement }

exit codes: 0 pass or warn, 1 fail, 2 unknown or no such run, 3 bad command line
`

const runsFolder = join(import.meta.dirname, '../../reports/runs')

interface Flags {
  /** A run, or else a log. */
  run: string | null
  logFile: string
  symbols: string[] | null
  budgetsFile: string | null
  isJson: boolean
}

/** `print` is another one in tests. Throws LOG_NOT_FOUND, LOG_UNREADABLE, CONFIG_NOT_FOUND, CONFIG_INVALID. */
export async function analyze(args: readonly string[], print: (text: string) => void = printToStdout): Promise<ExitCode> {
  const flags = readFlags(args)
  if (flags === null) {
    print(usage)
    return exitCodes.ok
  }
  const { analysis, checks, judgement } = flags.run === null ? await judgeLogFile(flags) : await judgeRun(flags.run, () => false)
  const json = (): string => `${JSON.stringify({ analysis, checks, judgement }, null, 2)}\n`
  print(flags.isJson ? json() : summaryOf(flags.run ?? flags.logFile, analysis, judgement))
  return exitCodeOfVerdict[judgement.verdict]
}

async function judgeLogFile(flags: Flags): Promise<Pick<JudgedRun, 'analysis' | 'checks' | 'judgement'>> {
  const logs = logsBeside(flags.logFile)
  const analysis = await analyzeLogs(flags.symbols === null ? logs : { ...logs, symbols: flags.symbols })
  const checks = await runCheckers(logs.tradingLog ?? flags.logFile)
  return { analysis, checks, judgement: judgeLogs(analysis, checks, flags) }
}

function printToStdout(text: string): void {
  process.stdout.write(text)
}

function readFlags(args: readonly string[]): Flags | null {
  const text = { type: 'string' } as const
  const parsed = parseFlags('analyze', args, { 'log-file': text, symbols: text, budgets: text, json: { type: 'boolean' } }, true)
  if (parsed === null) return null
  const { 'log-file': logFile, symbols: names, budgets, json = false } = parsed.values
  if (parsed.positionals.length > 0) {
    const isAlone = (logFile ?? names ?? budgets) === undefined
    if (!isAlone) throw badFlags('analyze', 'a run has its own logs, symbols and budgets: --log-file and what belongs to it go without one')
    const run = resolveRun(oneRun('analyze', parsed.positionals), runsFolder)
    return { run, logFile: '', symbols: null, budgetsFile: null, isJson: json }
  }
  if (logFile === undefined) throw badFlags('analyze', '--log-file is missing, and no run is named')
  const symbols = names?.split(',').map((symbol) => symbol.trim()) ?? null
  if (symbols?.includes('') === true) throw badFlags('analyze', `--symbols expects names with commas between them, was ${names ?? ''}`)
  return { run: null, logFile, symbols, budgetsFile: budgets ?? null, isJson: json }
}

function logsBeside(logFile: string): LogPaths {
  if (!existsSync(logFile)) {
    const hint = 'A run leaves its logs in reports/runs/<run-id>/logs.'
    throw new OperatingError('LOG_NOT_FOUND', `there is no log ${logFile}`, { hint })
  }
  if (!statSync(logFile).isFile()) {
    throw new OperatingError('LOG_UNREADABLE', `${logFile} is not a file`, { hint: 'Name one log, such as logs/application.log.' })
  }
  if (basename(logFile) !== 'application.log') return { applicationLog: logFile }
  const [tradingLog, metricsLog] = [join(dirname(logFile), 'trading.log'), join(dirname(logFile), 'metrics.log')]
  return { applicationLog: logFile, ...(existsSync(tradingLog) && { tradingLog }), ...(existsSync(metricsLog) && { metricsLog }) }
}

function judgeLogs(analysis: Analysis, checks: CheckResult[], { symbols, budgetsFile }: Flags): Judgement {
  const config = budgetsFile === null ? null : loadConfig(budgetsFile).config
  const first = analysis.sessions[0]
  const plannedMinutes = first ? (first.endAtMs - first.startAtMs) / 60_000 : null
  return judge({
    analysis,
    checks,
    budgets: config?.budgets ?? null,
    symbols: symbols ?? config?.symbols ?? first?.symbols ?? [],
    durationMinutes: config?.duration_minutes ?? plannedMinutes,
    loopIntervalMs: first?.loopIntervalMs ?? config?.loop.intervalMs ?? 1000,
    attempts: attemptsOf(analysis),
  })
}

/** What the logs say of the attempts: without a monitor there are no findings, and nobody said why there was another attempt. */
function attemptsOf({ sessions, lastMs }: Analysis): AttemptSummary[] {
  return sessions.map(({ attempt, startAtMs, stopReason }, index) => {
    const next = sessions[index + 1]
    const isInterrupted = stopReason === 'interrupted' || stopReason === 'supervisor-gone'
    const ended = stopReason === null ? 'running' : isInterrupted ? 'interrupted' : 'finished'
    return { attempt, startAtMs, endedAtMs: next?.startAtMs ?? lastMs, stopReason, findings: [], decision: next ? 'retry' : ended }
  })
}

function summaryOf(logFile: string, analysis: Analysis, judgement: Judgement): string {
  const { firstMs, lastMs } = analysis
  const isEmpty = firstMs === null || lastMs === null
  const span = isEmpty ? 'no events' : `${formatUtc(firstMs)} to ${formatUtc(lastMs)}, ${formatDuration(lastMs - firstMs)}`
  const sections = [
    `${judgement.verdict.toUpperCase()}: ${judgement.reason}`,
    `${logFile}: ${span}, ${analysis.attempts} ${analysis.attempts === 1 ? 'attempt' : 'attempts'}`,
    textTable(
      ['asked', 'verdict', 'expected', 'actual'],
      judgement.assertions.map(({ name, verdict, expected, actual }) => [name, verdict, expected, actual]),
    ),
    symbolTable(analysis),
    loopTable(analysis),
    ...(analysis.hours.length > 1 ? [hourTable(analysis)] : []),
    ...countLines('guard blocks', analysis.overall.guardBlocks),
    ...countLines('errors', analysis.errorsByKind),
    ...countLines('warnings', analysis.warningsByKind),
    ...sampleLines('raw lines', analysis.rawLines, analysis.rawLineSamples),
    ...sampleLines('unreadable lines', analysis.unreadableLines, analysis.unreadableSamples),
  ]
  return `${sections.join('\n\n')}\n`
}

function symbolTable({ symbols, overall }: Analysis): string {
  const row = (figures: SymbolFigures): string[] => [
    figures.symbol,
    formatCount(figures.entries),
    formatCount(figures.exits),
    formatCount(figures.entriesFailed),
    formatPercent(figures.wins, figures.exits),
    formatKrw(figures.profit.totalKrw),
    formatKrw(figures.profit.feesKrw),
    formatCount(Object.values(figures.guardBlocks).reduce((total, count) => total + count, 0)),
    formatCount(figures.errors),
    figures.grossEdgeBps === null ? '-' : `${formatNumber(figures.grossEdgeBps.p50)} / ${formatNumber(figures.grossEdgeBps.p99)}`,
    formatDuration(figures.staleMs),
  ]
  const header = ['symbol', 'entries', 'exits', 'failed', 'wins', 'profit', 'fees', 'blocks', 'errors', 'edge bps p50 / p99', 'stale']
  return textTable(header, [...symbols.map(row), row(overall)])
}

function loopTable(analysis: Analysis): string {
  const { loopPeriodMs, loopTimeMs, rssBytes } = analysis
  const rows = [
    ['loop period, ms', loopPeriodMs],
    ['loop time, ms', loopTimeMs],
  ] as const
  const table = textTable(
    [`${formatCount(analysis.loops)} loops`, 'mean', 'p50', 'p90', 'p99', 'max'],
    rows.map(([name, values]) => [name, ...[values?.mean, values?.p50, values?.p90, values?.p99, values?.max].map(orDash)]),
  )
  const memory = rssBytes === null ? '' : `, resident memory at most ${formatBytes(rssBytes.max)}`
  return `${table}\n${analysis.overruns} overruns, ${analysis.missingSnapshots} missing snapshots${memory}`
}

function hourTable({ hours }: Analysis): string {
  return textTable(
    ['hour from', 'loops', 'entries', 'exits', 'profit', 'blocks', 'errors', 'warnings', 'mean period', 'p99 loop time'],
    hours.map((hour) => [
      formatUtc(hour.startMs),
      formatCount(hour.loops),
      formatCount(hour.entries),
      formatCount(hour.exits),
      formatKrw(hour.profitKrw),
      formatCount(hour.guardBlocks),
      formatCount(hour.errors),
      formatCount(hour.warnings),
      orDash(hour.meanLoopPeriodMs ?? undefined),
      orDash(hour.p99LoopTimeMs ?? undefined),
    ]),
  )
}

function orDash(value: number | undefined): string {
  return value === undefined ? '-' : formatNumber(value)
}

function countLines(title: string, counts: Readonly<Record<string, number>>): string[] {
  const entries = Object.entries(counts)
  return entries.length === 0 ? [] : [`${title}: ${entries.map(([name, count]) => `${name} × ${formatCount(count)}`).join(', ')}`]
}

function sampleLines(title: string, count: number, samples: readonly string[]): string[] {
  const lines = samples.map((sample) => `  ${printable(sample.slice(0, 120))}`)
  return count === 0 ? [] : [`${formatCount(count)} ${title}, such as\n${lines.join('\n')}`]
}
