/** A disk under a log that takes no more bytes while the fault plan says so. The composition root puts it under each of the logs. */

import type { Clock } from '../clock/clock.ts'
import type { AppendBytes } from '../engine/log-file.ts'
import type { FaultBoard } from './fault-board.ts'

export interface FullDiskOptions {
  append: AppendBytes
  clock: Clock
  board: FaultBoard
  /** So that what is drawn for one log does not depend on what the others write. */
  log: string
}

/** The first write that is struck is taken in half, as by a disk that fills up in the middle of it; those after it are not taken at all. */
export function fullDisk({ append, clock, board, log }: FullDiskOptions): AppendBytes {
  let isFull = false
  return (descriptor, bytes) => {
    const nowMs = clock.nowMs()
    if (board.strike('disk-full', nowMs, { name: `${log} ${nowMs}` }) === null) {
      isFull = false
      return append(descriptor, bytes)
    }
    const takenBytes = isFull ? 0 : Math.floor(bytes.length / 2)
    isFull = true
    if (takenBytes === 0) throw noSpace()
    return append(descriptor, bytes.subarray(0, takenBytes))
  }
}

/** As write(2) of Node fails. */
function noSpace(): Error {
  return Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC', errno: -28, syscall: 'write' })
}
