/**
 * Files of recorded order books: gzipped JSON lines in a folder, written so that a killed recorder loses a second, and read one file at a
 * time. The recorder writes them, the recorded market reads them; docs/MARKET_MODEL.md describes the format for other programs.
 */

import { appendFileSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { constants, gunzipSync, gzipSync } from 'node:zlib'
import { messageOf, OperatingError } from '../base/error.ts'
import type { Venue } from '../model/instrument.ts'

/** The first line of every file. */
export interface TapeHeader {
  tape: 'longhaul-books'
  version: 1
  /** From 1, without a gap. */
  file: number
  /** What was recorded: `live`, `loopback`, … */
  market: string
  instruments: readonly { venue: Venue; code: string }[]
}

/** Best first: `[price, size]`. */
export type TapeLevels = readonly (readonly [number, number])[]

/** A book as it was after a change. A file begins with the last known book of each instrument, so that it can be read alone. */
export interface TapeBookLine {
  /** When the venue changed the book, Unix milliseconds: it was so from then on. */
  t: number
  /** When it reached the recorder: never falls, but for the books that a file repeats at its beginning. */
  r: number
  v: Venue
  c: string
  b: TapeLevels
  a: TapeLevels
}

/** From here on the venue's books could not be seen, for the reason given; null: they could again. */
export interface TapeOutageLine {
  t: number
  r: number
  v: Venue
  down: string | null
}

export type TapeLine = TapeBookLine | TapeOutageLine

/** Uncompressed: what a reader holds in memory at once. */
const maxFileBytes = 32 * 2 ** 20
/** Of other programs' files, unzipped: they may begin a new one later than we do. */
const maxReadBytes = 4 * maxFileBytes
/** A header of two thousand instruments, or a book of a hundred thousand levels. */
const maxLineCharacters = 4 * 2 ** 20
const repositoryRoot = resolve(import.meta.dirname, '../..')
const fileName = /^(\d{6})\.ndjson\.gz$/

/** Appends to a folder of its own. Every `flush` is one whole gzip member: what a kill leaves behind can be read. */
export class BookTapeWriter {
  readonly folder: string
  readonly #header: Omit<TapeHeader, 'file'>
  #file = 0
  #fileBytes = 0
  #waiting = ''
  /** Bytes on disk. */
  writtenBytes = 0
  lineCount = 0

  /** Throws TAPE_INVALID where the folder already holds a tape: two recordings in one would be read as one. */
  constructor(folder: string, header: Omit<TapeHeader, 'file'>) {
    this.folder = resolve(folder)
    this.#header = header
    mkdirSync(this.folder, { recursive: true })
    if (filesIn(this.folder).length > 0) {
      throw new OperatingError('TAPE_INVALID', `${this.folder} already holds a tape`, { hint: 'Record into a new folder.' })
    }
  }

  /** True where a new file is due, which has to begin with every book: before the first line, and when a file is full. */
  get isFileDue(): boolean {
    return this.#file === 0 || this.#fileBytes >= maxFileBytes
  }

  beginFile(): void {
    this.flush()
    this.#file++
    this.#fileBytes = 0
    this.#append({ ...this.#header, file: this.#file })
  }

  write(line: TapeLine): void {
    this.#append(line)
    this.lineCount++
  }

  /** Throws TAPE_INVALID where the disk takes no more: what was flushed before stays readable. */
  flush(): void {
    if (this.#waiting === '') return
    const member = gzipSync(this.#waiting, { level: 5 })
    this.#waiting = ''
    const path = join(this.folder, `${String(this.#file).padStart(6, '0')}.ndjson.gz`)
    try {
      appendFileSync(path, member)
    } catch (error) {
      throw new OperatingError('TAPE_INVALID', `cannot write ${path}: ${messageOf(error)}`, {
        hint: 'Free some space, or record to another disk with --out.',
        cause: error,
      })
    }
    this.writtenBytes += member.length
  }

  #append(line: TapeHeader | TapeLine): void {
    const text = `${JSON.stringify(line)}\n`
    this.#fileBytes += text.length
    this.#waiting += text
  }
}

/** Reads a tape's lines in the order in which they were recorded, holding one file at a time. */
export class BookTapeReader {
  readonly header: TapeHeader
  readonly #folder: string
  readonly #files: readonly string[]
  #nextFile = 0
  #path = ''
  #text = ''
  #position = 0
  #lineNumber = 0

  /** Throws TAPE_NOT_FOUND and TAPE_INVALID. A relative path starts at the repository's root. */
  constructor(folder: string) {
    this.#folder = resolve(repositoryRoot, folder)
    this.#files = filesIn(this.#folder)
    const header = this.#openNext()
    if (header === null) {
      throw new OperatingError('TAPE_NOT_FOUND', `no tape in ${this.#folder}`, {
        hint: 'Name a folder that longhaul record wrote; a relative path starts at the repository.',
      })
    }
    this.header = header
  }

  /** The next line, or null at the tape's end. Throws TAPE_INVALID with file and line. */
  next(): TapeLine | null {
    for (;;) {
      const line = this.#nextJson()
      if (line !== undefined) return this.#checked(line)
      if (this.#openNext() === null) return null
    }
  }

  #openNext(): TapeHeader | null {
    const file = this.#files[this.#nextFile]
    if (file === undefined) return null
    this.#nextFile++
    this.#path = join(this.#folder, file)
    this.#text = this.#read()
    this.#position = 0
    this.#lineNumber = 0
    const header = this.#nextJson() as Partial<TapeHeader> | null | undefined
    if (header?.tape !== 'longhaul-books' || header.version !== 1 || !Array.isArray(header.instruments)) {
      throw this.#invalid('expected the header of a tape of version 1')
    }
    return header as TapeHeader
  }

  #read(): string {
    try {
      // A killed recorder may have left half a member at the end: what came before it is whole.
      const options = { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: maxReadBytes }
      if (statSync(this.#path).size > maxReadBytes) throw new Error(`larger than ${maxReadBytes} bytes`)
      return gunzipSync(readFileSync(this.#path), options).toString('utf8')
    } catch (error) {
      throw new OperatingError('TAPE_INVALID', `${this.#path} cannot be read: ${messageOf(error)}`, {
        hint: 'Copy the tape again, or record it anew.',
        cause: error,
      })
    }
  }

  /** Undefined at the file's end. A line without its end was being written when the recorder was killed. */
  #nextJson(): unknown {
    const end = this.#text.indexOf('\n', this.#position)
    if (end < 0) return undefined
    this.#lineNumber++
    if (end - this.#position > maxLineCharacters) throw this.#invalid(`longer than ${maxLineCharacters} characters`)
    const line = this.#text.slice(this.#position, end)
    this.#position = end + 1
    try {
      return JSON.parse(line)
    } catch (error) {
      throw this.#invalid(messageOf(error))
    }
  }

  #checked(value: unknown): TapeLine {
    const line = value as Partial<TapeBookLine & TapeOutageLine> | null
    const hasTimes = Number.isSafeInteger(line?.t) && Number.isSafeInteger(line?.r)
    if (line === null || !hasTimes || (line.v !== 'upbit' && line.v !== 'binance')) throw this.#invalid('expected t, r and v')
    if (typeof line.down === 'string' || line.down === null) return line as TapeOutageLine
    if (typeof line.c !== 'string' || !areLevels(line.b) || !areLevels(line.a)) throw this.#invalid('expected c, b and a, or down')
    return line as TapeBookLine
  }

  #invalid(what: string): OperatingError {
    return new OperatingError('TAPE_INVALID', `${this.#path}, line ${this.#lineNumber}: ${what}`, {
      hint: 'docs/MARKET_MODEL.md describes the format; longhaul record writes it.',
    })
  }
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => fileName.test(name))
      .toSorted()
  } catch {
    // A folder that is not there holds no tape; the caller says so.
    return []
  }
}

function areLevels(value: unknown): value is TapeLevels {
  const isLevel = (level: unknown): boolean =>
    Array.isArray(level) && level.length === 2 && level.every((part) => typeof part === 'number' && part > 0 && part < Infinity)
  return Array.isArray(value) && value.every(isLevel)
}
