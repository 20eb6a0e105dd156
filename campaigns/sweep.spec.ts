/** Sweeps as a user runs them: kept engines give what new ones give, and whatever is killed on the way, the table is the same. */

import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { afterAll, describe, expect, test } from 'vitest'
import { defectFile, once, removeRunsUnlessFailed, runOnce } from '../fixtures/run.ts'
import { repoRoot } from '../src/campaign/run-campaign.ts'
import { isRedisInstalled, startRedisServer, type RedisServer } from '../src/environment/redis-server.ts'
import { EngineKeeper } from '../src/sweep/engine-keeper.ts'
import { announcementKey } from '../src/sweep/seed-queue.ts'
import { runSeed, type SeedJob } from '../src/sweep/seed-run.ts'
import { sweepFolderOf } from '../src/sweep/sweep-folder.ts'
import type { SweepTable } from '../src/sweep/sweep-table.ts'

const timeout = 240_000
const stamp = `spec-${process.pid}`
const config = ['--config', 'configs/s0.yaml']
const range = ['--seeds', '1..12']

afterAll(({}, suite) => {
  removeRunsUnlessFailed(suite)
  for (const name of ['whole', 'hours', 'killed', 'stopped', 'queued', 'away', 'frozen', 'poisoned', 'beside', 'planted']) {
    rmSync(sweepFolderOf(`${stamp}-${name}`), { recursive: true, force: true })
  }
})

interface Command {
  child: ChildProcess
  ended: Promise<{ code: number | null; output: string }>
}

function longhaul(...args: string[]): Command {
  const child = spawn(process.execPath, ['src/main.ts', ...args], { cwd: repoRoot, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  const ended = new Promise<{ code: number | null; output: string }>((resolve) => {
    child.on('close', (code) => resolve({ code, output }))
  })
  return { child, ended }
}

async function until(isTrue: () => boolean): Promise<void> {
  for (let waitedMs = 0; !isTrue(); waitedMs += 20) {
    expect(waitedMs, 'it never came').toBeLessThan(timeout / 2)
    await delay(20)
  }
}

function resultCount(name: string): number {
  const file = join(sweepFolderOf(`${stamp}-${name}`), 'results.ndjson')
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n').length - 1 : 0
}

function tableText(name: string): string {
  return readFileSync(join(sweepFolderOf(`${stamp}-${name}`), 'table.json'), 'utf8')
}

/** One process, nothing in its way: what all others are held against. */
const whole = once(async () => {
  const { code, output } = await longhaul('sweep', ...config, ...range, '--id', `${stamp}-whole`).ended
  expect(code, output).toBe(0)
  return tableText('whole')
})

test('a seed leaves the trading.log that a run of its own leaves', { timeout }, async () => {
  const { seeds } = JSON.parse(await whole()) as SweepTable
  const { tradingHash } = await runOnce({ configFile: 'configs/s0.yaml', overrides: { seed: 9 } })
  expect(seeds.find(({ seed }) => seed === 9)?.tradingHash).toBe(tradingHash)
})

test('hours of a swarm come to a verdict', { timeout }, async () => {
  const { code, output } = await longhaul('sweep', '--config', 'configs/s1-swarm.yaml', '--seeds', '1..4', '--id', `${stamp}-hours`).ended
  expect(code, output).toBe(0)
  expect(resultCount('hours')).toBe(4)
})

test('an engine process that is used again prints into the log of the run that it is running', { timeout }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'longhaul-'))
  const engines = new EngineKeeper()
  const pids = new Set<number | undefined>()
  const start: typeof engines.start = (...args) => {
    const engine = engines.start(...args)
    pids.add(engine.pid)
    return engine
  }
  const job = (seed: number): SeedJob => ({ seed, configFile, keep: 'all', engine: 'kept', deadlineMs: timeout, command: 'spec' })
  const configFile = join(folder, 'config.yaml')
  const parts = defectFile('raw-stack-trace')
  // It prints, and nothing makes it stop: so the process is used again.
  const rules = 'monitor: { rules: { errorLog: { enabled: false } } }'
  const base = readFileSync(join(repoRoot, 'configs/s0.yaml'), 'utf8')
  writeFileSync(configFile, `${base}\n${rules}\nparts: ${parts}\nredis: { mode: "off" }\n`)
  try {
    for (const seed of [1, 2, 3]) {
      const { runFolder } = await runSeed(job(seed), start, new AbortController().signal)
      const log = readFileSync(join(repoRoot, runFolder ?? '', 'logs/application.log'), 'utf8')
      expect(log.match(/planted: a callback/g), `seed ${seed}`).toHaveLength(1)
      rmSync(join(repoRoot, runFolder ?? ''), { recursive: true })
    }
    expect(pids.size).toBe(1)
  } finally {
    engines.close()
    rmSync(folder, { recursive: true })
  }
})

