/**
 * The engine as a process: runs it to its end, tells the supervisor how far it is, and stops flushed and clean when it is told to, when
 * it gets a signal, and when the supervisor goes away. Called by main.ts in the forked process.
 */

import { messageOf, stackOf } from '../base/error.ts'
import type { Clock, ScheduledCall } from '../clock/clock.ts'
import { SystemClock } from '../clock/system-clock.ts'
import { VirtualClock } from '../clock/virtual-clock.ts'
import type { StopReason } from '../model/event.ts'
import type { Journal } from './journal.ts'

/** From the engine to its supervisor. */
export type EngineMessage =
  /** Everything up to this event time is in the logs. */
  | { type: 'checkpoint'; atMs: number }
  /** In place of a checkpoint: the engine has got this far, and what it logged waits for room on the disk. */
  | { type: 'disk-full'; atMs: number }
  /** `isReady`: the process waits for another run. */
  | { type: 'stopped'; reason: StopReason; atMs: number; isReady: boolean }

/** From the supervisor to the engine. */
export type SupervisorMessage =
  /** The monitor has judged everything up to this checkpoint. `isAbort`: stop at the next one. */
  { type: 'judged'; atMs: number; isAbort: boolean } | { type: 'stop'; reason: StopReason }

/** What this process needs of the engine. */
export interface RunnableEngine {
  run(): Promise<StopReason>
  stop(reason: StopReason): void
  close(reason: StopReason): Promise<void>
}

export interface EngineProcessOptions {
  clock: Clock
  journal: Journal
  engine: RunnableEngine
  /** Event time between two checkpoints. */
  leadMs: number
  /** The process runs another engine after one that ended in order. */
  isWarm?: boolean
}

/** Wall time that the supervisor may take to judge a checkpoint, from the next one on, before it counts as gone. */
const judgementDeadlineMs = 120_000
/** Event time for which a full disk may keep the logs from the monitor; after that it judges what it sees: an engine without progress. */
const maxUnloggedMs = 300_000

/** It came to its end, or the monitor stopped it: all is closed, and nothing of it is left that could disturb another engine. */
export function isInOrder(reason: StopReason): boolean {
  return reason === 'completed' || reason === 'aborted'
}

export async function runEngineProcess(options: EngineProcessOptions): Promise<StopReason> {
  const { clock, engine, journal } = options
  const supervisor = new SupervisorLink(options)
  const main = runToEnd(options)
  supervisor.start()
  const reason = await main
  supervisor.stop()
  journal.flush()
  const closing = engine.close(reason)
  await (clock instanceof VirtualClock ? clock.run(closing) : closing)
  journal.close()
  supervisor.sendStopped(reason)
  return reason
}

/** An engine that nothing can wake any more has failed too: under virtual time the clock says so. */
async function runToEnd({ clock, engine, journal }: EngineProcessOptions): Promise<StopReason> {
  try {
    const main = engine.run()
    return await (clock instanceof VirtualClock ? clock.run(main) : main)
  } catch (error) {
    journal.application({ event: 'engine-failed', message: messageOf(error), stack: stackOf(error) }, 'fatal')
    return 'failed'
  }
}

/** Checkpoints, judgements and the end of the supervisor. */
class SupervisorLink {
  readonly #options: EngineProcessOptions
  readonly #realClock = new SystemClock()
  /** Checkpoints that the monitor has not judged yet, by event time: at most two under virtual time, on a real clock until the deadline. */
  readonly #judgements = new Map<number, PromiseWithResolvers<boolean>>()
  #nextCheckpoint: ScheduledCall | null = null
  #isStopped = false
  /** Event time. */
  #loggedUntilMs: number

  constructor(options: EngineProcessOptions) {
    this.#options = options
    this.#loggedUntilMs = options.clock.nowMs()
  }

