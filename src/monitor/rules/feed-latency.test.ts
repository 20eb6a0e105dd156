import { expect, test } from 'vitest'
import { LatencyHistogram } from '../../base/latency-histogram.ts'
import { HandMadeLogs, lineAt, ruleOf, rulesOf } from '../hand-made-logs.ts'

const feedLatency = ruleOf(60_000, { severity: 'warn', aborts: false })
const rules = rulesOf({ noEntry: ruleOf(1, { enabled: false }), loopPeriod: ruleOf(1, { enabled: false }), feedLatency })

/** A minute's line: so many decisions of each latency. */
function latencyAt(second: number, ...decisions: [count: number, latencyMs: number][]): string {
  const histogram = new LatencyHistogram()
  for (const [count, latencyMs] of decisions) for (let i = 0; i < count; i++) histogram.record(latencyMs * 1000)
  const { count, maxUs } = histogram
  return lineAt(second, { event: 'latency', count, maxUs, buckets: histogram.buckets(), queueDepthMax: 1, lagMaxUs: 0, coalesced: 0 })
}

/** Loops up to each line, so that metrics.log is in order. */
function findings(minuteLines: readonly (string | null)[], others: Parameters<typeof rulesOf>[0] = {}): string[] {
  using logs = new HandMadeLogs()
  for (const [index, line] of minuteLines.entries()) {
    logs.loops(1 + 60 * index, 60 * (index + 1) - 1)
    if (line !== null) logs.write('metrics', [line])
  }
  return logs.findingsAt(60 * minuteLines.length, { rules: { ...rules, ...others } })
}

const minute = (index: number, ...decisions: [number, number][]): string => latencyAt(60 * index - 1, ...decisions)

test.each([
  ['no latency measured', []],
  ['quick decisions', [[1000, 3]]],
  ['a p99 just within the limit', [[1000, 490]]],
  [
    'one late quote in a hundred',
    [
      [99, 3],
      [1, 9000],
    ],
  ],
] as [string, [number, number][]][])('%s is no finding', (_, decisions) => {
  expect(findings([decisions.length === 0 ? null : minute(1, ...decisions)])).toEqual([])
})

test.each([
  ['above half a second is a warning', 510, 'warn'],
  ['above two seconds is an error', 2010, 'error'],
])('a p99 %s, at the end of the window', (_, latencyMs, severity) => {
  expect(findings([minute(1, [98, 3], [2, latencyMs])])).toEqual([`feed-latency all p99 @60 ${severity}`])
})

test('is raised when it gets worse, not while it lasts, and again after a window in order', () => {
  const slow = [100, 600] as [number, number]
  const lines = [minute(1, slow), minute(2, slow), minute(3, [100, 3000]), minute(4, slow), minute(5, [100, 3]), minute(6, slow)]
  expect(findings(lines)).toEqual(['feed-latency all p99 @60 warn', 'feed-latency all p99 @180 error', 'feed-latency all p99 @360 warn'])
})

test('a window with few decisions goes on until it has a hundred', () => {
  expect(findings([minute(1, [60, 600]), minute(2, [60, 600])])).toEqual(['feed-latency all p99 @120 warn'])
  expect(findings([minute(1, [60, 600]), minute(2, [39, 600])])).toEqual([])
})

test('what was measured in the grace period is not judged', () => {
  const graced = { feedLatency: { ...feedLatency, graceMs: 60_000 } }
  expect(findings([minute(1, [100, 600]), null], graced)).toEqual([])
  expect(findings([null, minute(2, [100, 600])], graced)).toEqual(['feed-latency all p99 @120 warn'])
})

test('aborts where it is told to', () => {
  const aborting = { feedLatency: { ...feedLatency, aborts: true } }
  expect(findings([minute(1, [100, 600])], aborting)).toEqual(['feed-latency all p99 @60 warn aborts'])
})

test('a broken line is no latency', () => {
  const broken = lineAt(30, { event: 'latency', count: 100, maxUs: 600_000, buckets: [[600_001, 100]] })
  expect(findings([broken], { errorLog: ruleOf(1, { enabled: false }) })).toEqual([])
})
