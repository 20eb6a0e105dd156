/** One account's private side of a simulated venue: balances and orders, matched against the market's books. OrderDesk implements it. */

import type { Decimal } from '../../base/decimal.ts'
import type { Side } from '../../model/instrument.ts'

export type DeskTimeInForce = 'gtc' | 'ioc' | 'fok' | 'post-only'

/** Exactly one of `quantity` and `quoteTotal`; a `limitPrice` makes it a limit order. */
export interface NewOrder {
  code: string
  side: Side
  /** In the base asset. */
  quantity: Decimal | null
  /** To spend, in the quote asset: market buys, and on Binance market sells too. */
  quoteTotal: Decimal | null
  limitPrice: Decimal | null
  timeInForce: DeskTimeInForce
  clientOrderId: string | null
}

export interface DeskFill {
  tradeId: number
  price: Decimal
  quantity: Decimal
  fee: Decimal
  feeAsset: string
  isMaker: boolean
  atMs: number
}

/** `cancelled`: by the client; `expired`: what is left of an order that may not rest. */
export type DeskOrderState = 'open' | 'filled' | 'cancelled' | 'expired'

export interface DeskOrder extends NewOrder {
  /** From 1, a desk each. */
  readonly id: number
  readonly state: DeskOrderState
  readonly fills: readonly DeskFill[]
  readonly executedQuantity: Decimal
  /** Sum of price x quantity. */
  readonly executedNotional: Decimal
  readonly paidFee: Decimal
  /** Held for what is still open: quote and fee of a buy, base of a sell. */
  readonly locked: Decimal
  readonly createdAtMs: number
  readonly updatedAtMs: number
}

/** Why an order is not taken, or not found: the faces turn each into their venue's own error. */
export type DeskRefusal =
  | 'unknown-instrument'
  | 'insufficient-balance'
  | 'below-minimum'
  | 'too-many-orders'
  | 'price-off-tick'
  | 'quantity-off-lot'
  | 'would-take'
  | 'duplicate-client-order-id'
  | 'invalid-order'
  | 'unknown-order'
  | 'order-not-open'

export interface DeskBalance {
  asset: string
  free: Decimal
  locked: Decimal
}

export interface DeskEvent {
  kind: 'accepted' | 'fill' | 'cancelled' | 'expired'
  order: DeskOrder
  /** Of a `fill`. */
  fill: DeskFill | null
  /** Those that changed, as they are now. */
  balances: readonly DeskBalance[]
  atMs: number
}

/** By the venue's id or by the client's own. */
export type OrderName = { id: number } | { clientOrderId: string }

export interface Desk {
  /** Checks, then matches what can be matched now; what is left rests where the order may rest. */
  place(order: NewOrder, nowMs: number): DeskOrder | DeskRefusal
  /** The same checks, and nothing is done. */
  test(order: NewOrder): DeskRefusal | null
  cancel(name: OrderName, nowMs: number): DeskOrder | DeskRefusal
  order(name: OrderName): DeskOrder | null
  /** Oldest first; of one instrument, or of all. */
  openOrders(code: string | null): readonly DeskOrder[]
  /** The last ones that are no longer open, newest first, as far back as they are remembered. */
  closedOrders(code: string | null): readonly DeskOrder[]
  /** Every asset that the account has or had. */
  balances(): readonly DeskBalance[]
  /** Called as it happens; any number of listeners, taken back by the returned function. */
  onEvent(listener: (event: DeskEvent) => void): () => void
  /** The market stands at `nowMs`: resting orders that it has reached are filled. */
  advance(nowMs: number): void
}
