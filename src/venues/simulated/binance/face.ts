/** Binance's public spot REST interface over a Market, in Binance's own JSON. Written from its documentation, without the codec. */

import type { Instrument } from '../../../model/instrument.ts'
import { binanceError, type BinanceOutcome, binanceRefusal, invalidSymbol, missing } from './refusal.ts'
import { aggregateFields, dayFigures, dayMs, isBuyerMaker, levelList, maxDepth, topOf } from './rows.ts'
import { permission, symbolRow } from './symbol-row.ts'
import { BinanceWeight, maxWeight } from './weight.ts'
import { type Face, type FaceAnswer, outageAnswer, parseTarget, type Target } from '../face.ts'
import type { Market } from '../../../market/market.ts'
import type { PublicTrade, PublicTrades } from '../public-trades.ts'
import { decimal8 } from '../wire-number.ts'

export interface BinanceFaceOptions {
  market: Market
  /** What the tickers list where no symbol is named. Any other code that the market has is answered by name. */
  listedCodes: readonly string[]
  /** What `exchangeInfo` lists: those of Binance among them. None where it is left out. */
  instruments?: readonly Instrument[]
  /** Without it nothing has ever been traded. */
  trades?: PublicTrades
  /** Shared with what else the address asks of Binance; one of its own where it is left out. */
  weight?: BinanceWeight
}

/** Documented for `trades` and `aggTrades`. */
const defaultTrades = 500
const maxTrades = 1000

/** Documented values of `symbolStatus`; every simulated market is TRADING. */
const symbolStatuses = new Set(['TRADING', 'HALT', 'BREAK', 'CANCEL_ONLY'])

type Query = ReadonlyMap<string, string>

export class BinanceFace implements Face {
  readonly #market: Market
  readonly #listedCodes: readonly string[]
  readonly #instruments: ReadonlyMap<string, Instrument>
  readonly #trades: PublicTrades | null
  readonly #weight: BinanceWeight

  constructor(options: BinanceFaceOptions) {
    this.#market = options.market
    this.#listedCodes = options.listedCodes
    const own = (options.instruments ?? []).filter(({ venue }) => venue === 'binance')
    this.#instruments = new Map(own.map((instrument) => [instrument.code, instrument]))
    this.#trades = options.trades ?? null
    this.#weight = options.weight ?? new BinanceWeight()
  }

  answer(target: string, nowMs: number): FaceAnswer {
    const outage = outageAnswer(this.#market, 'binance')
    if (outage !== null) return outage
    const parsed = parseTarget(target)
    const weight = weightOf(parsed)
    if (weight === null) return { status: 404, headers: { 'content-type': 'text/plain' }, body: 'Not Found' }
    const { headers, refusal } = this.#weight.use(weight, nowMs)
    if (refusal !== null) return refusal
    const { status, body } = this.#outcome(parsed, nowMs)
    return { status, headers, body }
  }

  /** Of the paths that have a weight. */
  #outcome({ path, query }: Target, nowMs: number): BinanceOutcome {
    switch (path) {
      case '/api/v3/depth':
        return this.#depth(query)
      case '/api/v3/ticker/bookTicker':
        return this.#tickers(query, (code) => this.#bookTickerRow(code))
      case '/api/v3/ping':
        return found('{}')
      case '/api/v3/time':
        return found(`{"serverTime":${nowMs}}`)
      case '/api/v3/exchangeInfo':
        return this.#exchangeInfo(query, nowMs)
      case '/api/v3/ticker/24hr':
        return this.#dayTickers(query, nowMs)
      case '/api/v3/ticker/price':
        return this.#tickers(query, (code) => `{"symbol":"${code}","price":"${decimal8(this.#statsOf(code)?.lastPrice ?? 0)}"}`)
      case '/api/v3/trades':
        return this.#tradeRows(query, (code, limit) => this.#trades?.recent('binance', code, limit).map(tradeRow))
      default:
        return this.#tradeRows(query, (code, limit) => this.#aggregates(query, code, limit)?.map((trade) => `{${aggregateFields(trade)}}`))
    }
  }

