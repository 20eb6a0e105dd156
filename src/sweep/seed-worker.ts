/** The workers' side of a queued sweep: takes seeds from Redis, runs them in processes of this machine, gives the results back. */

import { WaitingError, Worker, type Job } from 'bullmq'
import { createHash } from 'node:crypto'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import type { Redis } from 'ioredis'
import { z } from 'zod'
import { messageOf, OperatingError } from '../base/error.ts'
import type { ScheduledCall } from '../clock/clock.ts'
import { SystemClock } from '../clock/system-clock.ts'
import { repoRoot } from '../campaign/run-campaign.ts'
import { describeVersion, partsHash, type CodeVersion } from './code-version.ts'
import { checkMachineAfter, lookAtMachine } from './run-sweep.ts'
import {
  announcementKey,
  announcementKeyOf,
  connectionOf,
  connectQueue,
  queueName,
  queuePrefix,
  type Announcement,
  type QueueAddress,
  type QueuedSeed,
} from './seed-queue.ts'
import { SeedPool } from './seed-pool.ts'
import { unknownResult, type SeedResult } from './seed-result.ts'

export interface SeedWorkerOptions {
  address: QueueAddress
  concurrency: number
  version: CodeVersion
  withheld: readonly string[]
  signal: AbortSignal
  say: (line: string) => void
}

/**
 * A worker renews its locks every half of this. One that was killed does not, and another finds that out within this and one look more: its
 * seeds are run again after at most 15 s. Seeds run in other processes, so a busy machine does not keep this one from renewing.
 */
const lockMs = 10_000
const lookForStalledMs = 5_000
/**
 * Workers that one seed may see die before it counts as the cause. A run cannot kill more than its own process, so it hardly ever is: more
 * often machines were taken away, one after the other.
 */
const maxKilledWorkers = 5
const lookForOtherVersionsMs = 10_000
/** For giving seeds back, when all runs have ended: whatever Redis does, a user who has asked for the end waits. */
const giveBackMs = 1500
const giveBackLookMs = 20
const resultRetryMs = 1000

const queuedSeed = z.strictObject({
  sweepId: z.string(),
  resultsKey: z.string().startsWith(`${queuePrefix}:results:`),
  seed: z.int().min(0),
  config: z.looseObject({ parts: z.string().optional() }),
  version: z.strictObject({ sources: z.string(), parts: z.string().nullable(), commit: z.string().nullable() }),
  deadlineMs: z.number().positive(),
})

/** Until the signal. Throws ENVIRONMENT_NOT_READY where Redis is not there, only seeds for other code wait, or the disk is full. */
export async function runSeedWorker(options: SeedWorkerOptions): Promise<void> {
  const folder = join(repoRoot, 'reports/sweeps', `worker-${process.pid}`)
  const redis = connectionOf(options.address)
  await connectQueue(redis)
  try {
    await lookAtMachine(folder)
    await new SeedWorker(options, redis, folder).run()
  } finally {
    redis.disconnect()
    rmSync(folder, { recursive: true, force: true })
  }
}

class SeedWorker {
  readonly #options: SeedWorkerOptions
  readonly #redis: Redis
  readonly #folder: string
  readonly #writtenFiles = new Set<string>()
  readonly #pool: SeedPool
  readonly #clock = new SystemClock()
  readonly #ended = Promise.withResolvers<void>()
  #runningCount = 0
  #isEnding = false
  #watch: ScheduledCall | null = null

  constructor(options: SeedWorkerOptions, redis: Redis, folder: string) {
    this.#options = options
    this.#redis = redis
    this.#folder = folder
    this.#pool = new SeedPool({ size: options.concurrency, withheld: options.withheld })
  }

