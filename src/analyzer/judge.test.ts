/** One assertion for each thing asked, and the verdict that they make. */

import { describe, expect, it } from 'vitest'
import type { Budgets } from '../config/schema.ts'
import type { Finding } from '../monitor/finding.ts'
import type { Analysis, CheckResult, Distribution, FeedFigures, Judgement, SessionFigures } from './analysis.ts'
import { type AttemptSummary, judge, type JudgeInput } from './judge.ts'
import { analyzeLogs } from './longrun-analyzer.ts'

const startMs = Date.UTC(2026, 0, 5)
const empty = await analyzeLogs({ symbols: ['KRW-BTC', 'KRW-ETH'] })

const budgets: Budgets = {
  maxErrors: 0,
  maxWarnings: 5,
  minEntries: 2,
  minExits: 1,
  minEntriesPerSymbol: 1,
  meanLoopPeriodMs: { target: 1000, tolerance: 100 },
  maxLoopPeriodP99Ms: 1500,
  maxLoopTimeP99Ms: 1000,
  maxMissingSnapshots: 5,
  maxReconnects: 10,
  maxMessageGaps: 5,
  maxRateLimited: 0,
  maxQuoteToDecisionP99Ms: null,
  maxHeapGrowthBytes: 100 * 2 ** 20,
  maxRssBytes: 512 * 2 ** 20,
}

function flat(value: number): Distribution {
  return { count: 180, mean: value, min: value, p50: value, p90: value, p99: value, max: value }
}

const session: SessionFigures = {
  attempt: 1,
  symbols: [],
  startAtMs: startMs,
  endAtMs: startMs,
  loopIntervalMs: 1000,
  stopReason: 'completed',
  errors: 0,
}

const analysis: Analysis = {
  ...empty,
  notJudgeable: null,
  sessions: [session],
  loops: 180,
  loopPeriodMs: flat(1000),
  loopTimeMs: flat(60),
  rssBytes: flat(1e8),
  lastMs: startMs + 179_060,
  overall: { ...empty.overall, entries: 4, exits: 3 },
  symbols: empty.symbols.map((figures) => ({ ...figures, entries: 2 })),
}

const attempt: AttemptSummary = {
  attempt: 1,
  startAtMs: startMs,
  endedAtMs: startMs + 179_060,
  stopReason: 'completed',
  findings: [],
  decision: 'finished',
}

const finding: Finding = {
  rule: 'stale-feed',
  severity: 'error',
  aborts: true,
  symbol: 'KRW-ETH',
  atMs: startMs,
  sinceMs: startMs,
  message: 'KRW-ETH has no quotes',
  cause: 'frozen',
  evidence: [],
}

const checks: CheckResult[] = [{ name: 'balances-conserved', verdict: 'pass', examined: '16 fills', violations: [] }]

function judged(changes: Partial<JudgeInput> = {}): Judgement {
  const symbols = ['KRW-BTC', 'KRW-ETH']
  return judge({ analysis, checks, budgets, symbols, durationMinutes: 3, loopIntervalMs: 1000, attempts: [attempt], ...changes })
}

function of(name: string, judgement: Judgement): string {
  const assertion = judgement.assertions.find((candidate) => candidate.name === name)
  return `${assertion?.verdict}: ${assertion?.actual}`
}

it('a sound run passes, with an assertion for each thing asked', () => {
  const { verdict, reason, assertions } = judged()
  expect(verdict).toBe('pass')
  expect(reason).toBe('All 15 assertions hold over 180 loops, 4 entries and 3 exits.')
  expect(assertions.map(({ name, expected, actual }) => `${name}: ${expected}: ${actual}`)).toMatchInlineSnapshot(`
    [
      "log readable: every line is a known event: 0 unreadable lines, 0 raw lines",
      "ran its full duration: completed after 3 min: completed after 3 min",
      "no errors: at most 0 errors: 0 errors",
      "no unexplained findings: no finding above info: none",
      "warnings within budget: at most 5: 0",
      "entries: at least 2: 4",
      "entries on every symbol: at least 1 on each: KRW-BTC 2, KRW-ETH 2",
      "exits: at least 1: 3",
      "mean loop period: 1000 ± 100 ms: 1000 ms",
      "loop period p99: at most 1500 ms: 1000 ms",
      "loop time p99: at most 1000 ms: 60 ms",
      "missing snapshots: at most 5: 0",
      "heap trend: grows by at most 100.0 MiB over the run: not judged: a run of 3 min cannot judge memory (0 points after warm-up)",
      "resident memory: at most 512.0 MiB: 95.4 MiB",
      "balances-conserved: no violation: 16 fills",
    ]
  `)
})

