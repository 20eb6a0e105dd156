/** One venue's order books over REST, as the market data provider needs them; upbit/rest.ts and binance/rest.ts implement it. */

import type { FeedSource } from '../model/event.ts'
import type { OrderBook } from '../model/order-book.ts'
import type { RateCost } from './rate-limit.ts'

export interface BookAnswer {
  books: Map<string, OrderBook>
  /** Why a book of this answer cannot be used, by code. */
  refusals: Map<string, string>
}

export interface VenueRest {
  readonly source: FeedSource

  /** How many codes one request may carry. */
  readonly maxCodesPerRequest: number

  /** What one `fetchBooks` and one `fetchDepth` use of the venue's limits. */
  readonly booksCost: RateCost
  readonly depthCost: RateCost

  /** One request for these books; throws an OperatingError where there is no answer or it is no order-book answer. */
  fetchBooks(codes: readonly string[]): Promise<BookAnswer>

  /** One request for the deepest book that the venue gives within the configured depth. Throws as above. */
  fetchDepth(code: string): Promise<BookAnswer>
}