  #depth(query: Query): BinanceOutcome {
    const code = query.get('symbol') ?? ''
    if (code === '') return malformed('symbol')
    const limit = limitOf(query, 100, maxDepth)
    if (limit === null) return malformed('limit')
    const book = this.#market.book('binance', code, limit)
    if (book === null) return unknownSymbol
    return found(`{"lastUpdateId":${book.updateId},"bids":[${levelList(book.bids)}],"asks":[${levelList(book.asks)}]}`)
  }

  #exchangeInfo(query: Query, nowMs: number): BinanceOutcome {
    const status = query.get('symbolStatus')
    const permissions = query.get('permissions')
    if ((query.has('symbol') || query.has('symbols')) && (status !== undefined || permissions !== undefined)) {
      return refused(-1128, 'Combination of optional parameters invalid.')
    }
    if (status !== undefined && !symbolStatuses.has(status)) return refused(-1122, 'Invalid symbolStatus.')
    const permitted = permissions === undefined ? [permission] : (listOf(permissions) ?? [permissions])
    const isAnyListed = (status ?? 'TRADING') === 'TRADING' && permitted.includes(permission)
    const codes = codesOf(query, isAnyListed ? [...this.#instruments.keys()] : [])
    if (codes === null) return malformed('symbols')
    const rows: string[] = []
    for (const code of codes) {
      const instrument = this.#instruments.get(code)
      const book = this.#market.book('binance', code, 1)
      if (instrument === undefined || book === null) return unknownSymbol
      rows.push(symbolRow(instrument, book.asks[0] ?? book.bids[0] ?? 0, query.get('showPermissionSets') !== 'false'))
    }
    const head = `"timezone":"UTC","serverTime":${nowMs},"rateLimits":${rateLimits},"exchangeFilters":[]`
    return found(`{${head},"symbols":[${rows.join(',')}]}`)
  }

  #dayTickers(query: Query, nowMs: number): BinanceOutcome {
    const type = query.get('type') ?? 'FULL'
    if (type !== 'FULL' && type !== 'MINI') return refused(-1139, 'Invalid ticker type.')
    return this.#tickers(query, (code) => this.#dayRow(code, nowMs, type === 'FULL'))
  }

  /** One row where one symbol is named, else a list of rows. */
  #tickers(query: Query, rowOf: (code: string) => string): BinanceOutcome {
    const codes = codesOf(query, this.#listedCodes)
    if (codes === null) return malformed('symbols')
    const rows: string[] = []
    for (const code of codes) {
      if (this.#market.book('binance', code, 1) === null) return unknownSymbol
      rows.push(rowOf(code))
    }
    return found(query.has('symbol') ? rows.join('') : `[${rows.join(',')}]`)
  }

  #bookTickerRow(code: string): string {
    const { bidPrice, bidQuantity, askPrice, askQuantity } = topOf(this.#market.book('binance', code, 1))
    return `{"symbol":"${code}","bidPrice":"${bidPrice}","bidQty":"${bidQuantity}","askPrice":"${askPrice}","askQty":"${askQuantity}"}`
  }

  #dayRow(code: string, nowMs: number, isFull: boolean): string {
    const day = dayFigures(this.#statsOf(code))
    const times = `"openTime":${nowMs - dayMs},"closeTime":${nowMs},"firstId":${day.firstId},"lastId":${day.lastId},"count":${day.count}`
    const range = `"openPrice":"${day.openPrice}","highPrice":"${day.highPrice}","lowPrice":"${day.lowPrice}"`
    const volumes = `"volume":"${day.volume}","quoteVolume":"${day.quoteVolume}"`
    if (!isFull) return `{"symbol":"${code}",${range},"lastPrice":"${day.lastPrice}",${volumes},${times}}`
    const { bidPrice, bidQuantity, askPrice, askQuantity } = topOf(this.#market.book('binance', code, 1))
    return (
      `{"symbol":"${code}","priceChange":"${day.change}","priceChangePercent":"${day.changePercent}",` +
      // The close before the window is not remembered; the window's open stands in for it.
      `"weightedAvgPrice":"${day.averagePrice}","prevClosePrice":"${day.openPrice}",` +
      `"lastPrice":"${day.lastPrice}","lastQty":"${day.lastQuantity}","bidPrice":"${bidPrice}","bidQty":"${bidQuantity}",` +
      `"askPrice":"${askPrice}","askQty":"${askQuantity}",${range},${volumes},${times}}`
    )
  }

  #statsOf(code: string) {
    return this.#trades?.stats('binance', code) ?? null
  }

  #tradeRows(query: Query, rowsOf: (code: string, limit: number) => readonly string[] | undefined): BinanceOutcome {
    const code = query.get('symbol') ?? ''
    if (code === '') return malformed('symbol')
    const limit = limitOf(query, defaultTrades, maxTrades)
    if (limit === null) return malformed('limit')
    if (this.#market.book('binance', code, 1) === null) return unknownSymbol
    return found(`[${(rowsOf(code, limit) ?? []).join(',')}]`)
  }

  /** The oldest from `fromId` or `startTime` on, else the newest up to `endTime`. A bound that is no number lets nothing through. */
  #aggregates(query: Query, code: string, limit: number): readonly PublicTrade[] | undefined {
    const fromId = Number(query.get('fromId') ?? 0)
    const startMs = Number(query.get('startTime') ?? 0)
    const endMs = Number(query.get('endTime') ?? Infinity)
    const within = this.#trades?.after('binance', code, fromId - 1).filter(({ atMs }) => atMs >= startMs && atMs <= endMs)
    return query.has('fromId') || query.has('startTime') ? within?.slice(0, limit) : within?.slice(-limit)
  }
}

