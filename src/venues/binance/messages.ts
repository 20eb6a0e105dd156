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

/** A WebSocket frame of `<symbol>@depth@100ms`. Sizes are absolute: 0 takes the level away. */
export interface DepthUpdateFrame {
  e: 'depthUpdate'
  E: number
  s: string
  /** First and last update that it covers. */
  U: number
  u: number
  b: [string, string][]
  a: [string, string][]
}

/** Frames of a combined stream come wrapped. */
export interface CombinedFrame {
  stream: string
  data: object
}

/** Answers to SUBSCRIBE and its like: a result, or a refusal, which carries its words at one of two places. */
export interface ControlFrame {
  id: number | string | null
  result: unknown
  error: ErrorBody
}

/** `GET /api/v3/time`: Unix milliseconds. */
export interface ServerTime {
  serverTime: number
}

/** `GET /api/v3/exchangeInfo`. */
export interface ExchangeInfo {
  rateLimits: RateLimitRow[]
  symbols: SymbolRow[]
}

export interface RateLimitRow {
  rateLimitType: 'REQUEST_WEIGHT' | 'RAW_REQUESTS' | 'ORDERS'
  interval: 'SECOND' | 'MINUTE' | 'HOUR' | 'DAY'
  intervalNum: number
  limit: number
}

export interface SymbolRow {
  symbol: string
  status: string
  baseAsset: string
  quoteAsset: string
  filters: Filter[]
}

/** Those that are read: PRICE_FILTER has the tick, LOT_SIZE the step, NOTIONAL (until 2022 MIN_NOTIONAL) the least notional. */
export interface Filter {
  filterType: string
  tickSize: string
  stepSize: string
  minNotional: string
}
