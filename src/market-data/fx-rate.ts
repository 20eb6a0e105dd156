/** KRW per USDT from Upbit's own KRW-USDT book: the one rate by which USDT is valued in KRW. It goes stale like any quote. Pure. */

import type { FeedTrouble } from '../model/event.ts'
import type { OrderBook } from '../model/order-book.ts'
import { type FreshnessSettings, quoteTrouble } from './freshness.ts'

export interface FxRate {
  krwPerUsdt: number
  ageMs: number
}

/**
 * The mid price, or `fx-stale` (stale or frozen), or `fx-missing` (no usable book). Rounded to four decimals, finer than half a tick of
 * KRW-USDT: the rate enters exact arithmetic, which would carry a double's seventeen digits along for ever.
 */
export function fxRate(book: OrderBook | null, nowMs: number, settings: FreshnessSettings): FxRate | FeedTrouble {
  const trouble = quoteTrouble(book, nowMs, settings)
  if (trouble === 'stale' || trouble === 'frozen') return 'fx-stale'
  const bestBid = book?.bids[0]
  const bestAsk = book?.asks[0]
  if (trouble !== null || book === null || bestBid === undefined || bestAsk === undefined) return 'fx-missing'
  const mid = (bestBid.price + bestAsk.price) / 2
  return { krwPerUsdt: Math.round(mid * 1e4) / 1e4, ageMs: nowMs - book.receivedAtMs }
}
