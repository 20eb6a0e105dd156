/**
 * Seeds on a Redis, for workers on any machine: where they wait, how results come back, and the sweep's side of it. BullMQ keeps the queue;
 * results go into a hash of ours, so that neither a killed sweep nor a killed worker loses one. The workers' side is seed-worker.ts.
 */

import { Queue } from 'bullmq'
import { Redis } from 'ioredis'
import { messageOf, OperatingError } from '../base/error.ts'
import { SystemClock } from '../clock/system-clock.ts'
import type { CampaignConfig } from '../config/schema.ts'
import { isWithoutSecrets, withoutSecrets } from '../store/redis-address.ts'
import type { CodeVersion } from './code-version.ts'
import type { RunSeeds } from './run-sweep.ts'
import type { SeedResult } from './seed-result.ts'
import { deadlineMsOf } from './seed-run.ts'
import { parseResult, type SweepFacts } from './sweep-folder.ts'

/** Nothing else in that Redis is touched. */
export const queuePrefix = 'longhaul-sweeps'
export const queuePasswordVariable = 'LONGHAUL_QUEUE_PASSWORD'

/** Names the sweep that said last that it waits for workers, and the code that it asks for; renewed while the sweep lives. */
export const announcementKey = `${queuePrefix}:announced`

/** The same among sweeps of one version. */
export function announcementKeyOf(version: CodeVersion): string {
  return `${announcementKey}:${queueName(version)}`
}

/** A server, or a socket on this machine. */
export interface QueueAddress {
  host?: string
  port?: number
  db?: number
  tls?: object
  path?: string
  password?: string
}

export interface Announcement {
  sweepId: string
  version: CodeVersion
}

/** All that a worker needs to run a seed. */
export interface QueuedSeed {
  sweepId: string
  resultsKey: string
  seed: number
  /** Resolved. */
  config: object
  version: CodeVersion
  /** Wall time that it may take. */
  deadlineMs: number
}

/** A worker sees only seeds that are for its own code. */
export function queueName({ sources }: CodeVersion): string {
  return `seeds-${sources.slice(0, 16)}`
}

/** Of one sweep of one code: results of another version must not come in, nor its jobs count as ours. */
export function nameOnQueue({ id, configHash, version }: SweepFacts): string {
  const hashes = [configHash, version.sources, ...(version.parts === null ? [] : [version.parts])]
  return [id, ...hashes.map((hash) => hash.slice(0, 12))].join('-')
}

/** Wall time between two looks for results. */
const pollMs = 250
/** Without a result for so long, what is missing is offered again: a Redis that lost its data has lost the queue with it. */
const offerAgainMs = 15_000
const announcedForMs = 60_000
const announceEveryMs = 20_000
/** Results of a sweep that nobody resumes. */
const resultsKeptMs = 7 * 24 * 60 * 60 * 1000
const offeredAtOnce = 200
/** For taking back what waits, where Redis is slow to answer: a user who has asked for the end waits. */
const takeBackMs = 3000
const awayPauseMs = 1000
const commandTimeoutMs = 5000

/** `redis://host:port/db` or a socket's path. Throws CONFIG_INVALID: a password on a command line is for every process to see. */
export function queueAddress(address: string, environment: Readonly<Record<string, string | undefined>>): QueueAddress {
  const isPath = address.startsWith('/')
  const url = isPath || !URL.canParse(address) ? null : new URL(address)
  if (!isWithoutSecrets(address) || !(isPath || (url !== null && /^rediss?:$/.test(url.protocol)))) {
    throw new OperatingError('CONFIG_INVALID', `--redis expects redis://host:port or a socket, was ${withoutSecrets(address)}`, {
      hint: `User and password do not belong on a command line: ${queuePasswordVariable} holds the password.`,
    })
  }
  const password = environment[queuePasswordVariable]
  const secret = password === undefined || password === '' ? {} : { password }
  if (url === null) return { path: address, ...secret }
  const db = Number(url.pathname.slice(1))
  const tls = url.protocol === 'rediss:' ? { tls: {} } : {}
  // An address of IPv6 stands in brackets in a URL, and in none where it is connected to.
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  return { host, port: Number(url.port === '' ? 6379 : url.port), ...(db > 0 ? { db } : {}), ...tls, ...secret }
}

/** What keeps a command from waiting for ever: it fails, and whoever asked says what then. */
const boundedCommands = { maxRetriesPerRequest: 1, commandTimeout: commandTimeoutMs, connectTimeout: commandTimeoutMs }

/** Its trouble comes back from each command. */
export function connectionOf(address: QueueAddress): Redis {
  return new Redis({ ...address, ...boundedCommands, lazyConnect: true }).on('error', () => undefined)
}

/** Throws ENVIRONMENT_NOT_READY: a Redis that goes away later is waited for, one that was never there is not. */
export async function connectQueue(redis: Redis): Promise<void> {
  try {
    await redis.connect()
    await redis.ping()
  } catch (error) {
    redis.disconnect()
    throw new OperatingError('ENVIRONMENT_NOT_READY', `the queue's Redis does not answer: ${messageOf(error)}`, {
      hint: `See that it runs at the address that --redis names, and that ${queuePasswordVariable} holds its password where it has one.`,
      cause: error,
    })
  }
}

export interface QueuedSweep {
  address: QueueAddress
  facts: SweepFacts
  config: CampaignConfig
  say: (line: string) => void
}

