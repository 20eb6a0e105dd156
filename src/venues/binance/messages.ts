/** What Binance spot sends, as documented: raw shapes, nothing checked. The parser and the tests read these. */

/** `GET /api/v3/depth`. Levels are `[price, quantity]`, best first. */
export interface Depth {
  lastUpdateId: number
  bids: [string, string][]
  asks: [string, string][]
}

/** A row of `GET /api/v3/ticker/bookTicker`: the top of one book; a side without orders reads 0. */
export interface BookTicker {
  symbol: string
  bidPrice: string
  bidQty: string
  askPrice: string
  askQty: string
}

/** The body of every refusal of the API itself. */
export interface ErrorBody {
  code: number
  msg: string
}
