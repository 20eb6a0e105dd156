/** The Transport port: all network of the engine. Real: HTTP (and WebSocket) to the venues; simulated: the exchange in this process. */

import type { Venue } from '../model/instrument.ts'

export interface HttpRequest {
  venue: Venue
  /** Path and query, as on the wire: `/v1/orderbook?markets=KRW-BTC`. */
  target: string
  timeoutMs: number
}

export interface HttpResponse {
  status: number
  /** Lower-case names. */
  headers: Readonly<Record<string, string>>
  body: string
  receivedAtMs: number
}

export interface Transport {
  /** Throws an OperatingError: VENUE_TIMEOUT after the deadline, VENUE_UNREACHABLE where there is no answer. Any status is an answer. */
  request(request: HttpRequest): Promise<HttpResponse>
  close(): Promise<void>
}
