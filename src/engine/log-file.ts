/** One append-only log file of the engine: lines are gathered and written in one call, in order, at a size or when flushed. */

import { closeSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs'

const bufferedCharsMax = 64 * 1024
const tailBytesMax = 1024 * 1024

export class LogFile {
  readonly #descriptor: number
  #buffered = ''
  /** What the disk did not take at the last flush. */
  #unwritten: Buffer = Buffer.alloc(0)

  /** Opens or creates; a line that a killed writer left unfinished is cut off. */
  constructor(path: string) {
    this.#descriptor = openSync(path, 'a+')
    this.#cutUnfinishedLine()
  }

  /** `line` ends with a newline. */
  write(line: string): void {
    this.#buffered += line
    if (this.#buffered.length >= bufferedCharsMax) this.flush()
  }

  /** Throws where the disk is full; the next flush goes on with what is left. */
  flush(): void {
    if (this.#buffered === '' && this.#unwritten.length === 0) return
    this.#unwritten = Buffer.concat([this.#unwritten, Buffer.from(this.#buffered)])
    this.#buffered = ''
    while (this.#unwritten.length > 0) this.#unwritten = this.#unwritten.subarray(writeSync(this.#descriptor, this.#unwritten))
  }

  close(): void {
    this.flush()
    closeSync(this.#descriptor)
  }

  /** The last line that was written whole, or null in an empty file. */
  lastLine(): string | null {
    const tail = this.#readTail()
    const lines = tail.toString('utf8').split('\n')
    return lines.at(-2) ?? null
  }

  #cutUnfinishedLine(): void {
    const size = fstatSync(this.#descriptor).size
    const tail = this.#readTail()
    const unfinishedBytes = tail.length - (tail.lastIndexOf(10) + 1)
    if (unfinishedBytes > 0) ftruncateSync(this.#descriptor, size - unfinishedBytes)
  }

  #readTail(): Buffer {
    const size = fstatSync(this.#descriptor).size
    const tail = Buffer.alloc(Math.min(size, tailBytesMax))
    readSync(this.#descriptor, tail, 0, tail.length, size - tail.length)
    return tail
  }
}
