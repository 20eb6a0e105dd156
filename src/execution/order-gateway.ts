/** The OrderGateway port: sends an order and says what became of it. The paper venue implements it; executors call it. */

import type { OrderReport, OrderRequest } from '../model/order.ts'

export interface OrderGateway {
  /** Never throws for a venue's trouble: that is a report. */
  send(order: OrderRequest): Promise<OrderReport>
}
