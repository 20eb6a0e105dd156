/** Does to orders and their answers what a fault plan says: the composition root puts it between executors and the paper venue. */

import { Decimal } from '../base/decimal.ts'
import type { Clock } from '../clock/clock.ts'
import type { OrderGateway } from '../execution/order-gateway.ts'
import type { FaultKind } from '../model/fault.ts'
import { isTradable, roundQuantity } from '../model/instrument.ts'
import type { OrderReport, OrderRequest, VenueStatement } from '../model/order.ts'
import type { FaultBoard, PlannedFault } from './fault-board.ts'

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
    const { clock, board, orderTimeoutMs } = this.#options
    const { venue, code } = order.instrument
    const occasion = { venue, code, name: order.orderId }
    const sentAtMs = clock.nowMs()
    if (board.strike('rejection', sentAtMs, occasion)) return rejected(order, 'venue rejected the order')
    // Not counted before it is seen that it changes the order's end, or when that is told.
    const find = (kind: FaultKind): PlannedFault | null => board.find(kind, sentAtMs, occasion)
    const filter = find('filter-change')
    if (filter && isOffLot(order, filter.fault.strength)) {
      board.count(filter)
      return rejected(order, offLotReason)
    }
    const late = find('late-fill')
    const withholds = late ?? find('lost-acknowledgement') ?? find('lost-fill')
    const report = await this.#fill(order, find('partial-fill'))
    if (withholds === null || report === null) return report
    board.count(withholds)
    const lateMs = late?.fault.strength ?? 0
    if (late && lateMs <= orderTimeoutMs) {
      await clock.sleepUntil(sentAtMs + lateMs)
      return report
    }
    this.#withheld.set(order.orderId, { report, fromMs: sentAtMs + lateMs })
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
  async #fill(order: OrderRequest, partial: PlannedFault | null): Promise<OrderReport | null> {
    const { gateway, board } = this.#options
    if (partial === null) return gateway.send(order)
    const quantity = roundQuantity(order.instrument, order.quantity.multiply(Decimal.fromNumber(partial.fault.strength)))
    if (!isTradable(order.instrument, quantity, order.limitPrice)) {
      board.count(partial)
      this.#emptyOrders++
      return { orderId: order.orderId, status: 'unfilled', reason: thinBookReason, fill: null }
    }
    const report = await gateway.send({ ...order, quantity })
    // What the book or the venue gave less of anyway, this did not take.
    if (report?.status !== 'filled' || !quantity.isLessThan(order.quantity)) return report
    board.count(partial)
    return { ...report, status: 'partial', reason: thinBookReason }
  }
}

function isOffLot({ instrument, quantity }: OrderRequest, factor: number): boolean {
  const lotSize = instrument.lotSize.multiply(Decimal.fromNumber(factor))
  return !quantity.equals(quantity.roundToMultiple(lotSize, 'down'))
}

function rejected({ orderId }: OrderRequest, reason: string): OrderReport {
  return { orderId, status: 'rejected', reason, fill: null }
}
