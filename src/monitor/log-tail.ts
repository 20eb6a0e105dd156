/** Follows one log file while another process writes it: whole lines in order, bounded memory. For the monitor. */

import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { OperatingError, messageOf } from '../base/error.ts'
import type { LogEvent } from '../model/event.ts'
import { type LogName, parseLogLine, RawLine } from './log-line.ts'

const newline = 0x0a
/** Of a line that is no event, its start is enough to say what it is. */
const maxRawCharacters = 4_096

export interface LogTailOptions {
  log: LogName
  path: string
  /** Event time of raw lines that come before the first event. */
  startAtMs: number
  /** Events later than this are broken lines. */
  maxTimeMs: number
  /** Bytes read at once; default 256 KiB. */
  chunkBytes?: number
  /** A longer line is dropped and counted; default 8 MiB, several times the opening line of a 2,000-symbol session. */
  maxLineBytes?: number
}

/**
 * Each `refresh` looks how far the file reaches; `peek` and `shift` then go through the lines up to there. A last line without its
 * newline waits. A file that does not exist yet has no lines. Trouble with the disk is an OperatingError LOG_UNREADABLE.
 */
export class LogTail {
  readonly #log: LogName
  readonly #path: string
  readonly #maxTimeMs: number
  readonly #maxLineBytes: number
  #buffer: Buffer
  /** Bytes at the buffer's start that are the beginning of a line. */
  #partialBytes = 0
  #isSkippingLine = false
  #file: { descriptor: number; inode: number } | null = null
  #position = 0
  #sizeBytes = 0
  #text = ''
  #textIndex = 0
  #head: LogEvent | RawLine | null = null
  #headBytes = 0
  #lastTimeMs: number
  #replacedCount = 0
  #droppedLineCount = 0

  constructor(options: LogTailOptions) {
    this.#log = options.log
    this.#path = options.path
    this.#lastTimeMs = options.startAtMs
    this.#maxTimeMs = options.maxTimeMs
    this.#maxLineBytes = options.maxLineBytes ?? 8 * 2 ** 20
    this.#buffer = Buffer.allocUnsafe(options.chunkBytes ?? 256 * 2 ** 10)
  }

  /** How often the file was replaced by another or cut. */
  get replacedCount(): number {
    return this.#replacedCount
  }

  /** Length of the line that was last peeked at, its end included; a character counts for a byte, as in all of JSON's own. */
  get lineBytes(): number {
    return this.#headBytes
  }

  /** Lines dropped because they were too long. */
  get droppedLineCount(): number {
    return this.#droppedLineCount
  }

  /** Sees what was appended since the last call. A replaced file is read to its end before the new one is opened. */
  refresh(): void {
    this.#guarded(() => {
      const stats = statSync(this.#path, { throwIfNoEntry: false })
      if (this.#file && stats && stats.ino !== this.#file.inode && this.#position >= this.#sizeBytes) {
        this.close()
        this.#startOver()
      }
      if (!stats) return
      this.#file ??= { descriptor: openSync(this.#path, 'r'), inode: stats.ino }
      if (stats.ino !== this.#file.inode) return
      if (stats.size < this.#position) this.#startOver()
      this.#sizeBytes = stats.size
    })
  }

  peek(): LogEvent | RawLine | null {
    while (this.#head === null) {
      const line = this.#nextLine()
      if (line === null) return null
      if (line === '') continue
      this.#headBytes = line.length + 1
      const event = parseLogLine(line, this.#maxTimeMs)
      if (event) this.#lastTimeMs = event.time
      this.#head = event ?? new RawLine(this.#log, this.#lastTimeMs, line.slice(0, maxRawCharacters))
    }
    return this.#head
  }

  shift(): LogEvent | RawLine | null {
    const head = this.peek()
    this.#head = null
    return head
  }

  /** Safe to call twice. */
  close(): void {
    if (this.#file) closeSync(this.#file.descriptor)
    this.#file = null
  }

  #startOver(): void {
    this.#replacedCount++
    this.#position = 0
    this.#sizeBytes = 0
    this.#partialBytes = 0
    this.#isSkippingLine = false
  }

  #nextLine(): string | null {
    while (this.#textIndex >= this.#text.length) {
      if (!this.#fill()) return null
    }
    const end = this.#text.indexOf('\n', this.#textIndex)
    const line = this.#text.slice(this.#textIndex, end)
    this.#textIndex = end + 1
    return line.endsWith('\r') ? line.slice(0, -1) : line
  }

  /** Reads one chunk and decodes its whole lines; false at the end of what `refresh` saw. */
  #fill(): boolean {
    const { descriptor } = this.#file ?? { descriptor: null }
    if (descriptor === null || this.#position >= this.#sizeBytes) return false
    if (this.#partialBytes === this.#buffer.length) this.#makeRoom()
    const start = this.#partialBytes
    const wanted = Math.min(this.#buffer.length - start, this.#sizeBytes - this.#position)
    const count = this.#guarded(() => readSync(descriptor, this.#buffer, start, wanted, this.#position))
    if (count === 0) return false
    this.#position += count
    this.#decode(start, start + count)
    return true
  }

  #decode(start: number, end: number): void {
    const bytes = this.#buffer.subarray(0, end)
    const last = bytes.lastIndexOf(newline)
    if (last < start) {
      this.#partialBytes = this.#isSkippingLine ? 0 : end
      return
    }
    const first = this.#isSkippingLine ? bytes.indexOf(newline) + 1 : 0
    this.#isSkippingLine = false
    this.#text = bytes.toString('utf8', first, last + 1)
    this.#textIndex = 0
    bytes.copyWithin(0, last + 1)
    this.#partialBytes = end - last - 1
  }

  #makeRoom(): void {
    if (this.#buffer.length * 2 <= this.#maxLineBytes) {
      const larger = Buffer.allocUnsafe(this.#buffer.length * 2)
      this.#buffer.copy(larger)
      this.#buffer = larger
      return
    }
    this.#droppedLineCount++
    this.#isSkippingLine = true
    this.#partialBytes = 0
  }

  #guarded<T>(io: () => T): T {
    try {
      return io()
    } catch (error) {
      throw new OperatingError('LOG_UNREADABLE', `cannot read ${this.#path}: ${messageOf(error)}`, {
        hint: 'Check that the disk is healthy and that this user may read the run folder.',
        cause: error,
      })
    }
  }
}
