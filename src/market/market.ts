/** The Market port: one market over event time, seen through the venues' wire faces. Seeded and recorded markets implement it. */

import type { Venue } from '../model/instrument.ts'

export interface MarketBook {
  /** Best first, as many levels as were asked for or as there are; flat: price, size, price, size, … */
  bids: Float64Array
  asks: Float64Array
  /** When the book last changed. */
  changedAtMs: number
  /** Grows with every change. */
  updateId: number
}

export interface Market {
  /** Goes to this instant; never back. What is seen there depends on the seed and the time alone, not on who asked before. */
  advance(atMs: number): void

  /** The book now, or null where the venue does not list the instrument. The arrays are the caller's to keep. */
  book(venue: Venue, code: string, depth: number): MarketBook | null

  /** Why the venue answers no request now (an outage), or null where it answers. A halted market answers with a book that stands still. */
  outage(venue: Venue): string | null
}
