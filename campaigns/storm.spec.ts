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

const timeout = 300_000
const killCount = 100

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
    const { judged, runFolder } = await storm(context)
    const { attempts } = judged.record
    expect(attempts.slice(0, -1).map(({ signal }) => signal)).toEqual(Array.from({ length: killCount }, () => 'SIGKILL'))
    expect(attempts.at(-1)).toMatchObject({ stopReason: 'completed', decision: 'finished' })
    const deaths = readFileSync(join(runFolder, 'deaths.log'), 'utf8').trimEnd().split('\n')
    expect(deaths).toHaveLength(killCount)
    expect(new Set(deaths)).toEqual(new Set(places))
  })

  test('loses no trade and makes none twice: store, log and ledger agree to the last unit', { timeout }, async (context) => {
    const run = await storm(context)
    const stored = JSON.parse(readFileSync(join(run.runFolder, 'stored-state.json'), 'utf8')) as StoredState
    expect(disagreements(stored, tradingEvents(run))).toEqual([])
  })

  test('passes every checker', { timeout }, async (context) => {
    const { judged } = await storm(context)
    expect(judged.checks.filter(({ verdict }) => verdict !== 'pass')).toEqual([])
    expect(judged.judgement.verdict, judged.judgement.reason).toBe('warn')
  })
})

test('the same storm twice, once over each store, gives the same trading.log', { timeout }, async (context) => {
  const { embedded, redis } = await storms()
  if (redis === null) context.skip('no redis-server on the PATH')
  else expect(redis.tradingHash).toBe(embedded.tradingHash)
})
