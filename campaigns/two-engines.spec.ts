/**
 * Two engines on one state: the second is refused while the first lives, and one that stood still until another took over is fenced
 * out at its first write and ends.
 */

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runCheckers } from '../src/analyzer/run-checkers.ts'
import { repoRoot } from '../src/campaign/run-campaign.ts'
import { planAttempt } from '../src/campaign/plan.ts'
import { noAdjustments } from '../src/campaign/recovery.ts'
import { SystemClock } from '../src/clock/system-clock.ts'
import type { StorePlan } from '../src/compose.ts'
import { campaignSchema } from '../src/config/schema.ts'
import type { StateStore } from '../src/engine/state-store.ts'
import { isRedisInstalled, startRedisServer, type RedisServer } from '../src/environment/redis-server.ts'
import type { TradingEvent } from '../src/model/event.ts'
import { EmbeddedStateStore } from '../src/store/embedded-state-store.ts'
import { RedisStateStore } from '../src/store/redis-state-store.ts'
import { disagreements } from '../fixtures/storm.ts'

const timeout = 60_000
const startMs = Date.UTC(2026, 0, 5)
const halfAnHourMs = 1_800_000
const config = campaignSchema.parse({
  scenario: 'TWO',
  symbols: ['KRW-BTC', 'KRW-ETH'],
  duration_minutes: 24 * 60,
  // Some commits a second of wall time.
  pace: '120x',
})

let folder: string
let server: RedisServer | null = null
const started: ChildProcess[] = []

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'longhaul-two-engines-'))
  if (isRedisInstalled()) server = await startRedisServer(folder)
})

afterAll(async () => {
  for (const engine of started) engine.kill('SIGKILL')
  await server?.stop()
  rmSync(folder, { recursive: true })
})

interface Place {
  plan: StorePlan
  /** After the engines have ended. */
  store: () => StateStore
  /** What makes a silent holder's lease free: an operator who knows it to be dead, or time. */
  freeLease: () => Promise<void>
}

function embedded(): Place {
  const state = join(folder, 'state')
  return {
    plan: { kind: 'embedded', folder: state },
    store: () => new EmbeddedStateStore(state),
    freeLease: async () => {
      for (const name of readdirSync(state)) if (name.startsWith('lease-')) rmSync(join(state, name))
    },
  }
}

function redis({ socketPath: path }: RedisServer): Place {
  const keyPrefix = 'two-engines'
  const options = { path, keyPrefix, clock: new SystemClock(), leaseMs: 10_000, commandTimeoutMs: 2000 }
  return {
    plan: { kind: 'redis', path, keyPrefix },
    store: () => new RedisStateStore(options),
    // The composition root's lease lasts ten seconds.
    freeLease: () => delay(10_500),
  }
}

class TestEngine {
  readonly process: ChildProcess
  readonly #logsFolder: string

  constructor(logsFolder: string, store: StorePlan, attempt: number) {
    mkdirSync(logsFolder, { recursive: true })
    this.#logsFolder = logsFolder
    const startAtMs = startMs + (attempt - 1) * halfAnHourMs
    const endAtMs = startMs + config.duration_minutes * 60_000
    const plan = planAttempt({
      config,
      attempt,
      runStartMs: startMs,
      startAtMs,
      endAtMs,
      adjustments: noAdjustments,
      store,
      endpoints: null,
      logsFolder,
    })
    const planFile = join(logsFolder, `plan-${attempt}.json`)
    writeFileSync(planFile, JSON.stringify(plan))
    const output = openSync(join(logsFolder, 'application.log'), 'a')
    this.process = spawn(process.execPath, [join(repoRoot, 'src/main.ts'), 'engine', planFile], { stdio: ['ignore', output, output] })
    closeSync(output)
    started.push(this.process)
  }

  log(name: string): string {
    const path = join(this.#logsFolder, `${name}.log`)
    return existsSync(path) ? readFileSync(path, 'utf8') : ''
  }

  events(): TradingEvent[] {
    const lines = this.log('trading').split('\n').slice(0, -1)
    return lines.map((line) => JSON.parse(line) as TradingEvent)
  }

  async hasTraded(attempt: number): Promise<void> {
    const isTrade = ({ event }: TradingEvent): boolean => event === 'order-done'
    const afterOpening = (): TradingEvent[] => {
      const events = this.events()
      return events.slice(events.findIndex((event) => event.event === 'session-opened' && event.attempt === attempt) + 1 || events.length)
    }
    while (!afterOpening().some(isTrade)) await delay(50)
  }

  async exitCode(): Promise<number | null> {
    if (this.process.exitCode === null && this.process.signalCode === null) await once(this.process, 'exit')
    return this.process.exitCode
  }
}

describe.concurrent.each(['embedded', 'redis'] as const)('two engines on one state in the %s store', (kind) => {
  test('the second is refused, the stale one fenced out, and no line is lost or doubled', { timeout }, async (context) => {
    if (kind === 'redis' && server === null) context.skip('no redis-server on the PATH')
    const place = kind === 'redis' && server !== null ? redis(server) : embedded()
    const logsFolder = join(folder, `logs-${kind}`)
    const first = new TestEngine(logsFolder, place.plan, 1)
    await first.hasTraded(1)

    const refused = new TestEngine(join(folder, `logs-refused-${kind}`), place.plan, 2)
    expect(await refused.exitCode()).toBe(1)
    expect(refused.log('application')).toMatch(/"event":"engine-failed","message":"the state .* is held by process/)
    expect(refused.log('trading')).toBe('')

    first.process.kill('SIGSTOP')
    await place.freeLease()
    const second = new TestEngine(logsFolder, place.plan, 2)
    await second.hasTraded(2)
    first.process.kill('SIGCONT')
    expect(await first.exitCode()).toBe(1)
    expect(first.log('application')).toMatch(/"event":"engine-failed".*(not ours any more|taken by another engine|another engine writes)/)

    await delay(500)
    second.process.kill('SIGTERM')
    expect(await second.exitCode(), second.log('application')).toBe(0)
    const store = place.store()
    const stored = Object.fromEntries(await store.open())
    await store.close()
    expect(disagreements(stored, second.events())).toEqual([])
    const checks = await runCheckers(join(logsFolder, 'trading.log'))
    expect(checks.filter(({ verdict }) => verdict !== 'pass')).toEqual([])
  })
})
