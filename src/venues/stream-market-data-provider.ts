/** Quotes by WebSocket: each venue's stream, with REST to start, to confirm and to repair it. The composition root makes it. */

import { assert } from '../base/assert.ts'
import { OperatingError } from '../base/error.ts'
import type { Prng } from '../base/prng.ts'
import type { Clock } from '../clock/clock.ts'
import type { FreshnessSettings } from '../market-data/freshness.ts'
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
import { BinanceRest, binanceRules } from './binance/rest.ts'
import { BinanceStream } from './binance/stream.ts'
import { QuietCheck } from './quiet-check.ts'
import type { Transport } from './transport.ts'
import { UpbitRest, upbitRules } from './upbit/rest.ts'
import { UpbitStream } from './upbit/stream.ts'
import { booksRefused, failureOf } from './venue-failure.ts'
import { VenueGate, type VenueRules } from './venue-gate.ts'
import type { VenueRest } from './venue-rest.ts'
import type { StreamListener, VenueStream } from './venue-stream.ts'

export interface StreamMarketDataProviderOptions {
  transport: Transport
  clock: Clock
  /** Spreads reconnects. */
  prng: Prng
  instruments: readonly InstrumentKey[]
  /** 1 to 30. */
  depthLevels: number
  requestTimeoutMs: number
  freshness: FreshnessSettings
  /** Whether the venues' clocks are compared with ours, once a minute; false where it is left out. */
  measuresClock?: boolean
}

/** How long `open` waits for books that do not come. */
const openDeadlineMs = 5000

export class StreamMarketDataProvider implements MarketDataProvider {
  readonly #clock: Clock
  readonly #transport: Transport
  readonly #feeds: Record<Venue, StreamFeed>
  #listener: QuoteListener | null = null
  #endWait: () => void = () => undefined

  constructor(options: StreamMarketDataProviderOptions) {
    const { transport, clock, prng, depthLevels, requestTimeoutMs, measuresClock = false } = options
    assert(Number.isInteger(depthLevels) && depthLevels >= 1 && depthLevels <= 30, `depthLevels must be 1 to 30, was ${depthLevels}`)
    const gateOf = (rules: VenueRules) => new VenueGate({ rules, transport, clock, measuresClock })
    const gates = { upbit: gateOf(upbitRules), binance: gateOf(binanceRules) }
    const partsOf = (venue: Venue) => ({
      ...options,
      codes: codesOf(options.instruments, venue),
      connectTimeoutMs: requestTimeoutMs,
      prng: prng.fork(venue),
      onChange: ((code, arrivedAtPreciseMs) => this.#changed({ venue, code }, arrivedAtPreciseMs)) satisfies StreamListener,
    })
    const [upbit, binance] = [partsOf('upbit'), partsOf('binance')]
    this.#clock = clock
    this.#transport = transport
    this.#feeds = {
      upbit: new StreamFeed('upbit', {
        ...upbit,
        gate: gates.upbit,
        stream: new UpbitStream(upbit),
        rest: new UpbitRest({ ...options, transport: gates.upbit }),
      }),
      binance: new StreamFeed('binance', {
        ...binance,
        gate: gates.binance,
        stream: new BinanceStream({ ...binance, gate: gates.binance }),
        // Quiet books are asked for together, by their tops, and never one by one.
        rest: new BinanceRest({ ...options, transport: gates.binance, source: 'book-ticker' }),
      }),
    }
  }

