/** Judges a run's figures and checks against its scenario's budgets: one assertion for each thing asked, and a verdict. Pure. */

import type { Budgets } from '../config/schema.ts'
import type { StopReason } from '../model/event.ts'
import type { Finding } from '../monitor/finding.ts'
import {
  type Analysis,
  type Assertion,
  type CheckResult,
  type FeedFigures,
  type Judgement,
  type LatencyFigures,
  type Trend,
  type Verdict,
  worstVerdict,
} from './analysis.ts'
import { counted } from './checker.ts'
import { faultAssertions, type InjectedFaults } from './judge-faults.ts'

/** What the judge needs of an AttemptRecord. */
export interface AttemptSummary {
  attempt: number
  /** Event time. */
  startAtMs: number
  endedAtMs: number | null
  stopReason: StopReason | null
  findings: readonly Finding[]
  decision: 'running' | 'finished' | 'retry' | 'retry-adjusted' | 'give-up' | 'interrupted'
}

export interface JudgeInput {
  analysis: Analysis
  checks: readonly CheckResult[]
  /** Null where nothing but soundness is asked: errors, full duration, findings, checks. */
  budgets: Budgets | null
  symbols: readonly string[]
  /** Event time of the whole run; null where nobody said. */
  durationMinutes: number | null
  loopIntervalMs: number
  /** Null where none were to be injected. */
  faults?: InjectedFaults | null
  /** In order; none where the logs are not from a run of ours. */
  attempts: readonly AttemptSummary[]
}

const minuteMs = 60_000
const hourMs = 3_600_000
const mebibyte = 2 ** 20

/** What one question came to. */
type Answer = readonly [verdict: Verdict, actual: string]

/** The names of the assertions are stable: campaigns, Allure's history and reports match on them. */
export function judge(input: JudgeInput): Judgement {
  const assertions = [
    ...soundness(input),
    ...(input.budgets === null ? [] : budgeted(input, input.budgets)),
    ...(input.faults ? faultAssertions(input.faults, input.analysis) : []),
    ...input.checks.map(checkAssertion),
  ]
  const obstacle = obstacleOf(input)
  const judged = obstacle === null ? assertions : assertions.map((assertion) => withheld(assertion, obstacle))
  const verdict = worstVerdict([...judged.map((assertion) => assertion.verdict), obstacle === null ? 'pass' : 'unknown', retried(input)])
  return { verdict, reason: reasonOf(verdict, judged, obstacle, input), assertions: judged }
}

/** Why nothing that was observed may count as a pass. */
function obstacleOf({ analysis, attempts }: JudgeInput): string | null {
  if (analysis.notJudgeable !== null) return analysis.notJudgeable
  if (analysis.loops === 0) return 'the engine made no loop'
  const last = attempts.at(-1)
  if (last?.decision === 'interrupted') return 'the run was interrupted'
  if (last?.decision === 'running') return 'the run was killed'
  // Whole lines may be gone from its end, and what the engine said at its end, which shows what is gone from the others, with them.
  const isEndLogged = analysis.sessions.at(-1)?.stopReason === 'completed'
  return last?.stopReason === 'completed' && !isEndLogged ? 'application.log lacks its end' : null
}

/** Least numbers, which the rest of the run could have reached. */
const leasts: ReadonlySet<string> = new Set(['entries', 'entries on every symbol', 'exits'])

/** What failed has failed, unless more of the run could have made up for it; what passed is not known to be true. */
function withheld(assertion: Assertion, obstacle: string): Assertion {
  const { name, verdict } = assertion
  const isFinal = verdict === 'unknown' || (verdict === 'fail' && !leasts.has(name))
  return isFinal ? assertion : { ...assertion, verdict: 'unknown', actual: `${assertion.actual} (${obstacle})` }
}

function retried({ attempts }: JudgeInput): Verdict {
  if (attempts.at(-1)?.decision === 'give-up') return 'fail'
  return attempts.length > 1 ? 'warn' : 'pass'
}

function soundness(input: JudgeInput): Assertion[] {
  const { analysis, durationMinutes, attempts, budgets } = input
  const maxErrors = budgets?.maxErrors ?? 0
  const duration = durationMinutes === null ? 'completed' : `completed after ${durationText(durationMinutes * minuteMs)}`
  return [
    asked('log readable', 'every line is a known event', readable(analysis)),
    asked('ran its full duration', duration, fullDuration(input)),
    asked('no errors', `at most ${maxErrors} errors`, errors(analysis, maxErrors)),
    asked('no unexplained findings', 'no finding above info', graveFindings(attempts)),
    ...(analysis.guardDrill === null ? [] : [asked('guard drilled', 'every drill refused', guardDrilled(analysis.guardDrill))]),
  ]
}

