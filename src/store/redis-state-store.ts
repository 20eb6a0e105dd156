/**
 * The StateStore in Redis: state, lease and fence under one prefix, each commit one script. An engine on a virtual clock gives it a system
 * clock all the same: leases and deadlines are about real silence.
 */

import { Redis } from 'ioredis'
import { assert } from '../base/assert.ts'
import { messageOf, OperatingError } from '../base/error.ts'
import type { Clock, ScheduledCall } from '../clock/clock.ts'
import type { Changes, StateStore } from '../engine/state-store.ts'
import { storeKeys } from './keys.ts'
import type { ProcessIdentity } from './process-identity.ts'
import { currentProcess, isGone, parseIdentity } from './process-identity.ts'
import { withoutSecrets } from './redis-address.ts'

export type RedisAddress = { url: string } | { path: string }

export type RedisStateStoreOptions = RedisAddress & {
  keyPrefix: string
  clock: Clock
  /** How long a silent holder keeps the lease. */
  leaseMs: number
  /** Deadline of the connection and of each command. */
  commandTimeoutMs: number
}

/** How long a server may take to end a connection that we end. */
const closingTimeoutMs = 100
const maxReconnectDelayMs = 1000
/** About an hour of outage at the longest delay; after that the engine stays without a store. */
const maxReconnects = 3600

/**
 * Takes the lease where it is free, or where its holder is the one in ARGV[3], known to be dead. The fence keeps the last token for ever:
 * it, and not the lease, decides who may write, so an expired lease that nobody took loses nothing.
 * KEYS state, lease, fence; ARGV holder, leaseMs, dead holder's token or empty. Answers {'', token, state} or {held token}.
 */
const openScript = `
local held = redis.call('GET', KEYS[2])
if held and held ~= ARGV[3] then return {held} end
local last = redis.call('HGET', KEYS[3], 'token') or '0'
local token = string.format('%d', tonumber(string.match(last, '^%d+')) + 1) .. ' ' .. ARGV[1]
redis.call('HSET', KEYS[3], 'token', token, 'commit', '0')
redis.call('SET', KEYS[2], token, 'PX', ARGV[2])
return {'', token, redis.call('HGETALL', KEYS[1])}`

/**
 * A commit that was given up at its deadline may arrive after a later one: its number tells, and it is dropped. A server that was restarted
 * from an older copy of its data has lost commits that it had acknowledged: no further one may stand on such a state.
 * KEYS state, lease, fence; ARGV token, leaseMs, commit number, last acknowledged number, count of fields to set, field, value, …, fields
 * to remove. Answers nil, or why it was not done: the token in force, 'none', 'late', 'lost'.
 */
const commitScript = `
local fence = redis.call('HMGET', KEYS[3], 'token', 'commit')
if fence[1] ~= ARGV[1] then return fence[1] or 'none' end
if tonumber(fence[2]) >= tonumber(ARGV[3]) then return 'late' end
if tonumber(fence[2]) < tonumber(ARGV[4]) then return 'lost' end
local removeFrom = 6 + 2 * tonumber(ARGV[5])
for i = removeFrom, #ARGV do redis.call('HDEL', KEYS[1], ARGV[i]) end
for i = 6, removeFrom - 1, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
redis.call('HSET', KEYS[3], 'commit', ARGV[3])
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
return nil`

/** KEYS lease; ARGV token. */
const closeScript = `
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return nil`

type Script<T> = (...keysAndArguments: (string | number)[]) => Promise<T>
type OpenAnswer = [held: string] | [held: string, token: string, pairs: string[]]
type ScriptedRedis = Redis & { openStore: Script<OpenAnswer>; commitStore: Script<string | null>; closeStore: Script<null> }

export class RedisStateStore implements StateStore {
  readonly kind = 'redis'
  readonly #options: RedisStateStoreOptions
  readonly #keys: [state: string, lease: string, fence: string]
  #redis: ScriptedRedis | null = null
  #token = ''
  #commitNumber = 0
  #acknowledgedNumber = 0
  #renewal: ScheduledCall | null = null
  #lastConnectionError: unknown

  constructor(options: RedisStateStoreOptions) {
    this.#options = options
    const { state, lease, fence } = storeKeys(options.keyPrefix)
    this.#keys = [state, lease, fence]
  }

  async open(): Promise<ReadonlyMap<string, string>> {
    assert(this.#redis === null, 'the store is open already')
    const redis = this.#connection()
    this.#redis = redis
    try {
      await this.#inTime(redis, redis.connect())
      return await this.#takeLease(redis)
    } catch (error) {
      this.#redis = null
      redis.disconnect()
      throw error
    }
  }

  async commit(changes: Changes): Promise<void> {
    const fields: string[] = []
    for (const [key, value] of Object.entries(changes.set)) fields.push(key, value)
    await this.#commit([fields.length / 2, ...fields, ...changes.remove])
  }

  async close(): Promise<void> {
    const redis = this.#redis
    if (redis === null) return
    this.#redis = null
    this.#renewal?.cancel()
    try {
      await this.#inTime(redis, redis.closeStore(1, this.#keys[1], this.#token))
    } catch (error) {
      // The lease ends by itself; an engine that has lost its server must still be able to close.
      this.#lastConnectionError = error
    } finally {
      redis.disconnect()
    }
  }

  async #takeLease(redis: ScriptedRedis): Promise<ReadonlyMap<string, string>> {
    const { leaseMs, keyPrefix } = this.#options
    const holder = JSON.stringify(currentProcess())
    const take = (dead: string): Promise<OpenAnswer> => this.#inTime(redis, redis.openStore(3, ...this.#keys, holder, leaseMs, dead))
    let answer = parseOpenAnswer(await take(''))
    if (typeof answer === 'string' && isHolderGone(answer)) answer = parseOpenAnswer(await take(answer))
    if (typeof answer === 'string') {
      throw new OperatingError('LEASE_HELD', `the state under ${keyPrefix} is held by ${describeHolder(answer)}`, {
        hint: `Stop that engine, or wait: its lease ends ${leaseMs} ms after its last sign of life.`,
      })
    }
    this.#token = answer.token
    this.#commitNumber = 0
    this.#acknowledgedNumber = 0
    this.#scheduleRenewal()
    return answer.state
  }