const feed: FeedFigures = {
  venue: 'upbit',
  source: 'orderbook-stream',
  requests: 0,
  heldBack: 0,
  rateLimited: 0,
  bans: 0,
  usedShareMax: 0,
  frames: 0,
  connects: 1,
  reconnects: 4,
  gaps: 0,
  resyncs: 0,
  confirmations: 0,
  dropped: 0,
  liveSocketsMax: 1,
  unrepairedGaps: 0,
  clockOffsetMs: null,
  clockErrorMs: null,
}
const feedNames = ['reconnects', 'message gaps', 'rate limits']

it('feeds are judged where the logs tell of them, all venues together', () => {
  const sound = judged({ analysis: { ...analysis, feeds: [feed, { ...feed, venue: 'binance', reconnects: 6, gaps: 5 }] } })
  expect(feedNames.map((name) => of(name, sound))).toEqual(['pass: 10: upbit 4, binance 6', 'pass: 5: binance 5', 'pass: 0'])
  const poor = judged({ analysis: { ...analysis, feeds: [{ ...feed, reconnects: 11, gaps: 6, rateLimited: 0, bans: 1 }] } })
  expect(feedNames.map((name) => of(name, poor))).toEqual(['fail: 11: upbit 11', 'fail: 6: upbit 6', 'fail: 1: upbit 1'])
  expect(poor.verdict).toBe('fail')
})

it('a book that was fetched anew counts as a gap, seen or not', () => {
  const blind = judged({ analysis: { ...analysis, feeds: [{ ...feed, gaps: 1, resyncs: 6 }] } })
  expect(of('message gaps', blind)).toBe('fail: 6: upbit 6')
})

it('a gap after which no book was fetched anew fails, whatever the budget for gaps', () => {
  expect(of('gaps repaired', judged({ analysis: { ...analysis, feeds: [{ ...feed, gaps: 2, resyncs: 2 }] } }))).toBe('pass: 0')
  const poor = judged({ analysis: { ...analysis, feeds: [{ ...feed, gaps: 2, resyncs: 1, unrepairedGaps: 1 }] } })
  expect(of('gaps repaired', poor)).toBe('fail: 1: upbit 1')
})

it.each([
  ['asked for and within', { p99Us: 40_000 }, 40, 'pass: 40 ms'],
  ['asked for and above', { p99Us: 40_010 }, 40, 'fail: 40.01 ms'],
  ['asked for and not measured', null, 40, 'unknown: not measured'],
  ['measured and not asked for', { p99Us: 9e9 }, null, 'undefined: undefined'],
])('the latency of decisions, %s', (_, measured, maxQuoteToDecisionP99Ms, expected) => {
  const rest = { count: 9, p50Us: 1, p999Us: 1, maxUs: 1, queueDepthMax: 1, lagMaxUs: 1, coalesced: 0 }
  const latency = measured && { ...rest, ...measured }
  const judgement = judged({ analysis: { ...analysis, latency }, budgets: { ...budgets, maxQuoteToDecisionP99Ms } })
  expect(of('quote to decision p99', judgement)).toBe(expected)
})

const errorsOf = (last: number): Partial<Analysis> => ({
  errorsByKind: { 'symbol-failed': 2 + last },
  sessions: [2, last].map((errors, index) => ({ ...session, attempt: index + 1, errors })),
})
const trend = (lowPerHour: number, slopePerHour: number): Partial<Analysis> => ({
  heapTrend: { lowPerHour, slopePerHour, highPerHour: 2 * slopePerHour, pointCount: 60 },
})
const mebibyte = 2 ** 20

