/** Runs one attempt: starts the engine's process, lets the monitor judge each checkpoint, stops it, and says how it ended. */

import { fork, type ChildProcess } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import type { ScheduledCall } from '../clock/clock.ts'
import { SystemClock } from '../clock/system-clock.ts'
import type { EngineMessage, SupervisorMessage } from '../engine/engine-process.ts'
import type { StopReason } from '../model/event.ts'
import type { Finding } from '../monitor/finding.ts'
import type { Monitor } from '../monitor/monitor.ts'

/** Starts an engine's process on a plan, or gives it to one that waits; what it prints raw goes to application.log in `logsFolder`. */
export type StartEngine = (planFile: string, logsFolder: string) => ChildProcess

export interface AttemptOptions {
  startEngine?: StartEngine | undefined
  /** File with the EnginePlan. */
  planFile: string
  logsFolder: string
  monitor: Monitor
  /** Event time. */
  endAtMs: number
  /** Wall time without a message from the engine after which it counts as stuck. */
  watchdogMs: number
  /** Aborted by the user: the engine is told to stop, and ended if it does not. */
  signal: AbortSignal
  onStarted: (pid: number) => void
  onProgress: () => void
}

export interface AttemptEnd {
  /** Null where the process ended without saying why. */
  stopReason: StopReason | null
  exitCode: number | null
  signal: string | null
  wallMs: number
  /** Event time of the last thing that it logged. */
  endedAtMs: number
  /** The monitor's findings, and ours of a process that ended or hung. */
  findings: Finding[]
}

const entryFile = join(import.meta.dirname, '../main.ts')
/** Wall time that an engine has to stop by itself, and again after SIGTERM. */
const stopDeadlineMs = 5000

export function forkEngine(planFile: string, logsFolder: string): ChildProcess {
  // What the process prints raw (a stack trace, a warning of Node's) belongs in application.log beside what it logs.
  const output = openSync(join(logsFolder, 'application.log'), 'a')
  const engine = fork(entryFile, ['engine', planFile], {
    stdio: ['ignore', output, output, 'ipc'],
    execArgv: ['--expose-gc', '--max-semi-space-size=16'],
  })
  closeSync(output)
  return engine
}

export function runAttempt(options: AttemptOptions): Promise<AttemptEnd> {
  return new Attempt(options).run()
}

class Attempt {
  readonly #options: AttemptOptions
  readonly #clock = new SystemClock()
  readonly #engine: ChildProcess
  readonly #startedAtMs: number
  readonly #findings: Finding[] = []
  #stopReason: StopReason | null = null
  #checkpointMs = 0
  /** Event time that the engine said it had reached while its logs could not be written. */
  #unloggedMs = 0
  #watchdog: ScheduledCall | null = null
  #killer: ScheduledCall | null = null
  #isStuck = false
  /** It was told to stop, or its time is over: now it shows its life by ending. */
  #isToEnd = false

  constructor(options: AttemptOptions) {
    this.#options = options
    this.#startedAtMs = this.#clock.nowMs()
    const { startEngine = forkEngine, planFile, logsFolder } = options
    this.#engine = startEngine(planFile, logsFolder)
  }

