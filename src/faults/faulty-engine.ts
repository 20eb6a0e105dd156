/** An engine in a process that is killed and stopped as the fault plan says. The composition root puts it around the real one. */

import { spawn } from 'node:child_process'
import type { Clock, ScheduledCall } from '../clock/clock.ts'
import { VirtualClock } from '../clock/virtual-clock.ts'
import type { RunnableEngine } from '../engine/engine-process.ts'
import type { StopReason } from '../model/event.ts'
import type { FaultBoard } from './fault-board.ts'
import type { FaultLog } from './fault-log.ts'

export interface FaultyEngineOptions {
  engine: RunnableEngine
  clock: Clock
  board: FaultBoard
  log: FaultLog
}

/** Stops the process whose id is $1 for $2 seconds. Who stands still cannot wake itself. */
const stopScript = 'kill -STOP "$1" && sleep "$2"; kill -CONT "$1"'

export class FaultyEngine implements RunnableEngine {
  readonly #options: FaultyEngineOptions
  #calls: ScheduledCall[] = []

  constructor(options: FaultyEngineOptions) {
    this.#options = options
  }

  async run(): Promise<StopReason> {
    const { engine, board, clock } = this.#options
    // An attempt that begins after a fault's start has it behind it: nobody is killed twice by one plan.
    const ahead = (kind: 'kill' | 'freeze') => board.scheduled(kind).filter(({ fromMs }) => fromMs > clock.nowMs())
    this.#calls = [
      ...ahead('kill').map(({ fromMs, index }) => clock.schedule(fromMs, () => this.#kill(index))),
      ...ahead('freeze').map(({ fromMs, untilMs, index }) => clock.schedule(fromMs, () => this.#freeze(index, untilMs))),
    ]
    return engine.run()
  }

  stop(reason: StopReason): void {
    this.#options.engine.stop(reason)
  }

  async close(reason: StopReason): Promise<void> {
    for (const call of this.#calls) call.cancel()
    await this.#options.engine.close(reason)
    this.#options.log.close()
  }

  #kill(index: number): void {
    this.#options.board.strikeAt('kill', index)
    this.#options.log.flush()
    process.kill(process.pid, 'SIGKILL')
  }

  #freeze(index: number, untilMs: number): void {
    const { board, clock } = this.#options
    board.strikeAt('freeze', index)
    if (clock instanceof VirtualClock) {
      clock.standStillUntil(untilMs)
      return
    }
    const seconds = String((untilMs - clock.nowMs()) / 1000)
    spawn('sh', ['-c', stopScript, 'sh', String(process.pid), seconds], { stdio: 'ignore', detached: true }).unref()
  }
}