  open(): Promise<void> {
    return new Promise((resolve) => {
      const deadline = this.#clock.schedule(this.#clock.nowMs() + openDeadlineMs, () => this.#endWait())
      this.#endWait = () => {
        deadline.cancel()
        resolve()
      }
      this.#feeds.upbit.open()
      this.#feeds.binance.open()
      this.#endWaitWhereComplete()
    })
  }

  onChange(listener: QuoteListener): void {
    this.#listener = listener
  }

  refresh(): Promise<readonly VenueFailure[]> {
    return Promise.resolve([...this.#feeds.upbit.failures(), ...this.#feeds.binance.failures()])
  }

  book({ venue, code }: InstrumentKey): OrderBook | null {
    return this.#feeds[venue].stream.book(code)
  }

  fetchBook({ venue, code }: InstrumentKey): Promise<OrderBook> {
    return this.#feeds[venue].fetchBook(code)
  }

  takeCounts(): readonly FeedCounts[] {
    return [this.#feeds.upbit.takeCounts(), this.#feeds.binance.takeCounts()]
  }

  close(): Promise<void> {
    this.#endWait()
    this.#feeds.upbit.close()
    this.#feeds.binance.close()
    return this.#transport.close()
  }

  #changed(instrument: InstrumentKey, arrivedAtPreciseMs: number): void {
    this.#listener?.(instrument, arrivedAtPreciseMs)
    this.#feeds[instrument.venue].awaitedCodes.delete(instrument.code)
    this.#endWaitWhereComplete()
  }

  #endWaitWhereComplete(): void {
    if (this.#feeds.upbit.awaitedCodes.size + this.#feeds.binance.awaitedCodes.size === 0) this.#endWait()
  }
}

interface StreamFeedParts {
  stream: VenueStream
  rest: VenueRest
  gate: VenueGate
  clock: Clock
  codes: readonly string[]
  requestTimeoutMs: number
  freshness: FreshnessSettings
}

/** One venue: its stream, and what REST does for it. */
class StreamFeed {
  readonly stream: VenueStream
  /** Those that no book was seen of yet. */
  readonly awaitedCodes: Set<string>
  readonly #venue: Venue
  readonly #parts: StreamFeedParts
  readonly #maxQuietMs: number
  readonly #quietCheck: QuietCheck
  #clockTrouble: OperatingError | null = null

  constructor(venue: Venue, parts: StreamFeedParts) {
    this.#venue = venue
    this.#parts = parts
    this.stream = parts.stream
    this.awaitedCodes = new Set(parts.codes)
    this.#maxQuietMs = Math.floor(parts.freshness.maxQuoteAgeMs / 3)
    this.#quietCheck = new QuietCheck({ ...parts, maxQuietMs: this.#maxQuietMs })
  }

  /** A venue that no instrument is on is not connected to. */
  open(): void {
    if (this.#parts.codes.length === 0) return
    this.stream.connection.open()
    this.#quietCheck.open()
  }

  close(): void {
    this.#quietCheck.close()
    this.stream.close()
  }

  /** Of the connection, and what else went wrong since this was last asked. */
  failures(): VenueFailure[] {
    if (this.#parts.codes.length === 0) return []
    this.#measureClock()
    const { connection } = this.stream
    const troubles = [this.#parts.gate.pause(), this.stream.takeTrouble(), this.#quietCheck.takeTrouble(), this.#takeClockTrouble()]
    const failures: VenueFailure[] = []
    if (connection.failure !== null) failures.push(this.#failureOf(connection.failure, true))
    // As long as the stream stands, trouble with REST concerns only the books that had to be asked for.
    for (const trouble of [...troubles, this.#missing()]) if (trouble !== null) failures.push(this.#failureOf(trouble, false))
    return failures
  }

  /** A book on the stream that follows the venue is as good as one from REST, and is there at once. */
  async fetchBook(code: string): Promise<OrderBook> {
    const { clock, gate, rest, codes, requestTimeoutMs } = this.#parts
    assert(codes.includes(code), `${this.#venue} ${code} is not one of this provider's instruments`)
    const book = this.stream.book(code)
    if (book !== null && this.stream.isFollowing(code) && clock.nowMs() - book.receivedAtMs <= this.#maxQuietMs) return book
    return gate.order(rest.depthCost, requestTimeoutMs, async () => {
      const answer = await rest.fetchDepth(code)
      const fetched = answer.books.get(code)
      if (fetched !== undefined) return fetched
      throw booksRefused(this.#venue, `${code}: ${answer.refusals.get(code) ?? 'it is not in the answer'}`)
    })
  }

  takeCounts(): FeedCounts {
    const confirmations = this.#quietCheck.takeConfirmationCount()
    return { venue: this.#venue, source: this.stream.source, ...this.#parts.gate.takeCounts(), ...this.stream.takeCounts(), confirmations }
  }

  /** Where the connection has stood long enough for every book to have come. */
  #missing(): OperatingError | null {
    const { openedAtMs } = this.stream.connection
    if (openedAtMs === null || this.#parts.clock.nowMs() - openedAtMs < openDeadlineMs) return null
    const missing = this.#parts.codes.filter((code) => this.stream.book(code) === null)
    if (missing.length === 0) return null
    const more = missing.length > 3 ? `, and ${missing.length - 3} more` : ''
    return booksRefused(this.#venue, `the stream shows no book of ${missing.slice(0, 3).join(', ')}${more}`)
  }

  /** Not waited for: what comes of it shows in the counts. */
  #measureClock(): void {
    this.#parts.gate.measureClock(this.#parts.requestTimeoutMs)?.catch((error: unknown) => {
      if (!(error instanceof OperatingError)) throw error
      this.#clockTrouble = error
    })
  }

  #takeClockTrouble(): OperatingError | null {
    const trouble = this.#clockTrouble
    this.#clockTrouble = null
    return trouble
  }

  #failureOf(error: OperatingError, isVenueWide: boolean): VenueFailure {
    return { ...failureOf(this.#venue, error, this.#parts.clock.nowMs()), isVenueWide }
  }
}
