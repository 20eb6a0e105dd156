/** Keeps the last minutes of every log of a stopped attempt beside the run, before anything else is written to them. */

import { closeSync, fstatSync, mkdirSync, openSync, readdirSync, readSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const keptBytesMax = 512 * 1024

/** Makes `folder`. */
export function recordFlight({ logsFolder, folder }: { logsFolder: string; folder: string }): void {
  mkdirSync(folder, { recursive: true })
  const names = readdirSync(logsFolder).filter((name) => name.endsWith('.log'))
  for (const name of names) writeFileSync(join(folder, name), wholeLinesAtEnd(join(logsFolder, name)))
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
