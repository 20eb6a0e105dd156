import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { OperatingError } from '../base/error.ts'
import { SystemClock } from '../clock/system-clock.ts'
import { VirtualClock } from '../clock/virtual-clock.ts'
import { isRedisInstalled, startRedisServer } from '../environment/redis-server.ts'
import type { RedisServer } from '../environment/redis-server.ts'
import { storeKeys } from './keys.ts'
import { RedisStateStore, type RedisStateStoreOptions } from './redis-state-store.ts'

const hasRedis = isRedisInstalled()
const keyPrefix = 'test:run'
const keys = storeKeys(keyPrefix)
let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'longhaul-redis-'))
})

afterAll(() => rmSync(folder, { recursive: true }))

const leaseMs = 60_000
const commandTimeoutMs = 5000

function storeAt(path: string, changes: Partial<RedisStateStoreOptions> = {}): RedisStateStore {
  return new RedisStateStore({ path, keyPrefix, clock: new SystemClock(), leaseMs, commandTimeoutMs, ...changes })
}

/** Of one more commit: `stored`, or the error's code. */
function outcomeOf(store: RedisStateStore): Promise<string> {
  const failed = (error: unknown): string => (error instanceof OperatingError ? error.code : String(error))
  return store.commit({ set: { meta: '9' }, remove: [] }).then(() => 'stored', failed)
}

test('no server: unavailable at once, with the address and what to do', async () => {
  await expect(storeAt(join(folder, 'nobody.sock')).open()).rejects.toMatchObject({
    code: 'STORE_UNAVAILABLE',
    message: expect.stringContaining('nobody.sock'),
    hint: expect.stringContaining('server runs'),
  })
})

test('a password in the address stays out of messages', async () => {
  const url = 'redis://me:secret@127.0.0.1:1/2'
  const store = new RedisStateStore({ url, keyPrefix, clock: new SystemClock(), leaseMs: 1000, commandTimeoutMs: 500 })
  const error: unknown = await store.open().catch((thrown: unknown) => thrown)
  expect(String(error)).toContain('redis://127.0.0.1:1/2')
  expect(String(error)).not.toContain('secret')
})

test('a server that accepts and never answers: unavailable at the deadline', async () => {
  const path = join(folder, 'silent.sock')
  const silent = createServer((socket) => socket.resume()).listen(path)
  const opening = storeAt(path, { commandTimeoutMs: 100 }).open()
  await expect(opening).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', message: expect.stringContaining('100 ms') })
  await new Promise((resolve) => silent.close(resolve))
})

