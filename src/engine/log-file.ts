/**
 * One append-only log file of the engine: lines are gathered and written in one call, in order, at a size or when flushed. A full disk is
 * waited out.
 */

import { closeSync, constants, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs'
import { codeOf, OperatingError } from '../base/error.ts'

/** Writes some of the bytes where the log ends, at least one, and answers how many. Throws what write(2) fails with. */
export type AppendBytes = (descriptor: number, bytes: Uint8Array) => number

export interface LogFileOptions {
  /** Puts something between the log and the disk: a fault, say. */
  disk?: (append: AppendBytes) => AppendBytes
  /**
   * Lines beyond `waitingBytesMax` are dropped and counted while the disk is full. Without this none is, and who writes them has to hold
   * back until `flush` says that all are on disk.
   */
  mayDrop?: boolean
  /** Nobody else may write to it: bytes that are not ours are another engine's. It is left alone until `takeOver`. */
  isSole?: boolean
}

const bufferedCharsMax = 64 * 1024
const waitingBytesMax = 1024 * 1024
const firstTailBytes = 64 * 1024
const newline = 0x0a
/** Without O_APPEND, under which Linux writes at the end of the file wherever it is told to: pwrite(2). */
const soleFlags = constants.O_RDWR | constants.O_CREAT

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
  /** Where a sole writer's next byte belongs. */
  #size = 0

  /** Opens or creates. */
  constructor(path: string, { disk = (append) => append, mayDrop = false, isSole = false }: LogFileOptions = {}) {
    this.#path = path
    this.#append = disk(isSole ? this.#writeInPlace : writeSync)
    this.#mayDrop = mayDrop
    this.#isSole = isSole
    this.#descriptor = openSync(path, isSole ? soleFlags : 'a+')
    if (!isSole) this.takeOver()
  }

  /**
   * Goes on where the file ends now: cuts off a line that a killed writer left unfinished, and gives the last whole one, or null in an
   * empty file. A sole writer calls it when it knows itself to be the only one.
   */
  takeOver(): string | null {
    const { size } = fstatSync(this.#descriptor)
    let tail = Buffer.alloc(0)
    let end = 0
    let start = 0
    // Until it holds a whole line: that of a start of thousands of symbols takes megabytes.
    for (let tailBytes = firstTailBytes; start === 0 && tail.length < size; tailBytes *= 4) {
      tail = this.#readTail(size, Math.min(size, tailBytes))
      end = tail.lastIndexOf(newline) + 1
      start = end < 2 ? 0 : tail.lastIndexOf(newline, end - 2) + 1
    }
    this.#size = size - (tail.length - end)
    if (this.#size < size) ftruncateSync(this.#descriptor, this.#size)
    return end === 0 ? null : tail.toString('utf8', start, end - 1)
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

  /**
   * An engine that stood still after its commit may wake up when another one has taken over and has written this commit's lines for it. It
   * ends here. One that stood still after this look writes the same bytes to the same place, and ends at its next commit.
   */
  #refuseOthersBytes(): void {
    if (fstatSync(this.#descriptor).size === this.#size) return
    this.#buffered = ''
    this.#unwritten = Buffer.alloc(0)
    throw new OperatingError('STORE_FENCED', `another engine writes ${this.#path}`, {
      hint: 'Only one engine may write; this one must end.',
    })
  }

  readonly #writeInPlace: AppendBytes = (descriptor, bytes) => writeSync(descriptor, bytes, 0, bytes.length, this.#size)

  #readTail(size: number, tailBytes: number): Buffer<ArrayBuffer> {
    const tail = Buffer.alloc(tailBytes)
    readSync(this.#descriptor, tail, 0, tailBytes, size - tailBytes)
    return tail
  }
}

/** No space, or none left of a quota. */
function isDiskFull(error: unknown): boolean {
  const code = codeOf(error)
  return code === 'ENOSPC' || code === 'EDQUOT'
}
