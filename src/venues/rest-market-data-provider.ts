/** Quotes by polling: one round of concurrent requests a loop, to both venues, over the Transport. The composition root makes it. */

import { assert } from '../base/assert.ts'
import { OperatingError } from '../base/error.ts'
import type { Clock } from '../clock/clock.ts'
import {
  codesOf,
  type InstrumentKey,
  type MarketDataProvider,
  type QuoteListener,
  type VenueFailure,
} from '../market-data/market-data-provider.ts'
import type { FeedCounts } from '../model/event.ts'
import type { Venue } from '../model/instrument.ts'
import type { OrderBook } from '../model/order-book.ts'
import { affordableSource, BinanceRest, binanceRules } from './binance/rest.ts'
import type { Transport } from './transport.ts'
import { UpbitRest, upbitRules } from './upbit/rest.ts'
import { VenueError } from './venue-error.ts'
import { booksRefused, failureOf } from './venue-failure.ts'
import { VenueGate, type VenueRules } from './venue-gate.ts'
import type { BookAnswer, VenueRest } from './venue-rest.ts'

export interface RestMarketDataProviderOptions {
  transport: Transport
  clock: Clock
  instruments: readonly InstrumentKey[]
  /** 1 to 30. */
  depthLevels: number
  requestTimeoutMs: number
  loopIntervalMs: number
  /** Whether the venues' clocks are compared with ours, once a minute; false where it is left out. */
  measuresClock?: boolean
}

export class RestMarketDataProvider implements MarketDataProvider {
  /** Where Binance's quotes come from: `book-ticker` (top of book only) where there are too many instruments for `depth`. */
  readonly binanceSource: 'depth' | 'book-ticker'
  readonly #transport: Transport
  readonly #feeds: Record<Venue, VenueFeed>

