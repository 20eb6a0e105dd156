/**
 * An hour of faults drawn from a seed, for several seeds: whatever strikes, the books balance, nothing is lost, and ten quiet minutes
 * later all is as it was. What a run did not exercise it does not claim.
 */

import { afterAll, describe, expect, test } from 'vitest'
import { once, removeRunsUnlessFailed, runOnce, type FinishedRun } from '../fixtures/run.ts'
import { faultKinds } from '../src/model/fault.ts'

const timeout = 120_000
const configFile = 'configs/chaos.yaml'
const seeds = [1, 2, 3, 4, 5, 6]

const runs = new Map(seeds.map((seed) => [seed, once(() => runOnce({ configFile, overrides: { seed, 'redis.mode': 'off' } }))]))

afterAll(({}, suite) => removeRunsUnlessFailed(suite))

function runOf(seed: number): Promise<FinishedRun> {
  const run = runs.get(seed)
  if (run === undefined) throw new Error(`seed ${seed} is not among those that are run`)
  return run()
}

describe.each(seeds)('the faults of seed %i', (seed) => {
  test('leave every checker content: no unit of any asset lost or found', { timeout }, async () => {
    const { judged } = await runOf(seed)
    expect(judged.checks.filter(({ verdict }) => verdict !== 'pass')).toEqual([])
  })

  test('really happen, make the engine show what it can, and are got over', { timeout }, async () => {
    const { judged } = await runOf(seed)
    const asked = judged.judgement.assertions.filter(({ name }) => ['faults happened', 'exercised', 'healed'].includes(name))
    expect(asked.map(({ name, verdict, actual }) => [name, verdict, actual])).toEqual(
      ['faults happened', 'exercised', 'healed'].map((name) => [name, 'pass', expect.any(String)]),
    )
  })

  test('end in a pass, or in a warning that names a kill and the attempt after it', { timeout }, async () => {
    const { judged } = await runOf(seed)
    const kills = judged.record.faults.filter(({ kind }) => kind === 'kill').length
    expect(judged.record.attempts.length).toBeLessThanOrEqual(1 + kills)
    expect(judged.judgement.verdict, judged.judgement.reason).toMatch(/^(pass|warn)$/)
  })
})

test('together these seeds strike every kind of fault', { timeout }, async () => {
  const struck = new Set<string>()
  for (const seed of seeds) {
    const { record, strikes } = (await runOf(seed)).judged
    for (const [index, { kind }] of record.faults.entries()) if ((strikes[index] ?? 0) > 0) struck.add(kind)
  }
  expect(faultKinds.filter((kind) => !struck.has(kind))).toEqual([])
})

test('the same seed strikes alike: same trading.log with another store and at another pace', { timeout }, async () => {
  const first = await runOf(1)
  const second = await runOnce({ configFile, overrides: { seed: 1, 'redis.mode': 'auto', pace: '3600x' } })
  expect(second.judged.strikes).toEqual(first.judged.strikes)
  expect(second.tradingHash).toBe(first.tradingHash)
})

test('a recorded market is struck alike too', { timeout }, async () => {
  const plan = [
    { kind: 'stale-book', fromMs: 60_000, untilMs: 120_000, venue: 'upbit' },
    { kind: 'server-error', fromMs: 150_000, untilMs: 170_000, share: 0.5 },
    { kind: 'crossed-book', fromMs: 200_000, untilMs: 220_000, strength: 30 },
    { kind: 'freeze', fromMs: 250_000, untilMs: 270_000 },
    { kind: 'maintenance', fromMs: 300_000, untilMs: 330_000, venue: 'binance' },
  ]
  const run = (overrides: Record<string, unknown>): Promise<FinishedRun> =>
    runOnce({ configFile: 'configs/tape-fixture.yaml', overrides: { 'faults.plan': plan, duration_minutes: 10, ...overrides } })
  const [first, second] = await Promise.all([run({ 'redis.mode': 'off' }), run({ 'redis.mode': 'auto', pace: '3600x' })])
  expect(first.judged.strikes.map((count) => count > 0)).toEqual(plan.map(() => true))
  expect(second.judged.strikes).toEqual(first.judged.strikes)
  expect(second.tradingHash).toBe(first.tradingHash)
})

test('faults that never happen prove nothing', { timeout }, async () => {
  const never = [
    { kind: 'rejection', fromMs: 0, untilMs: 1 },
    // Upbit has no such book.
    { kind: 'stale-book', fromMs: 20_000, untilMs: 60_000, venue: 'upbit', code: 'BTCUSDT' },
  ]
  const { judged } = await runOnce({
    configFile: 'configs/s0.yaml',
    overrides: { 'faults.plan': never, 'faults.healedMinutes': 1, 'redis.mode': 'off' },
  })
  expect(judged.judgement.verdict).toBe('unknown')
  expect(judged.judgement.reason).toContain('never: rejection, stale-book')
})

test('a swarm that leaves out what a run must exercise is unknown', { timeout }, async () => {
  const overrides = { seed: 1, 'faults.swarmKinds': ['store-slow'], 'redis.mode': 'off', duration_minutes: 20, data_source: 'rest' }
  const { judged } = await runOnce({ configFile, overrides: { ...overrides, 'faults.healedMinutes': 5 } })
  const exercised = judged.judgement.assertions.find(({ name }) => name === 'exercised')
  expect(exercised?.verdict, exercised?.actual).toBe('unknown')
})