function budgeted({ analysis, symbols, attempts, loopIntervalMs, durationMinutes }: JudgeInput, budgets: Budgets): Assertion[] {
  const { target, tolerance } = budgets.meanLoopPeriodMs
  const warnings = sum(analysis.warningsByKind)
  const { minEntries, minExits, minEntriesPerSymbol } = budgets
  const hours = (durationMinutes ?? 0) / 60
  return [
    asked('warnings within budget', `at most ${budgets.maxWarnings}`, atMost(warnings, budgets.maxWarnings)),
    asked('entries', `at least ${minEntries}`, entries(analysis.overall.entries, minEntries, attempts)),
    asked(
      'entries on every symbol',
      `at least ${minEntriesPerSymbol} on each`,
      entriesPerSymbol(analysis, symbols, minEntriesPerSymbol, attempts),
    ),
    asked('exits', `at least ${minExits}`, [analysis.overall.exits >= minExits ? 'pass' : 'fail', String(analysis.overall.exits)]),
    asked(
      'mean loop period',
      `${target} ± ${tolerance} ms`,
      measured(analysis.loopPeriodMs?.mean, 'ms', (mean) => Math.abs(mean - target) <= tolerance),
    ),
    asked(
      'loop period p99',
      `at most ${budgets.maxLoopPeriodP99Ms} ms`,
      measured(analysis.loopPeriodMs?.p99 ?? singleLoop(analysis, loopIntervalMs), 'ms', (p99) => p99 <= budgets.maxLoopPeriodP99Ms),
    ),
    asked(
      'loop time p99',
      `at most ${budgets.maxLoopTimeP99Ms} ms`,
      measured(analysis.loopTimeMs?.p99, 'ms', (p99) => p99 <= budgets.maxLoopTimeP99Ms),
    ),
    asked('missing snapshots', `at most ${budgets.maxMissingSnapshots}`, atMost(analysis.missingSnapshots, budgets.maxMissingSnapshots)),
    asked(
      'heap trend',
      `grows by at most ${mebibytes(budgets.maxHeapGrowthBytes)} over the run`,
      heapGrowth(analysis.heapTrend, hours, budgets.maxHeapGrowthBytes),
    ),
    asked('resident memory', `at most ${mebibytes(budgets.maxRssBytes)}`, atMostBytes(analysis.rssBytes?.max, budgets.maxRssBytes)),
    ...(analysis.feeds.length === 0 ? [] : feedBudgets(analysis.feeds, budgets)),
    ...(budgets.maxQuoteToDecisionP99Ms === null ? [] : [quoteToDecision(analysis.latency, budgets.maxQuoteToDecisionP99Ms)]),
  ]
}

/** Asked of logs that say what the feeds did; those of another engine need not. */
function feedBudgets(feeds: readonly FeedFigures[], budgets: Budgets): Assertion[] {
  const { maxReconnects, maxMessageGaps, maxRateLimited } = budgets
  return [
    asked(
      'reconnects',
      `at most ${maxReconnects}`,
      feedCounts(feeds, maxReconnects, ({ reconnects }) => reconnects),
    ),
    asked(
      'message gaps',
      `at most ${maxMessageGaps}`,
      // A book that had to be fetched anew without a gap went wrong through one that nobody saw.
      feedCounts(feeds, maxMessageGaps, ({ gaps, resyncs }) => Math.max(gaps, resyncs)),
    ),
    asked(
      'gaps repaired',
      'no gap without a book fetched anew',
      feedCounts(feeds, 0, ({ unrepairedGaps }) => unrepairedGaps),
    ),
    asked(
      'rate limits',
      `at most ${maxRateLimited} answers 429 or 418`,
      feedCounts(feeds, maxRateLimited, (feed) => feed.rateLimited + feed.bans),
    ),
  ]
}

/** The budget is for all venues together. */
function feedCounts(feeds: readonly FeedFigures[], max: number, countOf: (feed: FeedFigures) => number): Answer {
  const counts = feeds.map((feed) => ({ venue: feed.venue, count: countOf(feed) }))
  const total = counts.reduce((all, { count }) => all + count, 0)
  const shares = counts.filter(({ count }) => count > 0).map(({ venue, count }) => `${venue} ${count}`)
  return [total <= max ? 'pass' : 'fail', shares.length === 0 ? '0' : `${total}: ${shares.join(', ')}`]
}

