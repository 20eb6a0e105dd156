/** Says whether a book can be priced now, and if not why: the engine asks for every quote before the strategy sees it. Pure. */

import type { FeedTrouble } from '../model/event.ts'
import type { OrderBook } from '../model/order-book.ts'

export interface FreshnessSettings {
  /** A quote older than this since it was received is stale. */
  maxQuoteAgeMs: number
  /** A book that has not moved for this long is frozen. */
  maxUnchangedMs: number
}

/** Null where the book can be priced. Age exactly at a limit is still fresh. */
export function quoteTrouble(book: OrderBook | null, nowMs: number, settings: FreshnessSettings): FeedTrouble | null {
  if (book === null) return 'missing'
  if (nowMs - book.receivedAtMs > settings.maxQuoteAgeMs) return 'stale'
  const bestBid = book.bids[0]
  const bestAsk = book.asks[0]
  if (bestBid === undefined || bestAsk === undefined) return 'empty'
  if (bestBid.price >= bestAsk.price) return 'crossed'
  if (nowMs - book.changedAtMs > settings.maxUnchangedMs) return 'frozen'
  return null
}
