/** A Market whose books and outages are set by hand: for tests and benchmarks of what stands in front of a market. */

import type { Venue } from '../model/instrument.ts'
import type { Market, MarketBook } from './market.ts'

/** Flat levels, best first: price, size, price, size, … */
export interface ScriptedBook {
  bids: readonly number[]
  asks: readonly number[]
  changedAtMs: number
  updateId: number
}

export class ScriptedMarket implements Market {
  readonly outages: Partial<Record<Venue, string>> = {}
  readonly #books = new Map<string, MarketBook>()
  /** The instant that it was last told to go to. */
  nowMs = 0

  set(venue: Venue, code: string, book: ScriptedBook): void {
    this.#books.set(`${venue}:${code}`, { ...book, bids: Float64Array.from(book.bids), asks: Float64Array.from(book.asks) })
  }

  delist(venue: Venue, code: string): void {
    this.#books.delete(`${venue}:${code}`)
  }

  advance(atMs: number): void {
    this.nowMs = atMs
  }

  book(venue: Venue, code: string, depth: number): MarketBook | null {
    const book = this.#books.get(`${venue}:${code}`)
    return book === undefined ? null : { ...book, bids: book.bids.slice(0, 2 * depth), asks: book.asks.slice(0, 2 * depth) }
  }

  outage(venue: Venue): string | null {
    return this.outages[venue] ?? null
  }
}