/** What is changed in the figures of the sound run, and what the one assertion then says. */
const figures: [what: string, name: string, expected: string, changes: Partial<Analysis>][] = [
  ['an unreadable line', 'log readable', 'warn: 1 unreadable lines, 0 raw lines', { unreadableLines: 1 }],
  ['an error', 'no errors', 'fail: 1 errors; raw × 1', { errorsByKind: { raw: 1 } }],
  ['errors of an earlier attempt', 'no errors', 'warn: 0 errors; 2 in earlier attempts; symbol-failed × 2', errorsOf(0)],
  ['errors of the last attempt too', 'no errors', 'fail: 1 errors; 2 in earlier attempts; symbol-failed × 3', errorsOf(1)],
  ['six warnings', 'warnings within budget', 'fail: 6', { warningsByKind: { a: 4, b: 2 } }],
  ['one entry', 'entries', 'fail: 1', { overall: { ...empty.overall, entries: 1 } }],
  ['no exit', 'exits', 'fail: 0', { overall: { ...empty.overall, entries: 4 } }],
  ['a symbol without entries', 'entries on every symbol', 'fail: KRW-BTC 0, KRW-ETH 0', { symbols: empty.symbols }],
  ['a slow loop', 'mean loop period', 'fail: 1101 ms', { loopPeriodMs: flat(1101) }],
  ['a loop too fast', 'mean loop period', 'fail: 899 ms', { loopPeriodMs: flat(899) }],
  ['late loops', 'loop period p99', 'fail: 1501 ms', { loopPeriodMs: flat(1501) }],
  ['long loops', 'loop time p99', 'fail: 1001 ms', { loopTimeMs: flat(1001) }],
  ['no loop time', 'loop time p99', 'unknown: not measured', { loopTimeMs: null }],
  ['missing snapshots', 'missing snapshots', 'fail: 6', { missingSnapshots: 6 }],
  ['too much memory', 'resident memory', 'fail: 1024.0 MiB', { rssBytes: flat(2 ** 30) }],
  ['memory that was never measured', 'resident memory', 'unknown: not measured', { rssBytes: null }],
  [
    'a heap that surely grows too much',
    'heap trend',
    'fail: 3000.0 MiB an hour (95 %: 2100.0 MiB to 6000.0 MiB)',
    trend(2100 * mebibyte, 3000 * mebibyte),
  ],
  [
    'a heap that may grow too much',
    'heap trend',
    'warn: 3000.0 MiB an hour (95 %: 1.0 MiB to 6000.0 MiB)',
    trend(mebibyte, 3000 * mebibyte),
  ],
  [
    'a heap of which nothing is sure',
    'heap trend',
    'pass: 3000.0 MiB an hour (95 %: -1.0 MiB to 6000.0 MiB)',
    trend(-mebibyte, 3000 * mebibyte),
  ],
]

describe('figures', () => {
  it.each(figures)('with %s: %s', (_what, name, expected, changes) => {
    const judgement = judged({ analysis: { ...analysis, ...changes } })
    expect(of(name, judgement)).toBe(expected)
    const verdict = expected.slice(0, expected.indexOf(':'))
    expect(judgement.verdict).toBe(verdict)
  })
})

const attempts: [what: string, verdict: string, name: string, expected: string, attempts: AttemptSummary[]][] = [
  ['stopped early', 'fail', 'ran its full duration', 'fail: completed after 2 min', [{ ...attempt, endedAtMs: startMs + 120_000 }]],
  ['failed', 'fail', 'ran its full duration', 'fail: failed after 3 min', [{ ...attempt, stopReason: 'failed' }]],
  [
    'was killed',
    'unknown',
    'ran its full duration',
    'unknown: ended without saying why after 3 min, cut off',
    [{ ...attempt, stopReason: null, endedAtMs: null, decision: 'running' }],
  ],
  [
    'passed on its second attempt',
    'warn',
    'ran its full duration',
    'pass: completed after 3 min',
    [
      { ...attempt, endedAtMs: startMs + 60_000, stopReason: 'aborted', decision: 'retry', findings: [finding] },
      { ...attempt, attempt: 2, startAtMs: startMs + 60_000 },
    ],
  ],
  [
    'passed after a crash that no rule found',
    'warn',
    'no unexplained findings',
    'pass: none',
    [
      { ...attempt, endedAtMs: startMs + 60_000, stopReason: null, decision: 'retry' },
      { ...attempt, attempt: 2, startAtMs: startMs + 60_000 },
    ],
  ],
  [
    'was given up',
    'fail',
    'no unexplained findings',
    'fail: 1 finding, such as stale-feed: KRW-ETH has no quotes',
    [{ ...attempt, stopReason: 'aborted', decision: 'give-up', findings: [finding] }],
  ],
  [
    'was interrupted',
    'unknown',
    'entries',
    'unknown: 4 (the run was interrupted)',
    [{ ...attempt, stopReason: 'interrupted', decision: 'interrupted' }],
  ],
  [
    'has a warning',
    'warn',
    'no unexplained findings',
    'warn: 1 finding, such as stale-feed: KRW-ETH has no quotes',
    [{ ...attempt, findings: [{ ...finding, severity: 'warn', aborts: false }] }],
  ],
  [
    'has only information',
    'pass',
    'no unexplained findings',
    'pass: 1 of severity info',
    [{ ...attempt, findings: [{ ...finding, severity: 'info', aborts: false }] }],
  ],
]

