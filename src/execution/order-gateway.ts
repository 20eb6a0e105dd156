/** The OrderGateway port: sends an order and says what became of it. The paper venue implements it; executors call it. */

import type { OrderReport, OrderRequest, VenueStatement } from '../model/order.ts'

/** A venue's trouble is an answer or null, never a rejection; each call settles within a deadline of its own. */
export interface OrderGateway {
  /** The order's end, or null where no answer came in time: then it is in doubt, and is looked up. It is not sent again. */
  send(order: OrderRequest): Promise<OrderReport | null>
  /**
   * Asks what became of an order in doubt: its end; `timed-out` where the venue never got it and never will; null where nobody can say
   * now. Not asked again once it has said.
   */
  lookUp(order: OrderRequest): Promise<OrderReport | null>
  /** What the venues say that the orders of this process did. It tells of the same orders as our books where none is under way. */
  statement(): VenueStatement
}
