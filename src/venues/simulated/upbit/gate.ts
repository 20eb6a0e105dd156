/** What stands before Upbit's public interfaces: its outages, its routes and the limits of one address. Upbit's faces ask it first. */

import { type FaceAnswer, outageAnswer } from '../face.ts'
import type { Market } from '../../../market/market.ts'
import { type UpbitLimitBody, UpbitRateLimit } from './rate-limit.ts'

/** Counted apart from one another (rate limits page of 2026-09-08). */
export type UpbitGroup = 'market' | 'orderbook' | 'ticker' | 'trade' | 'websocket'

export interface UpbitAdmission {
  /** For the answer, where it is left to the face. */
  headers: Record<string, string>
  /** The answer, where it is not. */
  refusal: FaceAnswer | null
}

const noRoute: FaceAnswer = {
  status: 404,
  headers: { 'content-type': 'application/json;charset=UTF-8' },
  body: '{"error":{"name":"not_found","message":"no Route matched with those values"}}',
}

export class UpbitGate {
  readonly #market: Market
  readonly #limits: Readonly<Record<UpbitGroup, UpbitRateLimit>>
  /** For requests that carry an Origin header, in place of their own group's. */
  readonly #originLimit: UpbitRateLimit

  constructor(market: Market, limitBody: UpbitLimitBody) {
    this.#market = market
    this.#limits = {
      market: new UpbitRateLimit('market', 10, 1000, limitBody),
      orderbook: new UpbitRateLimit('orderbook', 10, 1000, limitBody),
      ticker: new UpbitRateLimit('ticker', 10, 1000, limitBody),
      trade: new UpbitRateLimit('trade', 10, 1000, limitBody),
      websocket: new UpbitRateLimit('websocket', 5, 1000, limitBody),
    }
    this.#originLimit = new UpbitRateLimit('origin', 1, 10_000, limitBody)
  }

  /** `group` is null where the path has no route. */
  admit(group: UpbitGroup | null, nowMs: number, origin: string | undefined): UpbitAdmission {
    const outage = outageAnswer(this.#market, 'upbit')
    if (outage !== null) return { headers: {}, refusal: outage }
    if (group === null) return { headers: {}, refusal: noRoute }
    const limit = origin === undefined ? this.#limits[group] : this.#originLimit
    const { headers, refusal } = limit.use(nowMs)
    return { headers: byAddress(headers), refusal: refusal && { ...refusal, headers: byAddress(refusal.headers) } }
  }
}

/** Says that the limit is that of an address, not of an account. */
function byAddress(headers: Record<string, string>): Record<string, string> {
  return { ...headers, 'limit-by-ip': 'Yes' }
}
