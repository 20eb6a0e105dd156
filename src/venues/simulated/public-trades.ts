/** What has been traded on a market, as the venues' faces tell it: the last trades and the figures of the day. TradeFlow implements it. */

import type { Side, Venue } from '../../model/instrument.ts'

export interface PublicTrade {
  /** From 1, without a gap, an instrument each. */
  id: number
  atMs: number
  price: number
  size: number
  takerSide: Side
}

/** Over the last 24 hours, or since the market began where that is less. */
export interface DayStats {
  openPrice: number
  highPrice: number
  lowPrice: number
  lastPrice: number
  lastSize: number
  lastAtMs: number
  lastTakerSide: Side
  /** Sum of sizes, and of price x size. */
  volume: number
  quoteVolume: number
  /** Of these, what buyers and sellers took. */
  buyVolume: number
  sellVolume: number
  firstId: number
  lastId: number
  fromMs: number
}

export interface PublicTrades {
  /** Newest last, at most `count`. Empty where the instrument is unknown. */
  recent(venue: Venue, code: string, count: number): readonly PublicTrade[]
  /** Those with a larger id, oldest first, as far back as they are remembered. */
  after(venue: Venue, code: string, id: number): readonly PublicTrade[]
  /** Null where nothing has been traded yet. */
  stats(venue: Venue, code: string): DayStats | null
}