  constructor(options: RestMarketDataProviderOptions) {
    const { transport, clock, depthLevels, measuresClock = false } = options
    assert(Number.isInteger(depthLevels) && depthLevels >= 1 && depthLevels <= 30, `depthLevels must be 1 to 30, was ${depthLevels}`)
    const gateOf = (rules: VenueRules) => new VenueGate({ rules, transport, clock, measuresClock })
    const gates = { upbit: gateOf(upbitRules), binance: gateOf(binanceRules) }
    const codes = { upbit: codesOf(options.instruments, 'upbit'), binance: codesOf(options.instruments, 'binance') }
    const upbit = new UpbitRest({ ...options, transport: gates.upbit })
    const binance = new BinanceRest({
      ...options,
      transport: gates.binance,
      source: affordableSource(codes.binance.length, options.loopIntervalMs),
    })
    this.binanceSource = binance.source
    this.#transport = transport
    this.#feeds = {
      upbit: new VenueFeed('upbit', upbit, gates.upbit, codes.upbit, options),
      binance: new VenueFeed('binance', binance, gates.binance, codes.binance, options),
    }
  }

  /** Nothing works by itself here: the first refresh brings the first quotes. */
  open(): Promise<void> {
    return Promise.resolve()
  }

  onChange(listener: QuoteListener): void {
    for (const feed of Object.values(this.#feeds)) feed.listener = listener
  }

  takeCounts(): readonly FeedCounts[] {
    return [this.#feeds.upbit.takeCounts(), this.#feeds.binance.takeCounts()]
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

/** One venue's books, and what is asked for together. */
class VenueFeed {
  readonly books = new Map<string, OrderBook>()
  listener: QuoteListener | null = null
  readonly #venue: Venue
  readonly #rest: VenueRest
  readonly #gate: VenueGate
  readonly #clock: Clock
  readonly #requestTimeoutMs: number
  readonly #codes: ReadonlySet<string>
  #batches: Batch[] = []

  constructor(
    venue: Venue,
    rest: VenueRest,
    gate: VenueGate,
    codes: readonly string[],
    { clock, requestTimeoutMs }: Pick<RestMarketDataProviderOptions, 'clock' | 'requestTimeoutMs'>,
  ) {
    this.#venue = venue
    this.#rest = rest
    this.#gate = gate
    this.#clock = clock
    this.#requestTimeoutMs = requestTimeoutMs
    this.#codes = new Set(codes)
    for (let i = 0; i < codes.length; i += rest.maxCodesPerRequest) {
      this.#batches.push(codes.slice(i, i + rest.maxCodesPerRequest))
    }
  }

  async refresh(): Promise<VenueFailure[]> {
    const pause = this.#gate.pause()
    if (pause !== null) return [this.#failureOf(pause)]
    const asked: Batch[] = []
    const answers: Promise<OperatingError | null>[] = []
    const heldBack: Batch[] = []
    for (const batch of this.#batches) {
      const answer = this.#gate.poll(this.#rest.booksCost, () => this.#rest.fetchBooks(batch))
      if (answer === null) heldBack.push(batch)
      else {
        asked.push(batch)
        answers.push(this.#keepBooks(batch, answer))
      }
    }
    const time = this.#gate.measureClock(this.#requestTimeoutMs)
    const timeAnswer = time === null ? null : operatingErrorOf(time)
    const errors = await Promise.all(answers)
    const failures: VenueFailure[] = []
    for (const error of errors) if (error !== null) failures.push(this.#failureOf(error))
    const timeError = await timeAnswer
    if (timeError !== null) failures.push({ ...this.#failureOf(timeError), isVenueWide: false })
    // What had to wait comes first the next time, so that a small budget goes round.
    this.#batches = [...heldBack, ...withUnknownCodesHalved(asked, errors)]
    return failures
  }

  async fetchBook(code: string): Promise<OrderBook> {
    assert(this.#codes.has(code), `${this.#venue} ${code} is not one of this provider's instruments`)
    return this.#gate.order(this.#rest.depthCost, this.#requestTimeoutMs, async () => {
      const answer = await this.#rest.fetchDepth(code)
      const book = answer.books.get(code)
      if (book === undefined) throw this.#refusal(answer, [code])
      return book
    })
  }

  takeCounts(): FeedCounts {
    const stream = { frames: 0, connects: 0, reconnects: 0, gaps: 0, resyncs: 0, confirmations: 0, dropped: 0, liveSockets: 0 }
    return { venue: this.#venue, source: this.#rest.source, ...this.#gate.takeCounts(), ...stream }
  }

  async #keepBooks(batch: Batch, asked: Promise<BookAnswer>): Promise<OperatingError | null> {
    let answer: BookAnswer
    try {
      answer = await asked
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error
      return error
    }
    const missing: string[] = []
    for (const code of batch) {
      const book = answer.books.get(code)
      if (book === undefined) missing.push(code)
      else this.#keep(code, book)
    }
    return missing.length === 0 ? null : this.#refusal(answer, missing)
  }

  #keep(code: string, book: OrderBook): void {
    const hasChanged = this.books.get(code)?.changedAtMs !== book.changedAtMs
    this.books.set(code, book)
    if (hasChanged) this.listener?.({ venue: this.#venue, code }, this.#clock.preciseMs())
  }

  /** One error for all books of an answer that are missing or refused, with the first three named. */
  #refusal(answer: BookAnswer, missing: readonly string[]): VenueError {
    const named = missing.slice(0, 3).map((code) => `${code}: ${answer.refusals.get(code) ?? 'it is not in the answer'}`)
    const more = missing.length > named.length ? `; and ${missing.length - named.length} more` : ''
    return booksRefused(this.#venue, `${missing.length} of its books refused: ${named.join('; ')}${more}`)
  }

  #failureOf(error: OperatingError): VenueFailure {
    return failureOf(this.#venue, error, this.#clock.nowMs())
  }
}

/**
 * One code that a venue does not list fails the whole request, on both venues. Halving such a batch at each refresh leaves that code alone
 * in a few loops, and every other one with its book.
 */
function withUnknownCodesHalved(batches: readonly Batch[], errors: readonly (OperatingError | null)[]): Batch[] {
  return batches.flatMap((batch, index) => {
    const error = errors[index]
    if (batch.length === 1 || !(error instanceof VenueError) || !error.isUnknownCode) return [batch]
    const half = Math.ceil(batch.length / 2)
    return [batch.slice(0, half), batch.slice(half)]
  })
}

async function operatingErrorOf(asked: Promise<unknown>): Promise<OperatingError | null> {
  try {
    await asked
    return null
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error
    return error
  }
}
