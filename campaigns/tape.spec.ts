/** Recorded markets: the tape that comes with the repository always, the others where the recordings lie beside it. */

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { once, removeRunsUnlessFailed, runOnce, tradingEvents } from '../fixtures/run.ts'

const timeout = 60_000
const recordings = join(import.meta.dirname, '../../shared/tapes')
/** A book that does not move for so long is frozen: the default of freshness.maxUnchangedMs. */
const frozenAfterMs = 30_000
/** The engine looks once a second. */
const lookMs = 2000

interface Tape {
  title: string
  configFile: string
  isRecording: boolean
  overrides: Readonly<Record<string, unknown>>
  /** When Binance stood still or was away, as the tape itself says. */
  outage: { from: string; to: string } | null
}

const tapes: readonly Tape[] = [
  {
    title: 'the tape of our own making',
    configFile: 'configs/tape-fixture.yaml',
    isRecording: false,
    overrides: {},
    outage: { from: '2026-01-05T00:11:00Z', to: '2026-01-05T00:14:00Z' },
  },
  { title: 'one recorded hour', configFile: 'configs/tape-hour.yaml', isRecording: true, overrides: {}, outage: null },
  {
    title: 'the eight recorded hours around an outage',
    configFile: 'configs/tape-outage.yaml',
    isRecording: true,
    overrides: {
      'tape.from': '2021-02-11T00:00:00Z',
      'tape.to': '2021-02-11T08:00:00Z',
      duration_minutes: 479,
      'budgets.minEntries': 1,
      'budgets.minExits': 1,
    },
    outage: { from: '2021-02-11T02:20:00Z', to: '2021-02-11T05:00:00Z' },
  },
]

afterAll(({}, suite) => removeRunsUnlessFailed(suite))

describe.each(tapes)('$title', ({ configFile, isRecording, overrides, outage }) => {
  const finished = once(() => runOnce({ configFile, overrides: { ...overrides, 'redis.mode': 'off' } }))
  const isMissing = isRecording && !existsSync(recordings)
  const why = `no recordings in ${recordings}`

  test('is traded to its end, in one attempt and without an error', { timeout }, async ({ skip }) => {
    skip(isMissing, why)
    const { judged } = await finished()
    expect(judged.record.attempts).toMatchObject([{ decision: 'finished', stopReason: 'completed' }])
    expect(judged.judgement.verdict, judged.judgement.reason).toBe(outage === null ? 'pass' : 'warn')
    expect(judged.analysis.overall.entries).toBeGreaterThan(0)
    expect(judged.analysis.overall.exits).toBeGreaterThan(0)
  })

  test.runIf(outage !== null)('shows the outage as a stale feed, in the analysis and as a finding', { timeout }, async ({ skip }) => {
    skip(isMissing, why)
    const { judged } = await finished()
    const frozenMs = outageFromMs(outage)
    const [longest] = judged.analysis.feedOutages.toSorted((left, right) => durationMs(right) - durationMs(left))
    expect(longest).toMatchObject({ symbol: 'KRW-BTC', reason: 'frozen' })
    expect(longest?.fromMs).toBeGreaterThanOrEqual(frozenMs)
    expect(longest?.fromMs).toBeLessThan(frozenMs + lookMs)
    expect(longest?.toMs).toBeGreaterThanOrEqual(outageToMs(outage))
    expect(longest?.toMs).toBeLessThan(outageToMs(outage) + lookMs)
    const found = judged.record.attempts[0]?.findings.filter(({ rule }) => rule === 'stale-feed')
    expect(found).toMatchObject([{ symbol: 'KRW-BTC', cause: 'frozen', sinceMs: longest?.fromMs }])
  })

  test.runIf(outage !== null)('trades before the outage and after it, and not inside', { timeout }, async ({ skip }) => {
    skip(isMissing, why)
    const fillsMs = tradingEvents(await finished()).flatMap(({ event, time }) => (event === 'order-filled' ? [time] : []))
    expect(fillsMs.filter((timeMs) => timeMs >= outageFromMs(outage) && timeMs < outageToMs(outage))).toEqual([])
    expect(fillsMs.some((timeMs) => timeMs < outageFromMs(outage))).toBe(true)
    expect(fillsMs.some((timeMs) => timeMs >= outageToMs(outage))).toBe(true)
  })
})

/** From when on the engine must know. */
function outageFromMs(outage: Tape['outage']): number {
  return Date.parse(outage?.from ?? '') + frozenAfterMs
}

function outageToMs(outage: Tape['outage']): number {
  return Date.parse(outage?.to ?? '')
}

function durationMs({ fromMs, toMs }: { fromMs: number; toMs: number }): number {
  return toMs - fromMs
}
