/** The Transport port: all network of the engine. Real: HTTP and WebSocket to the venues; simulated: the exchange in this process. */

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

export interface SocketRequest {
  venue: Venue
  /** Path and query: `/websocket/v1`, `/stream?streams=btcusdt@depth@100ms`. */
  target: string
  /** For the connection to stand, handshake included. */
  timeoutMs: number
}

export interface SocketEvents {
  /** A data frame. Upbit's are binary and hold UTF-8 JSON, Binance's are text: both come as text. */
  onFrame: (text: string) => void
  /** Once, whoever closed it, and nothing comes after it. 1006: it broke without a close frame. */
  onClose: (code: number, reason: string) => void
}

/** One WebSocket. What is asked of it once it is closed does nothing. */
export interface VenueSocket {
  send(text: string): void
  /** A protocol ping, which keeps an idle connection open. The venue's own pings are answered by the transport. */
  ping(): void
  /** Closes, or breaks the connection where the venue does not answer soon; `onClose` follows. */
  close(): void
}

export interface Transport {
  /** Throws an OperatingError: VENUE_TIMEOUT after the deadline, VENUE_UNREACHABLE where there is no answer. Any status is an answer. */
  request(request: HttpRequest): Promise<HttpResponse>
  /** Throws as above, and VENUE_STATUS or VENUE_RATE_LIMITED where the venue refuses the upgrade. */
  connect(request: SocketRequest, events: SocketEvents): Promise<VenueSocket>
  /** Ends everything that is open; what is asked afterwards is refused as unreachable. */
  close(): Promise<void>
}
