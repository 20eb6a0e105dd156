/** Does to orders and their answers what a fault plan says: the composition root puts it between executors and the paper venue. */

import { Decimal } from '../base/decimal.ts'
import type { Clock } from '../clock/clock.ts'
import type { OrderGateway } from '../execution/order-gateway.ts'
import type { Fault, FaultKind } from '../model/fault.ts'
import { isTradable, roundQuantity } from '../model/instrument.ts'
import type { OrderReport, OrderRequest, VenueStatement } from '../model/order.ts'
import type { FaultBoard } from './fault-board.ts'

export interface FaultyGatewayOptions {
  gateway: OrderGateway
  clock: Clock
  board: FaultBoard
  /** How long an answer is waited for. */
  orderTimeoutMs: number
}

/** An answer that did not come, and from when on the venue gives it to whoever asks. */
interface Withheld {
  report: OrderReport
  fromMs: number
}

/** Binance's words (error -1013); that Upbit refuses with them too is an assumption: it documents none for a quantity off its lot. */
const offLotReason = 'Filter failure: LOT_SIZE'
/** The paper venue's words. */
const thinBookReason = 'the book was thinner than the order'

export class FaultyGateway implements OrderGateway {
  readonly #options: FaultyGatewayOptions
  /** One at most for each order in doubt. */
  readonly #withheld = new Map<string, Withheld>()
  /** Orders that a venue takes and gives nothing, and that the gateway behind never sees. */
  #emptyOrders = 0

  constructor(options: FaultyGatewayOptions) {
    this.#options = options
  }

  async send(order: OrderRequest): Promise<OrderReport | null> {
    const { clock, orderTimeoutMs } = this.#options
    const sentAtMs = clock.nowMs()
    if (this.#strike('rejection', order, sentAtMs)) return rejected(order, 'venue rejected the order')
    const filter = this.#strike('filter-change', order, sentAtMs)
    if (filter && isOffLot(order, filter.strength)) return rejected(order, offLotReason)
    const late = this.#strike('late-fill', order, sentAtMs)
    const isLost = late ?? this.#strike('lost-acknowledgement', order, sentAtMs) ?? this.#strike('lost-fill', order, sentAtMs)
    const report = await this.#fill(order, this.#strike('partial-fill', order, sentAtMs))
    if (isLost === null || report === null) return report
    this.#withheld.set(order.orderId, { report, fromMs: sentAtMs + (late?.strength ?? 0) })
    await clock.sleepUntil(sentAtMs + orderTimeoutMs)
    return null
  }

  async lookUp(order: OrderRequest): Promise<OrderReport | null> {
    const withheld = this.#withheld.get(order.orderId)
    if (withheld === undefined) return this.#options.gateway.lookUp(order)
    if (this.#options.clock.nowMs() < withheld.fromMs) return null
    this.#withheld.delete(order.orderId)
    return withheld.report
  }

  statement(): VenueStatement {
    const { orders, changes } = this.#options.gateway.statement()
    return { orders: orders + this.#emptyOrders, changes }
  }

  /** The venue behind sees an order for what it is to fill at most. */
  async #fill(order: OrderRequest, partial: Fault | null): Promise<OrderReport | null> {
    const { gateway } = this.#options
    if (partial === null) return gateway.send(order)
    const quantity = roundQuantity(order.instrument, order.quantity.multiply(Decimal.fromNumber(partial.strength)))
    if (!isTradable(order.instrument, quantity, order.limitPrice)) {
      this.#emptyOrders++
      return { orderId: order.orderId, status: 'unfilled', reason: thinBookReason, fill: null }
    }
    const report = await gateway.send({ ...order, quantity })
    return report?.status === 'filled' && quantity.isLessThan(order.quantity)
      ? { ...report, status: 'partial', reason: thinBookReason }
      : report
  }

  #strike(kind: FaultKind, { instrument: { venue, code }, orderId }: OrderRequest, nowMs: number): Fault | null {
    return this.#options.board.strike(kind, nowMs, { venue, code, name: orderId })
  }
}

function isOffLot({ instrument, quantity }: OrderRequest, factor: number): boolean {
  const lotSize = instrument.lotSize.multiply(Decimal.fromNumber(factor))
  return !quantity.equals(quantity.roundToMultiple(lotSize, 'down'))
}

function rejected({ orderId }: OrderRequest, reason: string): OrderReport {
  return { orderId, status: 'rejected', reason, fill: null }
}