function quoteToDecision(latency: LatencyFigures | null, maxMs: number): Assertion {
  const p99Ms = latency === null ? undefined : latency.p99Us / 1000
  return asked(
    'quote to decision p99',
    `at most ${maxMs} ms`,
    measured(p99Ms, 'ms', (value) => value <= maxMs),
  )
}

function asked(name: string, expected: string, [verdict, actual]: Answer): Assertion {
  return { name, verdict, expected, actual }
}

function readable(analysis: Analysis): Answer {
  const { notJudgeable, unreadableLines, rawLines, droppedFigures } = analysis
  if (notJudgeable !== null) return ['unknown', notJudgeable]
  const text = `${unreadableLines} unreadable lines, ${rawLines} raw lines`
  if (droppedFigures > 0) return ['warn', `${text}, ${droppedFigures} figures left out`]
  return [unreadableLines + rawLines > 0 ? 'warn' : 'pass', text]
}

/** Asked of logs that tell of drills; engines of others need not hold any. */
function guardDrilled({ refused, allowed }: NonNullable<Analysis['guardDrill']>): Answer {
  if (allowed.length > 0) return ['fail', `allowed ${allowed.join(', ')}`]
  return [refused > 0 ? 'pass' : 'unknown', `${refused} refused`]
}

function fullDuration({ analysis, attempts, durationMinutes, loopIntervalMs }: JudgeInput): Answer {
  const first = attempts[0]
  const last = attempts.at(-1)
  if (!first || !last) return ['unknown', 'no attempt is on record']
  const ranForMs = (last.endedAtMs ?? analysis.lastMs ?? first.startAtMs) - first.startAtMs
  const text = `${last.stopReason ?? 'ended without saying why'} after ${durationText(ranForMs)}`
  if (last.decision === 'running' || last.decision === 'interrupted') return ['unknown', `${text}, cut off`]
  // The last loop starts one period before the end, and what it logs may lie anywhere in that period.
  const isLongEnough = durationMinutes === null || ranForMs >= durationMinutes * minuteMs - 2 * loopIntervalMs
  return [last.stopReason === 'completed' && isLongEnough ? 'pass' : 'fail', text]
}

/** An attempt that was stopped for its errors has been answered by the next one: they are told, and they do not fail the run. */
function errors(analysis: Analysis, maxErrors: number): Answer {
  const total = sum(analysis.errorsByKind)
  const last = analysis.sessions.length > 1 ? (analysis.sessions.at(-1)?.errors ?? 0) : total
  const earlier = total - last
  const kinds = Object.entries(analysis.errorsByKind).map(([kind, count]) => `${kind} × ${count}`)
  const text = [`${last} errors`, ...(earlier > 0 ? [`${earlier} in earlier attempts`] : []), ...kinds.slice(0, 3)].join('; ')
  if (last > maxErrors) return ['fail', text]
  return [earlier > 0 ? 'warn' : 'pass', text]
}

function graveFindings(attempts: readonly AttemptSummary[]): Answer {
  const last = attempts.at(-1)
  const all = attempts.flatMap((attempt) => attempt.findings.map((finding) => ({ finding, isLast: attempt === last })))
  const graver = all.filter(({ finding }) => finding.severity !== 'info')
  const first = graver.find(({ finding, isLast }) => isLast && finding.severity === 'error') ?? graver[0]
  if (!first) return ['pass', all.length === 0 ? 'none' : `${all.length} of severity info`]
  const verdict = first.isLast && first.finding.severity === 'error' ? 'fail' : 'warn'
  return [verdict, `${counted(graver.length, 'findings')}, such as ${first.finding.rule}: ${first.finding.message}`]
}

/** No entry in a market that offers none is no failure of the engine, but it has shown nothing either. */
function entries(count: number, minEntries: number, attempts: readonly AttemptSummary[]): Answer {
  if (count >= minEntries) return ['pass', String(count)]
  const isQuiet = count === 0 && wasQuiet(attempts, null)
  return isQuiet ? ['unknown', '0: the market offered no opportunity'] : ['fail', String(count)]
}

