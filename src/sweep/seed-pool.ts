/**
 * Runs seeds in processes of their own, one a processor, each used for seed after seed.
 *
 * Processes and not threads: a run forks an engine, may be killed as a whole, and its analysis may die of a log; none of that may take the
 * other runs along.
 */

import { fork, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { assert } from '../base/assert.ts'
import { codeOf } from '../base/error.ts'
import { SystemClock } from '../clock/system-clock.ts'
import { unknownResult, type SeedResult } from './seed-result.ts'
import type { SeedJob } from './seed-run.ts'

const entryFile = join(import.meta.dirname, '../main.ts')
/** One thread for collections: every processor has a process of its own. */
const seedFlags = ['--max-semi-space-size=16', '--single-threaded-gc']
/** Deaths of its process after which a seed is given up. */
const maxDeaths = 2
/** Wall time from being told to stop until being killed: a user who asked for it waits. */
const stopDeadlineMs = 3000

export interface SeedPoolOptions {
  /** Processes, and so runs at one time. */
  size: number
  /** Of the environment, what the runs have no use for. */
  withheld?: readonly string[]
}

export class SeedPool {
  readonly #options: SeedPoolOptions
  readonly #clock = new SystemClock()
  readonly #idle: ChildProcess[] = []
  readonly #all = new Set<ChildProcess>()
  #busyCount = 0
  #isClosed = false

  constructor(options: SeedPoolOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#options.size
  }

  /** At most `size` at one time. Null where the pool was closed before there was a result. */
  async run(job: SeedJob): Promise<SeedResult | null> {
    assert(this.#busyCount < this.#options.size, `more than ${this.#options.size} seeds at one time`)
    const startedMs = this.#clock.nowMs()
    this.#busyCount++
    try {
      for (let deaths = 0; deaths < maxDeaths; deaths++) {
        const result = this.#isClosed ? null : await this.#runOnce(job)
        if (this.#isClosed) return null
        if (result !== null) return result
      }
      return unknownResult(job.seed, `Cannot be told: its process died or hung ${maxDeaths} times.`, this.#clock.nowMs() - startedMs)
    } finally {
      this.#busyCount--
    }
  }

  /** Ends all processes and their engines, also those in the middle of a run. */
  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.all([...this.#all].map((child) => this.#end(child)))
  }

  /** Null where the process ended without an answer. */
  #runOnce(job: SeedJob): Promise<SeedResult | null> {
    const child = this.#idle.pop() ?? this.#fork()
    return new Promise((resolve) => {
      const deadline = this.#clock.schedule(this.#clock.nowMs() + job.deadlineMs, () => killGroup(child))
      const settle = (result: SeedResult | null): void => {
        deadline.cancel()
        child.off('message', settle).off('close', onEnd).off('error', onEnd).off('exit', onExit)
        if (result !== null && !this.#isClosed) this.#idle.push(child)
        resolve(result)
      }
      const onEnd = (): void => settle(null)
      // A channel that we have closed ourselves gives no `close`; in any other case that one waits for an answer still on its way.
      const onExit = (): void => {
        if (this.#isClosed) settle(null)
      }
      child.on('message', settle).on('close', onEnd).on('error', onEnd).on('exit', onExit)
      // Without a number it could not be started, and its `error` will say so.
      if (child.pid !== undefined) child.send(job, () => undefined)
    })
  }

  #fork(): ChildProcess {
    const env = { ...process.env }
    for (const name of this.#options.withheld ?? []) delete env[name]
    // A process group of its own: the terminal's Ctrl-C is for us, and a kill reaches its engine as well.
    const child = fork(entryFile, ['seeds'], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'], execArgv: seedFlags, env, detached: true })
    if (child.pid !== undefined) this.#all.add(child)
    child.once('exit', () => {
      this.#all.delete(child)
      const index = this.#idle.indexOf(child)
      if (index !== -1) this.#idle.splice(index, 1)
    })
    return child
  }

  async #end(child: ChildProcess): Promise<void> {
    const ended = new Promise<void>((resolve) => {
      child.once('exit', () => resolve())
    })
    if (child.connected) child.disconnect()
    const killer = this.#clock.schedule(this.#clock.nowMs() + stopDeadlineMs, () => killGroup(child))
    await ended
    killer.cancel()
  }
}

/** The process and its engine. */
function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch (error) {
    // ESRCH: it ended in this very moment.
    if (codeOf(error) !== 'ESRCH') throw error
  }
}