describe('the guard drill', () => {
  it.each([
    ['is not asked of logs that do not tell of it', null, 'undefined: undefined'],
    ['passes where every drill was refused', { refused: 2, allowed: [] }, 'pass: 2 refused'],
    ['fails where one was allowed', { refused: 1, allowed: ['a quote 3001 ms old'] }, 'fail: allowed a quote 3001 ms old'],
    ['is unknown where nothing was asked', { refused: 0, allowed: [] }, 'unknown: 0 refused'],
  ])('%s', (_case, guardDrill, answer) => {
    expect(of('guard drilled', judged({ analysis: { ...analysis, guardDrill } }))).toBe(answer)
  })
})

describe('a run that', () => {
  it.each(attempts)('%s is %s', (_what, verdict, name, expected, list) => {
    const judgement = judged({ attempts: list })
    expect(judgement.verdict).toBe(verdict)
    expect(of(name, judgement)).toBe(expected)
  })
})

describe('unknown', () => {
  it('is a run without a readable log, whatever its figures', () => {
    const judgement = judged({ analysis: { ...analysis, notJudgeable: 'the logs hold no event' } })
    expect(judgement.verdict).toBe('unknown')
    expect(judgement.reason).toBe('Cannot be told: the logs hold no event.')
    expect(new Set(judgement.assertions.map(({ verdict }) => verdict))).toEqual(new Set(['unknown']))
  })

  it('is a run without a loop', () => {
    expect(judged({ analysis: { ...analysis, loops: 0 } }).verdict).toBe('unknown')
  })

  it.each<[string, SessionFigures[]]>([
    ['its end', [{ ...session, stopReason: null }]],
    ['its last attempt', [{ ...session, stopReason: 'aborted' }]],
    ['all attempts', []],
  ])('is a completed run whose application.log lacks %s', (_, sessions) => {
    const { verdict, reason } = judged({ analysis: { ...analysis, sessions } })
    expect([verdict, reason]).toEqual(['unknown', 'Cannot be told: application.log lacks its end.'])
  })

  it.each(['running', 'interrupted'] as const)('is a run cut off (%s) before it had the entries that are asked', (decision) => {
    const judgement = judged({ analysis: { ...analysis, overall: empty.overall }, attempts: [{ ...attempt, stopReason: null, decision }] })
    expect(judgement.verdict).toBe('unknown')
  })

  it('is no run that was cut off and had failed by then', () => {
    const failing = { ...analysis, errorsByKind: { 'symbol-failed': 1 } }
    expect(judged({ analysis: failing, attempts: [{ ...attempt, decision: 'interrupted' }] }).verdict).toBe('fail')
  })

  it('is a run without entries in a market that offered none', () => {
    const quiet: Finding = { ...finding, rule: 'no-entry', severity: 'info', aborts: false, symbol: null, cause: 'no-opportunity' }
    const none = { ...analysis, overall: { ...empty.overall, exits: 1 }, symbols: empty.symbols }
    const judgement = judged({ analysis: none, attempts: [{ ...attempt, findings: [quiet] }] })
    expect(judgement.verdict).toBe('unknown')
    expect(of('entries', judgement)).toBe('unknown: 0: the market offered no opportunity')
  })

  it('is a run whose checker threw', () => {
    const broken: CheckResult = { name: 'legs-paired', verdict: 'unknown', examined: 'not examined: boom', violations: [] }
    const { verdict, reason } = judged({ checks: [...checks, broken] })
    expect([verdict, reason]).toEqual(['unknown', 'Cannot be told: legs-paired (not examined: boom).'])
  })
})

it('a violated check fails the run and is named', () => {
  const violated: CheckResult = { name: 'legs-paired', verdict: 'fail', examined: '4 entries', violations: ['T1 is lost', 'T2 is lost'] }
  expect(judged({ checks: [violated] }).reason).toBe('Failed: legs-paired (T1 is lost (and 1 more)).')
})

it('without budgets only soundness is asked', () => {
  expect(judged({ budgets: null }).assertions.map(({ name }) => name)).toEqual([
    'log readable',
    'ran its full duration',
    'no errors',
    'no unexplained findings',
    'balances-conserved',
  ])
})