export function runSeedsOnWorkers(sweep: QueuedSweep): RunSeeds {
  return async (seeds, onResult, signal) => {
    const redis = connectionOf(sweep.address)
    await connectQueue(redis)
    const queue = new Queue(queueName(sweep.facts.version), { connection: redis, prefix: queuePrefix })
    // As above: the command that fails of it says so.
    queue.on('error', () => undefined)
    try {
      await new SeedQueue(sweep, { redis, queue }, seeds, onResult).run(signal)
    } finally {
      await queue.close()
      redis.disconnect()
    }
  }
}

class SeedQueue {
  readonly #sweep: QueuedSweep
  readonly #redis: Redis
  readonly #queue: Queue
  readonly #missing: Set<number>
  readonly #onResult: (result: SeedResult) => void
  readonly #name: string
  readonly #resultsKey: string
  readonly #clock = new SystemClock()
  #offeredMs = 0
  #announcedMs = 0
  #awaySinceMs: number | null = null

  constructor(
    sweep: QueuedSweep,
    { redis, queue }: { redis: Redis; queue: Queue },
    seeds: readonly number[],
    onResult: (result: SeedResult) => void,
  ) {
    this.#sweep = sweep
    this.#redis = redis
    this.#queue = queue
    this.#missing = new Set(seeds)
    this.#onResult = onResult
    this.#name = nameOnQueue(sweep.facts)
    this.#resultsKey = `${queuePrefix}:results:${this.#name}`
  }

  async run(signal: AbortSignal): Promise<void> {
    try {
      while (this.#missing.size > 0 && !signal.aborted) {
        const isThere = await this.#orAway(() => this.#round())
        await this.#clock.sleepUntil(this.#clock.nowMs() + (isThere ? pollMs : awayPauseMs))
      }
    } finally {
      // What waits is taken back: a worker would run it for nobody.
      const tooLong = Promise.withResolvers<void>()
      const timer = this.#clock.schedule(this.#clock.nowMs() + takeBackMs, tooLong.resolve)
      await Promise.race([this.#orAway(() => this.#takeBack()), tooLong.promise])
      timer.cancel()
    }
  }

  async #round(): Promise<void> {
    const nowMs = this.#clock.nowMs()
    if (nowMs - this.#announcedMs >= announceEveryMs) {
      const { id, version } = this.#sweep.facts
      const announcement: Announcement = { sweepId: id, version }
      for (const key of [announcementKeyOf(version), announcementKey]) {
        await this.#redis.set(key, JSON.stringify(announcement), 'PX', announcedForMs)
      }
      this.#announcedMs = nowMs
    }
    if ((await this.#collect()) > 0) this.#offeredMs = Math.max(this.#offeredMs, nowMs - offerAgainMs / 2)
    if (nowMs - this.#offeredMs >= offerAgainMs) await this.#offer()
  }

  /** A result leaves Redis when it is on our disk; one that comes twice is the same. */
  async #collect(): Promise<number> {
    const found = await this.#redis.hgetall(this.#resultsKey)
    const fields = Object.keys(found)
    for (const field of fields) {
      const result = parseResult(found[field] ?? '')
      if (result === null || String(result.seed) !== field) this.#sweep.say(`not a result, thrown away: ${field} in ${this.#resultsKey}`)
      else if (this.#missing.has(result.seed)) {
        this.#onResult(result)
        this.#missing.delete(result.seed)
      }
    }
    if (fields.length > 0) await this.#redis.hdel(this.#resultsKey, ...fields)
    return fields.length
  }

  /** A job's id is its sweep's and its seed's, so what waits or runs already is not added again. */
  async #offer(): Promise<void> {
    const { facts, config } = this.#sweep
    const { id: sweepId, version } = facts
    const deadlineMs = deadlineMsOf(config)
    const missing = [...this.#missing]
    for (let start = 0; start < missing.length; start += offeredAtOnce) {
      const jobs = missing.slice(start, start + offeredAtOnce).map((seed) => ({
        name: 'seed',
        data: { sweepId, resultsKey: this.#resultsKey, seed, config, version, deadlineMs } satisfies QueuedSeed,
        opts: { jobId: `${this.#name}-${seed}`, removeOnComplete: true, removeOnFail: true, attempts: 3, backoff: 1000 },
      }))
      await this.#queue.addBulk(jobs)
    }
    await this.#redis.pexpire(this.#resultsKey, resultsKeptMs)
    this.#offeredMs = this.#clock.nowMs()
  }

  async #takeBack(): Promise<void> {
    await this.#redis.del(announcementKey, announcementKeyOf(this.#sweep.facts.version))
    await Promise.all([...this.#missing].map((seed) => this.#queue.remove(`${this.#name}-${seed}`)))
  }

  /** False where Redis is away; said once an outage. Throws what is wrong on our side: a disk that takes no result. */
  async #orAway(action: () => Promise<void>): Promise<boolean> {
    const nowMs = this.#clock.nowMs()
    try {
      await action()
    } catch (error) {
      if (error instanceof OperatingError) throw error
      if (this.#awaySinceMs === null) this.#sweep.say(`Redis is away, waiting for it: ${messageOf(error)}`)
      this.#awaySinceMs ??= nowMs
      return false
    }
    if (this.#awaySinceMs !== null) {
      this.#sweep.say(`Redis is back after ${Math.round((nowMs - this.#awaySinceMs) / 1000)} s`)
      // It may have come back empty.
      this.#offeredMs = 0
    }
    this.#awaySinceMs = null
    return true
  }
}