  async #commit(parameters: readonly (string | number)[]): Promise<void> {
    const redis = this.#redis
    assert(redis !== null, 'the store is not open')
    const number = ++this.#commitNumber
    const order = [this.#token, this.#options.leaseMs, number, this.#acknowledgedNumber]
    const answer = await this.#inTime(redis, redis.commitStore(3, ...this.#keys, ...order, ...parameters))
    if (answer === null) {
      this.#acknowledgedNumber = Math.max(this.#acknowledgedNumber, number)
      return
    }
    assert(answer !== 'late', `commit ${number} came after a later one`)
    const reason = lossOf(answer) ?? `it was taken by ${describeHolder(answer)}`
    throw new OperatingError('STORE_FENCED', `the state under ${this.#options.keyPrefix} is not ours any more: ${reason}`, {
      hint: 'Only one engine may write, and only on the state that it read; this one must end.',
    })
  }

  /** Keeps the lease of an engine that has nothing to commit for a while. */
  #scheduleRenewal(): void {
    const { clock, leaseMs } = this.#options
    this.#renewal = clock.schedule(clock.nowMs() + Math.ceil(leaseMs / 3), () => {
      // A renewal that fails is no event: the next commit meets the same trouble and reports it to the engine.
      void this.#commit([0]).then(
        () => this.#scheduleRenewalWhileOpen(),
        () => this.#scheduleRenewalWhileOpen(),
      )
    })
  }

  #scheduleRenewalWhileOpen(): void {
    if (this.#redis !== null) this.#scheduleRenewal()
  }

  /** Gives up at the deadline, and then reconnects: a server that has fallen behind must not gather a queue of ours. */
  async #inTime<T>(redis: Redis, answer: Promise<T>): Promise<T> {
    const { clock, commandTimeoutMs } = this.#options
    let deadline: ScheduledCall | undefined
    const late = new Promise<never>((_resolve, reject) => {
      deadline = clock.schedule(clock.nowMs() + commandTimeoutMs, () => {
        redis.disconnect(redis.status === 'ready')
        reject(new Error(`no answer in ${commandTimeoutMs} ms`))
      })
    })
    try {
      return await Promise.race([answer, late])
    } catch (error) {
      throw this.#unavailable(messageOf(this.#lastConnectionError ?? error), error)
    } finally {
      deadline?.cancel()
    }
  }

  #connection(): ScriptedRedis {
    const settings = {
      lazyConnect: true,
      enableReadyCheck: false,
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      protocol: 2 as const,
      disableClientInfo: true,
      connectTimeout: this.#options.commandTimeoutMs,
      disconnectTimeout: closingTimeoutMs,
      retryStrategy: (times: number) => (this.#token === '' || times > maxReconnects ? null : Math.min(times * 50, maxReconnectDelayMs)),
      scripts: {
        openStore: { lua: openScript },
        commitStore: { lua: commitScript },
        closeStore: { lua: closeScript },
      },
    }
    const redis = 'url' in this.#options ? new Redis(this.#options.url, settings) : new Redis({ ...settings, path: this.#options.path })
    redis.on('error', (error: unknown) => (this.#lastConnectionError = error))
    redis.on('ready', () => (this.#lastConnectionError = undefined))
    return redis as ScriptedRedis
  }

  #unavailable(reason: string, cause: unknown): OperatingError {
    const where = 'url' in this.#options ? withoutSecrets(this.#options.url) : this.#options.path
    return new OperatingError('STORE_UNAVAILABLE', `Redis at ${where} does not serve: ${reason}`, {
      hint: 'Check that the server runs, that this address is right, and that it is neither read-only nor out of memory.',
      cause,
    })
  }
}

/** What the server has lost, in words; null where the answer names another holder. */
function lossOf(answer: string): string | null {
  if (answer === 'none') return 'the server has lost its data'
  return answer === 'lost' ? 'the server has lost commits that it had acknowledged (see its appendonly setting)' : null
}

/** Null where another program wrote the lease: whoever holds it may be alive. */
function holderOf(token: string): ProcessIdentity | null {
  try {
    return parseIdentity(JSON.parse(token.slice(token.indexOf(' ') + 1)))
  } catch {
    return null
  }
}

function isHolderGone(token: string): boolean {
  const holder = holderOf(token)
  return holder !== null && isGone(holder)
}

function describeHolder(token: string): string {
  const holder = holderOf(token)
  return holder === null ? `an unknown program (${token.slice(0, 80)})` : `process ${holder.pid} on ${holder.space}`
}

/** The token that holds the lease, or what was opened. */
function parseOpenAnswer([held, token, pairs]: OpenAnswer): string | { token: string; state: ReadonlyMap<string, string> } {
  if (token === undefined || pairs === undefined) return held
  const state = new Map<string, string>()
  for (let i = 0; i + 1 < pairs.length; i += 2) state.set(pairs[i] ?? '', pairs[i + 1] ?? '')
  return { token, state }
}
