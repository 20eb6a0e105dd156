/**
 * Planted defects: each is stopped at the same event time on every run, named by the rule that is there for it, and followed by what the
 * config asks for. Each runs twice, the second time at another pace and with Redis where there is one: neither may change what is found.
 */

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import type { Verdict } from '../src/analyzer/analysis.ts'
import { defectFile, once, removeRunsUnlessFailed, runOnce, stoppedBy, type FinishedRun } from '../fixtures/run.ts'
import type { AttemptRecord } from '../src/report/run-record.ts'

/** Of two runs at once, which a busy machine makes wait. */
const timeout = 180_000
const minuteMs = 60_000

interface Planted {
  title: string
  /** In fixtures/defects. */
  defect: string
  overrides?: Readonly<Record<string, unknown>>
  rule: string
  cause: string | RegExp
  symbol: string | null
  /** Minutes into the run. */
  foundBetween: readonly [min: number, max: number]
  decisions: readonly AttemptRecord['decision'][]
  verdict: Verdict
}

const planted: readonly Planted[] = [
  {
    title: 'books that stand still',
    defect: 'frozen-feed',
    rule: 'stale-feed',
    cause: 'frozen',
    symbol: 'KRW-BTC',
    // Thirty seconds until a book counts as frozen, and two minutes of that.
    foundBetween: [4.5, 4.6],
    decisions: ['retry-adjusted', 'finished'],
    verdict: 'warn',
  },
  {
    title: 'a guard that blocks everything',
    defect: 'blocking-guard',
    // The second attempt has three minutes of blocks ahead of it too.
    overrides: { duration_minutes: 9 },
    rule: 'guard-block',
    cause: 'policy',
    symbol: 'KRW-ETH',
    foundBetween: [3, 5],
    decisions: ['retry-adjusted', 'give-up'],
    verdict: 'fail',
  },
  {
    title: 'an error thrown on one symbol',
    defect: 'thrown-error',
    rule: 'error-log',
    cause: /^planted: the strategy/,
    symbol: 'KRW-ETH',
    foundBetween: [2, 2.1],
    decisions: ['retry-adjusted', 'finished'],
    verdict: 'warn',
  },
  {
    title: 'a stack trace printed past every logger',
    defect: 'raw-stack-trace',
    rule: 'error-log',
    cause: /^TypeError: planted/,
    symbol: null,
    // What is printed raw has no time: it has that of the checkpoint before it.
    foundBetween: [1.8, 2],
    decisions: ['retry', 'finished'],
    verdict: 'warn',
  },
  {
    title: 'a request that never comes back',
    defect: 'stuck-engine',
    rule: 'no-progress',
    cause: 'engine-stuck',
    symbol: null,
    foundBetween: [2.4, 2.6],
    decisions: ['retry', 'finished'],
    verdict: 'warn',
  },
  {
    title: 'a loop without an end',
    defect: 'endless-loop',
    // Enough for an engine to start on a busy machine.
    overrides: { 'monitor.watchdogMs': 10_000 },
    rule: 'no-progress',
    cause: 'engine-stuck',
    symbol: null,
    foundBetween: [1.8, 2.1],
    decisions: ['retry', 'finished'],
    verdict: 'warn',
  },
  {
    title: 'a kill',
    defect: 'sigkill',
    rule: 'engine-exited',
    cause: 'SIGKILL',
    symbol: null,
    // At most a checkpoint before the kill: what the engine had not written down nobody knows.
    foundBetween: [1.8, 2],
    decisions: ['retry', 'finished'],
    verdict: 'warn',
  },
]

afterAll(({}, suite) => removeRunsUnlessFailed(suite))

