/** What Upbit sends, as documented and captured: raw shapes, nothing checked. The parser and the tests read these. */

/** One index of both sides. A side with fewer orders than asked for is padded with price 0, size 0. */
export interface OrderbookUnit {
  ask_price: number
  bid_price: number
  ask_size: number
  bid_size: number
}

/** A row of `GET /v1/orderbook`. WebSocket frames carry `code` in place of `market`. */
export interface OrderbookRow {
  market: string
  /** Unix milliseconds of the book's last change, whatever the documentation says of the request's time. */
  timestamp: number
  /** Best first. */
  orderbook_units: OrderbookUnit[]
}

/** The body of every refusal; `name` is the HTTP status on the quotation API, a word elsewhere. */
export interface ErrorEnvelope {
  error: { name: number | string; message: string }
}
