/** The payloads of Binance's market streams: one feed a stream, computed once for all that listen. BinanceStreamFace calls this. */

import { aggregateFields, dayFigures, dayMs, isBuyerMaker, levelList, maxDepth, topOf } from './rows.ts'
import type { Market, MarketBook } from '../../../market/market.ts'
import type { PublicTrade, PublicTrades } from '../public-trades.ts'
import { decimal8 } from '../wire-number.ts'

export interface Feed {
  /** The market stands at `nowMs`, one step on: sends what has become due. `isNewSecond` is true once a second. */
  step(nowMs: number, isNewSecond: boolean, send: (payload: string) => void): void
}

export interface FeedSources {
  market: Market
  /** Null where nothing is ever traded. */
  trades: PublicTrades | null
}

/** The feed of a stream such as `btcusdt@depth@100ms`, from the market as it stands; null where the venue has no such stream. */
export function feedOf(stream: string, { market, trades }: FeedSources): Feed | null {
  const at = stream.indexOf('@')
  const symbol = stream.slice(0, Math.max(at, 0))
  const code = symbol.toUpperCase()
  if (symbol !== symbol.toLowerCase() || market.book('binance', code, 1) === null) return null
  const kind = stream.slice(at + 1)
  const partial = /^depth(5|10|20)(@100ms)?$/.exec(kind)
  if (partial) return partialDepth(market, code, Number(partial[1]), partial[2] !== undefined)
  switch (kind) {
    case 'bookTicker':
      return new BookTicker(market, code)
    case 'depth':
    case 'depth@100ms':
      return new DepthDiff(market, code, kind === 'depth@100ms')
    case 'trade':
    case 'aggTrade':
      return trades && new TradeTail(trades, code, kind)
    case 'miniTicker':
    case 'ticker':
      return trades && dayTicker(market, trades, code, kind === 'ticker')
    default:
      return null
  }
}

/**
 * Changes of the whole visible book. A level that was touched since the last event is told even where it stands as it stood then: a
 * snapshot taken in between may have shown it otherwise. Levels that left the view have quantity 0. An event goes out whenever the book's
 * update id has moved, so that the stream never ends behind REST's `lastUpdateId`.
 */
export class DepthDiff implements Feed {
  readonly #market: Market
  readonly #code: string
  readonly #isEachStep: boolean
  readonly #touchedBids = new Map<number, number>()
  readonly #touchedAsks = new Map<number, number>()
  #book: MarketBook | null
  #sentUpdateId: number
  #isNextSkipped = false

  constructor(market: Market, code: string, isEachStep: boolean) {
    this.#market = market
    this.#code = code
    this.#isEachStep = isEachStep
    this.#book = market.book('binance', code, maxDepth)
    this.#sentUpdateId = this.#book?.updateId ?? 0
  }

  /** The next event is lost, as on a bad day of the venue: whoever follows the update ids sees the gap. */
  skipNext(): void {
    this.#isNextSkipped = true
  }

