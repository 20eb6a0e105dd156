/** Upbit's JSON text in, clean order books and facts out: the only place where Upbit's input is checked. Pure; this folder calls it. */

import type { Decimal } from '../../base/decimal.ts'
import type { OrderBook, PriceLevel } from '../../model/order-book.ts'
import { addLevel, isExactInteger, objectOf, positiveDecimalOf, refusalOf, type Unchecked } from '../clean-book.ts'
import type { RateUsage } from '../rate-limit.ts'
import type { HttpResponse } from '../transport.ts'
import { jsonOrNull, malformed, parseJson, refused, VenueError } from '../venue-error.ts'
import type { VenueTime } from '../venue-gate.ts'
import type { BookAnswer } from '../venue-rest.ts'
import type {
  ErrorEnvelope,
  InstrumentRow,
  OrderbookFrame,
  OrderbookRow,
  OrderbookUnit,
  SimpleOrderbookFrame,
  SimpleOrderbookUnit,
} from './messages.ts'

/** How long a 418 block lasts is not documented, only that it grows with repeats: an assumption. */
const blockMs = 60_000
/** Requests a second, for each group and address (rate limits page of 2026-09-08). */
export const maxRequestsPerSecond = 10

/** Reads the answer to `GET /v1/orderbook`. Throws VENUE_STATUS, VENUE_RATE_LIMITED or VENUE_MALFORMED. */
export function parseOrderBooks(response: HttpResponse): BookAnswer {
  const answer: BookAnswer = { books: new Map(), refusals: new Map() }
  for (const row of rowsOf(response, 'order books')) {
    const code = codeOf(row, response)
    const book = parseOrderBook(row ?? {}, response.receivedAtMs)
    if (typeof book === 'string') answer.refusals.set(code, book)
    else answer.books.set(code, book)
  }
  return answer
}

/** One row of the REST answer or one WebSocket frame in the DEFAULT format: the book, or why it is refused. */
export function parseOrderBook(row: Unchecked<OrderbookRow>, receivedAtMs: number): OrderBook | string {
  const { timestamp, orderbook_units: units } = row
  if (!isExactInteger(timestamp)) return 'it has no timestamp'
  if (!Array.isArray(units)) return 'it has no list of units'
  const bids: PriceLevel[] = []
  const asks: PriceLevel[] = []
  for (const unit of units as readonly (Unchecked<OrderbookUnit> | null)[]) {
    const bidPrice = unit?.bid_price
    const bidSize = unit?.bid_size
    const askPrice = unit?.ask_price
    const askSize = unit?.ask_size
    if (typeof bidPrice !== 'number' || typeof bidSize !== 'number') return 'a bid is not two numbers'
    if (typeof askPrice !== 'number' || typeof askSize !== 'number') return 'an ask is not two numbers'
    addLevel(bids, bidPrice, bidSize)
    addLevel(asks, askPrice, askSize)
  }
  return refusalOf(bids, asks) ?? { bids, asks, exchangeTimeMs: timestamp, changedAtMs: timestamp, receivedAtMs }
}

type Row = Unchecked<OrderbookRow & InstrumentRow> | null

/** What one WebSocket frame says. `refused-book`: its levels make no order book. `status`: the answer to a text `PING`. */
export type UpbitStreamFrame =
  | { kind: 'book'; code: string; book: OrderBook }
  | { kind: 'refused-book'; code: string; reason: string }
  | { kind: 'status' }
  | { kind: 'error'; error: VenueError }
  | { kind: 'other' }

/**
 * Reads one frame in the DEFAULT or SIMPLE format, or in their list formats, which wrap each frame in a list of one. Throws
 * VENUE_MALFORMED.
 */
export function parseStreamFrame(text: string, receivedAtMs: number): UpbitStreamFrame {
  const parsed = parseJson('upbit', text)
  const value: unknown = Array.isArray(parsed) && parsed.length === 1 ? parsed[0] : parsed
  const frame: Unchecked<OrderbookFrame & SimpleOrderbookFrame & ErrorEnvelope & { status: string }> | null = objectOf(value)
  if (frame === null || Array.isArray(frame)) throw malformed('upbit', 'the frame is not one object', text)
  if (frame.error !== undefined) return { kind: 'error', error: streamError(frame.error, text) }
  if (frame.status !== undefined) return { kind: 'status' }
  if (frame.type !== 'orderbook' && frame.ty !== 'orderbook') return { kind: 'other' }
  const code = frame.code ?? frame.cd
  if (typeof code !== 'string') throw malformed('upbit', 'an order book has no code', text)
  const book = parseOrderBook(frame.ty === undefined ? frame : fullRow(frame), receivedAtMs)
  return typeof book === 'string' ? { kind: 'refused-book', code, reason: book } : { kind: 'book', code, book }
}

