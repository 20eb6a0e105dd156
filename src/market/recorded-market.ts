/** A recorded market: the order books of a tape behind the Market port, as they stood at each instant. Nothing in it is modelled. */

import { assert } from '../base/assert.ts'
import { OperatingError } from '../base/error.ts'
import type { Venue } from '../model/instrument.ts'
import { BookTapeReader, type TapeBookLine, type TapeHeader, type TapeLevels, type TapeLine } from './book-tape.ts'
import type { Market, MarketBook } from './market.ts'

export interface RecordedMarketOptions {
  folder: string
  /** ISO time in UTC; from the first instant at which every instrument has a book where it is left out. */
  from?: string | undefined
  to?: string | undefined
}

/**
 * How much later than its change a book may have reached the recorder and still be played at its own time: lines are recorded as they
 * arrive, and one venue is further away than the other.
 */
const maxArrivalMs = 2000

interface RecordedBook {
  line: TapeBookLine
  updateId: number
}

export class RecordedMarket implements Market {
  readonly header: TapeHeader
  readonly fromMs: number
  readonly #reader: BookTapeReader
  readonly #toMs: number
  readonly #books = new Map<string, RecordedBook>()
  readonly #outages: Record<Venue, string | null> = { upbit: null, binance: null }
  /** Read ahead and not yet due, by the time of the change. */
  #pending: TapeLine[] = []
  #readUntilMs = -Infinity
  #isAtEnd = false
  #nowMs: number

  /** Throws TAPE_NOT_FOUND and TAPE_INVALID. */
  constructor(options: RecordedMarketOptions) {
    this.#reader = new BookTapeReader(options.folder)
    this.header = this.#reader.header
    const startMs = this.#readFirstBooks()
    this.fromMs = options.from === undefined ? startMs : Date.parse(options.from)
    this.#toMs = options.to === undefined ? Infinity : Date.parse(options.to)
    if (this.fromMs < startMs) {
      throw new OperatingError(
        'TAPE_INVALID',
        `the tape has all its books from ${new Date(startMs).toISOString()} on, not from ${options.from}`,
        {
          hint: 'Leave tape.from out, or set it later.',
        },
      )
    }
    this.#nowMs = this.fromMs
    this.advance(this.fromMs)
  }

  advance(atMs: number): void {
    assert(atMs >= this.#nowMs, `the tape is at ${this.#nowMs} and cannot go back to ${atMs}`)
    this.#nowMs = atMs
    this.#readUntil(atMs + maxArrivalMs)
    let applied = 0
    for (const line of this.#pending) {
      if (line.t > atMs) break
      this.#apply(line)
      applied++
    }
    if (applied > 0) this.#pending.splice(0, applied)
  }

  book(venue: Venue, code: string, depth: number): MarketBook | null {
    const book = this.#books.get(`${venue}:${code}`)
    if (book === undefined) return null
    const { line, updateId } = book
    return { bids: flat(line.b, depth), asks: flat(line.a, depth), changedAtMs: line.t, updateId }
  }

  outage(venue: Venue): string | null {
    const isOver = this.#nowMs >= this.#toMs || (this.#isAtEnd && this.#pending.length === 0)
    return isOver ? `the tape ended at ${new Date(Math.min(this.#nowMs, this.#toMs)).toISOString()}` : this.#outages[venue]
  }

  /** Reads up to where every instrument of the header has been seen, and returns the first whole second after that. */
  #readFirstBooks(): number {
    const missing = new Set(this.header.instruments.map(({ venue, code }) => `${venue}:${code}`))
    let lastMs = 0
    while (missing.size > 0) {
      const line = this.#read()
      if (line === null) {
        throw new OperatingError('TAPE_INVALID', `the tape never shows a book of ${[...missing].slice(0, 3).join(', ')}`, {
          hint: 'Record it anew, for longer, or with other symbols.',
        })
      }
      if ('c' in line) missing.delete(`${line.v}:${line.c}`)
      lastMs = Math.max(lastMs, line.t, line.r)
    }
    return Math.ceil(lastMs / 1000) * 1000
  }

  #readUntil(receivedMs: number): void {
    const before = this.#pending.length
    while (this.#readUntilMs <= receivedMs && this.#read() !== null);
    // A stable sort: of two lines of one instant, the one that came later stays in force.
    if (this.#pending.length > before) this.#pending.sort((left, right) => left.t - right.t)
  }

  #read(): TapeLine | null {
    const line = this.#reader.next()
    if (line === null) {
      this.#isAtEnd = true
      this.#readUntilMs = Infinity
      return null
    }
    this.#readUntilMs = line.r
    this.#pending.push(line)
    return line
  }

  #apply(line: TapeLine): void {
    if (!('c' in line)) {
      this.#outages[line.v] = line.down
      return
    }
    const key = `${line.v}:${line.c}`
    const known = this.#books.get(key)
    // A new file repeats the books that stand.
    if (known !== undefined && (line.t < known.line.t || isSame(line, known.line))) return
    this.#books.set(key, { line, updateId: (known?.updateId ?? 0) + 1 })
  }
}

function isSame(left: TapeBookLine, right: TapeBookLine): boolean {
  const isSameSide = (one: TapeLevels, other: TapeLevels): boolean =>
    one.length === other.length && one.every(([price, size], index) => price === other[index]?.[0] && size === other[index]?.[1])
  return left.t === right.t && isSameSide(left.b, right.b) && isSameSide(left.a, right.a)
}

function flat(levels: TapeLevels, depth: number): Float64Array {
  const count = Math.min(levels.length, depth)
  const side = new Float64Array(2 * count)
  for (let i = 0; i < count; i++) {
    const level = levels[i]
    side[2 * i] = level?.[0] ?? 0
    side[2 * i + 1] = level?.[1] ?? 0
  }
  return side
}
