/** Orders and what becomes of them. A request is ours; a report is what the venue (or the paper venue) did with it. */

import type { Decimal } from '../base/decimal.ts'
import type { Instrument, Side } from './instrument.ts'
import type { Balance } from './money.ts'
import type { Leg } from './route.ts'

/** Why an order was sent: to open, to close, or to bring the legs of a trade back to the same size. */
export type OrderPurpose = 'entry' | 'exit' | 'unwind'

/** Every order is immediate-or-cancel: what the book cannot fill inside the limit price is cancelled. */
export interface OrderRequest {
  orderId: string
  tradeId: string
  symbol: string
  leg: Leg
  purpose: OrderPurpose
  instrument: Instrument
  side: Side
  quantity: Decimal
  limitPrice: Decimal
}

export interface FillLevel {
  price: Decimal
  quantity: Decimal
  /** What the book displayed at this price, before we took from it. */
  displayedSize: Decimal
}

export interface Fill {
  levels: readonly FillLevel[]
  quantity: Decimal
  notional: Decimal
  feeAsset: string
  fee: Decimal
  /** The book that it was filled from. */
  bookExchangeTimeMs: number | null
  bookChangedAtMs: number
  bookReceivedAtMs: number
  bestBid: Decimal
  bestAsk: Decimal
}

/** `timed-out` says that no answer came in time and that the venue, asked again, never got the order: nothing was filled. */
export type OrderStatus = 'filled' | 'partial' | 'unfilled' | 'rejected' | 'timed-out'

export interface OrderReport {
  orderId: string
  status: OrderStatus
  reason: string | null
  fill: Fill | null
}

/** What the venues themselves say that a session's orders did: the drop copy that our own books are held against. */
export interface VenueStatement {
  /** Orders that the venues took, whether they got anything or not; neither those that they rejected nor those that never came. */
  orders: number
  /** What these fills and their fees changed in our accounts, signed; by venue and asset in code-unit order. */
  changes: Balance[]
}
