/**
 * The engine as a process: runs it to its end, tells the supervisor how far it is, and stops flushed and clean when it is told to, when
 * it gets a signal, and when the supervisor goes away. Called by main.ts in the forked process.
 */

import { messageOf, stackOf } from '../base/error.ts'
import type { Clock } from '../clock/clock.ts'
import { SystemClock } from '../clock/system-clock.ts'
import { VirtualClock } from '../clock/virtual-clock.ts'
import type { StopReason } from '../model/event.ts'
import type { Journal } from './journal.ts'

/** From the engine to its supervisor. */
export type EngineMessage =
  /** Everything up to this event time is in the logs. */
  { type: 'checkpoint'; atMs: number } | { type: 'stopped'; reason: StopReason; atMs: number }

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
}

/** Wall time that the supervisor may take to judge a checkpoint before it counts as gone. */
const judgementDeadlineMs = 120_000

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
  /** Checkpoints that the monitor has not judged yet, by event time: at most two under virtual time. */
  readonly #judgements = new Map<number, PromiseWithResolvers<boolean>>()
  #isStopped = false

  constructor(options: EngineProcessOptions) {
    this.#options = options
  }

  start(): void {
    process.on('message', this.#onMessage)
    process.on('disconnect', this.#onDisconnect)
    process.on('SIGTERM', this.#onSignal)
    process.on('SIGINT', this.#onSignal)
    this.#markLogs()
    if (process.channel) this.#scheduleCheckpoint()
  }

  stop(): void {
    this.#isStopped = true
    for (const judgement of this.#judgements.values()) judgement.resolve(false)
    this.#judgements.clear()
  }

  /** What the process prints raw goes to application.log past the journal: it lies between the marks of its time. */
  #markLogs(): void {
    const { journal } = this.#options
    journal.application({ event: 'checkpoint' }, 'debug')
    journal.flush()
  }

  sendStopped(reason: StopReason): void {
    if (process.connected) this.#send({ type: 'stopped', reason, atMs: this.#options.clock.nowMs() })
    process.off('message', this.#onMessage)
    process.off('disconnect', this.#onDisconnect)
    if (process.connected) process.disconnect()
  }

  #scheduleCheckpoint(): void {
    const { clock, leadMs } = this.#options
    clock.schedule(clock.nowMs() + leadMs, () => {
      if (this.#isStopped) return
      this.#passCheckpoint()
      this.#scheduleCheckpoint()
    })
  }

  /**
   * Sends this checkpoint and, under virtual time, stands still until the one before it has been judged: so the engine is never further
   * ahead of the monitor than two stretches, and an abort takes effect at the same event time however fast either of them is.
   */
  #passCheckpoint(): void {
    const { clock, engine } = this.#options
    this.#markLogs()
    const previous = [...this.#judgements.values()].at(-1)
    const atMs = clock.nowMs()
    if (clock instanceof VirtualClock) this.#judgements.set(atMs, Promise.withResolvers<boolean>())
    this.#send({ type: 'checkpoint', atMs })
    if (!previous) return
    void clock
      .hold(() => this.#withDeadline(previous.promise))
      .then((isAbort) => {
        if (!isAbort) return
        engine.stop('aborted')
        // No more checkpoints: an engine that is stuck then stands still, instead of living on in event time.
        this.stop()
      })
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
    } else if (clock instanceof VirtualClock) {
      this.#judgements.get(message.atMs)?.resolve(message.isAbort)
      // The newest stays until the next checkpoint has looked at it.
      for (const atMs of this.#judgements.keys()) if (atMs < message.atMs) this.#judgements.delete(atMs)
    } else if (message.isAbort) {
      engine.stop('aborted')
    }
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
