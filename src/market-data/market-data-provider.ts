/** The MarketDataProvider port: where the engine's quotes come from. Venue adapters implement it; the loop calls it. */

import type { FeedCounts } from '../model/event.ts'
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
