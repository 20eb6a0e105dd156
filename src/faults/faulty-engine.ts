/** An engine in a process that is killed and stopped as the fault plan says. The composition root puts it around the real one. */

import { spawn } from 'node:child_process'
import type { Clock, ScheduledCall } from '../clock/clock.ts'
import { VirtualClock } from '../clock/virtual-clock.ts'
import type { RunnableEngine } from '../engine/engine-process.ts'
import type { StopReason } from '../model/event.ts'
import type { FaultBoard, PlannedFault } from './fault-board.ts'
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
      ...ahead('kill').map((kill) => clock.schedule(kill.fromMs, () => this.#kill(kill))),
      ...ahead('freeze').map((freeze) => clock.schedule(freeze.fromMs, () => this.#freeze(freeze))),
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

  #kill(kill: PlannedFault): void {
    this.#options.board.count(kill)
    this.#options.log.flush()
    process.kill(process.pid, 'SIGKILL')
  }

  #freeze(freeze: PlannedFault): void {
    const { board, clock } = this.#options
    const { untilMs } = freeze
    // An engine that another freeze has held that long already is not held any longer.
    if (untilMs <= clock.nowMs()) return
    board.count(freeze)
    if (clock instanceof VirtualClock) {
      clock.standStillUntil(untilMs)
      return
    }
    const seconds = String((untilMs - clock.nowMs()) / 1000)
    spawn('sh', ['-c', stopScript, 'sh', String(process.pid), seconds], { stdio: 'ignore', detached: true }).unref()
  }
}
