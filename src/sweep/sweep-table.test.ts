import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { unknownResult, type SeedResult } from './seed-result.ts'
import { sweepReport } from './sweep-report.ts'
import { outliersOf, spreadOf, sweepTable } from './sweep-table.ts'

const sweep = { scenario: 'S1', configHash: 'c0ffee', firstSeed: 1, lastSeed: 4 }

function passed(seed: number, changes: Partial<SeedResult> = {}): SeedResult {
  const figures = { entries: 70, exits: 70, profitKrw: '118940.5', loopTimeP99Ms: 166, attempts: 1, tradingHash: 'beef', wallMs: 700 }
  return { ...unknownResult(seed, 'All hold.', 0), verdict: 'pass', failure: null, ...figures, ...changes }
}

function failed(seed: number, assertion: string, rule: string | null): SeedResult {
  return passed(seed, { verdict: 'fail', reason: `Failed: ${assertion} of seed ${seed}.`, failure: { assertion, rule } })
}

test('results in any order, from any machine, give one table', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.record({ seed: fc.nat(50), entries: fc.nat(100), wallMs: fc.nat(5000) }), { selector: ({ seed }) => seed }),
      fc.infiniteStream(fc.nat(5000)),
      (rows, wallTimes) => {
        const results = rows.map(({ seed, ...figures }) => passed(seed, figures))
        const elsewhere = results.map((result) => ({ ...result, wallMs: wallTimes.next().value, runFolder: 'reports/runs/x' })).toReversed()
        expect(JSON.stringify(sweepTable(sweep, elsewhere))).toBe(JSON.stringify(sweepTable(sweep, results)))
      },
    ),
  )
})

test('runs that did not pass are gathered by the way in which they did not, the gravest first', () => {
  const warned = passed(1, { verdict: 'warn', failure: { assertion: 'no errors', rule: 'error-log' } })
  const results = [warned, failed(4, 'legs-paired', null), failed(3, 'entries', 'no-entry'), failed(2, 'entries', 'no-entry')]
  expect(sweepTable(sweep, results).groups).toEqual([
    { verdict: 'fail', failure: { assertion: 'entries', rule: 'no-entry' }, count: 2, seeds: [2, 3], reason: 'Failed: entries of seed 2.' },
    { verdict: 'fail', failure: { assertion: 'legs-paired', rule: null }, count: 1, seeds: [4], reason: 'Failed: legs-paired of seed 4.' },
    { verdict: 'warn', failure: { assertion: 'no errors', rule: 'error-log' }, count: 1, seeds: [1], reason: 'All hold.' },
  ])
})

test('a run that came to no verdict counts, and has no figures', () => {
  const table = sweepTable(sweep, [passed(1), unknownResult(2, 'Cannot be told: its process died or hung 2 times.', 9)])
  expect(table.verdicts).toEqual({ pass: 1, warn: 0, fail: 0, unknown: 1 })
  expect(table.spreads.entries).toEqual({ min: 70, p5: 70, median: 70, p95: 70, max: 70 })
})

test('a spread is of nearest ranks', () => {
  expect(spreadOf(Array.from({ length: 100 }, (_, index) => 100 - index))).toEqual({ min: 1, p5: 5, median: 50, p95: 95, max: 100 })
  expect(spreadOf([])).toBeNull()
})

describe('outliers', () => {
  const of = (...values: number[]): number[] =>
    outliersOf(
      'entries',
      values.map((value, seed) => ({ seed, value })),
    ).map(({ seed }) => seed)

  test.for([
    { name: 'nothing of equal values', values: [7, 7, 7, 7], seeds: [] },
    { name: 'what lies beyond five deviations, on both sides', values: [10, 11, 12, 13, 14, 30, -40], seeds: [5, 6] },
    { name: 'not what lies at five', values: [10, 11, 12, 13, 14, 17], seeds: [] },
    { name: 'the one that differs where all others are equal', values: [1, 1, 1, 1, 1, 1, 1, 1, 1, 2], seeds: [9] },
    { name: 'nothing of two kinds of runs', values: [10, 11, 12, 13, 14, 15, 16, 90, 90, 90, 90, 90], seeds: [] },
    { name: 'nothing of no values', values: [], seeds: [] },
  ])('are $name', ({ values, seeds }) => {
    expect(of(...values)).toEqual(seeds)
  })
})

test('the report says what did not pass, how the figures are spread, what stands out, and how to see it', () => {
  const results = [passed(1), passed(2, { entries: 71 }), failed(3, 'legs-paired', null)]
  const failure = { assertion: 'legs-paired', rule: null }
  const shrunk = { seed: 3, failure, command: 'npx longhaul run --config x.yaml', shrunk: '2 minutes; KRW-ETH; 1 fault', runs: 17 }
  expect(sweepReport({ id: 's1-1-4-c0ffee', table: sweepTable(sweep, results), results, failed: [shrunk] })).toMatchInlineSnapshot(`
    "# Sweep s1-1-4-c0ffee

    S1, seeds 1 to 4: 2 pass, 0 warn, 1 fail, 0 unknown. Without a result yet: 1.

    ## Runs that did not pass

    | verdict | runs | first of | seeds | such as |
    | --- | --- | --- | --- | --- |
    | fail | 1 | legs-paired | 3 | Failed: legs-paired of seed 3. |

    ## Distributions

    | a run | min | 5 % | median | 95 % | max |
    | --- | --- | --- | --- | --- | --- |
    | entries | 70 | 70 | 70 | 71 | 71 |
    | exits | 70 | 70 | 70 | 70 | 70 |
    | profit (KRW) | 118,941 | 118,941 | 118,941 | 118,941 | 118,941 |
    | loop time p99 (ms) | 166 | 166 | 166 | 166 | 166 |
    | guard blocks | 0 | 0 | 0 | 0 | 0 |
    | faults struck | 0 | 0 | 0 | 0 | 0 |
    | attempts | 1 | 1 | 1 | 1 | 1 |
    | wall time | 700 ms | 700 ms | 700 ms | 700 ms | 700 ms |

    ## Shortest commands that still fail

    | seed | first of | shrunk to | runs | command |
    | --- | --- | --- | --- | --- |
    | 3 | legs-paired | 2 minutes; KRW-ETH; 1 fault | 17 | npx longhaul run --config x.yaml |

    "
  `)
})