  step(nowMs: number, isNewSecond: boolean, send: (payload: string) => void): void {
    this.#follow()
    const updateId = this.#book?.updateId ?? 0
    if (updateId === this.#sentUpdateId || !(this.#isEachStep || isNewSecond)) return
    if (!this.#isNextSkipped) {
      send(
        `{"e":"depthUpdate","E":${nowMs},"s":"${this.#code}","U":${this.#sentUpdateId + 1},"u":${updateId},` +
          `"b":[${pairList(this.#touchedBids)}],"a":[${pairList(this.#touchedAsks)}]}`,
      )
    }
    this.#isNextSkipped = false
    this.#sentUpdateId = updateId
    this.#touchedBids.clear()
    this.#touchedAsks.clear()
  }

  #follow(): void {
    const before = this.#book
    // One level tells whether the rest is worth asking for.
    if (before === null || this.#market.book('binance', this.#code, 1)?.updateId === before.updateId) return
    const now = this.#market.book('binance', this.#code, maxDepth)
    if (now === null) return
    collectChanges(before.bids, now.bids, -1, this.#touchedBids)
    collectChanges(before.asks, now.asks, 1, this.#touchedAsks)
    this.#book = now
  }
}

/** Walks both states of a side, best first, and notes the present quantity of every price that differs. */
function collectChanges(before: Float64Array, now: Float64Array, direction: 1 | -1, touched: Map<number, number>): void {
  let i = 0
  let j = 0
  while (i < before.length || j < now.length) {
    const priceBefore = before[i] ?? Infinity * direction
    const priceNow = now[j] ?? Infinity * direction
    const distance = direction * (priceBefore - priceNow)
    if (distance < 0) touched.set(priceBefore, 0)
    else if (distance > 0 || before[i + 1] !== now[j + 1]) touched.set(priceNow, now[j + 1] ?? 0)
    if (distance <= 0) i += 2
    if (distance >= 0) j += 2
  }
}

function pairList(levels: ReadonlyMap<number, number>): string {
  let text = ''
  for (const [price, quantity] of levels) text += `${text === '' ? '' : ','}["${decimal8(price)}","${decimal8(quantity)}"]`
  return text
}

/** Sent when price or quantity of the best bid or ask has changed; spot gives it no event time. */
class BookTicker implements Feed {
  readonly #market: Market
  readonly #code: string
  #updateId = -1
  #fields: string

  constructor(market: Market, code: string) {
    this.#market = market
    this.#code = code
    this.#fields = topFields(market.book('binance', code, 1))
  }

  step(_nowMs: number, _isNewSecond: boolean, send: (payload: string) => void): void {
    const book = this.#market.book('binance', this.#code, 1)
    if (book === null || book.updateId === this.#updateId) return
    this.#updateId = book.updateId
    const fields = topFields(book)
    if (fields === this.#fields) return
    this.#fields = fields
    send(`{"u":${book.updateId},"s":"${this.#code}",${fields}}`)
  }
}

function topFields(book: MarketBook | null): string {
  const { bidPrice, bidQuantity, askPrice, askQuantity } = topOf(book)
  return `"b":"${bidPrice}","B":"${bidQuantity}","a":"${askPrice}","A":"${askQuantity}"`
}

/** Sent at every turn, changed or not, as documented. */
function partialDepth(market: Market, code: string, levels: number, isEachStep: boolean): Feed {
  return {
    step: (_nowMs, isNewSecond, send) => {
      const book = isEachStep || isNewSecond ? market.book('binance', code, levels) : null
      if (book) send(`{"lastUpdateId":${book.updateId},"bids":[${levelList(book.bids)}],"asks":[${levelList(book.asks)}]}`)
    },
  }
}

/** Every trade from now on. */
class TradeTail implements Feed {
  readonly #trades: PublicTrades
  readonly #code: string
  readonly #event: 'trade' | 'aggTrade'
  #lastId: number

  constructor(trades: PublicTrades, code: string, event: 'trade' | 'aggTrade') {
    this.#trades = trades
    this.#code = code
    this.#event = event
    this.#lastId = trades.recent('binance', code, 1)[0]?.id ?? 0
  }

  step(nowMs: number, _isNewSecond: boolean, send: (payload: string) => void): void {
    for (const trade of this.#trades.after('binance', this.#code, this.#lastId)) {
      this.#lastId = trade.id
      const fields = this.#event === 'trade' ? tradeFields(trade) : aggregateFields(trade)
      send(`{"e":"${this.#event}","E":${nowMs},"s":"${this.#code}",${fields}}`)
    }
  }
}

function tradeFields(trade: PublicTrade): string {
  return (
    `"t":${trade.id},"p":"${decimal8(trade.price)}","q":"${decimal8(trade.size)}","T":${trade.atMs},` +
    `"m":${isBuyerMaker(trade)},"M":true`
  )
}

/** Once a second, of a market where anything was traded. */
function dayTicker(market: Market, trades: PublicTrades, code: string, isFull: boolean): Feed {
  return {
    step: (nowMs, isNewSecond, send) => {
      const stats = isNewSecond ? trades.stats('binance', code) : null
      if (stats === null) return
      const day = dayFigures(stats)
      const prices = `"c":"${day.lastPrice}","o":"${day.openPrice}","h":"${day.highPrice}","l":"${day.lowPrice}"`
      const common = `"E":${nowMs},"s":"${code}",${prices},"v":"${day.volume}","q":"${day.quoteVolume}"`
      if (!isFull) {
        send(`{"e":"24hrMiniTicker",${common}}`)
        return
      }
      send(
        `{"e":"24hrTicker",${common},"p":"${day.change}","P":"${day.changePercent}","w":"${day.averagePrice}","x":"${day.openPrice}",` +
          `"Q":"${day.lastQuantity}",${topFields(market.book('binance', code, 1))},"O":${nowMs - dayMs},"C":${nowMs},` +
          `"F":${day.firstId},"L":${day.lastId},"n":${day.count}}`,
      )
    },
  }
}
