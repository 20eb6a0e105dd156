/** Upbit's public REST interface over a Market, in Upbit's own JSON. Written from its documentation, without the codec, to check it. */

import { Decimal } from '../../../base/decimal.ts'
import { type Instrument, tickSizeAt } from '../../../model/instrument.ts'
import { type Face, type FaceAnswer, parseTarget, type Target } from '../face.ts'
import type { Market } from '../../../market/market.ts'
import type { PublicTrades } from '../public-trades.ts'
import { UpbitGate, type UpbitGroup } from './gate.ts'
import type { UpbitOutcome } from './refusal.ts'
import { maxUnits, orderbookRow, tickerRow, tradeIdOf, tradeRow, type UpbitWire } from './rows.ts'

export interface UpbitFaceOptions {
  market: Market
  /** What `market/all` and `ticker/all` list. Any other code that the market has is answered by name. */
  listedCodes: readonly string[]
  /** What `orderbook/instruments` knows the ticks of. */
  instruments?: readonly Instrument[]
  /** Without it nothing has ever been traded. */
  trades?: PublicTrades
  /** By default plain numbers, sides padded to the longer one, limits in JSON. */
  wire?: Partial<UpbitWire>
}

type Query = Target['query']

const maxTradeCount = 500
const defaultWire: UpbitWire = { exponentNumbers: false, hasZeroSlots: false, rateLimitBody: 'json' }

/** The words of the quotation interface (docs.upbit.com, and captures). */
const missing = refusal(400, 'Missing request parameter error. Check the required parameters!')
const mismatch = refusal(400, 'Type mismatch error. Check the parameters type!')
const invalid = refusal(400, 'Invalid parameter. Check the given value!')
const unknownCode = refusal(404, 'Code not found')

export class UpbitFace implements Face {
  readonly #market: Market
  readonly #listedCodes: readonly string[]
  readonly #instruments: ReadonlyMap<string, Instrument>
  readonly #trades: PublicTrades | null
  readonly #wire: UpbitWire
  readonly #gate: UpbitGate

  constructor(options: UpbitFaceOptions) {
    const upbit = (options.instruments ?? []).filter(({ venue }) => venue === 'upbit')
    this.#market = options.market
    this.#listedCodes = options.listedCodes
    this.#instruments = new Map(upbit.map((instrument) => [instrument.code, instrument]))
    this.#trades = options.trades ?? null
    this.#wire = { ...defaultWire, ...options.wire }
    this.#gate = new UpbitGate(options.market, this.#wire.rateLimitBody)
  }

  /** `origin`: the request's Origin header, which browsers send and Upbit all but refuses. */
  answer(target: string, nowMs: number, origin?: string): FaceAnswer {
    const { path, query } = parseTarget(target)
    const { headers, refusal: refused } = this.#gate.admit(groupOf(path), nowMs, origin)
    if (refused !== null) return refused
    const { status, body } = this.#outcome(path, query)
    return { status, headers, body }
  }

