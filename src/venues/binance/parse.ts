/** Binance's JSON text in, clean order books and facts out: the only place where Binance's input is checked. Pure; this folder calls it. */

import type { Decimal } from '../../base/decimal.ts'
import type { OrderBook, PriceLevel } from '../../model/order-book.ts'
import { addLevel, isExactInteger, objectOf, positiveDecimalOf, refusalOf, type Unchecked } from '../clean-book.ts'
import type { RateLimit, RateUsage } from '../rate-limit.ts'
import type { HttpResponse } from '../transport.ts'
import { jsonOrNull, malformed, parseJson, refused, VenueError } from '../venue-error.ts'
import type { VenueTime } from '../venue-gate.ts'
import type { BookAnswer } from '../venue-rest.ts'
import type {
  BookTicker,
  CombinedFrame,
  ControlFrame,
  Depth,
  DepthUpdateFrame,
  ErrorBody,
  ExchangeInfo,
  Filter,
  RateLimitRow,
  ServerTime,
  SymbolRow,
} from './messages.ts'

/** -1121, `Invalid symbol.` (documented). */
const invalidSymbolCode = -1121
/** -1003, `Too much request weight used` and its like (documented). */
const tooManyRequestsCode = -1003
/** The shortest automatic ban (documented: two minutes to three days). */
const banMs = 120_000
const minuteMs = 60_000

/**
 * Tells when a book was last seen to change, given what identifies its present state: Binance's REST books carry no time.
 * `mark` is the sequence number of a depth answer, the content of a ticker row.
 */
export type ChangeClock = (code: string, mark: number | string, receivedAtMs: number) => number

/** A depth answer: best levels first, those that cannot be traded left out. Its sides need not make a book: see `refusalOf`. */
export interface ParsedDepth {
  lastId: number
  bids: PriceLevel[]
  asks: PriceLevel[]
}

/** Reads the answer to `GET /api/v3/depth`. Throws VENUE_STATUS, VENUE_RATE_LIMITED or VENUE_MALFORMED. */
export function parseDepthSnapshot(code: string, response: HttpResponse): ParsedDepth {
  if (response.status !== 200) throw refusalError(response)
  const depth: Unchecked<Depth> | null = objectOf(parseJson('binance', response.body))
  const lastId = depth?.lastUpdateId
  const bids = levelsOf(depth?.bids)
  const asks = levelsOf(depth?.asks)
  if (!isExactInteger(lastId) || bids === null || asks === null) {
    throw malformed('binance', `the depth of ${code} is not lastUpdateId, bids and asks`, response.body)
  }
  return { lastId, bids, asks }
}

/** The same as a book. Throws as above. */
export function parseDepth(code: string, response: HttpResponse, changedAt: ChangeClock): BookAnswer {
  const { lastId, bids, asks } = parseDepthSnapshot(code, response)
  const answer: BookAnswer = { books: new Map(), refusals: new Map() }
  const refusal = refusalOf(bids, asks)
  if (refusal === null) answer.books.set(code, bookOf(bids, asks, response, changedAt(code, lastId, response.receivedAtMs)))
  else answer.refusals.set(code, refusal)
  return answer
}

/** Reads the answer to `GET /api/v3/ticker/bookTicker?symbols=…`: books of one level. Throws as above. */
export function parseBookTickers(response: HttpResponse, changedAt: ChangeClock): BookAnswer {
  if (response.status !== 200) throw refusalError(response)
  const rows = parseJson('binance', response.body)
  if (!Array.isArray(rows)) throw malformed('binance', 'the tickers are not a list', response.body)
  const answer: BookAnswer = { books: new Map(), refusals: new Map() }
  for (const row of rows as readonly (Unchecked<BookTicker> | null)[]) {
    const code = row?.symbol
    if (row === null || typeof code !== 'string') throw malformed('binance', 'a ticker has no symbol', response.body)
    const bids = levelsOf([[row.bidPrice, row.bidQty]])
    const asks = levelsOf([[row.askPrice, row.askQty]])
    if (bids === null || asks === null) {
      answer.refusals.set(code, 'a side is not two decimal strings')
      continue
    }
    const refusal = refusalOf(bids, asks)
    if (refusal !== null) {
      answer.refusals.set(code, refusal)
      continue
    }
    const content = `${String(row.bidPrice)} ${String(row.bidQty)} ${String(row.askPrice)} ${String(row.askQty)}`
    answer.books.set(code, bookOf(bids, asks, response, changedAt(code, content, response.receivedAtMs)))
  }
  return answer
}

function bookOf(bids: PriceLevel[], asks: PriceLevel[], response: HttpResponse, changedAtMs: number): OrderBook {
  return { bids, asks, exchangeTimeMs: null, changedAtMs, receivedAtMs: response.receivedAtMs }
}

