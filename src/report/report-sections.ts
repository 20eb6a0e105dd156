/** The report's tables: environment, symbols, hours, attempts, anomalies, outages. Pure text; final-report.ts puts them in order. */

import type { Analysis, SymbolFigures, Trend } from '../analyzer/analysis.ts'
import type { Finding } from '../monitor/finding.ts'
import { formatBytes, formatCount, formatDuration, formatKrw, formatNumber, formatPercent, formatUtc, markdownTable } from './format.ts'
import type { AttemptRecord, RunRecord } from './run-record.ts'

/** More rows than a reader takes in: the rest is in report.json. */
const maxRows = 50

export function environment({ steps }: RunRecord): string | null {
  if (steps.length === 0) return null
  const rows = steps.map(({ name, status, detail, hint, tookMs }) => {
    return [name, status, hint === null ? detail : `${detail} Hint: ${hint}`, milliseconds(tookMs)]
  })
  return `## Environment\n\n${markdownTable(['step', 'status', 'what it did', 'took'], rows)}`
}

export function symbols({ symbols: figures, overall }: Analysis): string {
  const trades = ['entries', 'exits', 'won', 'exits by']
  const money = ['edge', 'fees', 'FX', 'profit', 'net edge p50']
  const header = ['symbol', ...trades, ...money, 'guard blocks', 'missing', 'stale', 'errors']
  const rows = [...figures.slice(0, maxRows), overall].map(symbolRow)
  return `## Symbols\n\n${markdownTable(header, rows)}${left(figures.length)}`
}

function symbolRow(figures: SymbolFigures): string[] {
  const { profit, entryNetEdgeBps } = figures
  return [
    figures.symbol,
    `${formatCount(figures.entries)}${figures.entriesFailed === 0 ? '' : ` (${formatCount(figures.entriesFailed)} failed)`}`,
    formatCount(figures.exits),
    formatPercent(figures.wins, figures.exits),
    tally(figures.exitsByReason),
    formatKrw(profit.edgeKrw),
    formatKrw(profit.feesKrw),
    formatKrw(profit.fxKrw),
    formatKrw(profit.totalKrw),
    entryNetEdgeBps === null ? '-' : `${formatNumber(entryNetEdgeBps.p50)} bps`,
    tally(figures.guardBlocks),
    figures.missingSnapshots === null ? '-' : formatCount(figures.missingSnapshots),
    figures.staleMs === 0 ? '-' : formatDuration(figures.staleMs),
    formatCount(figures.errors),
  ]
}

export function hours({ hours: figures }: Analysis): string | null {
  if (figures.length === 0) return null
  const counts = ['loops', 'entries', 'exits', 'profit', 'guard blocks', 'errors', 'warnings']
  const header = ['hour (UTC)', ...counts, 'loop period mean', 'loop time p99']
  const rows = figures
    .slice(0, maxRows)
    .map((hour) => [
      formatUtc(hour.startMs).slice(0, 16),
      ...[hour.loops, hour.entries, hour.exits].map(formatCount),
      formatKrw(hour.profitKrw),
      ...[hour.guardBlocks, hour.errors, hour.warnings].map(formatCount),
      milliseconds(hour.meanLoopPeriodMs),
      milliseconds(hour.p99LoopTimeMs),
    ])
  return `## Hour by hour\n\n${markdownTable(header, rows)}${left(figures.length)}`
}

export function attempts({ attempts: records }: RunRecord): string | null {
  if (records.length === 0) return null
  return `## Attempts\n\n${records.map(attemptText).join('\n\n')}`
}

