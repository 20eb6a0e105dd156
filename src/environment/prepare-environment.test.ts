import { chmodSync, cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { Redis } from 'ioredis'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { currentProcess, findProcess } from '../store/process-identity.ts'
import { EnvironmentError } from './environment-error.ts'
import type { Environment, EnvironmentOptions } from './prepare-environment.ts'
import { prepareEnvironment, processRegister } from './prepare-environment.ts'
import { removeRunKeys, resetRedis } from './redis-state.ts'
import type { RedisServer } from './redis-server.ts'
import { isRedisInstalled, startRedisServer } from './redis-server.ts'

const checkout = resolve(import.meta.dirname, '../..')
const configStep = { name: 'load-config', status: 'done', detail: 'S0', hint: null, tookMs: 1 } as const
const redisOff = { mode: 'off', keyPrefix: 'longhaul', allowFlushAll: false } as const

let repoRoot: string
const opened: Environment[] = []

beforeEach(() => {
  repoRoot = mkdtempSync(join(tmpdir(), 'longhaul-prepare-'))
  cpSync(join(checkout, 'package-lock.json'), join(repoRoot, 'package-lock.json'))
  symlinkSync(join(checkout, 'node_modules'), join(repoRoot, 'node_modules'))
})

afterEach(async () => {
  for (const environment of opened.splice(0)) await environment.stop()
  rmSync(repoRoot, { recursive: true })
})

function optionsOf(runId: string, change: Partial<EnvironmentOptions> = {}): EnvironmentOptions {
  const runFolder = join(repoRoot, 'reports', 'runs', runId)
  return { runFolder, repoRoot, runId, redis: redisOff, env: {}, tapeFiles: [], network: null, configStep, ...change }
}

async function prepare(runId: string, change: Partial<EnvironmentOptions> = {}): Promise<Environment> {
  const environment = await prepareEnvironment(optionsOf(runId, change))
  opened.push(environment)
  return environment
}

async function failureOf(runId: string, change: Partial<EnvironmentOptions>): Promise<EnvironmentError> {
  const outcome: unknown = await prepareEnvironment(optionsOf(runId, change)).catch((error: unknown) => error)
  expect(outcome).toBeInstanceOf(EnvironmentError)
  return outcome as EnvironmentError
}

test('takes the five steps in order and says what each did', async () => {
  const { steps, store } = await prepare('S0-1')
  expect(steps.map((step) => [step.name, step.status])).toEqual([
    ['stop-leftovers', 'done'],
    ['reset-state', 'done'],
    ['rotate-logs', 'done'],
    ['check-runtime', 'done'],
    ['load-config', 'done'],
  ])
  expect(steps[1]?.detail).toBe('embedded store (Redis is off): the state folder is new')
  expect(store).toEqual({ kind: 'embedded', folder: join(repoRoot, 'reports', 'runs', 'S0-1', 'state') })
})

test('is safe to repeat, and wipes what the run had stored', async () => {
  const { store } = await prepare('S0-1')
  writeFileSync(join(store.kind === 'embedded' ? store.folder : '', 'state-1.log'), 'old')
  const again = await prepare('S0-1')
  expect(again.store).toEqual(store)
  expect(readdirSync(join(repoRoot, 'reports', 'runs', 'S0-1', 'state'))).toEqual([])
})

test('registers its supervisor until it is stopped', async () => {
  const environment = await prepare('S0-1')
  expect(processRegister(repoRoot).liveRunIds()).toEqual(new Set(['S0-1']))
  await environment.stop()
  await environment.stop()
  expect(processRegister(repoRoot).liveRunIds()).toEqual(new Set())
})

test('a step that fails ends it with the steps so far, a hint, and nothing left registered', async () => {
  const error = await failureOf('S0-1', { tapeFiles: ['/no/such/tape.csv'] })
  expect(error.code).toBe('ENVIRONMENT_NOT_READY')
  expect(error.message).toBe('check-runtime: the tape /no/such/tape.csv cannot be read')
  expect(error.steps.map((step) => step.status)).toEqual(['done', 'done', 'done', 'failed'])
  expect(error.steps.at(-1)?.hint).toBe(error.hint)
  expect(processRegister(repoRoot).liveRunIds()).toEqual(new Set())
})

test('a run folder that cannot be written fails the first step', async (context) => {
  if (process.getuid?.() === 0) context.skip('root may write everywhere')
  mkdirSync(join(repoRoot, 'reports'))
  chmodSync(join(repoRoot, 'reports'), 0o500)
  const error = await failureOf('S0-1', {})
  chmodSync(join(repoRoot, 'reports'), 0o700)
  expect(error.message).toContain('stop-leftovers: cannot write in')
})

test.for(['auto', 'url'] as const)('redis.mode %s: a Redis that is down fails, and never falls back', async (mode) => {
  const error = await failureOf('S0-1', { redis: { ...redisOff, mode }, env: { REDIS_URL: 'redis://user:secret@127.0.0.1:1' } })
  expect(error.message).toContain('reset-state: Redis at redis://127.0.0.1:1 is not usable')
  expect(error.hint).toContain('REDIS_URL')
  expect(JSON.stringify(error.steps)).not.toContain('secret')
})

test.for([{}, { REDIS_URL: '' }])('redis.mode url without an address (%j) fails with a hint', async (env) => {
  expect((await failureOf('S0-1', { redis: { ...redisOff, mode: 'url' }, env })).hint).toContain('redis.url')
})

describe.skipIf(!isRedisInstalled())('with a server (skipped where there is no redis-server on the PATH)', () => {
  let folder: string
  let foreign: RedisServer
  let admin: Redis

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'longhaul-foreign-'))
    foreign = await startRedisServer(folder)
    admin = new Redis({ path: foreign.socketPath })
    admin.on('error', () => undefined)
  })

  afterEach(async () => {
    admin.disconnect()
    await foreign.stop()
    rmSync(folder, { recursive: true })
  })

  function onForeign(allowFlushAll = false): Partial<EnvironmentOptions> {
    return { redis: { ...redisOff, mode: 'auto', allowFlushAll }, env: { REDIS_URL: foreign.socketPath } }
  }

  function onForeignDatabase(number: string): Partial<EnvironmentOptions> {
    return { redis: { ...redisOff, mode: 'url' }, env: { REDIS_URL: `${foreign.socketPath}?db=${number}` } }
  }

  test('a private server is started, recorded, and stopped', async () => {
    const environment = await prepare('S0-1', { redis: { ...redisOff, mode: 'private' } })
    expect(environment.steps[1]?.detail).toMatch(/^private Redis \S+: FLUSHALL removed 0 keys$/)
    const records = join(repoRoot, 'reports', 'processes')
    const record = readFileSync(
      join(
        records,
        readdirSync(records).find((name) => name.includes('-redis-'))!,
      ),
      'utf8',
    )
    const { process: server } = JSON.parse(record) as { process: { pid: number } }
    expect(findProcess(server.pid)).not.toBeNull()
    await environment.stop()
    expect(findProcess(server.pid)).toBeNull()
  })

  test('a private server does not outlive a step that fails after it', async () => {
    await failureOf('S0-1', { redis: { ...redisOff, mode: 'private' }, tapeFiles: ['/no/such/tape.csv'] })
    expect(readdirSync(join(repoRoot, 'reports', 'processes'))).toEqual([])
    expect(readdirSync(join(repoRoot, 'reports', 'runs', 'S0-1'))).not.toContain('redis.sock')
  })

  test('foreign keys survive a reset, and our leftovers do not', async () => {
    await admin.mset({ 'someone:else': '1', longhaulish: '1', 'longhaul:cooldown': '1', 'longhaul:S0-0:state': '1' })
    const { steps, store } = await prepare('S0-1', onForeign())
    expect((await admin.keys('*')).toSorted()).toEqual(['longhaul:S0-1:owner', 'longhaulish', 'someone:else'])
    expect(steps[1]?.detail).toContain('removed 2 keys under longhaul:')
    expect(store).toMatchObject({ kind: 'redis', keyPrefix: 'longhaul:S0-1' })
  })

  test('keys of a campaign that runs beside survive, also of one on another host', async () => {
    await admin.mset({
      'longhaul:S0-beside:state': '1',
      'longhaul:S0-beside:owner': JSON.stringify(currentProcess()),
      'longhaul:S0-elsewhere:state': '1',
      'longhaul:S0-elsewhere:owner': JSON.stringify({ pid: 1, startTime: '1', space: 'another host' }),
      'longhaul:S0-dead:state': '1',
      'longhaul:S0-dead:owner': JSON.stringify({ ...currentProcess(), startTime: 'long ago' }),
    })
    const { steps } = await prepare('S0-1', onForeign())
    expect((await admin.keys('*:state')).toSorted()).toEqual(['longhaul:S0-beside:state', 'longhaul:S0-elsewhere:state'])
    expect(steps[1]?.detail).toContain("left 2 running campaigns' alone")
  })

  test('keys of a campaign with a longer prefix that begins like ours survive while it runs', async () => {
    await admin.mset({
      'longhaul:team:S0-7:state': '1',
      'longhaul:team:S0-7:owner': JSON.stringify(currentProcess()),
      'longhaul:team:S0-6:state': '1',
    })
    await prepare('S0-1', onForeign())
    expect((await admin.keys('*:state')).toSorted()).toEqual(['longhaul:team:S0-7:state'])
  })

  test('no letter of a prefix or a run id is a pattern: only what it spells is removed', async () => {
    const address = { path: foreign.socketPath }
    await admin.mset({ 'l*:S0-1:state': '1', 'longhaul:S0-1:state': '1', 'l[o]:S0-1:state': '1', 'lo:S0-1:state': '1', 'l?:x:state': '1' })
    await resetRedis({ address, keyPrefix: 'l*', runId: 'S0-2', canFlushAll: false })
    await resetRedis({ address, keyPrefix: 'l[o]', runId: 'S0-2', canFlushAll: false })
    expect((await admin.keys('*:state')).toSorted()).toEqual(['l?:x:state', 'lo:S0-1:state', 'longhaul:S0-1:state'])
    await removeRunKeys(address, 'l?')
    expect((await admin.keys('*:state')).toSorted()).toEqual(['lo:S0-1:state', 'longhaul:S0-1:state'])
  })

  test('FLUSHALL on a server that is not ours needs the config to allow it', async () => {
    await admin.set('someone:else', '1')
    const { steps } = await prepare('S0-1', onForeign(true))
    expect(steps[1]?.detail).toContain('FLUSHALL removed 1 keys')
    expect(await admin.keys('*')).toEqual(['longhaul:S0-1:owner'])
  })

  test('FLUSHALL is left out beside a running campaign, which would lose its state', async () => {
    await admin.mset({
      'someone:else': '1',
      'longhaul:S0-0:state': '1',
      'longhaul:S0-beside:state': '1',
      'longhaul:S0-beside:owner': JSON.stringify(currentProcess()),
    })
    const { steps } = await prepare('S0-1', onForeign(true))
    expect(steps[1]?.detail).toContain('no FLUSHALL beside running campaigns: removed 1 keys under longhaul:')
    expect((await admin.keys('*:*')).toSorted()).toEqual([
      'longhaul:S0-1:owner',
      'longhaul:S0-beside:owner',
      'longhaul:S0-beside:state',
      'someone:else',
    ])
  })

  test('a database by number is the one that is used, and no other is touched', async () => {
    await admin.mset({ 'longhaul:S0-0:state': '1', 'someone:else': '1' })
    await admin.select(5)
    await admin.set('longhaul:S0-0:state', '1')
    const { steps } = await prepare('S0-1', onForeignDatabase('5'))
    expect(steps[1]?.detail).toContain('removed 1 keys under longhaul:')
    expect(await admin.keys('*')).toEqual(['longhaul:S0-1:owner'])
    await admin.select(0)
    expect((await admin.keys('*')).toSorted()).toEqual(['longhaul:S0-0:state', 'someone:else'])
  })

  test.for(['99', 'abc'])('a database that the server does not have (%s) is refused, and none is touched', async (database) => {
    await admin.set('longhaul:S0-0:state', '1')
    const error = await failureOf('S0-1', onForeignDatabase(database))
    expect(error.message).toMatch(/^reset-state: Redis at .* is not usable: ERR /)
    expect(await admin.keys('*')).toEqual(['longhaul:S0-0:state'])
  })

  test('stopping removes our own keys and nothing else', async () => {
    const environment = await prepare('S0-1', onForeign())
    await admin.mset({ 'longhaul:S0-1:state': '1', 'longhaul:S0-10:state': '1' })
    await environment.stop()
    expect(await admin.keys('*')).toEqual(['longhaul:S0-10:state'])
  })

  test('stopping after the server went away does not fail', async () => {
    const environment = await prepare('S0-1', onForeign())
    await foreign.stop()
    await expect(environment.stop()).resolves.toBeUndefined()
  })
})