test('a sweep that was killed goes on where it was, to the same table', { timeout }, async () => {
  const command = ['sweep', ...config, ...range, '--id', `${stamp}-killed`]
  const { child, ended } = longhaul(...command)
  await until(() => resultCount('killed') >= 3)
  child.kill('SIGKILL')
  await ended
  const doneBefore = resultCount('killed')
  const { code, output } = await longhaul(...command).ended
  expect(code, output).toBe(0)
  expect(output).toContain(`goes on: ${doneBefore} of 12 seeds`)
  expect(tableText('killed')).toBe(await whole())
})

test('Ctrl-C ends it with the table so far and the command that goes on', { timeout }, async () => {
  const { child, ended } = longhaul('sweep', ...config, ...range, '--id', `${stamp}-stopped`)
  await until(() => resultCount('stopped') >= 2)
  child.kill('SIGINT')
  const { code, output } = await ended
  expect(code).toBe(130)
  expect(output).toContain('Without a result yet: ')
  expect(output).toContain(`longhaul sweep --resume ${stamp}-stopped goes on`)
  const resumed = await longhaul('sweep', '--resume', `${stamp}-stopped`).ended
  expect(resumed.code, resumed.output).toBe(0)
  expect(tableText('stopped')).toBe(await whole())
})

test('a failing seed is shrunk to the shortest command that fails in the same way', { timeout }, async () => {
  const parts = ['--parts', 'fixtures/defects/throws-on-one-symbol.ts', '--max-attempts', '1', '--duration-minutes', '8']
  const { code, output } = await longhaul('sweep', ...config, '--seeds', '1..2', '--id', `${stamp}-planted`, ...parts).ended
  expect(code, output).toBe(1)
  const folder = join(sweepFolderOf(`${stamp}-planted`), 'failures/seed-1')
  expect(JSON.parse(readFileSync(join(folder, 'shrunk.json'), 'utf8'))).toMatchObject({ seed: 1, shrunk: '3 minutes; KRW-ETH; no faults' })
  const shortest = await runOnce({ configFile: `reports/sweeps/${stamp}-planted/failures/seed-1/config.yaml` })
  expect(shortest.judged.judgement.verdict).toBe('fail')
  expect(readFileSync(join(folder, 'run/logs/application.log'), 'utf8')).toContain('planted: a size of zero')
})

/** What a test over a Redis has: a server of its own, gone when the test ends. */
interface Queue {
  server: RedisServer
  redis: Redis
  /** Names the server on a command line. */
  at: string[]
}

const queueTest = test.extend<{ queue: Queue }>({
  queue: async ({}, use) => {
    const folder = mkdtempSync(join(tmpdir(), 'longhaul-'))
    const server = await startRedisServer(folder)
    const redis = new Redis({ path: server.socketPath })
    await use({ server, redis, at: ['--redis', server.socketPath] })
    redis.disconnect()
    await server.stop()
    rmSync(folder, { recursive: true })
  },
})

async function endAll(commands: readonly Command[]): Promise<void> {
  for (const { child } of commands) child.kill('SIGTERM')
  await Promise.all(commands.map(({ ended }) => ended))
}

/** What a sweep announces that asks for other sources than these. */
const ofOtherSources = JSON.stringify({
  sweepId: 's1-1-1000',
  version: { sources: 'f'.repeat(64), parts: null, commit: '0123456789ab' },
})

