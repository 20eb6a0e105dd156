/**
 * A hundred engines of one run are killed one after the other, at instants and in places that the seed draws. What the trading log of all
 * attempts says, what the store holds and what the ledger makes agree to the last unit, with either store, and with both alike.
 */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { isRedisInstalled } from '../src/environment/redis-server.ts'
import { places } from '../fixtures/defects/storm.ts'
import { defectFile, once, removeRunsUnlessFailed, runOnce, tradingEvents, type FinishedRun } from '../fixtures/run.ts'
import { disagreements, type StoredState } from '../fixtures/storm.ts'

/** Two hundred engines are started, and a busy machine takes seconds for each. */
const timeout = 900_000
const killCount = 100
/** In every place so many die at least, and as many as they go on with what the one before had under way. */
const minDeaths = 5

function runStorm(redisMode: 'off' | 'private'): Promise<FinishedRun> {
  return runOnce({ configFile: 'configs/storm.yaml', overrides: { parts: defectFile('storm'), 'redis.mode': redisMode } })
}

/** Both at once: each waits for the other's processor time alone. */
const storms = once(async () => {
  const [embedded, redis] = await Promise.all([runStorm('off'), isRedisInstalled() ? runStorm('private') : null])
  return { embedded, redis }
})

afterAll(({}, suite) => removeRunsUnlessFailed(suite))

describe.each(['embedded', 'redis'] as const)('a storm of kills over the %s store', (store) => {
  async function storm(context: { skip: (note: string) => never }): Promise<FinishedRun> {
    return (await storms())[store] ?? context.skip('no redis-server on the PATH')
  }

  test('kills a hundred engines in every place, and one comes through', { timeout }, async (context) => {
    const run = await storm(context)
    const { attempts } = run.judged.record
    expect(attempts.slice(0, -1).map(({ signal }) => signal)).toEqual(Array.from({ length: killCount }, () => 'SIGKILL'))
    expect(attempts.at(-1)).toMatchObject({ stopReason: 'completed', decision: 'finished' })
    const deaths = deathsOf(run)
    expect(deaths).toHaveLength(killCount)
    const counts = places.map((place) => ({ place, count: deaths.filter((death) => death === place).length }))
    expect(counts.filter(({ count }) => count < minDeaths)).toEqual([])
    expect(diedGoingOn(run).length).toBeGreaterThanOrEqual(minDeaths)
  })

  test('loses no trade and makes none twice: store, log and ledger agree to the last unit', { timeout }, async (context) => {
    const run = await storm(context)
    expect(disagreements(storedIn(run), tradingEvents(run))).toEqual([])
  })

  test('passes every checker', { timeout }, async (context) => {
    const { judged } = await storm(context)
    expect(judged.checks.filter(({ verdict }) => verdict !== 'pass')).toEqual([])
    expect(judged.judgement.verdict, judged.judgement.reason).toBe('warn')
  })
})

test('a unit, a fill or a trade too few would be told of', { timeout }, async () => {
  const { embedded } = await storms()
  const [stored, events] = [storedIn(embedded), tradingEvents(embedded)]
  const fill = events.findLast(({ event }) => event === 'order-filled')
  expect(disagreements({ ...stored, 'balance:upbit:KRW': '"1"' }, events)).toHaveLength(1)
  expect(disagreements({ ...stored, 'trade:T9999': '{"tradeId":"T9999"}' }, events)).toHaveLength(1)
  expect(
    disagreements(
      stored,
      events.filter((event) => event !== fill),
    ).length,
  ).toBeGreaterThan(1)
})

test('the same storm twice, once over each store, gives the same trading.log', { timeout }, async (context) => {
  const { embedded, redis } = await storms()
  if (redis === null) context.skip('no redis-server on the PATH')
  else expect(redis.tradingHash).toBe(embedded.tradingHash)
})

/** Where each engine died, the first attempt's first. */
function deathsOf({ runFolder }: FinishedRun): string[] {
  return readFileSync(join(runFolder, 'deaths.log'), 'utf8').trimEnd().split('\n')
}

function storedIn({ runFolder }: FinishedRun): StoredState {
  return JSON.parse(readFileSync(join(runFolder, 'stored-state.json'), 'utf8')) as StoredState
}

/** Attempts that began with a trade which an engine before had under way, and died before it was done, though not at once. */
function diedGoingOn(run: FinishedRun): number[] {
  const deaths = deathsOf(run)
  const left = new Map<number, Set<string>>()
  let attempt = 0
  for (const event of tradingEvents(run)) {
    if (event.event === 'session-opened') {
      attempt = event.attempt
      left.set(attempt, new Set(event.openTrades.flatMap(({ tradeId, phase }) => (phase === 'open' ? [] : [tradeId]))))
    } else if (event.event === 'entry' || event.event === 'entry-failed' || event.event === 'exit') {
      left.get(attempt)?.delete(event.tradeId)
    }
  }
  const hasDiedLater = (number: number): boolean => deaths[number - 1]?.startsWith('at its first commit') === false
  return [...left].flatMap(([number, trades]) => (trades.size > 0 && hasDiedLater(number) ? [number] : []))
}
