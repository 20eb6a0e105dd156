/** The MarketDataProvider port: where the engine's quotes come from. Venue adapters implement it; the loop calls it. */

import type { Venue } from '../model/instrument.ts'
import type { OrderBook } from '../model/order-book.ts'

/** An instrument on a venue, by name. */
export interface InstrumentKey {
  venue: Venue
  code: string
}

/** Those of one venue, each once. */
export function codesOf(instruments: readonly InstrumentKey[], venue: Venue): string[] {
  return [...new Set(instruments.filter((instrument) => instrument.venue === venue).map(({ code }) => code))]
}

export interface VenueFailure {
  venue: Venue
  /** An OperatingError's code. */
  code: string
  message: string
  /** False where the venue answered and only some of its books cannot be used: that is no reason to stop trading the others. */
  isVenueWide: boolean
  /** Asked by the venue, or null. */
  retryAfterMs: number | null
  /** Until when the venue is not asked, where it wants to be left alone. */
  untilMs?: number
  /** The venue has shut this address out (418) until `untilMs`. */
  isBan?: boolean
}

/** Where a venue's quotes come from. */
export type QuoteSource = 'orderbook' | 'depth' | 'book-ticker' | 'orderbook-stream' | 'depth-stream'

/** What a venue's feed did since this was last asked; gauges say so. */
export interface FeedCounts {
  venue: Venue
  source: QuoteSource
  /** REST requests sent. */
  requests: number
  /** Requests that our own ledger put off or left out, so as to stay within the venue's limits. */
  heldBack: number
  /** Answers 429. */
  rateLimited: number
  /** Answers 418. */
  bans: number
  /** Largest share of the venue's tightest limit that was used, 0 to 1. */
  usedShareMax: number
  /** Stream frames received. */
  frames: number
  /** Connections that stood, the first included. */
  connects: number
  /** Of these, those that replaced one that was lost or given up. */
  reconnects: number
  /** Sequence gaps. */
  gaps: number
  /** Books that were fetched anew after a gap. */
  resyncs: number
  /** Quiet books that REST showed to be current. */
  confirmations: number
  /** Stream events dropped because a queue was full. */
  dropped: number
  /** Gauge: sockets open now. */
  liveSockets: number
  /** Gauge: the venue's clock minus ours, and how far that may be off; null while it is not known. */
  clockOffsetMs: number | null
  clockErrorMs: number | null
}

/** `arrivedAtPreciseMs`: `Clock.preciseMs()` when what changed the book reached us. */
export type QuoteListener = (instrument: InstrumentKey, arrivedAtPreciseMs: number) => void

export interface MarketDataProvider {
  /** Starts what works by itself (streams, clock measuring) and waits, within a deadline of its own, for the first quotes. Never throws. */
  open(): Promise<void>

  /**
   * Brings every instrument up to date with as few requests as the venues allow. Never throws for a venue's trouble: each failure is
   * returned, and the instruments it concerns keep the book that they had.
   */
  refresh(): Promise<readonly VenueFailure[]>

  /** The book of the last refresh that brought one, or null where there has been none. */
  book(instrument: InstrumentKey): OrderBook | null

  /** Asks the venue for this one book now; throws an OperatingError where it gives none. For the paper venue, at an order's arrival. */
  fetchBook(instrument: InstrumentKey): Promise<OrderBook>

  /** Calls back at each change of a book. One listener; the callback must not throw. */
  onChange(listener: QuoteListener): void

  takeCounts(): readonly FeedCounts[]

  close(): Promise<void>
}
