/** faults.log: what of a fault plan really happened. Each strike is counted; a fault's first one is on disk before its effect is. */

import type { Clock } from '../clock/clock.ts'
import type { LogFile } from '../engine/log-file.ts'
import type { Fault, FaultStruck } from '../model/fault.ts'

export class FaultLog {
  readonly #file: LogFile
  readonly #clock: Clock
  readonly #unwritten = new Map<number, { fault: Fault; count: number }>()
  #isClosed = false

  constructor(file: LogFile, clock: Clock) {
    this.#file = file
    this.#clock = clock
  }

  /** For `FaultBoardOptions.onStrike`. */
  struck(index: number, fault: Fault, count: number): void {
    // The other logs are written to their end after this one: a full disk may strike them still.
    if (this.#isClosed) return
    this.#unwritten.set(index, { fault, count })
    if (count === 1) this.flush()
  }

  /** Writes the counts that have changed. */
  flush(): void {
    for (const [index, { fault, count }] of this.#unwritten) {
      const { kind, venue, code } = fault
      const time = this.#clock.nowMs()
      const line: FaultStruck = { level: 'info', time, event: 'fault-struck', index, kind, venue, code, count }
      this.#file.write(`${JSON.stringify(line)}\n`)
    }
    this.#unwritten.clear()
    this.#file.flush()
  }

  close(): void {
    this.#isClosed = true
    this.flush()
    this.#file.close()
  }
}