function entriesPerSymbol(analysis: Analysis, symbols: readonly string[], minEntries: number, attempts: readonly AttemptSummary[]): Answer {
  if (minEntries === 0) return ['pass', 'not asked for']
  const countOf = new Map(analysis.symbols.map((figures) => [figures.symbol, figures.entries]))
  const lacking = symbols.filter((symbol) => (countOf.get(symbol) ?? 0) < minEntries)
  const verdicts = lacking.map((symbol): Verdict => ((countOf.get(symbol) ?? 0) === 0 && wasQuiet(attempts, symbol) ? 'unknown' : 'fail'))
  const text = (lacking.length === 0 ? symbols : lacking).slice(0, 8).map((symbol) => `${symbol} ${countOf.get(symbol) ?? 0}`)
  return [worstVerdict(verdicts), text.join(', ')]
}

function wasQuiet(attempts: readonly AttemptSummary[], symbol: string | null): boolean {
  return attempts.some(({ findings }) =>
    findings.some((finding) => finding.cause === 'no-opportunity' && (finding.symbol === null || finding.symbol === symbol)),
  )
}

/**
 * The budget is for growth over the run at the trend's rate. Only a growth that its 95 % confidence interval lies above fails; one that
 * may lie above is a warning. Engines of a sweep make no full collections, and are not judged.
 */
function heapGrowth(trend: Trend, hours: number, maxBytes: number): Answer {
  const { slopePerHour, lowPerHour, pointCount } = trend
  if (slopePerHour === null || lowPerHour === null) {
    return ['pass', `not judged: a run of ${durationText(hours * hourMs)} cannot judge memory (${pointCount} points after warm-up)`]
  }
  const rate = `${mebibytes(slopePerHour)} an hour (95 %: ${mebibytes(lowPerHour)} to ${mebibytes(trend.highPerHour ?? slopePerHour)})`
  if (lowPerHour * hours > maxBytes) return ['fail', rate]
  return [lowPerHour > 0 && slopePerHour * hours > maxBytes ? 'warn' : 'pass', rate]
}

/** One loop has no period, and keeps to every one. */
function singleLoop(analysis: Analysis, loopIntervalMs: number): number | undefined {
  return analysis.loops === 1 ? loopIntervalMs : undefined
}

function measured(value: number | undefined, unit: string, isWithin: (value: number) => boolean): Answer {
  if (value === undefined) return ['unknown', 'not measured']
  return [isWithin(value) ? 'pass' : 'fail', `${Number(value.toPrecision(5))} ${unit}`]
}

function atMost(value: number, max: number): Answer {
  return [value <= max ? 'pass' : 'fail', String(value)]
}

function atMostBytes(value: number | undefined, max: number): Answer {
  return value === undefined ? ['unknown', 'not measured'] : [value <= max ? 'pass' : 'fail', mebibytes(value)]
}

function checkAssertion({ name, verdict, examined, violations }: CheckResult): Assertion {
  const more = violations.length > 1 ? ` (and ${violations.length - 1} more)` : ''
  return { name, verdict, expected: 'no violation', actual: violations.length === 0 ? examined : `${violations[0] ?? ''}${more}` }
}

function reasonOf(verdict: Verdict, assertions: readonly Assertion[], obstacle: string | null, { attempts, analysis }: JudgeInput): string {
  const worst = assertions.filter((assertion) => assertion.verdict === verdict)
  const named = worst.slice(0, 3).map((assertion) => `${assertion.name} (${assertion.actual})`)
  const list = worst.length > 3 ? `${named.join('; ')}; and ${worst.length - 3} more` : named.join('; ')
  const isGivenUp = attempts.at(-1)?.decision === 'give-up'
  if (verdict === 'fail' && isGivenUp) return `Given up after ${attempts.length} attempts${list ? `: ${list}` : ''}.`
  if (verdict === 'fail') return `Failed: ${list}.`
  if (verdict === 'unknown') return obstacle === null ? `Cannot be told: ${list}.` : `Cannot be told: ${obstacle}.`
  const { loops, overall } = analysis
  const done = `${assertions.length} assertions hold over ${loops} loops, ${overall.entries} entries and ${overall.exits} exits`
  if (verdict === 'pass') return `All ${done}.`
  return attempts.length > 1 ? `Passed on attempt ${attempts.length} only${list ? `: ${list}` : ''}.` : `Passed with warnings: ${list}.`
}

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((total, count) => total + count, 0)
}

function durationText(durationMs: number): string {
  if (durationMs < minuteMs) return `${Number((durationMs / 1000).toFixed(1))} s`
  return durationMs < hourMs ? `${Number((durationMs / minuteMs).toFixed(1))} min` : `${Number((durationMs / hourMs).toFixed(2))} h`
}

function mebibytes(bytes: number): string {
  return `${(bytes / mebibyte).toFixed(1)} MiB`
}