/** Documented weights; null where there is no such endpoint. */
function weightOf({ path, query }: Target): number | null {
  switch (path) {
    case '/api/v3/depth': {
      const limit = limitOf(query, 100, maxDepth) ?? 1
      return limit <= 100 ? 5 : limit <= 500 ? 25 : limit <= 1000 ? 50 : 250
    }
    case '/api/v3/ticker/bookTicker':
    case '/api/v3/ticker/price':
      return query.has('symbol') ? 2 : 4
    case '/api/v3/ticker/24hr': {
      const count = query.has('symbol') ? 1 : (query.get('symbols')?.split(',').length ?? Infinity)
      return count <= 20 ? 2 : count <= 100 ? 40 : 80
    }
    case '/api/v3/exchangeInfo':
      return 20
    case '/api/v3/trades':
      return 25
    case '/api/v3/aggTrades':
      return 4
    case '/api/v3/ping':
    case '/api/v3/time':
      return 1
    default:
      return null
  }
}

/** The codes that the request names, all where it names none, or null where it contradicts itself or is no list of strings. */
function codesOf(query: Query, listedCodes: readonly string[]): readonly string[] | null {
  const symbol = query.get('symbol')
  const symbols = query.get('symbols')
  if (symbol !== undefined) return symbols === undefined ? [symbol] : null
  return symbols === undefined ? listedCodes : listOf(symbols)
}

/** Codes are plain letters and digits, so a list of them can be taken apart without a JSON parser. */
function listOf(text: string): readonly string[] | null {
  return text.startsWith('["') && text.endsWith('"]') ? text.slice(2, -2).split('","') : null
}

/** What is above the most is cut to it, as documented for `depth`. */
function limitOf(query: Query, defaultLimit: number, maxLimit: number): number | null {
  const limit = Number(query.get('limit') ?? defaultLimit)
  return Number.isInteger(limit) && limit >= 1 ? Math.min(limit, maxLimit) : null
}

const rateLimits =
  `[{"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1,"limit":${maxWeight}},` +
  '{"rateLimitType":"ORDERS","interval":"SECOND","intervalNum":10,"limit":100},' +
  '{"rateLimitType":"ORDERS","interval":"DAY","intervalNum":1,"limit":200000},' +
  '{"rateLimitType":"RAW_REQUESTS","interval":"MINUTE","intervalNum":5,"limit":300000}]'

function tradeRow(trade: PublicTrade): string {
  const { id, atMs, price, size } = trade
  return (
    `{"id":${id},"price":"${decimal8(price)}","qty":"${decimal8(size)}","quoteQty":"${decimal8(price * size)}","time":${atMs},` +
    `"isBuyerMaker":${isBuyerMaker(trade)},"isBestMatch":true}`
  )
}

function found(body: string): BinanceOutcome {
  return { status: 200, body }
}

function refused(code: number, message: string): BinanceOutcome {
  return binanceRefusal(binanceError(code, message))
}

function malformed(name: string): BinanceOutcome {
  return binanceRefusal(missing(name))
}

const unknownSymbol = binanceRefusal(invalidSymbol)
