/** Keeps one engine process between runs, so that a sweep pays once for its start and for warm code. For the process that runs seeds. */

import { fork, type ChildProcess } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import type { RunMessage } from '../engine/warm-engine.ts'

const entryFile = join(import.meta.dirname, '../main.ts')

/**
 * No collections on demand: they would take as long as the run itself, and of a heap that many runs have used they say nothing. One
 * thread for them: every processor has an engine of its own.
 */
const engineFlags = ['--max-semi-space-size=16', '--single-threaded-gc']

/** Then the process is replaced, so that the memory of long-gone runs never counts against one of them. */
const maxRuns = 200

export class EngineKeeper {
  #engine: ChildProcess | null = null
  #runCount = 0

  /** An engine that did not end in order ends its process, so one that still listens is as good as new. */
  readonly start = (planFile: string, logsFolder: string): ChildProcess => {
    const outputFile = join(logsFolder, 'application.log')
    if (this.#engine === null || !isReady(this.#engine) || this.#runCount >= maxRuns) {
      this.close()
      this.#engine = forkWaiting(outputFile)
      this.#runCount = 0
    }
    this.#runCount++
    const message: RunMessage = { type: 'run', planFile, outputFile }
    // A process that cannot be reached has ended, or could not be started; its `close` and `error` events say so to the supervisor.
    this.#engine.send(message, () => undefined)
    return this.#engine
  }

  /** A waiting process ends when its channel closes. */
  close(): void {
    if (this.#engine?.connected === true) this.#engine.disconnect()
    this.#engine = null
  }
}

function isReady({ connected, exitCode, signalCode }: ChildProcess): boolean {
  return connected && exitCode === null && signalCode === null
}

function forkWaiting(outputFile: string): ChildProcess {
  const output = openSync(outputFile, 'a')
  const engine = fork(entryFile, ['engine'], { stdio: ['ignore', output, output, 'ipc'], execArgv: engineFlags })
  closeSync(output)
  return engine
}
