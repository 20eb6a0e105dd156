/** Resets and removes our state in a Redis server: all of a server that we started, and only our own keys on any other. */

import { Redis } from 'ioredis'
import { messageOf } from '../base/error.ts'
import { ownerKey, runPrefix, runPrefixesOf } from '../store/keys.ts'
import { currentProcess, isGone, parseIdentity } from '../store/process-identity.ts'
import { withoutSecrets } from '../store/redis-address.ts'
import type { RedisAddress } from '../store/redis-state-store.ts'
import { notReady } from './environment-error.ts'

const commandTimeoutMs = 3000
/** A server with more keys than this is scanned in part, and the step says so: preparing must end. */
const maxScans = 10_000
const keysPerScan = 1000
/** An owner that cannot be looked at, because it runs on another host, is believed for as long as the longest campaign may take. */
const ownerLifetimeSeconds = 60 * 24 * 60 * 60

export interface ResetOptions {
  address: RedisAddress
  keyPrefix: string
  runId: string
  /** True on a server that we started, or where the config allows it. */
  canFlushAll: boolean
}

/** Makes the run's place empty and marks it as ours. Answers what was done, in words. Throws ENVIRONMENT_NOT_READY. */
export async function resetRedis(options: ResetOptions): Promise<string> {
  return withRedis(options.address, async (redis) => {
    const done = options.canFlushAll ? await flushAll(redis, options) : (await removeLeftoverKeys(redis, options)).done
    const owner = ownerKey(runPrefix(options.keyPrefix, options.runId))
    await redis.set(owner, JSON.stringify(currentProcess()), 'EX', ownerLifetimeSeconds)
    return done
  })
}

/** Removes all keys of one run. Throws ENVIRONMENT_NOT_READY. */
export async function removeRunKeys(address: RedisAddress, ofRunPrefix: string): Promise<number> {
  return withRedis(address, async (redis) => {
    let count = 0
    for await (const keys of scan(redis, ofRunPrefix)) count += await redis.unlink(...keys)
    return count
  })
}

/** Of all databases. A campaign that runs there would lose its state: beside one, only leftovers go. */
async function flushAll(redis: Redis, options: ResetOptions): Promise<string> {
  const keyspace = await redis.info('keyspace')
  const { done, keptCount } = await removeLeftoverKeys(redis, options)
  if (keptCount > 0) return `no FLUSHALL beside running campaigns: ${done}`
  await redis.flushall()
  const keyCounts = [...keyspace.matchAll(/keys=(\d+)/g)].map(([, count]) => Number(count))
  return `FLUSHALL removed ${keyCounts.reduce((sum, count) => sum + count, 0)} keys`
}

/** Keys of a campaign that runs beside this one stay: its owner key names a process that is not known to be gone. */
async function removeLeftoverKeys(redis: Redis, { keyPrefix, runId }: ResetOptions): Promise<{ done: string; keptCount: number }> {
  const kept = new Map<string, boolean>([[runPrefix(keyPrefix, runId), false]])
  let removedCount = 0
  for await (const keys of scan(redis, keyPrefix)) {
    const leftovers: string[] = []
    for (const key of keys) {
      const isKept = await isAnyKept(runPrefixesOf(key, keyPrefix), kept, redis)
      if (!isKept) leftovers.push(key)
    }
    if (leftovers.length > 0) removedCount += await redis.unlink(...leftovers)
  }
  const keptCount = [...kept.values()].filter(Boolean).length
  const left = keptCount > 0 ? `, left ${keptCount} running campaigns' alone` : ''
  return { done: `removed ${removedCount} keys under ${keyPrefix}:${left}`, keptCount }
}

/** What was found out about a run is remembered: it has several keys. */
async function isAnyKept(runs: readonly string[], kept: Map<string, boolean>, redis: Redis): Promise<boolean> {
  for (const run of runs) {
    const isKept = kept.get(run) ?? (await hasLiveOwner(redis, run))
    kept.set(run, isKept)
    if (isKept) return true
  }
  return false
}

async function hasLiveOwner(redis: Redis, run: string): Promise<boolean> {
  const owner = await redis.get(ownerKey(run))
  if (owner === null) return false
  try {
    const identity = parseIdentity(JSON.parse(owner))
    return identity !== null && !isGone(identity)
  } catch {
    // Not written by us as an owner key, so it names nobody.
    return false
  }
}

/** All keys under a prefix; no letter of it is a pattern's. */
async function* scan(redis: Redis, prefix: string): AsyncGenerator<string[]> {
  const literal = prefix.replaceAll(/[*?[\]\\]/g, '\\$&')
  const pattern = `${literal}:*`
  let cursor = '0'
  for (let scans = 0; scans < maxScans; scans++) {
    const [next, keys] = await redis.scan(cursor, 'MATCH', pattern, 'COUNT', keysPerScan)
    if (keys.length > 0) yield keys
    if (next === '0') return
    cursor = next
  }
  throw new Error(`more keys than ${maxScans * keysPerScan}: use a server or a database of its own`)
}

const settings = {
  lazyConnect: true,
  protocol: 2 as const,
  disableClientInfo: true,
  connectTimeout: commandTimeoutMs,
  commandTimeout: commandTimeoutMs,
  maxRetriesPerRequest: 0,
  retryStrategy: () => null,
}

function connectionTo(address: RedisAddress): Redis {
  try {
    return 'url' in address ? new Redis(address.url, settings) : new Redis({ ...settings, path: address.path })
  } catch {
    // The error holds the whole address, and with it the password: it is not handed on.
    throw notReady(
      'the address of Redis cannot be read',
      'Write REDIS_URL as redis://user:password@host:port, with % codes for / @ ? and #.',
    )
  }
}

async function withRedis<T>(address: RedisAddress, use: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = connectionTo(address)
  let connectionError: unknown
  redis.on('error', (error: unknown) => (connectionError = error))
  // Left to select a database that the server lacks, ioredis goes on in database 0, which may be anybody's.
  const { db = 0 } = redis.options
  redis.options.db = 0
  try {
    await redis.connect()
    await redis.select(db)
    return await use(redis)
  } catch (error) {
    const where = 'url' in address ? withoutSecrets(address.url) : address.path
    throw notReady(
      `Redis at ${where} is not usable: ${messageOf(connectionError ?? error)}`,
      'Start Redis or correct the address (REDIS_URL, redis.url); redis.mode: off runs without it.',
      error,
    )
  } finally {
    redis.disconnect()
  }
}
