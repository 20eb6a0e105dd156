/** Where the engine's state is, how long a store that is away is waited for at the start and at the end, and what ends the wait. */

import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { OperatingError } from '../base/error.ts'
import { planAttempt } from '../campaign/plan.ts'
import { noAdjustments } from '../campaign/recovery.ts'
import type { VirtualClock } from '../clock/virtual-clock.ts'
import { composeEngine, type EnginePlan, type StorePlan } from '../compose.ts'
import { campaignSchema } from '../config/schema.ts'
import type { LogEvent } from '../model/event.ts'

const startMs = Date.UTC(2026, 0, 5)
const durationMs = 10_000

let folder: string
let runCount = 0

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'longhaul-engine-'))
})

afterAll(() => rmSync(folder, { recursive: true }))

function planIn(runFolder: string, store: StorePlan): EnginePlan {
  const logsFolder = join(runFolder, 'logs')
  mkdirSync(logsFolder, { recursive: true })
  return planAttempt({
    config: campaignSchema.parse({ scenario: 'T1', symbols: ['KRW-BTC'], duration_minutes: 1 }),
    attempt: 1,
    runStartMs: startMs,
    startAtMs: startMs,
    endAtMs: startMs + durationMs,
    adjustments: noAdjustments,
    store,
    endpoints: null,
    logsFolder,
  })
}

/** An engine whose store is away from one second after the start to another, and which is told to stop at a third. */
async function run(awayFromSecond: number, awayUntilSecond: number, stopSecond: number | null = null) {
  const runFolder = join(folder, `${++runCount}`)
  const plan = planIn(runFolder, { kind: 'embedded', folder: join(runFolder, 'state') })
  const composed = composeEngine(plan, {
    store: (part, { clock }) => {
      const whileThere = <T>(ask: () => Promise<T>): Promise<T> => {
        const second = (clock.nowMs() - startMs) / 1000
        if (second < awayFromSecond || second >= awayUntilSecond) return ask()
        return Promise.reject(new OperatingError('STORE_UNAVAILABLE', 'no answer', { hint: 'none' }))
      }
      return {
        kind: part.kind,
        open: () => whileThere(() => part.open()),
        commit: (changes) => whileThere(() => part.commit(changes)),
        close: () => part.close(),
      }
    },
  })
  const { engine, journal } = composed
  const clock = composed.clock as VirtualClock
  if (stopSecond !== null) clock.schedule(startMs + 1000 * stopSecond, () => engine.stop('interrupted'))
  const reason = await clock.run(engine.run()).catch((error: unknown) => error)
  await clock.run(engine.close(reason instanceof Error ? 'failed' : (reason as 'completed')))
  journal.close()
  const log = (name: string): LogEvent[] =>
    readFileSync(join(plan.logsFolder, `${name}.log`), 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as LogEvent)
  const troubles = log('application').filter(({ event }) => event === 'store-troubled')
  return {
    reason,
    endedAfterMs: clock.nowMs() - startMs,
    sessions: log('trading').flatMap(({ event }) => (event.startsWith('session') ? event : [])),
    troubles: troubles.map(({ level }) => level),
  }
}

describe('a store that is away when the engine starts', () => {
  test('is waited for, and said to be away once', async () => {
    const { reason, sessions, troubles } = await run(0, 4.5)
    expect([reason, sessions, troubles]).toEqual(['completed', ['session-opened', 'session-closed'], ['warn']])
  })

  test('and stays away, is asked thirty times, a second apart', async () => {
    const { reason, endedAfterMs, sessions } = await run(0, Infinity)
    expect(reason).toMatchObject({ code: 'STORE_UNAVAILABLE' })
    expect([endedAfterMs, sessions]).toEqual([29_000, []])
  })

  test('is not waited for by an engine that is told to stop', async () => {
    expect(await run(0, Infinity, 2.5)).toMatchObject({ reason: 'interrupted', endedAfterMs: 3000, sessions: [] })
  })
})

describe('a store that is away when the session ends', () => {
  const fromSecond = 5

  test('is waited for, and the session is closed', async () => {
    const { reason, sessions, troubles } = await run(fromSecond, 14.5)
    expect([reason, sessions, troubles]).toEqual(['completed', ['session-opened', 'session-closed'], ['warn']])
  })

  test('and stays away leaves it open, with an error', async () => {
    const { endedAfterMs, sessions, troubles } = await run(fromSecond, Infinity)
    expect([endedAfterMs, sessions, troubles]).toEqual([durationMs + 29_000, ['session-opened'], ['warn', 'error']])
  })

  test('is not waited for by an engine that is told to stop, before or while it waits', async () => {
    expect(await run(fromSecond, Infinity, 8.5)).toMatchObject({ reason: 'interrupted', endedAfterMs: 8500, troubles: ['warn'] })
    expect(await run(fromSecond, Infinity, 12.5)).toMatchObject({
      reason: 'completed',
      endedAfterMs: 13_000,
      sessions: ['session-opened'],
      troubles: ['warn', 'error'],
    })
  })
})

test('a state in a Redis that the environment does not name is looked for nowhere', () => {
  const { REDIS_URL: url } = process.env
  delete process.env['REDIS_URL']
  const plan = planIn(join(folder, `${++runCount}`), { kind: 'redis', urlVariable: 'REDIS_URL', keyPrefix: 'nobody' })
  expect(() => composeEngine(plan, {})).toThrow(expect.objectContaining({ code: 'ENVIRONMENT_NOT_READY' }))
  if (url !== undefined) process.env['REDIS_URL'] = url
})
