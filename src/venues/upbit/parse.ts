/** Upbit's JSON text in, clean order books out: the only place where Upbit's input is checked. Pure; upbit/rest.ts calls this. */

import type { OrderBook, PriceLevel } from '../../model/order-book.ts'
import { addLevel, isExactInteger, objectOf, refusalOf, type Unchecked } from '../clean-book.ts'
import type { HttpResponse } from '../transport.ts'
import { jsonOrNull, malformed, parseJson, refused, type VenueError } from '../venue-error.ts'
import type { BookAnswer } from '../venue-rest.ts'
import type { ErrorEnvelope, OrderbookRow, OrderbookUnit } from './messages.ts'

/** How long a 418 block lasts is not documented, only that it grows with repeats: an assumption. */
const blockMs = 60_000

/** Reads the answer to `GET /v1/orderbook`. Throws VENUE_STATUS, VENUE_RATE_LIMITED or VENUE_MALFORMED. */
export function parseOrderBooks(response: HttpResponse): BookAnswer {
  if (response.status !== 200) throw refusalError(response)
  const rows = parseJson('upbit', response.body)
  if (!Array.isArray(rows)) throw malformed('upbit', 'the order books are not a list', response.body)
  const answer: BookAnswer = { books: new Map(), refusals: new Map() }
  for (const row of rows as readonly (Unchecked<OrderbookRow> | null)[]) {
    const code = row?.market
    if (row === null || typeof code !== 'string') throw malformed('upbit', 'an order book has no market', response.body)
    const book = parseOrderBook(row, response.receivedAtMs)
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