function attemptText(record: AttemptRecord): string {
  const end = record.endedAtMs === null ? 'no end recorded' : formatUtc(record.endedAtMs)
  const exit = record.signal ?? (record.exitCode === null ? 'no exit code' : `exit code ${record.exitCode}`)
  const facts = [
    `- event time ${formatUtc(record.startAtMs)} to ${end}; wall time ${formatDuration(record.wallMs)}`,
    `- stopped: ${record.stopReason ?? 'without saying why'} (${exit})`,
    ...(record.adjustments.length === 0 ? [] : [`- adjusted: ${record.adjustments.join('; ')}`]),
    `- decision: ${record.decision}${record.decisionReason === '' ? '' : `: ${record.decisionReason}`}`,
    ...(record.flightRecorder === null ? [] : [`- last minutes of the logs: ${record.flightRecorder}`]),
  ]
  const rows = record.findings.slice(0, maxRows).map(findingRow)
  const table = rows.length === 0 ? 'No findings.' : markdownTable(['at', 'rule', 'severity', 'symbol', 'cause', 'what'], rows)
  return `### Attempt ${record.attempt}\n\n${facts.join('\n')}\n\n${table}${left(record.findings.length)}`
}

function findingRow({ atMs, rule, severity, aborts, symbol, cause, message }: Finding): string[] {
  return [formatUtc(atMs), rule, aborts ? `${severity}, stopped the run` : severity, symbol ?? 'all', cause, message]
}

/** What the logs hold besides trades, and the two trends. */
export function anomalies(record: RunRecord, analysis: Analysis): string {
  const { errorsByKind, warningsByKind, rawLines, rawLineSamples, unreadableLines, unreadableSamples } = analysis
  const lines = [
    ...(analysis.notJudgeable === null ? [] : [`not judgeable: ${analysis.notJudgeable}`]),
    `errors: ${tally(errorsByKind)}`,
    `warnings: ${tally(warningsByKind)}`,
    `lines that are not JSON: ${samples(rawLines, rawLineSamples)}`,
    `broken or unknown lines: ${samples(unreadableLines, unreadableSamples)}`,
    `snapshots missing: ${formatCount(analysis.missingSnapshots)} of ${formatCount(analysis.loops * record.config.symbols.length)}`,
    `trend of the heap after full collections: ${trendText(analysis.heapTrend, formatBytes)}`,
    `trend of the loop time: ${trendText(analysis.loopTimeTrend, (value) => `${formatNumber(value)} ms`)}`,
    ...(analysis.droppedFigures === 0 ? [] : [`figures left out of full tables: ${formatCount(analysis.droppedFigures)}`]),
  ]
  return `## Anomalies\n\n${lines.map((line) => `- ${line}`).join('\n')}`
}

export function outages({ feedOutages }: Analysis): string | null {
  if (feedOutages.length === 0) return null
  const rows = feedOutages
    .slice(0, maxRows)
    .map(({ symbol, reason, fromMs, toMs }) => [symbol, reason, formatUtc(fromMs), formatUtc(toMs), formatDuration(toMs - fromMs)])
  return `## Feed outages\n\n${markdownTable(['symbol', 'reason', 'from', 'to', 'lasted'], rows)}${left(feedOutages.length)}`
}

function trendText({ slopePerHour, lowPerHour, highPerHour, pointCount }: Trend, format: (value: number) => string): string {
  if (slopePerHour === null || lowPerHour === null || highPerHour === null) return `not judged, too few points (${formatCount(pointCount)})`
  return `${format(slopePerHour)} an hour (95 %: ${format(lowPerHour)} to ${format(highPerHour)}; ${formatCount(pointCount)} points)`
}

/** `cooldown 12, stale-quote 3`, most first. */
function tally(counts: Readonly<Record<string, number>>): string {
  const parts = Object.entries(counts)
    .filter(([, count]) => count > 0)
    .toSorted(([leftName, leftCount], [rightName, rightCount]) => rightCount - leftCount || leftName.localeCompare(rightName))
  return parts.length === 0 ? 'none' : parts.map(([name, count]) => `${name} ${formatCount(count)}`).join(', ')
}

function samples(count: number, lines: readonly string[]): string {
  if (count === 0) return 'none'
  return `${formatCount(count)}, the first: ${lines
    .slice(0, 3)
    .map((line) => `\`${line.replaceAll('`', "'").slice(0, 200)}\``)
    .join(', ')}`
}

function milliseconds(value: number | null): string {
  return value === null ? '-' : `${formatNumber(value)} ms`
}

function left(count: number): string {
  return count > maxRows ? `\n\n${formatCount(count - maxRows)} more in report.json.` : ''
}
