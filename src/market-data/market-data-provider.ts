/** The MarketDataProvider port: where the engine's quotes come from. Venue adapters implement it; the loop calls it. */

import type { Venue } from '../model/instrument.ts'
import type { OrderBook } from '../model/order-book.ts'

/** An instrument on a venue, by name. */
export interface InstrumentKey {
  venue: Venue
  code: string
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
}

export interface MarketDataProvider {
  /**
   * Brings every instrument up to date with as few requests as the venues allow. Never throws for a venue's trouble: each failure is
   * returned, and the instruments it concerns keep the book that they had.
   */
  refresh(): Promise<readonly VenueFailure[]>

  /** The book of the last refresh that brought one, or null where there has been none. */
  book(instrument: InstrumentKey): OrderBook | null

  /** Asks the venue for this one book now; throws an OperatingError where it gives none. For the paper venue, at an order's arrival. */
  fetchBook(instrument: InstrumentKey): Promise<OrderBook>

  close(): Promise<void>
}
