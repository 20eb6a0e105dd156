/** Upbit's order books over REST: one request for all of them. The market data provider calls this. */

import type { Transport } from '../transport.ts'
import type { VenueRules } from '../venue-gate.ts'
import type { BookAnswer, VenueRest } from '../venue-rest.ts'
import { maxRequestsPerSecond, parseOrderBooks, timeOf, usageOf } from './parse.ts'

/** Requests count by group; this client uses one. */
export const upbitRules: VenueRules = {
  venue: 'upbit',
  limits: [{ name: 'orderbook', windowMs: 1000, max: maxRequestsPerSecond }],
  usageOf,
  timeOf: (_request, response) => timeOf(response),
  timeRequest: null,
}

export interface UpbitRestOptions {
  transport: Pick<Transport, 'request'>
  /** 1 to 30. */
  depthLevels: number
  requestTimeoutMs: number
}

export class UpbitRest implements VenueRest {
  readonly source = 'orderbook'
  readonly booksCost = { orderbook: 1 }
  readonly depthCost = { orderbook: 1 }
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
