/** Asks REST for the books that a stream says nothing about: is the market quiet, or the stream? The provider keeps one a venue. */

import { OperatingError } from '../base/error.ts'
import type { Clock, ScheduledCall } from '../clock/clock.ts'
import type { OrderBook } from '../model/order-book.ts'
import type { VenueGate } from './venue-gate.ts'
import { VenueError } from './venue-error.ts'
import type { BookAnswer, VenueRest } from './venue-rest.ts'
import { isSameTop, type VenueStream } from './venue-stream.ts'

export interface QuietCheckOptions {
  clock: Clock
  codes: readonly string[]
  stream: VenueStream
  rest: VenueRest
  gate: VenueGate
  /** A book that the stream has said nothing about for this long is asked for. */
  maxQuietMs: number
}

/** A book that REST shows otherwise than the stream. */
interface Suspect {
  /** When the stream last spoke of it. */
  quietSinceMs: number
  /** When REST first showed it otherwise. */
  sinceMs: number
}

/** Bounds of how often REST is asked. */
const minIntervalMs = 250
/** What REST shows may be on its way over the stream for so long. */
const maxBehindMs = 1000
/** A time that is further back is no cache's: the venue's clock was set back. */
const maxCachedMs = 60_000
/** A venue that leaves an instrument out for good would else be connected to without an end. */
const restartIntervalMs = 30_000
const unlistedForMs = 600_000

/**
 * A quiet market sends nothing, and neither does a stream that stands still while its connection looks alive. REST tells them apart: where
 * it shows the same best levels the book is confirmed, and so stays fresh; where it shows others, and a second later still does without a
 * word from the stream, the stream is given up for a new connection.
 */
export class QuietCheck {
  readonly #options: QuietCheckOptions
  readonly #intervalMs: number
  readonly #suspects = new Map<string, Suspect>()
  /** Codes that REST does not list, with when to try again: one of them fails a whole request. */
  readonly #unlistedUntilMs = new Map<string, number>()
  #batchSize: number
  #next: ScheduledCall | null = null
  #isAsking = false
  #restartedAtMs = -Infinity
  #confirmationCount = 0
  #trouble: OperatingError | null = null

  constructor(options: QuietCheckOptions) {
    this.#options = options
    this.#intervalMs = Math.max(minIntervalMs, Math.floor(options.maxQuietMs / 4))
    this.#batchSize = options.rest.maxCodesPerRequest
  }

  open(): void {
    const { clock } = this.#options
    this.#next = clock.schedule(clock.nowMs() + this.#intervalMs, () => {
      this.open()
      if (!this.#isAsking) void this.#ask()
    })
  }

  close(): void {
    this.#next?.cancel()
    this.#next = null
  }

  takeConfirmationCount(): number {
    const count = this.#confirmationCount
    this.#confirmationCount = 0
    return count
  }

  /** What went wrong with REST since this was last asked. */
  takeTrouble(): OperatingError | null {
    const trouble = this.#trouble
    this.#trouble = null
    return trouble
  }

  async #ask(): Promise<void> {
    const { clock, gate, rest } = this.#options
    const askedAtMs = clock.nowMs()
    const codes = this.#quietCodes(askedAtMs)
    if (codes.length === 0 || gate.pause() !== null) return
    const asked = gate.poll(rest.booksCost, () => rest.fetchBooks(codes))
    if (asked === null) return
    this.#isAsking = true
    try {
      const answer = await asked
      this.#batchSize = Math.min(2 * this.#batchSize, rest.maxCodesPerRequest)
      this.#judge(codes, answer, askedAtMs)
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error
      this.#trouble = error
      if (error instanceof VenueError && error.isUnknownCode) this.#isolate(codes)
    } finally {
      this.#isAsking = false
    }
  }

  /** The longest quiet first, as many as one request may carry. */
  #quietCodes(nowMs: number): string[] {
    const { codes, stream, maxQuietMs } = this.#options
    const quiet: { code: string; sinceMs: number }[] = []
    for (const code of codes) {
      const sinceMs = (this.#unlistedUntilMs.get(code) ?? 0) > nowMs ? null : stream.quietSinceMs(code)
      if (sinceMs !== null && nowMs - sinceMs >= maxQuietMs) quiet.push({ code, sinceMs })
    }
    quiet.sort((left, right) => left.sinceMs - right.sinceMs)
    return quiet.slice(0, this.#batchSize).map(({ code }) => code)
  }

  #judge(codes: readonly string[], answer: BookAnswer, askedAtMs: number): void {
    for (const code of codes) {
      const shown = answer.books.get(code)
      const quietSinceMs = this.#options.stream.quietSinceMs(code)
      const hasSpoken = quietSinceMs === null || quietSinceMs >= askedAtMs
      if (shown === undefined || hasSpoken) continue
      const book = this.#options.stream.book(code)
      if (isCurrent(book, shown)) this.#confirm(code, shown)
      else if (!isBehind(book, shown) && this.#isStalled(code, quietSinceMs)) this.#restart(code)
    }
  }

  #confirm(code: string, shown: OrderBook): void {
    this.#suspects.delete(code)
    this.#confirmationCount++
    this.#options.stream.confirm(code, shown.receivedAtMs)
  }

  #isStalled(code: string, quietSinceMs: number): boolean {
    const nowMs = this.#options.clock.nowMs()
    const suspect = this.#suspects.get(code)
    if (suspect?.quietSinceMs === quietSinceMs) return nowMs - suspect.sinceMs >= maxBehindMs
    this.#suspects.set(code, { quietSinceMs, sinceMs: nowMs })
    return false
  }

  #restart(code: string): void {
    const { clock, stream } = this.#options
    if (clock.nowMs() - this.#restartedAtMs < restartIntervalMs) return
    this.#restartedAtMs = clock.nowMs()
    this.#suspects.clear()
    stream.discard(code)
    stream.connection.reconnect(`${code} stands still on the stream while REST shows it move`)
  }

  /** One code that the venue does not list fails the request: halving it, longest quiet first, soon leaves that code alone. */
  #isolate(codes: readonly string[]): void {
    const [only] = codes
    if (codes.length === 1 && only !== undefined) this.#unlistedUntilMs.set(only, this.#options.clock.nowMs() + unlistedForMs)
    this.#batchSize = Math.max(1, Math.ceil(codes.length / 2))
  }
}

function isCurrent(book: OrderBook | null, shown: OrderBook): boolean {
  return isSameTop(book, shown) || (shown.exchangeTimeMs !== null && shown.exchangeTimeMs === book?.exchangeTimeMs)
}

/** REST may answer from a cache that the stream is ahead of; Upbit's times tell, Binance's tickers have none. */
function isBehind(book: OrderBook | null, shown: OrderBook): boolean {
  const behindMs = (book?.exchangeTimeMs ?? 0) - (shown.exchangeTimeMs ?? Infinity)
  return behindMs > 0 && behindMs <= maxCachedMs
}
