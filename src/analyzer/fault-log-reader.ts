/** Reads faults.log: how often each fault of a plan really struck, over all attempts and processes. The report calls it. */

import { parseObject } from './json-object.ts'
import { readLines } from './line-reader.ts'

/** Strikes by a fault's place in the plan. A file that is absent or broken says that nothing struck. Throws LOG_UNREADABLE. */
export async function readStrikes(files: readonly string[]): Promise<Map<number, number>> {
  const strikes = new Map<number, number>()
  for (const file of files) {
    // Counts rise within one process; a line that is not above the one before it begins another.
    const last = new Map<number, number>()
    await readLines(file, (bytes, start, end) => {
      const line = parseObject(bytes.toString('utf8', start, end))
      const { event, index, count } = line ?? {}
      if (event !== 'fault-struck' || !isCount(index) || !isCount(count)) return
      const before = last.get(index) ?? 0
      strikes.set(index, (strikes.get(index) ?? 0) + (count > before ? count - before : count))
      last.set(index, count)
    })
  }
  return strikes
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}
