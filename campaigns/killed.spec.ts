/**
 * An engine that is killed at any instant is followed by one that goes on exactly there: nothing lost, nothing twice. Twice killed alike,
 * the run is the same twice.
 */

import { afterAll, describe, expect, test } from 'vitest'
import { defectFile, once, removeRunsUnlessFailed, runOnce, tradingEvents, type FinishedRun } from '../fixtures/run.ts'

const timeout = 240_000

function runKilled(defect: string, killAt: string, store: 'off' | 'auto'): Promise<FinishedRun> {
  process.env['LONGHAUL_KILL_AT'] = killAt
  const overrides = { parts: defectFile(defect), duration_minutes: 3, 'redis.mode': store }
  return runOnce({ configFile: 'configs/defects/planted.yaml', overrides })
}

afterAll(({}, suite) => removeRunsUnlessFailed(suite))

// The first commit opens the session; the first trade is opened in the second and third and closed in the sixth and seventh.
describe.each([
  { title: 'after its session is stored', defect: 'sigkill-at-commit', killAt: '1 after' },
  { title: 'before the orders of a trade are stored', defect: 'sigkill-at-commit', killAt: '2 before' },
  { title: 'after the orders of a trade are stored, and before they are sent', defect: 'sigkill-at-commit', killAt: '2 after' },
  { title: 'with one leg of a trade filled and the other under way', defect: 'sigkill-order-under-way', killAt: '' },
  { title: 'before the fills of a trade are stored', defect: 'sigkill-at-commit', killAt: '3 before' },
  { title: 'after the fills of a trade are stored, and before they are in trading.log', defect: 'sigkill-at-commit', killAt: '3 after' },
  { title: 'after the closing orders of a trade are stored, and before they are sent', defect: 'sigkill-at-commit', killAt: '6 after' },
])('an engine killed $title', ({ defect, killAt }) => {
  const killed = once(() => runKilled(defect, killAt, 'off'))

  test('is followed by one that goes on to the end', { timeout }, async () => {
    const { judged } = await killed()
    expect(judged.record.attempts).toMatchObject([
      { signal: 'SIGKILL', decision: 'retry' },
      { stopReason: 'completed', decision: 'finished' },
    ])
    expect(judged.judgement.verdict, judged.judgement.reason).toBe('warn')
  })

  test('leaves an audit trail without a gap, without a line twice, and in the order of time', { timeout }, async () => {
    const events = tradingEvents(await killed())
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1))
    expect(events.filter((event, index) => event.time < (events[index - 1]?.time ?? 0))).toEqual([])
  })

  test('passes every checker: no trade lost or doubled, no balance changed over the restart', { timeout }, async () => {
    const { judged } = await killed()
    expect(judged.checks.map(({ name }) => name)).toContain('stored-state-agrees')
    expect(judged.checks.filter(({ verdict }) => verdict !== 'pass')).toEqual([])
  })
})

test('an engine killed and started again gives the same trading.log twice, with Redis where there is one', { timeout }, async () => {
  const first = await runKilled('sigkill-at-commit', '3 after', 'off')
  const second = await runKilled('sigkill-at-commit', '3 after', 'auto')
  expect(second.tradingHash).toBe(first.tradingHash)
})

test('an engine killed between two checkpoints is not followed by one that lives the same event time again', { timeout }, async () => {
  const { judged } = await runKilled('sigkill', '', 'off')
  const [killed, next] = judged.record.attempts
  expect(killed).toMatchObject({ signal: 'SIGKILL' })
  // It died at minute two; what it last logged is older.
  const diedAtMs = (killed?.startAtMs ?? NaN) + 120_000
  expect(killed?.endedAtMs).toBeLessThan(diedAtMs)
  expect(next?.startAtMs).toBeGreaterThan(diedAtMs)
})
