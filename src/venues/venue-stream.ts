/** One venue's order books as its WebSocket tells them; upbit/stream.ts and binance/stream.ts implement it. */

import type { OperatingError } from '../base/error.ts'
import type { FeedCounts, FeedSource } from '../model/event.ts'
import type { OrderBook, PriceLevel } from '../model/order-book.ts'
import type { ConnectionCounts, StreamConnection } from './stream-connection.ts'

/** `arrivedAtPreciseMs`: `Clock.preciseMs()` when the frame or answer that changed the book reached us. */
export type StreamListener = (code: string, arrivedAtPreciseMs: number) => void

export type StreamCounts = ConnectionCounts & Pick<FeedCounts, 'gaps' | 'resyncs' | 'dropped'>

export interface VenueStream {
  readonly source: FeedSource
  readonly connection: StreamConnection

  /** The last book that the stream showed, or null where there was none or it is known to be wrong. */
  book(code: string): OrderBook | null

  /** Whether the book follows the venue at this moment, as far as the stream can tell. */
  isFollowing(code: string): boolean

  /** Since when the stream has shown nothing new of the book, or null where it is not for the stream to show anything now. */
  quietSinceMs(code: string): number | null

  /** REST showed at `receivedAtMs` that the book is current. */
  confirm(code: string, receivedAtMs: number): void

  /** REST showed that the stream leaves out what happens to the book: it is gone, until another connection shows it. */
  discard(code: string): void

  /** What went wrong since this was last asked, the newest of it; the connection's own trouble is not part of it. */
  takeTrouble(): OperatingError | null

  /** Gauges apart, since this was last asked. */
  takeCounts(): StreamCounts

  close(): void
}

/** Whether two books agree on the best prices and sizes. */
export function isSameTop(left: OrderBook | null, right: OrderBook): boolean {
  return left !== null && isSameLevel(left.bids[0], right.bids[0]) && isSameLevel(left.asks[0], right.asks[0])
}

function isSameLevel(left: PriceLevel | undefined, right: PriceLevel | undefined): boolean {
  return left?.price === right?.price && left?.size === right?.size
}