describe.each(planted)('$title', (row) => {
  const runs = once(() => runTwice(row))

  test('is found by its rule and no other, with the cause', { timeout }, async () => {
    const [first] = await runs()
    const [finding] = stoppedBy(first)
    const cause = row.cause instanceof RegExp ? expect.stringMatching(row.cause) : row.cause
    expect(finding).toMatchObject({ rule: row.rule, cause, symbol: row.symbol, severity: 'error' })
    const foundAfterMinutes = ((finding?.atMs ?? NaN) - startMs(first)) / minuteMs
    expect(foundAfterMinutes).toBeGreaterThanOrEqual(row.foundBetween[0])
    expect(foundAfterMinutes).toBeLessThanOrEqual(row.foundBetween[1])
  })

  test('is stopped at the same event time, at any pace and with any store', { timeout }, async () => {
    const [first, second] = await runs()
    expect(eventTimesOf(second)).toEqual(eventTimesOf(first))
    expect(second.tradingHash).toBe(first.tradingHash)
  })

  test('is followed by what the config asks for', { timeout }, async () => {
    const [{ judged }] = await runs()
    expect(judged.record.attempts.map(({ decision }) => decision)).toEqual(row.decisions)
    const adjustments = judged.record.attempts[1]?.adjustments ?? []
    expect(adjustments).toEqual(row.decisions[0] === 'retry-adjusted' ? [`quarantined: ${row.symbol}`] : [])
  })

  test('leaves the last minutes of every log of a stopped attempt', { timeout }, async () => {
    const [{ judged, runFolder }] = await runs()
    for (const { decision, flightRecorder, endedAtMs } of judged.record.attempts) {
      if (decision === 'finished') continue
      const folder = join(runFolder, flightRecorder ?? 'none')
      const kept = (name: string): string => readFileSync(join(folder, `${name}.log`), 'utf8')
      expect(kept('application')).not.toBe('')
      expect(kept('trading')).not.toBe('')
      expect(lastTimeOf(kept('metrics'))).toBeGreaterThan((endedAtMs ?? 0) - minuteMs)
    }
  })

  test(`ends with the verdict ${row.verdict}, and every checker passes over all attempts`, { timeout }, async () => {
    const [{ judged, runFolder }] = await runs()
    expect(judged.judgement.verdict, judged.judgement.reason).toBe(row.verdict)
    expect(judged.checks.filter(({ verdict }) => verdict !== 'pass')).toEqual([])
    expect(existsSync(join(runFolder, 'FINAL_REPORT.md'))).toBe(true)
  })
})

describe('what follows an attempt that was stopped', () => {
  test.each([
    { asked: 'for a plain retry', overrides: { 'retry.strategy': 'plain' }, decisions: ['retry', 'finished'], verdict: 'warn' },
    { asked: 'to give up on errors', overrides: { 'retry.giveUpOn': ['error-log'] }, decisions: ['give-up'], verdict: 'fail' },
    { asked: 'for one attempt', overrides: { 'retry.maxAttempts': 1 }, decisions: ['give-up'], verdict: 'fail' },
  ])('is $decisions.0, where the config asks $asked', { timeout }, async ({ overrides, decisions, verdict }) => {
    const { judged } = await runOnce({ configFile, overrides: { ...overrides, parts: defectFile('thrown-error'), 'redis.mode': 'off' } })
    expect(judged.record.attempts.map(({ decision }) => decision)).toEqual(decisions)
    expect(judged.judgement.verdict, judged.judgement.reason).toBe(verdict)
  })
})

describe('a market that offers nothing', () => {
  const finished = once(() => {
    const still = { minAmplitudeBps: 0, maxAmplitudeBps: 0 }
    return runOnce({ configFile, overrides: { 'simulatedMarket.dislocations': { krw: still, usdt: still }, 'redis.mode': 'off' } })
  })

  test('stops nothing: the one attempt comes to its end', { timeout }, async () => {
    const run = await finished()
    expect(stoppedBy(run)).toEqual([null])
    expect(run.judged.record.attempts).toMatchObject([{ decision: 'finished', stopReason: 'completed' }])
  })

  test('is told of, once a symbol and once over all, as what it is', { timeout }, async () => {
    const run = await finished()
    const [attempt] = run.judged.record.attempts
    expect(attempt?.findings.map(({ rule, cause, severity, symbol }) => [rule, cause, severity, symbol])).toEqual([
      ['no-entry', 'no-opportunity', 'info', 'KRW-BTC'],
      ['no-entry', 'no-opportunity', 'info', 'KRW-ETH'],
      ['no-entry', 'no-opportunity', 'info', null],
    ])
  })

  test('has shown nothing, so nothing is known of the engine', { timeout }, async () => {
    const run = await finished()
    expect(run.judged.judgement.verdict, run.judged.judgement.reason).toBe('unknown')
  })
})

const configFile = 'configs/defects/planted.yaml'

function runTwice({ defect, overrides }: Planted): Promise<[FinishedRun, FinishedRun]> {
  const parts = defectFile(defect)
  return Promise.all([
    runOnce({ configFile, overrides: { ...overrides, parts, 'redis.mode': 'off' } }),
    runOnce({ configFile, overrides: { ...overrides, parts, 'redis.mode': 'auto', pace: '1200x' } }),
  ])
}

function startMs({ judged }: FinishedRun): number {
  return judged.record.attempts[0]?.startAtMs ?? NaN
}

function eventTimesOf({ judged }: FinishedRun): unknown {
  return judged.record.attempts.map(({ startAtMs, endedAtMs, findings }) => ({
    startAtMs,
    endedAtMs,
    findings: findings.map(({ rule, symbol, cause, atMs, sinceMs }) => ({ rule, symbol, cause, atMs, sinceMs })),
  }))
}

function lastTimeOf(log: string): number {
  const last = log.trimEnd().split('\n').at(-1) ?? '{}'
  return (JSON.parse(last) as { time: number }).time
}
