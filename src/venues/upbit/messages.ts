/** What Upbit sends, as documented and captured: raw shapes, nothing checked. The parser and the tests read these. */

/** One index of both sides. A side with fewer orders than asked for is padded with price 0, size 0. */
export interface OrderbookUnit {
  ask_price: number
  bid_price: number
  ask_size: number
  bid_size: number
}

/** A row of `GET /v1/orderbook`. */
export interface OrderbookRow {
  market: string
  /** Unix milliseconds of the book's last change, whatever the documentation says of the request's time. */
  timestamp: number
  /** Best first. */
  orderbook_units: OrderbookUnit[]
}

/** A WebSocket frame of an order book in the DEFAULT format: always a whole book, and no sequence number. */
export interface OrderbookFrame extends Omit<OrderbookRow, 'market'> {
  type: 'orderbook'
  code: string
}

/** The same in the SIMPLE format. */
export interface SimpleOrderbookFrame {
  ty: 'orderbook'
  cd: string
  tms: number
  obu: SimpleOrderbookUnit[]
}

export interface SimpleOrderbookUnit {
  ap: number
  bp: number
  as: number
  bs: number
}

/** A row of `GET /v1/orderbook/instruments`: what the market's prices are multiples of at its present price. */
export interface InstrumentRow {
  market: string
  tick_size: string
}

/** The body of every refusal, and the WebSocket's error frame; `name` is the HTTP status on the quotation API, a word elsewhere. */
export interface ErrorEnvelope {
  error: { name: number | string; message: string }
}
