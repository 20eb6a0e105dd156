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
import { codeVersion, describeVersion, type CodeVersion } from './code-version.ts'
import { lookAtMachine } from './run-sweep.ts'
import {
  announcementKey,
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
  /** Wall time that one seed may take. */
  deadlineMs: number
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
/** Workers that one seed may take along before it counts as the cause. */
const maxKilledWorkers = 2
const lookForOtherVersionsMs = 10_000
/** From the user's wish to end until the end, whatever Redis does. */
const closeDeadlineMs = 4000
const resultRetryMs = 1000

const queuedSeed = z.strictObject({
  sweepId: z.string(),
  resultsKey: z.string().startsWith(`${queuePrefix}:results:`),
  seed: z.int().min(0),
  config: z.string().max(1024 * 1024),
  version: z.strictObject({ sources: z.string(), parts: z.string().nullable(), commit: z.string().nullable() }),
})

/** Until the signal. Throws ENVIRONMENT_NOT_READY where Redis is not there, or only seeds for other code wait. */
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
  #watch: ScheduledCall | null = null

  constructor(options: SeedWorkerOptions, redis: Redis, folder: string) {
    this.#options = options
    this.#redis = redis
    this.#folder = folder
    this.#pool = new SeedPool({ size: options.concurrency, deadlineMs: options.deadlineMs, withheld: options.withheld })
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
      await this.#watchVersions()
      await this.#ended.promise
    } finally {
      this.#watch?.cancel()
      await this.#pool.close()
      await Promise.race([worker.close(), this.#clock.sleepUntil(this.#clock.nowMs() + closeDeadlineMs)])
    }
  }

  async #process(job: Job<QueuedSeed>, token: string | undefined): Promise<void> {
    const { data } = job
    this.#runningCount++
    try {
      const result = await this.#resultOf(job)
      if (result === null) {
        // Asked to end in the middle of it: another worker takes it at once.
        await job.moveToWait(token)
        throw new WaitingError()
      }
      await this.#store(data.resultsKey, result)
      this.#options.say(`${data.sweepId} seed ${data.seed}: ${result.verdict}, ${Math.round(result.wallMs)} ms`)
    } finally {
      this.#runningCount--
    }
  }

  async #resultOf({ data, stalledCounter }: Job<QueuedSeed>): Promise<SeedResult | null> {
    const { seed } = data
    if (stalledCounter >= maxKilledWorkers) return unknownResult(seed, `Cannot be told: ${stalledCounter} workers died of it.`, 0)
    const checked = queuedSeed.safeParse(data)
    if (!checked.success)
      return unknownResult(seed, `Cannot be told: the queue holds no seed: ${checked.error.issues[0]?.message ?? ''}.`, 0)
    const { sweepId, config, version } = checked.data
    const parts = partsOf(config)
    // The queue says what to run, but only of what lies in this repository.
    if (parts !== undefined && relative(repoRoot, resolve(repoRoot, parts)).startsWith('..')) {
      return unknownResult(seed, 'Cannot be told: its parts lie outside of the repository.', 0)
    }
    if (codeVersion(parts).parts !== version.parts) return unknownResult(seed, `Cannot be told: a worker has another ${parts}.`, 0)
    const engine = parts === undefined ? ('kept' as const) : ('new' as const)
    return this.#pool.run({ seed, configFile: this.#fileOf(config), keep: 'none', engine, command: `longhaul sweep --resume ${sweepId}` })
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
    const text = await this.#redis.get(announcementKey)
    if (text === null) return
    const { sweepId, version } = JSON.parse(text) as Announcement
    if (version.sources === this.#options.version.sources) return
    const [wanted, here] = [version, this.#options.version].map(describeVersion)
    throw new OperatingError('ENVIRONMENT_NOT_READY', `sweep ${sweepId} is for ${wanted}, this worker is ${here}`, {
      hint: 'Its results would be of another engine: check out the commit of the sweep, or wait for a sweep of this one.',
    })
  }

  /** Only where it has nothing to do: a sweep of its own version may run beside the other. An outage is for the queue to tell. */
  async #watchVersions(): Promise<void> {
    if (this.#runningCount === 0) {
      await this.#refuseOtherVersion().catch((error: unknown) => {
        if (error instanceof OperatingError) this.#ended.reject(error)
      })
    }
    this.#watch = this.#clock.schedule(this.#clock.nowMs() + lookForOtherVersionsMs, () => void this.#watchVersions())
  }
}

function partsOf(config: string): string | undefined {
  const value = JSON.parse(config) as { parts?: unknown }
  return typeof value.parts === 'string' ? value.parts : undefined
}
