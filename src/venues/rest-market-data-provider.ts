/** Quotes by polling: one round of concurrent requests a loop, to both venues, over the Transport. The composition root makes it. */

import { assert } from '../base/assert.ts'
import { OperatingError } from '../base/error.ts'
import type { Clock } from '../clock/clock.ts'
import type { InstrumentKey, MarketDataProvider, VenueFailure } from '../market-data/market-data-provider.ts'
import type { Venue } from '../model/instrument.ts'
import type { OrderBook } from '../model/order-book.ts'
import { BinanceRest } from './binance/rest.ts'
import type { Transport } from './transport.ts'
import { UpbitRest } from './upbit/rest.ts'
import { VenueError } from './venue-error.ts'
import type { BookAnswer, VenueRest } from './venue-rest.ts'

export interface RestMarketDataProviderOptions {
  transport: Transport
  clock: Clock
  instruments: readonly InstrumentKey[]
  /** 1 to 30. */
  depthLevels: number
  requestTimeoutMs: number
  loopIntervalMs: number
}

export class RestMarketDataProvider implements MarketDataProvider {
  /** Where Binance's quotes come from: `book-ticker` (top of book only) where there are too many instruments for `depth`. */
  readonly binanceSource: 'depth' | 'book-ticker'
  readonly #transport: Transport
  readonly #feeds: Record<Venue, VenueFeed>

  constructor(options: RestMarketDataProviderOptions) {
    const { transport, clock, depthLevels } = options
    assert(Number.isInteger(depthLevels) && depthLevels >= 1 && depthLevels <= 30, `depthLevels must be 1 to 30, was ${depthLevels}`)
    const upbitCodes = codesOf(options.instruments, 'upbit')
    const binanceCodes = codesOf(options.instruments, 'binance')
    const binance = new BinanceRest({ ...options, instrumentCount: binanceCodes.length })
    this.binanceSource = binance.source
    this.#transport = transport
    this.#feeds = {
      upbit: new VenueFeed('upbit', new UpbitRest(options), clock, upbitCodes),
      binance: new VenueFeed('binance', binance, clock, binanceCodes),
    }
  }

  async refresh(): Promise<readonly VenueFailure[]> {
    const [upbit, binance] = await Promise.all([this.#feeds.upbit.refresh(), this.#feeds.binance.refresh()])
    return [...upbit, ...binance]
  }

  book(instrument: InstrumentKey): OrderBook | null {
    return this.#feeds[instrument.venue].books.get(instrument.code) ?? null
  }

  fetchBook(instrument: InstrumentKey): Promise<OrderBook> {
    return this.#feeds[instrument.venue].fetchBook(instrument.code)
  }

  close(): Promise<void> {
    return this.#transport.close()
  }
}

/** The codes that one request asks for. */
type Batch = readonly string[]

/** One venue's books, what is asked for together, and how long the venue wants to be left alone. */
class VenueFeed {
  readonly books = new Map<string, OrderBook>()
  readonly #venue: Venue
  readonly #rest: VenueRest
  readonly #clock: Clock
  readonly #codes: ReadonlySet<string>
  #batches: Batch[] = []
  #pausedUntilMs = 0

  constructor(venue: Venue, rest: VenueRest, clock: Clock, codes: readonly string[]) {
    this.#venue = venue
    this.#rest = rest
    this.#clock = clock
    this.#codes = new Set(codes)
    for (let i = 0; i < codes.length; i += rest.maxCodesPerRequest) {
      this.#batches.push(codes.slice(i, i + rest.maxCodesPerRequest))
    }
  }

  async refresh(): Promise<VenueFailure[]> {
    const pause = this.#pause()
    if (pause !== null) return [this.#failureOf(pause)]
    const errors = await Promise.all(this.#batches.map((batch) => this.#refreshBatch(batch)))
    this.#isolateUnknownCodes(errors)
    const failures: VenueFailure[] = []
    for (const error of errors) if (error !== null) failures.push(this.#failureOf(error))
    return failures
  }

  async fetchBook(code: string): Promise<OrderBook> {
    assert(this.#codes.has(code), `${this.#venue} ${code} is not one of this provider's instruments`)
    const pause = this.#pause()
    if (pause !== null) throw pause
    let answer: BookAnswer
    try {
      answer = await this.#rest.fetchDepth(code)
    } catch (error) {
      this.#heedPause(error)
      throw error
    }
    const book = answer.books.get(code)
    if (book === undefined) throw this.#refusal(answer, [code])
    return book
  }

  async #refreshBatch(batch: Batch): Promise<OperatingError | null> {
    let answer: BookAnswer
    try {
      answer = await this.#rest.fetchBooks(batch)
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error
      this.#heedPause(error)
      return error
    }
    const missing: string[] = []
    for (const code of batch) {
      const book = answer.books.get(code)
      if (book === undefined) missing.push(code)
      else this.books.set(code, book)
    }
    return missing.length === 0 ? null : this.#refusal(answer, missing)
  }

  /**
   * One code that a venue does not list fails the whole request, on both venues. Halving such a batch at each refresh leaves that code
   * alone in a few loops, and every other one with its book.
   */
  #isolateUnknownCodes(errors: readonly (OperatingError | null)[]): void {
    if (!errors.some((error) => error instanceof VenueError && error.isUnknownCode)) return
    this.#batches = this.#batches.flatMap((batch, index) => {
      const error = errors[index]
      if (batch.length === 1 || !(error instanceof VenueError) || !error.isUnknownCode) return [batch]
      const half = Math.ceil(batch.length / 2)
      return [batch.slice(0, half), batch.slice(half)]
    })
  }

  #heedPause(error: unknown): void {
    if (!(error instanceof VenueError) || error.retryAfterMs === null) return
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, this.#clock.nowMs() + error.retryAfterMs)
  }

  #pause(): VenueError | null {
    const retryAfterMs = this.#pausedUntilMs - this.#clock.nowMs()
    if (retryAfterMs <= 0) return null
    return new VenueError(this.#venue, 'VENUE_RATE_LIMITED', `not asked for another ${retryAfterMs} ms, as it wants`, {
      hint: 'Raise loop.intervalMs, or stop what else polls the venue from this address.',
      retryAfterMs,
    })
  }

  /** One error for all books of an answer that are missing or refused, with the first three named. */
  #refusal(answer: BookAnswer, missing: readonly string[]): VenueError {
    const named = missing.slice(0, 3).map((code) => `${code}: ${answer.refusals.get(code) ?? 'it is not in the answer'}`)
    const more = missing.length > named.length ? `; and ${missing.length - named.length} more` : ''
    return new VenueError(this.#venue, 'VENUE_MALFORMED', `${missing.length} of its books refused: ${named.join('; ')}${more}`, {
      hint: 'The market may be halted or delisted; look it up on the venue.',
      isVenueWide: false,
    })
  }

  #failureOf(error: OperatingError): VenueFailure {
    const { retryAfterMs, isVenueWide } = error instanceof VenueError ? error : { retryAfterMs: null, isVenueWide: true }
    return { venue: this.#venue, code: error.code, message: error.message, isVenueWide, retryAfterMs }
  }
}

function codesOf(instruments: readonly InstrumentKey[], venue: Venue): string[] {
  const codes = new Set<string>()
  for (const instrument of instruments) if (instrument.venue === venue) codes.add(instrument.code)
  return [...codes]
}