/** The side's tradable levels, or null where it is not a list of pairs of strings. Text that is no number reads as NaN and is dropped. */
function levelsOf(side: unknown): PriceLevel[] | null {
  if (!Array.isArray(side)) return null
  const levels: PriceLevel[] = []
  for (const level of side as readonly unknown[]) {
    if (!Array.isArray(level)) return null
    const price: unknown = level[0]
    const size: unknown = level[1]
    if (typeof price !== 'string' || typeof size !== 'string') return null
    addLevel(levels, Number(price), Number(size))
  }
  return levels
}

/** What one WebSocket frame says. `ack`: the answer to a request such as SUBSCRIBE. `shutdown`: the venue is about to close it. */
export type BinanceStreamFrame =
  | {
      kind: 'depth'
      code: string
      firstId: number
      lastId: number
      eventTimeMs: number
      /** Size 0 takes the level away. */
      bids: (readonly [price: number, size: number])[]
      asks: (readonly [price: number, size: number])[]
    }
  | { kind: 'ack'; id: number | string | null }
  | { kind: 'error'; error: VenueError }
  | { kind: 'shutdown' }
  | { kind: 'other' }

/** Reads one frame of a combined or raw stream, received at `receivedAtMs`. Throws VENUE_MALFORMED. */
export function parseStreamFrame(text: string, receivedAtMs: number): BinanceStreamFrame {
  const outer: Unchecked<CombinedFrame & ControlFrame & ErrorBody> | null = objectOf(parseJson('binance', text))
  const frame: Unchecked<DepthUpdateFrame> | null = outer?.data === undefined ? outer : objectOf(outer.data)
  if (outer === null || frame === null) throw malformed('binance', 'the frame is not an object', text)
  const event: unknown = frame.e
  if (event === 'depthUpdate') return depthUpdate(frame, text)
  if (event === 'serverShutdown') return { kind: 'shutdown' }
  const refusal: Unchecked<ErrorBody> | null = objectOf(outer.error) ?? outer
  if (refusal.code !== undefined) return { kind: 'error', error: streamError(refusal, text, receivedAtMs) }
  const { id, result } = outer
  if (result === undefined) return { kind: 'other' }
  if (typeof id !== 'number' && typeof id !== 'string' && id !== null) throw malformed('binance', 'an answer has no id', text)
  return { kind: 'ack', id }
}

/** One update that cannot be read would leave the book wrong for ever: the whole frame is refused. */
function depthUpdate({ s: code, U: firstId, u: lastId, E: eventTimeMs, b, a }: Unchecked<DepthUpdateFrame>, text: string) {
  const bids = updatesOf(b)
  const asks = updatesOf(a)
  const isNumbered = isExactInteger(firstId) && isExactInteger(lastId) && firstId <= lastId && isExactInteger(eventTimeMs)
  if (typeof code !== 'string' || !isNumbered || bids === null || asks === null) {
    throw malformed('binance', 'a depth update is not s, U, u, E, b and a', text)
  }
  return { kind: 'depth', code, firstId, lastId, eventTimeMs, bids, asks } as const
}

function updatesOf(side: unknown): [price: number, size: number][] | null {
  if (!Array.isArray(side)) return null
  const updates: [price: number, size: number][] = []
  for (const level of side as readonly unknown[]) {
    if (!Array.isArray(level) || typeof level[0] !== 'string' || typeof level[1] !== 'string' || level[1] === '') return null
    const price = Number(level[0])
    const size = Number(level[1])
    if (!(price > 0 && price < Infinity && size >= 0 && size < Infinity)) return null
    updates.push([price, size])
  }
  return updates
}

function streamError({ code, msg }: Unchecked<ErrorBody>, text: string, receivedAtMs: number): VenueError {
  if (typeof code !== 'number' || typeof msg !== 'string') throw malformed('binance', 'an error has no code and words', text)
  const isRateLimit = code === tooManyRequestsCode
  return new VenueError('binance', isRateLimit ? 'VENUE_RATE_LIMITED' : 'VENUE_STATUS', `${code}: ${msg}`, {
    hint: isRateLimit ? 'Stop what else uses the venue from this address.' : 'Check what was subscribed to.',
    retryAfterMs: isRateLimit ? minuteMs - (receivedAtMs % minuteMs) : null,
  })
}

/** What the venue says of one market. Amounts are those of the filters PRICE_FILTER, LOT_SIZE and NOTIONAL (until 2022 MIN_NOTIONAL). */
export interface ListedInstrument {
  code: string
  base: string
  quote: string
  /** `TRADING`; else orders are refused: `HALT`, `BREAK`, `CANCEL_ONLY`. */
  status: string
  tickSize: Decimal
  lotSize: Decimal
  minNotional: Decimal
}