  async run(): Promise<void> {
    const { address, concurrency, version, signal, say } = this.#options
    const worker = new Worker<QueuedSeed>(queueName(version), (job, token) => this.#process(job, token), {
      connection: { ...address, maxRetriesPerRequest: null },
      prefix: queuePrefix,
      concurrency,
      lockDuration: lockMs,
      stalledInterval: lookForStalledMs,
      // What has killed its workers comes once more, and gets its result from us.
      maxStalledCount: Number.MAX_SAFE_INTEGER,
    })
    worker.on('error', (error) => say(`queue: ${messageOf(error)}`))
    say(`waits for seeds, ${concurrency} at one time; ${describeVersion(version)}`)
    signal.addEventListener('abort', () => this.#ended.resolve(), { once: true })
    if (signal.aborted) this.#ended.resolve()
    try {
      await Promise.all([this.#ended.promise, this.#watchVersions()])
    } finally {
      this.#isEnding = true
      this.#watch?.cancel()
      // First: for each seed that it gives back it would take the next one.
      await worker.pause(true)
      await this.#pool.close()
      const deadlineMs = this.#clock.nowMs() + giveBackMs
      while (this.#runningCount > 0 && this.#clock.nowMs() < deadlineMs) await this.#clock.sleepUntil(this.#clock.nowMs() + giveBackLookMs)
      await worker.close(true)
    }
  }

  async #process(job: Job<QueuedSeed>, token: string | undefined): Promise<void> {
    const { data } = job
    this.#runningCount++
    try {
      const result = await this.#resultOrEnd(job)
      if (result === null) {
        // Another worker takes it at once.
        await job.moveToWait(token)
        throw new WaitingError()
      }
      await this.#store(data.resultsKey, result)
      this.#options.say(`${data.sweepId} seed ${data.seed}: ${result.verdict}, ${Math.round(result.wallMs)} ms`)
    } finally {
      this.#runningCount--
    }
  }

  /** Null where this worker has been asked to end, or has to: what keeps it from this seed would keep it from all that follow. */
  async #resultOrEnd(job: Job<QueuedSeed>): Promise<SeedResult | null> {
    try {
      const result = await this.#resultOf(job)
      if (result !== null) await checkMachineAfter(result, this.#folder)
      return result
    } catch (error) {
      this.#ended.reject(error)
      return null
    }
  }

  async #resultOf({ data, stalledCounter }: Job<QueuedSeed>): Promise<SeedResult | null> {
    const { seed } = data
    if (stalledCounter >= maxKilledWorkers) return unknownResult(seed, `Cannot be told: ${stalledCounter} workers died of it.`, 0)
    const checked = queuedSeed.safeParse(data)
    if (!checked.success)
      return unknownResult(seed, `Cannot be told: the queue holds no seed: ${checked.error.issues[0]?.message ?? ''}.`, 0)
    const { sweepId, config, version, deadlineMs } = checked.data
    const { parts } = config
    // The queue says what to run, but only of what lies in this repository.
    if (parts !== undefined && relative(repoRoot, resolve(repoRoot, parts)).startsWith('..')) {
      return unknownResult(seed, 'Cannot be told: its parts lie outside of the repository.', 0)
    }
    if (partsHash(parts) !== version.parts) return unknownResult(seed, `Cannot be told: a worker has another ${parts}.`, 0)
    const engine = parts === undefined ? ('kept' as const) : ('new' as const)
    const command = `longhaul sweep --resume ${sweepId}`
    return this.#pool.run({ seed, configFile: this.#fileOf(JSON.stringify(config)), keep: 'none', engine, deadlineMs, command })
  }

  #fileOf(config: string): string {
    const file = join(this.#folder, `${createHash('sha256').update(config).digest('hex').slice(0, 16)}.yaml`)
    // Once: a process may be reading it for the seed before.
    if (!this.#writtenFiles.has(file)) {
      mkdirSync(this.#folder, { recursive: true })
      writeFileSync(file, config)
      this.#writtenFiles.add(file)
    }
    return file
  }

  /** Redis may be away for as long as it likes: a result that is lost would be run again. */
  async #store(key: string, result: SeedResult): Promise<void> {
    for (;;) {
      try {
        await this.#redis.hset(key, String(result.seed), JSON.stringify(result))
        return
      } catch (error) {
        if (this.#options.signal.aborted) throw error
        this.#options.say(`Redis is away, the result of seed ${result.seed} waits: ${messageOf(error)}`)
        await this.#clock.sleepUntil(this.#clock.nowMs() + resultRetryMs)
      }
    }
  }

  async #refuseOtherVersion(): Promise<void> {
    const [ownSweep, text] = await this.#redis.mget(announcementKeyOf(this.#options.version), announcementKey)
    if (typeof ownSweep === 'string' || typeof text !== 'string') return
    const { sweepId, version } = JSON.parse(text) as Announcement
    if (version.sources === this.#options.version.sources) return
    const [wanted, here] = [version, this.#options.version].map(describeVersion)
    throw new OperatingError('ENVIRONMENT_NOT_READY', `sweep ${sweepId} is for ${wanted}, this worker is ${here}`, {
      hint: 'Its results would be of another engine: check out the commit of the sweep, or wait for a sweep of this one.',
    })
  }

  /** Only where it has nothing to do: what it runs may be of a sweep that has just been killed. An outage is for the queue to tell. */
  async #watchVersions(): Promise<void> {
    if (this.#runningCount === 0) {
      await this.#refuseOtherVersion().catch((error: unknown) => {
        if (error instanceof OperatingError) this.#ended.reject(error)
      })
    }
    if (this.#isEnding) return
    this.#watch = this.#clock.schedule(this.#clock.nowMs() + lookForOtherVersionsMs, () => void this.#watchVersions())
  }
}