describe.skipIf(!hasRedis)('with a server (skipped where there is no redis-server on the PATH)', () => {
  let server: RedisServer
  let admin: Redis

  beforeAll(async () => {
    server = await startRedisServer(folder)
    admin = new Redis({ path: server.socketPath })
    // One test stops the server; the connection comes back with the next one.
    admin.on('error', () => undefined)
  })

  afterAll(async () => {
    admin.disconnect()
    await server.stop()
  })

  beforeEach(async () => {
    await admin.flushall()
  })

  /** Grows when a connection that had fallen behind was given up for a new one. */
  async function connectionsReceived(): Promise<number> {
    return Number(/total_connections_received:(\d+)/.exec(await admin.info('stats'))?.[1])
  }

  test('a quiet engine keeps its lease', async () => {
    const clock = new VirtualClock({ startMs: 0, pace: null })
    const store = storeAt(server.socketPath, { clock })
    await store.open()
    for (const thirds of [1, 2, 3]) {
      // Is answered after the renewal before it, and so tells that the next one is due in a third of the lease.
      await store.commit({ set: {}, remove: [] })
      await admin.pexpire(keys.lease, leaseMs / 2)
      await clock.run(clock.sleepUntil((thirds * leaseMs) / 3))
      await expect.poll(() => admin.pttl(keys.lease), { timeout: 5000 }).toBeGreaterThan(leaseMs / 2)
    }
    await store.close()
    expect(await admin.exists(keys.lease)).toBe(0)
  })

  test('an expired lease that nobody took does not end its engine', async () => {
    const store = storeAt(server.socketPath)
    await store.open()
    await admin.del(keys.lease)
    await store.commit({ set: { meta: '1' }, remove: [] })
    expect(await admin.exists(keys.lease)).toBe(1)
    await store.close()
  })

  test('a commit that arrives after a later one is dropped', async () => {
    const store = storeAt(server.socketPath)
    await store.open()
    const monitor = await admin.monitor()
    const commits: string[][] = []
    monitor.on('monitor', (_time: string, sent: string[]) => {
      if (/^eval(sha)?$/i.test(sent[0] ?? '')) commits.push(sent)
    })
    for (const meta of ['1', '2', '3']) await store.commit({ set: { meta }, remove: [] })
    await expect.poll(() => commits.length).toBe(3)
    monitor.disconnect()
    expect(await admin.call(...(commits[1] as [string, ...string[]]))).toBe('late')
    expect(await admin.hget(keys.state, 'meta')).toBe('3')
    await store.close()
  })

  test('a stalled server: the commit fails at its deadline, nothing queues up, and it goes on when the server does', async () => {
    const clock = new VirtualClock({ startMs: 0, pace: null })
    const store = storeAt(server.socketPath, { clock })
    await store.open()
    const connectionsBefore = await connectionsReceived()
    process.kill(server.pid, 'SIGSTOP')
    for (const number of [1, 2, 3]) {
      const outcome = outcomeOf(store)
      await clock.run(clock.sleepUntil(number * commandTimeoutMs))
      expect(await outcome).toBe('STORE_UNAVAILABLE')
    }
    process.kill(server.pid, 'SIGCONT')
    await expect.poll(() => outcomeOf(store), { timeout: 5000 }).toBe('stored')
    await delay(50)
    expect(await admin.hget(keys.state, 'meta')).toBe('9')
    expect(await connectionsReceived()).toBeGreaterThan(connectionsBefore)
    await store.close()
  })

  test('a server that is out of memory is unavailable, in its own words', async () => {
    const store = storeAt(server.socketPath)
    await store.open()
    await admin.config('SET', 'maxmemory', '1')
    const commit = store.commit({ set: { meta: '1' }, remove: [] })
    await expect(commit).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', message: expect.stringContaining('OOM') })
    await admin.config('SET', 'maxmemory', '0')
    await store.close()
  })

  test('thousands of fields go in one commit', async () => {
    const store = storeAt(server.socketPath)
    await store.open()
    await store.commit({ set: Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`key-${i}`, String(i)])), remove: [] })
    expect(await admin.hlen(keys.state)).toBe(20_000)
    await store.close()
  })

  test('a server that restarted with what it had acknowledged goes on: nothing is lost or queued', async () => {
    const store = storeAt(server.socketPath)
    await store.open()
    await store.commit({ set: { meta: '1' }, remove: [] })
    await server.kill()
    await expect(store.commit({ set: { meta: '2' }, remove: [] })).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    await server.restart()
    await expect.poll(() => admin.hget(keys.state, 'meta'), { timeout: 5000 }).toBe('1')
    await expect.poll(() => outcomeOf(store), { timeout: 5000 }).toBe('stored')
    await store.close()
  })

  test('a server that restarted from an older copy of its data fences its engine off: acknowledged commits are gone', async () => {
    const store = storeAt(server.socketPath)
    await store.open()
    await store.commit({ set: { meta: '1' }, remove: [] })
    const olderFence = await admin.hgetall(keys.fence)
    await store.commit({ set: { meta: '2' }, remove: [] })
    await admin.hset(keys.fence, olderFence)
    await expect(store.commit({ set: { other: '3' }, remove: [] })).rejects.toMatchObject({
      code: 'STORE_FENCED',
      message: expect.stringContaining('lost commits that it had acknowledged'),
    })
    expect(await admin.hexists(keys.state, 'other')).toBe(0)
    await store.close()
  })

  test('a server that restarted empty fences its engine off: the state that it knew is gone', async () => {
    const store = storeAt(server.socketPath)
    await store.open()
    await store.commit({ set: { meta: '1' }, remove: [] })
    await server.stop()
    await expect(store.commit({ set: { meta: '2' }, remove: [] })).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    server = await startRedisServer(folder)
    await expect.poll(() => outcomeOf(store), { timeout: 5000 }).toBe('STORE_FENCED')
    await store.close()
  })
})
