/**
 * Twenty supervisors are killed beside their running engines, at instants that a seed draws. Each time nothing is left running, what
 * the engine has logged and stored agrees, and the next run begins clean.
 */

import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SeededPrng } from '../src/base/prng.ts'
import { newRunId, repoRoot, runFolderOf } from '../src/campaign/run-campaign.ts'
import { SystemClock } from '../src/clock/system-clock.ts'
import { isRedisInstalled, startRedisServer } from '../src/environment/redis-server.ts'
import type { TradingEvent } from '../src/model/event.ts'
import { judgeRun } from '../src/report/judge-run.ts'
import { EmbeddedStateStore } from '../src/store/embedded-state-store.ts'
import { runPrefix } from '../src/store/keys.ts'
import { findProcess } from '../src/store/process-identity.ts'
import { RedisStateStore } from '../src/store/redis-state-store.ts'
import { removeRunsUnlessFailed, runOnce } from '../fixtures/run.ts'
import { disagreements } from '../fixtures/storm.ts'

const timeout = 240_000
/** Five seconds in which nothing may be left running: counted in looks, which a busy machine slows down as well. */
const lookMs = 100
const maxLooks = 50
const registerFolder = join(repoRoot, 'reports/processes')
const runIds: string[] = []
const started: ChildProcess[] = []
let folder: string
let script: string

/** The supervisor: a plain program that runs one campaign. */
const program = `
import { runCampaign } from '${join(repoRoot, 'src/campaign/run-campaign.ts')}'
const [runId, mode] = process.argv.slice(2)
const overrides = { pace: '300x', duration_minutes: 60, 'redis.mode': mode }
await runCampaign({
  configFile: '${join(repoRoot, 'configs/defects/planted.yaml')}',
  overrides: Object.entries(overrides).map(([path, value]) => ({ source: path, path: path.split('.'), value })),
  runId,
  command: 'none',
  redisUrl: undefined,
  signal: new AbortController().signal,
  print: () => undefined,
})`

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'longhaul-supervisor-'))
  script = join(folder, 'supervisor.ts')
  writeFileSync(script, program)
})

afterAll(({}, suite) => {
  for (const supervisor of started) supervisor.kill('SIGKILL')
  rmSync(folder, { recursive: true })
  removeRunsUnlessFailed(suite)
  if (suite.tasks.every((task) => task.result?.state !== 'fail'))
    for (const id of runIds) rmSync(runFolderOf(id), { recursive: true, force: true })
})

/** What runs for a run's supervisor: what it recorded, and what has the run's name in its command line. */
function runningFor(runId: string): number[] {
  const recorded = existsSync(registerFolder) ? readdirSync(registerFolder).filter((name) => name.startsWith(`${runId}-`)) : []
  const listed = execFileSync('ps', ['-eo', 'pid=,args='], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line.includes(runId))
  const pids = [...recorded.map((name) => /(\d+)\.json$/.exec(name)?.[1]), ...listed.map((line) => line.trim().split(' ')[0])]
  return [...new Set(pids.map(Number))].filter((pid) => findProcess(pid) !== null)
}

/** With the store's own eyes: a private Redis is started again on the data that it left. */
async function storedState(runId: string, mode: string): Promise<Record<string, string>> {
  const runFolder = runFolderOf(runId)
  const server = mode === 'private' ? await startRedisServer(runFolder) : null
  const redis = { keyPrefix: runPrefix('longhaul', runId), clock: new SystemClock(), leaseMs: 10_000, commandTimeoutMs: 2000 }
  const store = server ? new RedisStateStore({ path: server.socketPath, ...redis }) : new EmbeddedStateStore(join(runFolder, 'state'))
  try {
    return Object.fromEntries(await store.open())
  } finally {
    await store.close()
    await server?.stop()
  }
}

function tradingEvents(runId: string): TradingEvent[] {
  const log = join(runFolderOf(runId), 'logs/trading.log')
  return existsSync(log)
    ? readFileSync(log, 'utf8')
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as TradingEvent)
    : []
}

async function killSupervisor({ number, mode, afterMs }: Kill): Promise<void> {
  const runId = `${newRunId({ scenario: 'spec', seed: 0 })}-kill-${number}`
  runIds.push(runId)
  const supervisor = spawn(process.execPath, [script, runId, mode], { cwd: repoRoot, stdio: ['ignore', 'ignore', 'inherit'] })
  const ended = once(supervisor, 'exit')
  started.push(supervisor)
  // It writes its engine's plan down just before it forks the engine.
  while (!existsSync(join(runFolderOf(runId), 'plan-1.json'))) {
    expect(supervisor.exitCode, 'the supervisor ended before it was killed').toBeNull()
    await delay(20)
  }
  await delay(afterMs)
  supervisor.kill('SIGKILL')
  await ended
  for (let look = 0; look < maxLooks && runningFor(runId).length > 0; look++) await delay(lookMs)
  expect(runningFor(runId)).toEqual([])
  expect(disagreements(await storedState(runId, mode), tradingEvents(runId))).toEqual([])
  const { judgement, checks } = await judgeRun(runFolderOf(runId))
  expect(judgement.verdict, judgement.reason).toBe('unknown')
  expect(checks.flatMap(({ violations }) => violations)).toEqual([])
}

interface Kill {
  number: number
  mode: 'off' | 'private'
  /** From the moment at which it has its engine's plan. */
  afterMs: number
}

const prng = new SeededPrng(62).fork('supervisors')
const kills = Array.from({ length: 20 }, (_, index): Kill => ({
  number: index + 1,
  mode: index % 2 === 1 && isRedisInstalled() ? 'private' : 'off',
  afterMs: Math.round(prng.next() * 2500),
}))

describe.concurrent('a killed supervisor', () => {
  test.each(kills)(
    '$number, $afterMs ms after its engine was planned, leaves nothing running and a sound state (redis.mode $mode)',
    { timeout },
    (kill) => killSupervisor(kill),
  )
})

test('the next run begins clean', { timeout }, async () => {
  const { judged } = await runOnce({ configFile: 'configs/defects/planted.yaml', overrides: { 'redis.mode': 'off' } })
  expect(judged.judgement.verdict, judged.judgement.reason).toBe('pass')
})
