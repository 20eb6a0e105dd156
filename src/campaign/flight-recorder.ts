/** Keeps the last minutes of every log of a stopped attempt beside the run, before anything else is written to them. */

import { closeSync, existsSync, fstatSync, mkdirSync, openSync, readSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const keptBytesMax = 512 * 1024
const logNames = ['application.log', 'trading.log', 'metrics.log']

/** Makes `folder`. */
export function recordFlight({ logsFolder, folder }: { logsFolder: string; folder: string }): void {
  mkdirSync(folder, { recursive: true })
  for (const name of logNames) {
    const source = join(logsFolder, name)
    if (existsSync(source)) writeFileSync(join(folder, name), wholeLinesAtEnd(source))
  }
}

function wholeLinesAtEnd(file: string): Buffer {
  const descriptor = openSync(file, 'r')
  try {
    const { size } = fstatSync(descriptor)
    const tail = Buffer.alloc(Math.min(size, keptBytesMax))
    readSync(descriptor, tail, 0, tail.length, size - tail.length)
    return size > tail.length ? tail.subarray(tail.indexOf(10) + 1) : tail
  } finally {
    closeSync(descriptor)
  }
}
