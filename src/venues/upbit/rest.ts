/** Upbit's order books over REST: one request for all of them. The market data provider calls this. */

import type { Transport } from '../transport.ts'
import type { BookAnswer, VenueRest } from '../venue-rest.ts'
import { parseOrderBooks } from './parse.ts'

export interface UpbitRestOptions {
  transport: Transport
  /** 1 to 30. */
  depthLevels: number
  requestTimeoutMs: number
}

export class UpbitRest implements VenueRest {
  /** Upbit states no bound: this one keeps the request line under 8 KiB, the usual limit of HTTP servers. */
  readonly maxCodesPerRequest = 400
  readonly #options: UpbitRestOptions

  constructor(options: UpbitRestOptions) {
    this.#options = options
  }

  async fetchBooks(codes: readonly string[]): Promise<BookAnswer> {
    const { transport, depthLevels, requestTimeoutMs } = this.#options
    const target = `/v1/orderbook?markets=${codes.join(',')}&count=${depthLevels}`
    return parseOrderBooks(await transport.request({ venue: 'upbit', target, timeoutMs: requestTimeoutMs }))
  }

  fetchDepth(code: string): Promise<BookAnswer> {
    return this.fetchBooks([code])
  }
}
