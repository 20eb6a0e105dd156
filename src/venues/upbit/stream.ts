/** Upbit's order books over its WebSocket: one socket, one subscription, whole books. The market data provider makes it. */

import { OperatingError } from '../../base/error.ts'
import type { Prng } from '../../base/prng.ts'
import type { Clock } from '../../clock/clock.ts'
import type { OrderBook } from '../../model/order-book.ts'
import { StreamConnection } from '../stream-connection.ts'
import type { Transport } from '../transport.ts'
import { malformed } from '../venue-error.ts'
import { isSameTop, type StreamCounts, type StreamListener, type VenueStream } from '../venue-stream.ts'
import { parseStreamFrame } from './parse.ts'

export interface UpbitStreamOptions {
  transport: Transport
  clock: Clock
  prng: Prng
  codes: readonly string[]
  /** 1 to 30. */
  depthLevels: number
  connectTimeoutMs: number
  onChange: StreamListener
}

/** Idle sockets are closed after 120 s by the documentation, after 60 s as observed. */
const pingIntervalMs = 25_000
/** Frames that have been late for longer are not late: the venue's clock was set back. */
const maxDisorderMs = 1000
/** The depths that can be subscribed to, as a suffix of the code. */
const streamDepths = [1, 5, 15, 30]

export class UpbitStream implements VenueStream {
  readonly source = 'orderbook-stream'
  readonly connection: StreamConnection
  readonly #options: UpbitStreamOptions
  readonly #codes: ReadonlySet<string>
  readonly #books = new Map<string, OrderBook>()
  /** The newest frame of this connection, by code: Upbit numbers nothing, so its time alone tells a late frame. */
  readonly #newest = new Map<string, Pick<OrderBook, 'changedAtMs' | 'receivedAtMs'>>()
  #trouble: OperatingError | null = null
  #droppedCount = 0

  constructor(options: UpbitStreamOptions) {
    this.#options = options
    this.#codes = new Set(options.codes)
    this.connection = new StreamConnection(
      { ...options, venue: 'upbit', target: '/websocket/v1', pingIntervalMs, maxLifetimeMs: null },
      {
        onOpen: () => this.connection.send(this.#subscription()),
        onFrame: (text) => this.#framed(text),
        // Books age, and the first frame of the next connection counts whatever its time.
        onDown: () => this.#newest.clear(),
      },
    )
  }

  book(code: string): OrderBook | null {
    return this.#books.get(code) ?? null
  }

  isFollowing(code: string): boolean {
    return this.connection.isOpen && this.#newest.has(code) && this.#books.has(code)
  }

  quietSinceMs(code: string): number | null {
    const { openedAtMs } = this.connection
    return openedAtMs === null ? null : Math.max(openedAtMs, this.#books.get(code)?.receivedAtMs ?? 0)
  }

  confirm(code: string, receivedAtMs: number): void {
    const book = this.#books.get(code)
    if (book !== undefined) this.#books.set(code, { ...book, receivedAtMs })
  }

  discard(code: string): void {
    this.#books.delete(code)
  }

  takeTrouble(): OperatingError | null {
    const trouble = this.#trouble
    this.#trouble = null
    return trouble
  }

  takeCounts(): StreamCounts {
    const dropped = this.#droppedCount
    this.#droppedCount = 0
    return { ...this.connection.takeCounts(), gaps: 0, resyncs: 0, dropped }
  }

  close(): void {
    this.connection.close()
  }

  /** A subscription replaces the one before it on its socket, so there is one for all. SIMPLE: short keys, a third fewer bytes. */
  #subscription(): string {
    const depth = streamDepths.find((each) => each >= this.#options.depthLevels) ?? 30
    const codes = this.#options.codes.map((code) => `${code}.${depth}`)
    return JSON.stringify([{ ticket: 'longhaul' }, { type: 'orderbook', codes }, { format: 'SIMPLE' }])
  }

  #framed(text: string): void {
    const arrivedAtPreciseMs = this.#options.clock.preciseMs()
    let frame
    try {
      frame = parseStreamFrame(text, this.#options.clock.nowMs())
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error
      this.#trouble = error
      this.#droppedCount++
      return
    }
    if (frame.kind === 'book') this.#booked(frame.code, frame.book, arrivedAtPreciseMs)
    else if (frame.kind === 'refused-book') this.#refusedBook(frame.code, frame.reason)
    else if (frame.kind === 'error') this.#trouble = frame.error
  }

  #booked(code: string, book: OrderBook, arrivedAtPreciseMs: number): void {
    if (!this.#codes.has(code)) return
    const newest = this.#newest.get(code)
    if (newest !== undefined && book.changedAtMs < newest.changedAtMs && book.receivedAtMs - newest.receivedAtMs < maxDisorderMs) {
      this.#droppedCount++
      return
    }
    const known = this.book(code)
    this.#newest.set(code, book)
    this.#books.set(code, this.#cut(book))
    if (known?.changedAtMs !== book.changedAtMs || !isSameTop(known, book)) this.#options.onChange(code, arrivedAtPreciseMs)
  }

  /** What the venue shows now is no book, so the one before it is none either. */
  #refusedBook(code: string, reason: string): void {
    this.#books.delete(code)
    this.#trouble = malformed('upbit', 'a book on the stream is refused', `${code}: ${reason}`)
  }

  /** As deep as REST is asked for. */
  #cut(book: OrderBook): OrderBook {
    const { depthLevels } = this.#options
    if (book.bids.length <= depthLevels && book.asks.length <= depthLevels) return book
    return { ...book, bids: book.bids.slice(0, depthLevels), asks: book.asks.slice(0, depthLevels) }
  }
}
