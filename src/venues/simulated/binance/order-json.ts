/** Orders, trades and balances as Binance writes them, every amount with eight digits. Binance's trading face and stream call this. */

import type { Decimal } from '../../../base/decimal.ts'
import type { ResponseType } from './order-request.ts'
import type { DeskBalance, DeskEvent, DeskFill, DeskOrder } from '../desk.ts'

const amountScale = 8
const noAmount = '0.00000000'
/** What the simulated markets say in `exchangeInfo`. An account never meets itself here. */
const selfTradePreventionMode = 'EXPIRE_MAKER'
const executionTypes = { accepted: 'NEW', fill: 'TRADE', cancelled: 'CANCELED', expired: 'EXPIRED' } as const

export function amountText(value: Decimal | null): string {
  if (value === null) return noAmount
  const [whole = '0', fraction = ''] = value.round(amountScale, 'down').toString().split('.')
  return `${whole}.${fraction.padEnd(amountScale, '0')}`
}

function statusOf({ state, executedQuantity }: DeskOrder): string {
  if (state === 'open') return executedQuantity.isZero() ? 'NEW' : 'PARTIALLY_FILLED'
  return { filled: 'FILLED', cancelled: 'CANCELED', expired: 'EXPIRED' }[state]
}

function typeOf({ limitPrice, timeInForce }: DeskOrder): string {
  if (limitPrice === null) return 'MARKET'
  return timeInForce === 'post-only' ? 'LIMIT_MAKER' : 'LIMIT'
}

function timeInForceOf({ timeInForce }: DeskOrder): string {
  return timeInForce === 'post-only' ? 'GTC' : timeInForce.toUpperCase()
}

function sideOf({ side }: DeskOrder): string {
  return side.toUpperCase()
}

/** What answers to a new order, a query and a cancellation have in common. An order for a total has the quantity that it got. */
function coreOf(order: DeskOrder): object {
  return {
    price: amountText(order.limitPrice),
    origQty: amountText(order.quantity ?? order.executedQuantity),
    executedQty: amountText(order.executedQuantity),
    origQuoteOrderQty: amountText(order.quoteTotal),
    cummulativeQuoteQty: amountText(order.executedNotional),
    status: statusOf(order),
    timeInForce: timeInForceOf(order),
    type: typeOf(order),
    side: sideOf(order),
  }
}

export function placedOrder(order: DeskOrder, responseType: ResponseType): object {
  const acknowledged = {
    symbol: order.code,
    orderId: order.id,
    orderListId: -1,
    clientOrderId: order.clientOrderId ?? '',
    transactTime: order.createdAtMs,
  }
  if (responseType === 'ACK') return acknowledged
  const result = { ...acknowledged, ...coreOf(order), workingTime: order.createdAtMs, selfTradePreventionMode }
  return responseType === 'RESULT' ? result : { ...result, fills: order.fills.map(fillRow) }
}

function fillRow({ price, quantity, fee, feeAsset, tradeId }: DeskFill): object {
  return { price: amountText(price), qty: amountText(quantity), commission: amountText(fee), commissionAsset: feeAsset, tradeId }
}

export function queriedOrder(order: DeskOrder): object {
  return {
    symbol: order.code,
    orderId: order.id,
    orderListId: -1,
    clientOrderId: order.clientOrderId ?? '',
    ...coreOf(order),
    stopPrice: noAmount,
    icebergQty: noAmount,
    time: order.createdAtMs,
    updateTime: order.updatedAtMs,
    isWorking: true,
    workingTime: order.createdAtMs,
    selfTradePreventionMode,
  }
}

/** A cancellation has a name of its own. */
export function cancelledOrder(order: DeskOrder, cancelId: string): object {
  return {
    symbol: order.code,
    origClientOrderId: order.clientOrderId ?? '',
    orderId: order.id,
    orderListId: -1,
    clientOrderId: cancelId,
    transactTime: order.updatedAtMs,
    ...coreOf(order),
    selfTradePreventionMode,
  }
}

export function tradeRow(order: DeskOrder, fill: DeskFill): object {
  return {
    symbol: order.code,
    id: fill.tradeId,
    orderId: order.id,
    orderListId: -1,
    price: amountText(fill.price),
    qty: amountText(fill.quantity),
    quoteQty: amountText(fill.price.multiply(fill.quantity)),
    commission: amountText(fill.fee),
    commissionAsset: fill.feeAsset,
    time: fill.atMs,
    isBuyer: order.side === 'buy',
    isMaker: fill.isMaker,
    isBestMatch: true,
  }
}

/** The executionReport of an event; a cancellation is told under its own name. */
export function executionReport({ kind, order, fill, atMs }: DeskEvent, executionId: number, cancelId: string): object {
  const clientOrderId = order.clientOrderId ?? ''
  const isCancelled = kind === 'cancelled'
  return {
    e: 'executionReport',
    E: atMs,
    s: order.code,
    c: isCancelled ? cancelId : clientOrderId,
    S: sideOf(order),
    o: typeOf(order),
    f: timeInForceOf(order),
    q: amountText(order.quantity ?? order.executedQuantity),
    p: amountText(order.limitPrice),
    P: noAmount,
    F: noAmount,
    g: -1,
    C: isCancelled ? clientOrderId : '',
    x: executionTypes[kind],
    X: statusOf(order),
    r: 'NONE',
    i: order.id,
    l: amountText(fill?.quantity ?? null),
    z: amountText(order.executedQuantity),
    L: amountText(fill?.price ?? null),
    n: fill === null ? '0' : amountText(fill.fee),
    N: fill?.feeAsset ?? null,
    T: atMs,
    t: fill?.tradeId ?? -1,
    I: executionId,
    w: order.state === 'open' && order.limitPrice !== null,
    m: fill?.isMaker ?? false,
    M: fill !== null,
    O: order.createdAtMs,
    Z: amountText(order.executedNotional),
    Y: amountText(fill === null ? null : fill.price.multiply(fill.quantity)),
    Q: amountText(order.quoteTotal),
    W: order.createdAtMs,
    V: selfTradePreventionMode,
  }
}

export function accountPosition(balances: readonly DeskBalance[], atMs: number): object {
  const rows = balances.map(({ asset, free, locked }) => ({ a: asset, f: amountText(free), l: amountText(locked) }))
  return { e: 'outboundAccountPosition', E: atMs, u: atMs, B: rows }
}
