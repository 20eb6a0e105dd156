/** Binance's JSON text in, clean order books out: the only place where Binance's input is checked. Pure; binance/rest.ts calls this. */

import type { OrderBook, PriceLevel } from '../../model/order-book.ts'
import { addLevel, isExactInteger, objectOf, refusalOf, type Unchecked } from '../clean-book.ts'
import type { HttpResponse } from '../transport.ts'
import { jsonOrNull, malformed, parseJson, refused, type VenueError } from '../venue-error.ts'
import type { BookAnswer } from '../venue-rest.ts'
import type { BookTicker, Depth, ErrorBody } from './messages.ts'

/** -1121, `Invalid symbol.` (documented). */
const invalidSymbolCode = -1121
/** The shortest automatic ban (documented: two minutes to three days). */
const banMs = 120_000
const minuteMs = 60_000

/**
 * Tells when a book was last seen to change, given what identifies its present state: Binance's REST books carry no time.
 * `mark` is the sequence number of a depth answer, the content of a ticker row.
 */
export type ChangeClock = (code: string, mark: number | string, receivedAtMs: number) => number

/** Reads the answer to `GET /api/v3/depth`. Throws VENUE_STATUS, VENUE_RATE_LIMITED or VENUE_MALFORMED. */
export function parseDepth(code: string, response: HttpResponse, changedAt: ChangeClock): BookAnswer {
  if (response.status !== 200) throw refusalError(response)
  const depth: Unchecked<Depth> | null = objectOf(parseJson('binance', response.body))
  const updateId = depth?.lastUpdateId
  const bids = levelsOf(depth?.bids)
  const asks = levelsOf(depth?.asks)
  if (!isExactInteger(updateId) || bids === null || asks === null) {
    throw malformed('binance', `the depth of ${code} is not lastUpdateId, bids and asks`, response.body)
  }
  const answer: BookAnswer = { books: new Map(), refusals: new Map() }
  const refusal = refusalOf(bids, asks)
  if (refusal === null) answer.books.set(code, bookOf(bids, asks, response, changedAt(code, updateId, response.receivedAtMs)))
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

/** Weights are counted by the minute, so a 429 without Retry-After ends with the running one. */
function refusalError(response: HttpResponse): VenueError {
  const body: Unchecked<ErrorBody> | null = objectOf(jsonOrNull(response.body))
  return refused('binance', response, {
    message: body?.msg,
    isUnknownCode: body?.code === invalidSymbolCode,
    retryAfterMs: response.status === 418 ? banMs : minuteMs - (response.receivedAtMs % minuteMs),
  })
}