  #outcome(path: string, query: Query): UpbitOutcome {
    switch (path) {
      case '/v1/orderbook':
        return this.#orderbook(query)
      case '/v1/orderbook/instruments':
        return this.#rows(query, (code) => this.#instrumentRow(code))
      case '/v1/ticker':
        return this.#rows(query, (code) => this.#tickerRow(code))
      case '/v1/ticker/all':
        return this.#tickerAll(query)
      case '/v1/trades/ticks':
        return this.#tradesTicks(query)
      default:
        return this.#marketAll(query)
    }
  }

  #orderbook(query: Query): UpbitOutcome {
    const markets = query.get('markets') ?? ''
    if (markets === '') return missing
    const count = Number(query.get('count') ?? maxUnits)
    const level = Number(query.get('level') ?? 0)
    if (!Number.isInteger(count) || !Number.isFinite(level)) return mismatch
    // Books are not grouped here, so a level is refused as one that the market does not support; other quotes have none at all.
    if (level !== 0) return /(?:^|,)KRW-/i.test(markets) ? invalid : { status: 200, body: '[]' }
    const depth = count >= 1 && count <= maxUnits ? count : maxUnits
    let body = ''
    for (const market of markets.split(',')) {
      const code = market.toUpperCase()
      const book = this.#market.book('upbit', code, depth)
      if (book === null) return unknownCode
      body += body === '' ? '[' : ','
      body += orderbookRow(code, book, depth, this.#wire)
    }
    return { status: 200, body: `${body}]` }
  }

  /** A row for each of `markets`; an empty one is left out. One code that is unknown fails the whole call. */
  #rows(query: Query, rowOf: (code: string) => string | null): UpbitOutcome {
    const markets = query.get('markets') ?? ''
    if (markets === '') return missing
    const rows = markets.split(',').map((market) => rowOf(market.toUpperCase()))
    return rows.includes(null) ? unknownCode : list(rows)
  }

  /** The tick is that of the present price; books are not grouped, so there is one level. */
  #instrumentRow(code: string): string | null {
    const instrument = this.#instruments.get(code)
    const book = this.#market.book('upbit', code, 1)
    if (instrument === undefined || book === null) return null
    const tickSize = tickSizeAt(instrument, Decimal.fromNumber(book.bids[0] ?? book.asks[0] ?? 0))
    return `{"market":"${code}","quote_currency":"${instrument.quote}","tick_size":"${tickSize.toString()}","supported_levels":["0"]}`
  }

  /** Empty where nothing has been traded yet. */
  #tickerRow(code: string): string | null {
    if (this.#market.book('upbit', code, 1) === null) return null
    const stats = this.#trades?.stats('upbit', code) ?? null
    return stats === null ? '' : tickerRow(code, stats)
  }

  #tickerAll(query: Query): UpbitOutcome {
    const quotes = query.get('quote_currencies') ?? ''
    if (quotes === '') return missing
    const isAsked = (code: string): boolean => quotes.toUpperCase().split(',').includes(quoteOf(code))
    return list(this.#listedCodes.filter(isAsked).map((code) => this.#tickerRow(code)))
  }

  /** Newest first. Earlier days are not remembered, so `to` and `days_ago` are refused rather than ignored. */
  #tradesTicks(query: Query): UpbitOutcome {
    const code = (query.get('market') ?? '').toUpperCase()
    if (code === '') return missing
    const count = Number(query.get('count') ?? 1)
    const cursor = query.get('cursor')
    if (!Number.isInteger(count) || (cursor !== undefined && !/^\d{1,19}$/.test(cursor))) return mismatch
    if (count < 1 || count > maxTradeCount || query.has('to') || query.has('days_ago')) return invalid
    if (this.#market.book('upbit', code, 1) === null) return unknownCode
    const stats = this.#trades?.stats('upbit', code) ?? null
    if (this.#trades === null || stats === null) return list([])
    const trades =
      cursor === undefined
        ? this.#trades.recent('upbit', code, count)
        : this.#trades
            .after('upbit', code, 0)
            .filter(({ id }) => id < tradeIdOf(cursor))
            .slice(-count)
    return list(trades.toReversed().map((trade) => tradeRow(code, trade, stats)))
  }

  #marketAll(query: Query): UpbitOutcome {
    const isDetailed = query.get('is_details') ?? 'false'
    if (isDetailed !== 'true' && isDetailed !== 'false') return mismatch
    const details = isDetailed === 'true' ? calmMarketEvent : ''
    return list(
      this.#listedCodes.map((code) => {
        const base = code.slice(code.indexOf('-') + 1)
        return `{"market":"${code}","korean_name":"${base}","english_name":"${base}"${details}}`
      }),
    )
  }
}

const cautions = [
  'PRICE_FLUCTUATIONS',
  'TRADING_VOLUME_SOARING',
  'DEPOSIT_AMOUNT_SOARING',
  'GLOBAL_PRICE_DIFFERENCES',
  'CONCENTRATION_OF_SMALL_ACCOUNTS',
]
const calmMarketEvent = `,"market_event":{"warning":false,"caution":{${cautions.map((caution) => `"${caution}":false`).join(',')}}}`

/** Null where the path has no route. */
function groupOf(path: string): UpbitGroup | null {
  switch (path) {
    case '/v1/orderbook':
    case '/v1/orderbook/instruments':
      return 'orderbook'
    case '/v1/ticker':
    case '/v1/ticker/all':
      return 'ticker'
    case '/v1/trades/ticks':
      return 'trade'
    case '/v1/market/all':
      return 'market'
    default:
      return null
  }
}

function quoteOf(code: string): string {
  return code.slice(0, code.indexOf('-'))
}

function list(rows: readonly (string | null)[]): UpbitOutcome {
  return { status: 200, body: `[${rows.filter(Boolean).join(',')}]` }
}

/** On the quotation interface the error's name is the HTTP status as a number. */
function refusal(status: number, message: string): UpbitOutcome {
  return { status, body: `{"error":{"name":${status},"message":"${message}"}}` }
}
