/** What Binance's REST interface and its streams spell alike: levels, tops of book, trades, figures of the day. Both faces call this. */

import type { MarketBook } from '../../../market/market.ts'
import type { DayStats, PublicTrade } from '../public-trades.ts'
import { decimal8 } from '../wire-number.ts'

/** More than any book shows: `depth` gives no more, and a diff covers as many. */
export const maxDepth = 5000
/** Tickers tell of the last 24 hours, whatever the time of day. */
export const dayMs = 86_400_000

/** `["price","quantity"],…`, without the outer brackets. */
export function levelList(levels: Float64Array): string {
  let text = ''
  for (let i = 0; i < levels.length; i += 2) {
    text += `${i === 0 ? '' : ','}["${decimal8(levels[i] ?? 0)}","${decimal8(levels[i + 1] ?? 0)}"]`
  }
  return text
}

/** The best price and quantity of a side; a side without orders reads 0. */
export interface TopOfBook {
  bidPrice: string
  bidQuantity: string
  askPrice: string
  askQuantity: string
}

export function topOf(book: MarketBook | null): TopOfBook {
  return {
    bidPrice: decimal8(book?.bids[0] ?? 0),
    bidQuantity: decimal8(book?.bids[1] ?? 0),
    askPrice: decimal8(book?.asks[0] ?? 0),
    askQuantity: decimal8(book?.asks[1] ?? 0),
  }
}

/** The buyer made the market where the taker sold. */
export function isBuyerMaker(trade: PublicTrade): boolean {
  return trade.takerSide === 'sell'
}

/** The fields of an aggregate trade, without braces. A trade of the simulated market is one taker's at one price: an aggregate of one. */
export function aggregateFields(trade: PublicTrade): string {
  const { id, atMs, price, size } = trade
  return `"a":${id},"p":"${decimal8(price)}","q":"${decimal8(size)}","f":${id},"l":${id},"T":${atMs},"m":${isBuyerMaker(trade)},"M":true`
}

/** The day's figures as text. Where nothing was traded they read 0, and the trade ids -1. */
export interface DayFigures {
  change: string
  changePercent: string
  averagePrice: string
  openPrice: string
  highPrice: string
  lowPrice: string
  lastPrice: string
  lastQuantity: string
  volume: string
  quoteVolume: string
  firstId: number
  lastId: number
  count: number
}

export function dayFigures(stats: DayStats | null): DayFigures {
  const { openPrice = 0, lastPrice = 0, volume = 0, quoteVolume = 0, firstId = -1, lastId = -1 } = stats ?? {}
  const change = lastPrice - openPrice
  return {
    change: `${change < 0 ? '-' : ''}${decimal8(Math.abs(change))}`,
    changePercent: (openPrice > 0 ? (100 * change) / openPrice : 0).toFixed(3),
    averagePrice: decimal8(volume > 0 ? quoteVolume / volume : 0),
    openPrice: decimal8(openPrice),
    highPrice: decimal8(stats?.highPrice ?? 0),
    lowPrice: decimal8(stats?.lowPrice ?? 0),
    lastPrice: decimal8(lastPrice),
    lastQuantity: decimal8(stats?.lastSize ?? 0),
    volume: decimal8(volume),
    quoteVolume: decimal8(quoteVolume),
    firstId,
    lastId,
    count: stats === null ? 0 : lastId - firstId + 1,
  }
}
