/**
 * A real Redis that is restarted twenty times beside a running engine, by its own will and by SIGKILL, and is then away for ten
 * minutes: the engine opens nothing meanwhile, keeps its memory, loses nothing, and goes on.
 */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isRedisInstalled, startRedisServer, type RedisServer } from '../src/environment/redis-server.ts'
import type { LogEvent } from '../src/model/event.ts'
import { once, removeRunsUnlessFailed, runOnce, tradingEvents, type FinishedRun } from '../fixtures/run.ts'

const timeout = 120_000
const restartCount = 20
/** A second of wall time is a minute of event time. */
const pace = 60
const awayMs = 600_000
const mebibyte = 2 ** 20
/** The executor's word for an order that stayed here. */
const notSent = 'not sent: the state could not be stored'

let folder: string
let server: RedisServer

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'longhaul-outage-'))
  if (isRedisInstalled()) server = await startRedisServer(folder)
})

afterAll(async () => {
  if (isRedisInstalled()) await server.stop()
  rmSync(folder, { recursive: true })
})

afterAll(({}, suite) => removeRunsUnlessFailed(suite))

async function engineHoldsLease(): Promise<void> {
  const redis = new Redis({ path: server.socketPath })
  while ((await redis.keys('*:lease')).length === 0) await delay(20)
  redis.disconnect()
}

async function trouble(): Promise<void> {
  await engineHoldsLease()
  for (let count = 0; count < restartCount; count++) {
    await delay(100)
    if (count % 2 === 0) await server.kill()
    await server.restart()
  }
  await server.kill()
  await delay(awayMs / pace)
  await server.restart()
}

const finished = once(async () => {
  const overrides = {
    // Ten of them away, and seventeen seconds of wall time for the restarts: a busy machine may take ten times as long as an idle one.
    duration_minutes: 30,
    pace: `${pace}x`,
    'redis.mode': 'url',
    'redis.url': server.socketPath,
    // It is to be seen that the engine opens nothing, not that somebody notices it.
    'monitor.rules.noEntry.enabled': false,
  }
  const [run] = await Promise.all([runOnce({ configFile: 'configs/defects/planted.yaml', overrides }), trouble()])
  return run
})

function logged<E extends LogEvent['event']>({ runFolder }: FinishedRun, log: string, event: E): Extract<LogEvent, { event: E }>[] {
  const lines = readFileSync(join(runFolder, `logs/${log}.log`), 'utf8').split('\n')
  return lines.filter((line) => line.includes(`"event":"${event}"`)).map((line) => JSON.parse(line) as Extract<LogEvent, { event: E }>)
}

describe.skipIf(!isRedisInstalled())('a Redis that comes and goes (skipped where there is no redis-server on the PATH)', () => {
  test('ends no attempt, and the session is closed', { timeout }, async () => {
    const { judged } = await finished()
    expect(judged.record.attempts).toMatchObject([{ stopReason: 'completed', decision: 'finished' }])
    expect(judged.judgement.verdict, judged.judgement.reason).toBe('pass')
  })

  test('is told of when it goes and when it is back, the long absence too', { timeout }, async () => {
    const run = await finished()
    const gone = logged(run, 'application', 'store-troubled')
    const back = logged(run, 'application', 'store-recovered')
    expect(gone.length).toBeGreaterThan(0)
    expect(back).toHaveLength(gone.length)
    expect(Math.max(...back.map(({ downForMs }) => downForMs))).toBeGreaterThan(0.7 * awayMs)
  })

  test('leaves nothing opened while it is away, and trades again when it is back', { timeout }, async () => {
    const run = await finished()
    const { time: backMs, downForMs } = logged(run, 'application', 'store-recovered')
      .toSorted((a, b) => a.downForMs - b.downForMs)
      .at(-1)!
    const goneMs = backMs - downForMs
    const events = tradingEvents(run)
    // What was to be unwound when it went is written down, and is not sent.
    const unsent = new Set(events.flatMap((event) => (event.event === 'order-done' && event.reason === notSent ? event.orderId : [])))
    const sent = events.filter((event) => event.event === 'order-sent' && !unsent.has(event.orderId))
    expect(sent.filter(({ time }) => time > goneMs && time < backMs)).toEqual([])
    expect(sent.filter(({ time }) => time > backMs).length).toBeGreaterThan(0)
  })

  test('costs no memory: nothing is queued for it', { timeout }, async () => {
    const heaps = logged(await finished(), 'metrics', 'process').flatMap(({ heapAfterGcBytes }) => heapAfterGcBytes ?? [])
    expect(heaps.length).toBeGreaterThan(10)
    expect(Math.max(...heaps) - Math.min(...heaps)).toBeLessThan(6 * mebibyte)
  })

  test('loses nothing and doubles nothing: every checker passes', { timeout }, async () => {
    const { judged } = await finished()
    expect(judged.checks.filter(({ verdict }) => verdict !== 'pass')).toEqual([])
  })
})
