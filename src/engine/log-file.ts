/**
 * One append-only log file of the engine: lines are gathered and written in one call, in order, at a size or when flushed. A full disk is
 * waited out.
 */

import { closeSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs'
import { OperatingError } from '../base/error.ts'

/** Appends some of the bytes, at least one, and answers how many. Throws what write(2) fails with. */
export type AppendBytes = (descriptor: number, bytes: Uint8Array) => number

export interface LogFileOptions {
  /** What stands between the log and the disk: a fault, say. */
  append?: AppendBytes
  /**
   * Lines beyond `waitingBytesMax` are dropped and counted while the disk is full. Without this none is, and who writes them has to hold
   * back until `flush` says that all are on disk.
   */
  mayDrop?: boolean
  /** Nobody else may append to it: bytes that are not ours are another engine's. */
  isSole?: boolean
}

const bufferedCharsMax = 64 * 1024
const waitingBytesMax = 1024 * 1024
const tailBytesMax = 1024 * 1024

export class LogFile {
  readonly #path: string
  readonly #append: AppendBytes
  readonly #mayDrop: boolean
  readonly #isSole: boolean
  readonly #descriptor: number
  #buffered = ''
  /** What the disk did not take at the last flush. */
  #unwritten: Buffer = Buffer.alloc(0)
  #droppedLines = 0
  #size: number

  /** Opens or creates; a line that a killed writer left unfinished is cut off. */
  constructor(path: string, { append = writeSync, mayDrop = false, isSole = false }: LogFileOptions = {}) {
    this.#path = path
    this.#append = append
    this.#mayDrop = mayDrop
    this.#isSole = isSole
    this.#descriptor = openSync(path, 'a+')
    this.#cutUnfinishedLine()
    this.#size = fstatSync(this.#descriptor).size
  }

  /** `line` ends with a newline. */
  write(line: string): void {
    if (this.#mayDrop && this.#unwritten.length + this.#buffered.length >= waitingBytesMax) {
      this.#droppedLines++
      return
    }
    this.#buffered += line
    if (this.#buffered.length >= bufferedCharsMax) this.flush()
  }

  /**
   * True where all is on disk. False where the disk takes no more: what is left waits, in order, and the next flush goes on with it. Throws
   * STORE_FENCED where another engine has appended to a log that is ours alone.
   */
  flush(): boolean {
    if (this.#buffered === '' && this.#unwritten.length === 0) return true
    if (this.#isSole) this.#refuseOthersBytes()
    this.#unwritten = Buffer.concat([this.#unwritten, Buffer.from(this.#buffered)])
    this.#buffered = ''
    try {
      while (this.#unwritten.length > 0) {
        const takenBytes = this.#append(this.#descriptor, this.#unwritten)
        this.#size += takenBytes
        this.#unwritten = this.#unwritten.subarray(takenBytes)
      }
      return true
    } catch (error) {
      if (!isDiskFull(error)) throw error
      return false
    }
  }

  /** Since this was last asked. */
  takeDroppedLines(): number {
    const count = this.#droppedLines
    this.#droppedLines = 0
    return count
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

  /**
   * An engine that stood still after its commit may wake up when another one has taken over and has written this commit's lines for it. The
   * store would refuse its next commit, but nobody would refuse these lines.
   */
  #refuseOthersBytes(): void {
    if (fstatSync(this.#descriptor).size === this.#size) return
    this.#buffered = ''
    this.#unwritten = Buffer.alloc(0)
    throw new OperatingError('STORE_FENCED', `another engine writes ${this.#path}`, {
      hint: 'Only one engine may write; this one must end.',
    })
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

/** No space, or none left of a quota. */
function isDiskFull(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT')
}