/** A SIMPLE frame with the names of the DEFAULT format. */
function fullRow(frame: Unchecked<SimpleOrderbookFrame>): Unchecked<OrderbookRow> {
  if (!Array.isArray(frame.obu)) return { timestamp: frame.tms }
  const units = frame.obu as readonly (Unchecked<SimpleOrderbookUnit> | null)[]
  return {
    timestamp: frame.tms,
    orderbook_units: units.map((unit) => ({ ask_price: unit?.ap, bid_price: unit?.bp, ask_size: unit?.as, bid_size: unit?.bs })),
  }
}

/** Names as documented; the two of a limit are the reason phrases of 429 and 418. */
function streamError(value: unknown, text: string): VenueError {
  const error: Unchecked<ErrorEnvelope['error']> | null = objectOf(value)
  const name = error?.name
  const message = error?.message
  if (typeof name !== 'string' || typeof message !== 'string') throw malformed('upbit', 'an error has no name and message', text)
  const isBan = name === "I'm a teapot"
  const isRateLimit = isBan || name === 'Too Many Requests'
  return new VenueError('upbit', isRateLimit ? 'VENUE_RATE_LIMITED' : 'VENUE_STATUS', `${name}: ${message}`, {
    hint: isRateLimit ? 'Subscribe less often, or stop what else uses the stream from this address.' : 'Check what was subscribed to.',
    retryAfterMs: isBan ? blockMs : isRateLimit ? 1000 : null,
    isBan,
  })
}

/** Reads the answer to `GET /v1/market/all`: every code that is listed. Throws as `parseOrderBooks`. */
export function parseMarketList(response: HttpResponse): ReadonlySet<string> {
  const codes = new Set<string>()
  for (const row of rowsOf(response, 'markets')) codes.add(codeOf(row, response))
  return codes
}

/** Reads the answer to `GET /v1/orderbook/instruments`: the tick of each code at its present price. Throws as `parseOrderBooks`. */
export function parseTickSizes(response: HttpResponse): ReadonlyMap<string, Decimal> {
  const ticks = new Map<string, Decimal>()
  for (const row of rowsOf(response, 'instruments')) {
    const code = codeOf(row, response)
    const tickSize = positiveDecimalOf(row?.tick_size)
    if (tickSize === null) throw malformed('upbit', `${code} has no tick size`, response.body)
    ticks.set(code, tickSize)
  }
  return ticks
}

/** The rows of any of the lists; null and plain values read as rows without fields. */
function rowsOf(response: HttpResponse, what: string): readonly Row[] {
  if (response.status !== 200) throw refusalError(response)
  const rows = parseJson('upbit', response.body)
  if (!Array.isArray(rows)) throw malformed('upbit', `the ${what} are not a list`, response.body)
  return rows as readonly Row[]
}

function codeOf(row: Row, response: HttpResponse): string {
  if (typeof row?.market !== 'string') throw malformed('upbit', 'a row has no market', response.body)
  return row.market
}

/** `Remaining-Req: group=orderbook; min=600; sec=9`: what is left in the venue's running second; `min` is deprecated (documented). */
export function usageOf(headers: HttpResponse['headers']): RateUsage[] {
  const match = /^group=([a-z-]+);.*\bsec=(\d{1,9})$/.exec(headers['remaining-req'] ?? '')
  return match?.[1] === undefined ? [] : [{ limit: match[1], used: Math.max(0, maxRequestsPerSecond - Number(match[2])) }]
}

/** The `Date` header (RFC 9110, section 6.6.1): whole seconds, and all that Upbit says of its clock. */
export function timeOf(response: HttpResponse): VenueTime | null {
  const atMs = Date.parse(response.headers['date'] ?? '')
  return Number.isNaN(atMs) ? null : { atMs, resolutionMs: 1000 }
}

/** Upbit documents no Retry-After: 429 ends with the running second (rate limits page of 2026-09-08). */
function refusalError(response: HttpResponse): VenueError {
  const envelope: Unchecked<ErrorEnvelope> | null = objectOf(jsonOrNull(response.body))
  const error: Unchecked<ErrorEnvelope['error']> | null = objectOf(envelope?.error)
  return refused('upbit', response, {
    message: error?.message,
    isUnknownCode: response.status === 404 && error?.name === 404,
    retryAfterMs: response.status === 418 ? blockMs : 1000 - (response.receivedAtMs % 1000),
  })
}
