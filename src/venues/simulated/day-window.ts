/** What was traded in one instrument over the last 24 hours, in bounded memory. TradeFlow keeps one an instrument. */

import type { DayStats, PublicTrade } from './public-trades.ts'

/**
 * The window begins at a whole ten minutes, so it reaches back 23 h 50 min at least and never beyond 24 h: at most 144 buckets, of which
 * all figures are exact sums.
 */
const bucketMs = 600_000
const maxBuckets = 144

interface Bucket {
  index: number
  first: PublicTrade
  highPrice: number
  lowPrice: number
  buyVolume: number
  sellVolume: number
  quoteVolume: number
}

export class DayWindow {
  /** Oldest first. */
  readonly #buckets: Bucket[] = []
  #last: PublicTrade | null = null

  /** In the order of time. */
  add(trade: PublicTrade): void {
    const index = Math.floor(trade.atMs / bucketMs)
    this.#expire(index)
    let bucket = this.#buckets.at(-1)
    if (bucket?.index !== index) {
      bucket = { index, first: trade, highPrice: trade.price, lowPrice: trade.price, buyVolume: 0, sellVolume: 0, quoteVolume: 0 }
      this.#buckets.push(bucket)
    }
    bucket.highPrice = Math.max(bucket.highPrice, trade.price)
    bucket.lowPrice = Math.min(bucket.lowPrice, trade.price)
    if (trade.takerSide === 'buy') bucket.buyVolume += trade.size
    else bucket.sellVolume += trade.size
    bucket.quoteVolume += trade.price * trade.size
    this.#last = trade
  }

  /** Null where nothing was ever traded. After a day without a trade the last price stands and the volumes are zero. */
  stats(nowMs: number): DayStats | null {
    const last = this.#last
    if (last === null) return null
    this.#expire(Math.floor(nowMs / bucketMs))
    const first = this.#buckets[0]?.first ?? last
    let [highPrice, lowPrice, buyVolume, sellVolume, quoteVolume] = [last.price, last.price, 0, 0, 0]
    for (const bucket of this.#buckets) {
      highPrice = Math.max(highPrice, bucket.highPrice)
      lowPrice = Math.min(lowPrice, bucket.lowPrice)
      buyVolume += bucket.buyVolume
      sellVolume += bucket.sellVolume
      quoteVolume += bucket.quoteVolume
    }
    return {
      openPrice: first.price,
      highPrice,
      lowPrice,
      lastPrice: last.price,
      lastSize: last.size,
      lastAtMs: last.atMs,
      lastTakerSide: last.takerSide,
      volume: buyVolume + sellVolume,
      quoteVolume,
      buyVolume,
      sellVolume,
      firstId: first.id,
      lastId: last.id,
      fromMs: first.atMs,
    }
  }

  #expire(index: number): void {
    while (this.#buckets[0] !== undefined && this.#buckets[0].index <= index - maxBuckets) this.#buckets.shift()
  }
}