  run(): Promise<AttemptEnd> {
    const { signal } = this.#options
    this.#tellStarted()
    this.#feedWatchdog()
    const onAbort = (): void => {
      this.#stop('interrupted')
    }
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) onAbort()
    return new Promise((resolve) => {
      let hasEnded = false
      const end = (exitCode: number | null, exitSignal: string | null): void => {
        if (hasEnded) return
        hasEnded = true
        signal.removeEventListener('abort', onAbort)
        // A process that waits for another run is none of ours from here on.
        this.#engine.off('message', onMessage).off('close', end).off('error', onError)
        this.#watchdog?.cancel()
        this.#killer?.cancel()
        resolve(this.#ended(exitCode, exitSignal))
      }
      const onMessage = (message: EngineMessage): void => {
        this.#onMessage(message)
        if (message.type === 'stopped' && message.isReady) end(0, null)
      }
      const onError = (): void => {
        if (this.#engine.pid === undefined) end(null, null)
      }
      // Unlike `exit`, this waits for the messages that the engine sent before it died.
      this.#engine.on('message', onMessage).on('close', end).on('error', onError)
    })
  }

  /** An engine that cannot be recorded (a full disk) would be found by no clean-up. */
  #tellStarted(): void {
    try {
      if (this.#engine.pid !== undefined) this.#options.onStarted(this.#engine.pid)
    } catch (error) {
      this.#engine.kill('SIGKILL')
      throw error
    }
  }

  #onMessage(message: EngineMessage): void {
    if (!this.#isToEnd) this.#feedWatchdog()
    if (message.type === 'disk-full') {
      this.#unloggedMs = message.atMs
      return
    }
    if (message.type === 'stopped') {
      this.#stopReason = message.reason
      return
    }
    this.#checkpointMs = message.atMs
    const isAbort = this.#note(this.#options.monitor.poll(message.atMs))
    this.#isToEnd ||= isAbort || message.atMs > this.#options.endAtMs
    this.#send({ type: 'judged', atMs: message.atMs, isAbort })
    this.#options.onProgress()
  }

  /** True where the monitor found something that stops the run. */
  #note(found: readonly Finding[]): boolean {
    this.#findings.push(...found)
    return found.some((finding) => finding.aborts)
  }

  #ended(exitCode: number | null, signal: string | null): AttemptEnd {
    const { monitor } = this.#options
    this.#note(monitor.finish())
    const endedAtMs = Math.max(monitor.progress().eventTimeMs, this.#unloggedMs)
    const isByItself = this.#stopReason !== null && exitCode === 0
    if (!isByItself && !this.#options.signal.aborted) this.#findings.push(this.#exitFinding(endedAtMs, exitCode, signal))
    const wallMs = this.#clock.nowMs() - this.#startedAtMs
    return { stopReason: this.#stopReason, exitCode, signal, wallMs, endedAtMs, findings: this.#findings }
  }

  #exitFinding(atMs: number, exitCode: number | null, signal: string | null): Finding {
    const how = signal ?? (exitCode === null ? 'no start' : `exit code ${exitCode}`)
    return {
      rule: this.#isStuck ? 'no-progress' : 'engine-exited',
      severity: 'error',
      aborts: true,
      symbol: null,
      atMs,
      sinceMs: this.#checkpointMs === 0 ? atMs : this.#checkpointMs,
      message: this.#isStuck
        ? `the engine gave no sign of life for ${this.#options.watchdogMs} ms of wall time and was ended`
        : `the engine's process ended by itself (${how})`,
      cause: this.#isStuck ? 'engine-stuck' : how,
      evidence: [],
    }
  }

  #feedWatchdog(): void {
    this.#watchdog?.cancel()
    this.#watchdog = this.#clock.schedule(this.#clock.nowMs() + this.#options.watchdogMs, () => {
      this.#isStuck = true
      this.#engine.kill('SIGKILL')
    })
  }

  /** Asks, then SIGTERM, then SIGKILL, each after a deadline. */
  #stop(reason: StopReason): void {
    this.#send({ type: 'stop', reason })
    this.#killer = this.#clock.schedule(this.#clock.nowMs() + stopDeadlineMs, () => {
      this.#engine.kill('SIGTERM')
      this.#killer = this.#clock.schedule(this.#clock.nowMs() + stopDeadlineMs, () => {
        this.#engine.kill('SIGKILL')
      })
    })
  }

  #send(message: SupervisorMessage): void {
    // An engine that is ending makes the send fail; its exit event says the same.
    if (this.#engine.connected) this.#engine.send(message, () => undefined)
  }
}