  start(): void {
    process.on('message', this.#onMessage)
    process.on('disconnect', this.#onDisconnect)
    process.on('SIGTERM', this.#onSignal)
    process.on('SIGINT', this.#onSignal)
    this.#markLogs()
    const { clock, leadMs } = this.#options
    if (process.channel) this.#scheduleCheckpoint(clock.nowMs() + leadMs)
  }

  stop(): void {
    this.#isStopped = true
    // A real timer would keep the process alive; virtual time, which a stop may find without another call, needs one to go on to.
    if (!(this.#options.clock instanceof VirtualClock)) this.#nextCheckpoint?.cancel()
    for (const judgement of this.#judgements.values()) judgement.resolve(false)
    this.#judgements.clear()
  }

  /** What the process prints raw goes to application.log past the journal: it lies between the marks of its time. False on a full disk. */
  #markLogs(): boolean {
    const { journal } = this.#options
    journal.application({ event: 'checkpoint' }, 'debug')
    return journal.flush()
  }

  sendStopped(reason: StopReason): void {
    const isReady = this.#options.isWarm === true && isInOrder(reason)
    if (process.connected) this.#send({ type: 'stopped', reason, atMs: this.#options.clock.nowMs(), isReady })
    process.off('message', this.#onMessage)
    process.off('disconnect', this.#onDisconnect)
    if (isReady) {
      // An engine that runs nothing has nothing to flush.
      process.off('SIGTERM', this.#onSignal)
      process.off('SIGINT', this.#onSignal)
    } else if (process.connected) {
      process.disconnect()
    }
  }

  /** On a rhythm without drift: a real timer is always a little late. A process that stood still leaves out what it missed. */
  #scheduleCheckpoint(atMs: number): void {
    const { clock, leadMs } = this.#options
    this.#nextCheckpoint = clock.schedule(atMs, () => {
      if (this.#isStopped) return
      this.#passCheckpoint()
      const missed = Math.floor((clock.nowMs() - atMs) / leadMs)
      this.#scheduleCheckpoint(atMs + (missed + 1) * leadMs)
    })
  }

  /**
   * Sends this checkpoint and waits for the judgement of the one before it. Virtual time stands still meanwhile: so the engine is never
   * further ahead of the monitor than two stretches, and an abort takes effect at the same event time however fast either of them is. On a
   * real clock the engine goes on, and the wait is what tells a supervisor that hangs.
   */
  #passCheckpoint(): void {
    const { clock } = this.#options
    const atMs = clock.nowMs()
    const areLogged = this.#markLogs()
    if (!areLogged && atMs - this.#loggedUntilMs < maxUnloggedMs) {
      this.#send({ type: 'disk-full', atMs })
      return
    }
    this.#loggedUntilMs = atMs
    const previous = [...this.#judgements.values()].at(-1)
    this.#judgements.set(atMs, Promise.withResolvers<boolean>())
    this.#send({ type: 'checkpoint', atMs })
    if (!previous) return
    void clock
      .hold(() => this.#withDeadline(previous.promise))
      .then((isAbort) => {
        if (isAbort) this.#abort()
      })
  }

  /** No more checkpoints: an engine that is stuck then stands still, instead of giving signs of life. */
  #abort(): void {
    this.#options.engine.stop('aborted')
    this.stop()
  }

  #withDeadline(judged: Promise<boolean>): Promise<boolean> {
    return new Promise((resolve) => {
      const deadline = this.#realClock.schedule(this.#realClock.nowMs() + judgementDeadlineMs, () => {
        this.#options.engine.stop('supervisor-gone')
        resolve(false)
      })
      void judged.then((isAbort) => {
        deadline.cancel()
        resolve(isAbort)
      })
    })
  }

  readonly #onMessage = (message: SupervisorMessage): void => {
    const { engine, clock } = this.#options
    if (message.type === 'stop') {
      engine.stop(message.reason)
      this.stop()
      return
    }
    for (const [atMs, judgement] of this.#judgements) {
      if (atMs > message.atMs) break
      judgement.resolve(message.isAbort)
      // The newest stays until the next checkpoint has looked at it.
      if (atMs < message.atMs) this.#judgements.delete(atMs)
    }
    // On a real clock nothing is gained by waiting for the next checkpoint.
    if (message.isAbort && !(clock instanceof VirtualClock)) this.#abort()
  }

  readonly #onDisconnect = (): void => {
    this.#options.engine.stop('supervisor-gone')
    this.stop()
  }

  readonly #onSignal = (): void => {
    this.#options.engine.stop('interrupted')
    this.stop()
  }

  #send(message: EngineMessage): void {
    // A supervisor that goes away while this is sent makes the send fail; its disconnect event says the same.
    process.send?.(message, undefined, {}, () => undefined)
  }
}