export interface ParsedExchangeInfo {
  instruments: ReadonlyMap<string, ListedInstrument>
  /** Why the venue's words on a listed market cannot be used, by code. */
  refusals: ReadonlyMap<string, string>
  limits: readonly RateLimit[]
}

/** Reads the answer to `GET /api/v3/exchangeInfo`. Throws as `parseDepthSnapshot`. */
export function parseExchangeInfo(response: HttpResponse): ParsedExchangeInfo {
  if (response.status !== 200) throw refusalError(response)
  const info: Unchecked<ExchangeInfo> | null = objectOf(parseJson('binance', response.body))
  if (!Array.isArray(info?.symbols) || !Array.isArray(info.rateLimits)) {
    throw malformed('binance', 'the exchange info is not symbols and rateLimits', response.body)
  }
  const instruments = new Map<string, ListedInstrument>()
  const refusals = new Map<string, string>()
  for (const row of info.symbols as readonly (Unchecked<SymbolRow> | null)[]) {
    if (typeof row?.symbol !== 'string') throw malformed('binance', 'a market has no symbol', response.body)
    const instrument = instrumentOf(row.symbol, row)
    if (typeof instrument === 'string') refusals.set(row.symbol, instrument)
    else instruments.set(row.symbol, instrument)
  }
  const limits = (info.rateLimits as readonly (Unchecked<RateLimitRow> | null)[]).map((row) => {
    const limit = limitOf(row)
    if (limit === null) throw malformed('binance', 'a rate limit cannot be read', response.body)
    return limit
  })
  return { instruments, refusals, limits }
}

/** The market, or why what is said of it cannot be used. */
function instrumentOf(code: string, row: Unchecked<SymbolRow>): ListedInstrument | string {
  const { status, baseAsset: base, quoteAsset: quote, filters } = row
  if (typeof status !== 'string') return 'it has no status'
  if (typeof base !== 'string' || typeof quote !== 'string') return 'it has no base and quote'
  if (!Array.isArray(filters)) return 'it has no list of filters'
  const filter = (type: string) => (filters as readonly (Unchecked<Filter> | null)[]).find((candidate) => candidate?.filterType === type)
  const tickSize = positiveDecimalOf(filter('PRICE_FILTER')?.tickSize)
  if (tickSize === null) return 'it has no PRICE_FILTER with a tickSize'
  const lotSize = positiveDecimalOf(filter('LOT_SIZE')?.stepSize)
  if (lotSize === null) return 'it has no LOT_SIZE with a stepSize'
  const minNotional = positiveDecimalOf((filter('NOTIONAL') ?? filter('MIN_NOTIONAL'))?.minNotional)
  if (minNotional === null) return 'it has no NOTIONAL with a minNotional'
  return { code, base, quote, status, tickSize, lotSize, minNotional }
}

const intervalsMs: Readonly<Record<string, number>> = { SECOND: 1000, MINUTE: 60_000, HOUR: 3_600_000, DAY: 86_400_000 }

function limitOf(row: Unchecked<RateLimitRow> | null): RateLimit | null {
  if (typeof row?.rateLimitType !== 'string' || typeof row.interval !== 'string') return null
  const { rateLimitType: name, interval, intervalNum, limit: max } = row
  const intervalMs = Object.hasOwn(intervalsMs, interval) ? intervalsMs[interval] : undefined
  if (intervalMs === undefined || !isExactInteger(intervalNum) || intervalNum < 1 || !isExactInteger(max) || max < 1) return null
  return { name, windowMs: intervalMs * intervalNum, max }
}

/** Reads the answer to `GET /api/v3/time`: whole milliseconds. Throws as `parseDepthSnapshot`. */
export function parseServerTime(response: HttpResponse): VenueTime {
  if (response.status !== 200) throw refusalError(response)
  const time: Unchecked<ServerTime> | null = objectOf(parseJson('binance', response.body))
  if (!isExactInteger(time?.serverTime)) throw malformed('binance', 'the answer has no serverTime', response.body)
  return { atMs: time.serverTime, resolutionMs: 1 }
}

/** `X-MBX-USED-WEIGHT-1M`: what this address has used in the running minute (documented). */
export function usageOf(headers: HttpResponse['headers']): RateUsage[] {
  const text = headers['x-mbx-used-weight-1m'] ?? ''
  return /^\d{1,9}$/.test(text) ? [{ limit: 'REQUEST_WEIGHT', used: Number(text) }] : []
}

/** Weights are counted by the minute, so a 429 without Retry-After ends with the running one. */
function refusalError(response: HttpResponse): VenueError {
  const body: Unchecked<ErrorBody> | null = objectOf(jsonOrNull(response.body))
  return refused('binance', response, {
    message: body?.msg,
    isUnknownCode: body?.code === invalidSymbolCode,
    retryAfterMs: response.status === 418 ? banMs : minuteMs - (response.receivedAtMs % minuteMs),
  })
}