describe.runIf(isRedisInstalled())('over a Redis', () => {
  queueTest(
    'workers of which one is killed and one told to end in the middle of its seeds give the table of one process',
    { timeout },
    async ({ queue: { redis, at } }) => {
      await redis.set('somebody:else', 'stays')
      const workers = [1, 2].map(() => longhaul('worker', ...at, '--concurrency', '2'))
      try {
        const { ended } = longhaul('sweep', ...config, ...range, '--id', `${stamp}-queued`, ...at)
        await until(() => resultCount('queued') >= 2)
        workers[0]?.child.kill('SIGKILL')
        await until(() => resultCount('queued') >= 4)
        workers[1]?.child.kill('SIGTERM')
        // Seeds are waiting: it takes none of them for those that it gives back.
        expect(await workers[1]?.ended).toMatchObject({ code: 0 })
        workers.push(longhaul('worker', ...at, '--concurrency', '2'))
        const { code, output } = await ended
        expect(code, output).toBe(0)
        expect(tableText('queued')).toBe(await whole())
        const foreign = (await redis.keys('*')).filter((key) => !key.startsWith('longhaul-sweeps:'))
        expect(foreign).toEqual(['somebody:else'])
      } finally {
        await endAll(workers)
      }
    },
  )

  test('Redis may go away, and come back without its data', { timeout }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'longhaul-'))
    let server = await startRedisServer(folder)
    const at = ['--redis', server.socketPath]
    const worker = longhaul('worker', ...at, '--concurrency', '2')
    try {
      const { ended } = longhaul('sweep', ...config, ...range, '--id', `${stamp}-away`, ...at)
      await until(() => resultCount('away') >= 2)
      await server.stop()
      rmSync(folder, { recursive: true })
      await delay(3000)
      mkdirSync(folder)
      server = await startRedisServer(folder)
      const { code, output } = await ended
      expect(code, output).toBe(0)
      expect(output).toMatch(/Redis is away, waiting for it: .*[\s\S]*Redis is back after/)
      expect(tableText('away')).toBe(await whole())
    } finally {
      worker.child.kill('SIGTERM')
      await worker.ended
      await server.stop()
      rmSync(folder, { recursive: true })
    }
  })

  queueTest('a Redis that no longer answers keeps nobody from ending', { timeout }, async ({ queue: { server, at } }) => {
    const worker = longhaul('worker', ...at, '--concurrency', '1')
    const sweep = longhaul('sweep', ...config, ...range, '--id', `${stamp}-frozen`, ...at)
    try {
      await until(() => resultCount('frozen') >= 1)
      process.kill(server.pid, 'SIGSTOP')
      sweep.child.kill('SIGINT')
      worker.child.kill('SIGTERM')
      const { code, output } = await sweep.ended
      expect(code, output).toBe(130)
      expect(output).toContain(`longhaul sweep --resume ${stamp}-frozen goes on`)
      expect(await worker.ended).toMatchObject({ code: 0 })
    } finally {
      for (const { child } of [worker, sweep]) child.kill('SIGKILL')
      process.kill(server.pid, 'SIGCONT')
    }
  })

  queueTest(
    'a seed that has seen five workers die is unknown, and what is no result is thrown away and run',
    { timeout },
    async ({ queue: { redis, at } }) => {
      const sweep = longhaul('sweep', ...config, '--seeds', '1..2', '--id', `${stamp}-poisoned`, ...at)
      const jobKeys = async (): Promise<string[]> => (await redis.keys(`longhaul-sweeps:seeds-*:${stamp}-poisoned-*`)).toSorted()
      while ((await jobKeys()).length < 2) await delay(20)
      const [poisoned = ''] = await jobKeys()
      // What BullMQ counts at each death.
      await redis.hset(poisoned, 'stc', '5')
      const { resultsKey } = JSON.parse((await redis.hget(poisoned, 'data')) ?? '') as { resultsKey: string }
      await redis.hset(resultsKey, '2', 'no result')
      const worker = longhaul('worker', ...at, '--concurrency', '1')
      try {
        const { code, output } = await sweep.ended
        expect(code, output).toBe(2)
        expect(output).toContain('seed 1: unknown: Cannot be told: 5 workers died of it.')
        expect(output).toContain(`not a result, thrown away: 2 in ${resultsKey}`)
        const { verdicts, seeds } = JSON.parse(tableText('poisoned')) as SweepTable
        expect(verdicts).toMatchObject({ unknown: 1 })
        expect(seeds.map(({ seed, tradingHash }) => `${seed} ${tradingHash !== null}`)).toEqual(['1 false', '2 true'])
        // Here, and without workers: the machine is another one by now.
        const resumed = await longhaul('sweep', '--resume', `${stamp}-poisoned`).ended
        expect(resumed.code, resumed.output).toBe(0)
        expect(resumed.output).toContain('goes on: 1 of 2 seeds')
      } finally {
        await endAll([worker, sweep])
      }
    },
  )

  queueTest('a sweep of other sources beside it keeps no worker of its own from it', { timeout }, async ({ queue: { redis, at } }) => {
    const sweep = longhaul('sweep', ...config, '--seeds', '1..2', '--id', `${stamp}-beside`, ...at)
    while ((await redis.exists(announcementKey)) === 0) await delay(20)
    await redis.set(announcementKey, ofOtherSources)
    const worker = longhaul('worker', ...at, '--concurrency', '1')
    try {
      const ended = await Promise.race([sweep.ended, worker.ended])
      expect(ended.code, ended.output).toBe(0)
      expect(existsSync(join(sweepFolderOf(`${stamp}-beside`), 'table.json'))).toBe(true)
    } finally {
      await endAll([worker, sweep])
    }
  })

  queueTest('a worker of another commit refuses, and says which one is wanted', { timeout }, async ({ queue: { redis, at } }) => {
    await redis.set(announcementKey, ofOtherSources)
    const { code, output } = await longhaul('worker', ...at).ended
    expect(code).toBe(4)
    expect(output).toContain('sweep s1-1-1000 is for sources ffffffffffff (commit 0123456789ab), this worker is sources')
  })
})
