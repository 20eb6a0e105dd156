/** What the report says, in which order, and what it leaves out. */

import { expect, test } from 'vitest'
import type { FeedFigures } from '../analyzer/analysis.ts'
import { finalReport } from './final-report.ts'
import type { JudgedRun } from './write-report.ts'
import { sampleRecord, sampleRun, startMs, symbolFigures } from './sample-run.ts'

const reportOf = (run: JudgedRun): string => finalReport({ ...run, charts: [{ name: 'loop-time', title: 'Loop time' }] })
const headings = (markdown: string): string[] =>
  markdown
    .replace(/```[^]*?```/g, '')
    .split('\n')
    .filter((line) => line.startsWith('#'))
const section = (markdown: string, title: string): string =>
  markdown.split(/^(?=## )/m).find((part) => part.startsWith(`## ${title}`)) ?? ''

test('the verdict and its reason come first', () => {
  expect(reportOf(sampleRun()).split('\n').slice(0, 3)).toEqual(['# S0: mini dry run: pass', '', '**GO.** All 2 assertions hold.'])
})

test.each([
  ['pass', '**GO.**'],
  ['warn', '**GO, with reservations.**'],
  ['fail', '**NO-GO.**'],
  ['unknown', '**NO DECISION: nothing was proved.**'],
] as const)('a verdict of %s decides %s', (verdict, decision) => {
  const run = sampleRun()
  run.judgement.verdict = verdict
  expect(reportOf(run)).toContain(decision)
})

test('sections without anything to say are left out', () => {
  expect(headings(reportOf(sampleRun()))).toMatchInlineSnapshot(`
    [
      "# S0: mini dry run: pass",
      "## Go or no-go",
      "## What was run",
      "## The expected S0, beside this run",
      "## Environment",
      "## Symbols",
      "## Hour by hour",
      "## Attempts",
      "### Attempt 1",
      "## Anomalies",
      "## Checkers",
      "## Charts",
      "## Against commercial engines",
      "## How to reproduce",
      "## What the seed does not reproduce",
    ]
  `)
})

test('what was measured stands before what was expected: the wider column may lie outside of the page', () => {
  expect(section(reportOf(sampleRun()), 'Go or no-go')).toMatchInlineSnapshot(`
    "## Go or no-go

    | verdict | what | measured | expected |
    | --- | --- | --- | --- |
    | pass | no errors | 0 errors | at most 0 errors |
    | pass | loop time p99 | 52 ms | at most 1000 ms |

    "
  `)
})

test('the expected S0 stands beside what was measured', () => {
  expect(section(reportOf(sampleRun()), 'The expected S0')).toMatchInlineSnapshot(`
    "## The expected S0, beside this run

    | S0 | expected | this run | agrees |
    | --- | --- | --- | --- |
    | duration | 3.0 s | 3 min of event time = 3.0 s at 60x; measured 600 ms at pace max | yes |
    | loops a symbol | 3 | 180 = 3 at 60x | yes |
    | symbols | 2 | 2 | yes |
    | trades opened | 2–4 | 2 | yes |
    | average loop time | 1000 ± 100 ms | 1,000 ms | yes |
    | errors | 0 | 0 | yes |

    180 loops of 1,000 ms event time; on accelerated time the
    mission’s S0 block counts one loop for each second of wall time at 60x: 3.0 s =
    3 loops a symbol. Its *average loop time* is the loop period, start to start; a loop’s own work takes
    52 ms of event time.

    "
  `)
})

test('an S0 that misses the expected result says so row by row', () => {
  const overall = symbolFigures('all', { entries: 5, errors: 1 })
  const block = section(reportOf(sampleRun({ analysis: { overall, loops: 90 } })), 'The expected S0')
  expect(block.split('\n').filter((line) => line.endsWith('| no |'))).toEqual([
    '| loops a symbol | 3 | 90 = 1.5 at 60x | no |',
    '| trades opened | 2–4 | 5 | no |',
    '| errors | 0 | 1 | no |',
  ])
})

test('another scenario is not compared with the expected S0', () => {
  expect(section(reportOf(sampleRun({ record: { scenario: 'S3' } })), 'The expected S0')).toBe('')
})

test('our column against commercial engines is measured', () => {
  expect(section(reportOf(sampleRun()), 'Against commercial')).toMatchInlineSnapshot(`
    "## Against commercial engines

    The first two columns are the mission’s; the last was measured in this run.

    |  | D62 | commercial (Binance, Kraken) | this run |
    | --- | --- | --- | --- |
    | symbols | 2–4 | tens to hundreds | 2 |
    | loop time | ~1000 ms | 10–50 ms | 52 ms mean, 52 ms p99 (modelled latency included); 0.08 ms of processor |
    | throughput | 2–4 symbols a loop | hundreds to thousands of symbols a loop | 2 symbols a loop; 600 symbol evaluations a second |
    | memory | ~100 MB | 1–10 GB | 96 MiB RSS at most |
    | monitoring | basic (logs) | advanced (metrics) | 16 rules on event time, over logs and metrics |
    | recovery | basic (restart) | advanced (dynamic adjustment) | restart from committed state, adjusted; restarts here: none |

    The run went 300 times faster than real time.

    "
  `)
})

test('money reads as won, a loss with its sign', () => {
  const symbols = [symbolFigures('KRW-BTC', { profit: { edgeKrw: '1234567.4', feesKrw: '0', fxKrw: '0', totalKrw: '-1234567.5' } })]
  expect(section(reportOf(sampleRun({ analysis: { symbols } })), 'Symbols')).toContain('| ₩1,234,567 | ₩0 | ₩0 | -₩1,234,568 |')
})

test('a run that was killed is reported to its last line', () => {
  const { attempts } = sampleRecord()
  const unfinished = { endedAtMs: null, stopReason: null, exitCode: null, wallMs: 0, decision: 'running' as const }
  const record = {
    status: 'running' as const,
    endedAt: null,
    engineWallMs: 0,
    attempts: attempts.map((attempt) => ({ ...attempt, ...unfinished })),
  }
  const markdown = reportOf(sampleRun({ record, analysis: { lastMs: startMs + 120_000 } }))
  expect(markdown).toContain('| event time | 2 min, from 2026-01-05 00:00:00Z |')
  expect(markdown).toContain('| acceleration | not known |')
  expect(markdown).toContain('- stopped: without saying why (no exit code)')
})

test('an attempt tells its findings, what was decided and what was adjusted', () => {
  const [attempt] = sampleRecord().attempts
  const finding = { rule: 'stale-feed', severity: 'error' as const, aborts: true, symbol: 'KRW-ETH', sinceMs: startMs }
  const stopped = {
    ...attempt!,
    stopReason: 'aborted' as const,
    findings: [{ ...finding, atMs: startMs + 1000, message: 'no quotes | for 120 s', cause: 'frozen', evidence: [] }],
    decision: 'retry-adjusted' as const,
    decisionReason: 'KRW-ETH is quarantined',
    adjustments: ['poll every 2000 ms'],
    flightRecorder: 'flight-recorder/attempt-1',
  }
  expect(section(reportOf(sampleRun({ record: { attempts: [stopped] } })), 'Attempts')).toMatchInlineSnapshot(`
    "## Attempts

    ### Attempt 1

    - event time 2026-01-05 00:00:00Z to 2026-01-05 00:03:00Z; wall time 600 ms
    - stopped: aborted (exit code 0)
    - adjusted: poll every 2000 ms
    - decision: retry-adjusted: KRW-ETH is quarantined
    - last minutes of the logs: flight-recorder/attempt-1

    | at | rule | severity | symbol | cause | what |
    | --- | --- | --- | --- | --- | --- |
    | 2026-01-05 00:00:01Z | stale-feed | error, stopped the run | KRW-ETH | frozen | no quotes \\| for 120 s |

    "
  `)
})

const upbitFeed: FeedFigures = {
  venue: 'upbit',
  source: 'orderbook-stream',
  requests: 24,
  heldBack: 1,
  rateLimited: 2,
  bans: 0,
  usedShareMax: 0.4,
  frames: 123_456,
  connects: 3,
  reconnects: 2,
  gaps: 0,
  resyncs: 0,
  confirmations: 7,
  dropped: 0,
  liveSocketsMax: 1,
  unrepairedGaps: 0,
  clockOffsetMs: -3.25,
  clockErrorMs: 1.5,
}

test('the feeds say where quotes came from, what they cost and what they lost', () => {
  const rest = { frames: 0, connects: 0, reconnects: 0, confirmations: 0, clockOffsetMs: null, clockErrorMs: null }
  const feeds = [upbitFeed, { ...upbitFeed, ...rest, venue: 'binance' as const, source: 'book-ticker' as const, usedShareMax: 0.96 }]
  expect(section(reportOf(sampleRun({ analysis: { feeds } })), 'Market data')).toMatchInlineSnapshot(`
    "## Market data

    | venue | quotes | requests | held back | 429 | 418 | most of the limit | frames | connects | reconnects | gaps | resyncs | confirmations | dropped | clock ahead of ours |
    | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
    | upbit | stream of whole order books | 24 | 1 | 2 | 0 | 40.0 % | 123,456 | 3 | 2 | 0 | 0 | 7 | 0 | -3.25 ± 1.5 ms |
    | binance | REST: best bid and ask of many instruments in one request, since their order books do not fit the weight limit | 24 | 1 | 2 | 0 | 96.0 % | - | - | - | - | - | - | - | not known |

    "
  `)
})

test('the latency of decisions is told in milliseconds', () => {
  const latency = {
    count: 12_345,
    p50Us: 85,
    p99Us: 1234,
    p999Us: 20_500,
    maxUs: 512_000,
    queueDepthMax: 4,
    lagMaxUs: 511_900,
    coalesced: 17,
  }
  expect(section(reportOf(sampleRun({ analysis: { latency } })), 'Quote to decision')).toMatchInlineSnapshot(`
    "## Quote to decision

    From the arrival of a symbol’s newest quote to the decision on it, each quote counted once; percentiles are at
    most 1.6 % too high. A quote is coalesced with the one before it where its symbol is waiting already.

    | decisions | p50 | p99 | p99.9 | max | longest wait to be looked at | most symbols waiting | quotes coalesced |
    | --- | --- | --- | --- | --- | --- | --- | --- |
    | 12,345 | 0.085 ms | 1.23 ms | 20.5 ms | 512 ms | 512 ms | 4 | 17 |

    "
  `)
})

test.each(['loopback', 'live'] as const)('a run on the %s market promises no bytes, and nothing to replay', (market) => {
  const { config } = sampleRecord()
  const markdown = reportOf(sampleRun({ record: { config: { ...config, market, pace: '1x' } } }))
  expect(section(markdown, 'What the seed')).toContain('The clock is real')
  expect(section(markdown, 'How to reproduce')).not.toMatch(/replay|start-at/)
})

test('anomalies are counted, with a sample', () => {
  const analysis = { errorsByKind: { 'symbol-failed': 3 }, rawLines: 12, rawLineSamples: ['Error: `boom`'], missingSnapshots: 4 }
  expect(section(reportOf(sampleRun({ analysis })), 'Anomalies')).toMatchInlineSnapshot(`
    "## Anomalies

    - errors: symbol-failed 3
    - warnings: none
    - lines that are not JSON: 12, the first: \`Error: 'boom'\`
    - broken or unknown lines: none
    - snapshots missing: 4 of 360
    - trend of the heap after full collections: not judged, too few points (3)
    - trend of the loop time: not judged, too few points (3)

    "
  `)
})

test('the command to reproduce spells out every setting that may have been overridden', () => {
  expect(section(reportOf(sampleRun()), 'How to reproduce')).toContain(
    'npx longhaul run --config configs/s0.yaml --symbols KRW-BTC,KRW-ETH --duration-minutes 3 --market simulated ' +
      '--data-source rest --trigger interval --pace max --seed 62 --start-at 2026-01-05T00:00:00Z',
  )
})
