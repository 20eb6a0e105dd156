/** Prepares the place for one run: leftovers stopped, state reset, new logs, machine checked. The supervisor calls it, and later `stop`. */

import { join } from 'node:path'
import { assert } from '../base/assert.ts'
import { messageOf, OperatingError } from '../base/error.ts'
import type { CampaignConfig } from '../config/schema.ts'
import { runPrefix } from '../store/keys.ts'
import type { RedisAddress } from '../store/redis-state-store.ts'
import { withoutSecrets } from '../store/redis-address.ts'
import { makeLogs, resetEmbedded, rotateLogs, stopLeftovers } from './cleanup.ts'
import { EnvironmentError, notReady } from './environment-error.ts'
import { openNetwork, type Network, type NetworkNeeds } from './network.ts'
import { checkRuntime, checkWritable } from './preflight.ts'
import type { ProcessRecord, ProcessRole } from './processes.ts'
import { ProcessRegister } from './processes.ts'
import { removeRunKeys, resetRedis } from './redis-state.ts'
import type { RedisServer } from './redis-server.ts'
import { isRedisInstalled, startRedisServer } from './redis-server.ts'
import type { StepReport } from './step.ts'

export type StorePlace = ({ kind: 'redis'; keyPrefix: string } & RedisAddress) | { kind: 'embedded'; folder: string }

export interface EnvironmentOptions {
  runFolder: string
  repoRoot: string
  /** Without colons: it becomes part of Redis keys. */
  runId: string
  redis: CampaignConfig['redis']
  env: { REDIS_URL?: string | undefined }
  /** Absolute paths; empty where the market is no tape. */
  tapeFiles: readonly string[]
  /** Venues behind sockets; null where the market is inside the engine's process. */
  network: NetworkNeeds | null
  /** The config is loaded before, by the caller; its report stands last, as in the list of the steps. */
  configStep: StepReport
  /** One of many runs beside each other: the first steps were done once for all, and the link `logs` is not for these. */
  isOneOfMany?: boolean
}

export interface Environment {
  steps: StepReport[]
  store: StorePlace
  /** Null where the market is inside the engine's process. */
  network: Network | null
  /** For the supervisor to record the engine in. */
  register: ProcessRegister
  /** Stops what was started and removes our keys from a server that is not ours. Safe to call twice. */
  stop(): Promise<void>
}

/** What a step says of a run that is one of many. */
const doneBefore = 'done before the first of many runs'

/** Where the register of this repository's processes lies. */
export function processRegister(repoRoot: string): ProcessRegister {
  return new ProcessRegister(join(repoRoot, 'reports', 'processes'))
}

/** Safe to repeat. Throws EnvironmentError at the first step that fails, with nothing left running. */
export async function prepareEnvironment(options: EnvironmentOptions): Promise<Environment> {
  const preparation = new Preparation(options)
  try {
    return await preparation.run()
  } catch (error) {
    await preparation.stop()
    throw error
  }
}

class Preparation {
  readonly #options: EnvironmentOptions
  readonly #register: ProcessRegister
  readonly #steps: StepReport[] = []
  readonly #records: ProcessRecord[] = []
  #server: RedisServer | null = null
  #network: Network | null = null
  #store: StorePlace | null = null

  constructor(options: EnvironmentOptions) {
    this.#options = options
    this.#register = processRegister(options.repoRoot)
  }

  async run(): Promise<Environment> {
    const { repoRoot, runFolder, tapeFiles, configStep, isOneOfMany = false } = this.#options
    await this.#step('stop-leftovers', async () => {
      checkWritable(runFolder)
      const done = isOneOfMany ? doneBefore : await stopLeftovers(this.#register)
      this.#record('supervisor', process.pid)
      return done
    })
    await this.#step('reset-state', () => this.#resetState())
    await this.#step('rotate-logs', async () => (isOneOfMany ? makeLogs(runFolder) : rotateLogs(repoRoot, runFolder)))
    await this.#step('check-runtime', async () => (isOneOfMany ? doneBefore : checkRuntime({ repoRoot, runFolder, tapeFiles })))
    this.#network = await this.#openNetwork()
    this.#steps.push(configStep)
    assert(this.#store !== null, 'resetting the state chooses the store')
    return { steps: this.#steps, store: this.#store, network: this.#network, register: this.#register, stop: () => this.stop() }
  }

  async stop(): Promise<void> {
    const network = this.#network
    this.#network = null
    await network?.stop()
    const server = this.#server
    const store = this.#store
    this.#server = null
    this.#store = null
    try {
      if (server !== null) await server.stop()
      else if (store?.kind === 'redis') await removeRunKeys(store, store.keyPrefix)
    } catch (error) {
      // A server that went away before us keeps our keys; the next clean-up removes them.
      if (!(error instanceof OperatingError)) throw error
    } finally {
      for (const record of this.#records.splice(0)) this.#register.forget(record)
    }
  }

  async #step(name: string, action: () => Promise<string>): Promise<string> {
    const startedMs = performance.now()
    const report = (status: StepReport['status'], detail: string, hint: string | null): void => {
      this.#steps.push({ name, status, detail, hint, tookMs: Math.round(performance.now() - startedMs) })
    }
    try {
      const detail = await action()
      report('done', detail, null)
      return detail
    } catch (error) {
      const hint = error instanceof OperatingError ? error.hint : 'Check the permissions of the folder and the space on its disk.'
      report('failed', messageOf(error), hint)
      throw new EnvironmentError(this.#steps, `${name}: ${messageOf(error)}`, { hint, cause: error })
    }
  }

  async #resetState(): Promise<string> {
    const { redis, env, runFolder } = this.#options
    // A variable that is set to nothing is not set: some CI systems can do no other.
    const url = redis.url ?? (env.REDIS_URL === '' ? undefined : env.REDIS_URL)
    if (redis.mode === 'url' && url === undefined) {
      throw notReady('redis.mode is url, but there is no address', 'Set redis.url in the config or REDIS_URL in the environment.')
    }
    if (url !== undefined && (redis.mode === 'url' || redis.mode === 'auto')) {
      return `Redis at ${withoutSecrets(url)}: ${await this.#useRedis({ url }, redis.allowFlushAll)}`
    }
    if (redis.mode === 'private' || (redis.mode === 'auto' && isRedisInstalled())) {
      const server = await startRedisServer(runFolder)
      this.#server = server
      this.#record('redis', server.pid)
      return `private Redis ${server.version}: ${await this.#useRedis({ path: server.socketPath }, true)}`
    }
    const folder = join(runFolder, 'state')
    this.#store = { kind: 'embedded', folder }
    const why = redis.mode === 'off' ? 'Redis is off' : 'no redis-server on the PATH'
    return `embedded store (${why}): ${resetEmbedded(folder)}`
  }

  async #useRedis(address: RedisAddress, canFlushAll: boolean): Promise<string> {
    const { redis, runId } = this.#options
    const done = await resetRedis({ address, keyPrefix: redis.keyPrefix, runId, canFlushAll })
    this.#store = { kind: 'redis', keyPrefix: runPrefix(redis.keyPrefix, runId), ...address }
    return done
  }

  async #openNetwork(): Promise<Network | null> {
    const { network, runFolder, runId } = this.#options
    if (network === null) return null
    return openNetwork(network, { folder: runFolder, runId, register: this.#register, step: (...step) => this.#step(...step) })
  }

  #record(role: ProcessRole, pid: number): void {
    const record = this.#register.record(role, this.#options.runId, pid)
    if (record !== null) this.#records.push(record)
  }
}
