/** Reads the parameters of a new order as Binance documents them. Binance's trading face calls it. */

import { Decimal } from '../../../base/decimal.ts'
import { type BinanceError, binanceError, filterFailure, isBinanceError, missing } from './refusal.ts'
import type { DeskTimeInForce, NewOrder } from '../desk.ts'

export type ResponseType = 'ACK' | 'RESULT' | 'FULL'

export interface OrderRequest {
  order: NewOrder
  responseType: ResponseType
}

type OrderType = 'LIMIT' | 'MARKET' | 'LIMIT_MAKER'

const timesInForce: ReadonlyMap<string, DeskTimeInForce> = new Map([
  ['GTC', 'gtc'],
  ['IOC', 'ioc'],
  ['FOK', 'fok'],
])
const typedNames = ['timeInForce', 'quantity', 'quoteOrderQty', 'price']
const namesOf: Readonly<Record<OrderType, readonly string[]>> = {
  LIMIT: ['timeInForce', 'quantity', 'price'],
  LIMIT_MAKER: ['quantity', 'price'],
  MARKET: ['quantity', 'quoteOrderQty'],
}

const numberFormat = String.raw`^([0-9]{1,20})(\.[0-9]{1,20})?$`
const clientOrderIdFormat = String.raw`^[\.A-Z\:/a-z0-9_-]{1,36}$`
/** Digits after the point of every amount (`baseAssetPrecision`, `quotePrecision`). */
const maxScale = 8

/** Market orders go to the desk as `gtc`, which is what the venue shows of them. An order without a name is given `newClientOrderId`. */
export function readBinanceOrder(params: URLSearchParams, newClientOrderId: () => string): OrderRequest | BinanceError {
  const side = params.get('side') ?? ''
  if (side !== 'BUY' && side !== 'SELL') return side === '' ? missing('side') : binanceError(-1117, 'Invalid side.')
  const type = params.get('type') ?? ''
  if (!isOrderType(type)) return type === '' ? missing('type') : binanceError(-1116, 'Invalid orderType.')
  const misfit = faultOfNames(params, type)
  if (misfit !== null) return misfit
  const timeInForce = type === 'LIMIT_MAKER' ? 'post-only' : timesInForce.get(params.get('timeInForce') ?? 'GTC')
  if (timeInForce === undefined) return binanceError(-1115, 'Invalid timeInForce.')
  const amounts = readAmounts(params)
  if (isBinanceError(amounts)) return amounts
  const clientOrderId = params.get('newClientOrderId') ?? newClientOrderId()
  if (!new RegExp(clientOrderIdFormat).test(clientOrderId)) return illegal('newClientOrderId', clientOrderIdFormat)
  const responseType = params.get('newOrderRespType') ?? (type === 'LIMIT_MAKER' ? 'ACK' : 'FULL')
  if (responseType !== 'ACK' && responseType !== 'RESULT' && responseType !== 'FULL') return missing('newOrderRespType')
  const code = params.get('symbol') ?? ''
  return { order: { code, side: side === 'BUY' ? 'buy' : 'sell', ...amounts, timeInForce, clientOrderId }, responseType }
}

/** Each type has parameters that it must have, and others that it must not have; a market order has one of two. */
function faultOfNames(params: URLSearchParams, type: OrderType): BinanceError | null {
  const superfluous = typedNames.find((name) => params.has(name) && !namesOf[type].includes(name))
  if (superfluous !== undefined) return binanceError(-1106, `Parameter '${superfluous}' sent when not required.`)
  const absent = namesOf[type].filter((name) => !params.get(name))
  if (type !== 'MARKET') return absent[0] === undefined ? null : missing(absent[0])
  if (absent.length === 0) return binanceError(-1128, 'Combination of optional parameters invalid.')
  return absent.length === 2 ? missing('quantity') : null
}

function readAmounts(params: URLSearchParams): Pick<NewOrder, 'quantity' | 'quoteTotal' | 'limitPrice'> | BinanceError {
  const quantity = amountOf(params, 'quantity', 'LOT_SIZE')
  if (isFault(quantity)) return quantity
  const quoteTotal = amountOf(params, 'quoteOrderQty', 'NOTIONAL')
  if (isFault(quoteTotal)) return quoteTotal
  const limitPrice = amountOf(params, 'price', 'PRICE_FILTER')
  return isFault(limitPrice) ? limitPrice : { quantity, quoteTotal, limitPrice }
}

function amountOf(params: URLSearchParams, name: string, filter: string): Decimal | null | BinanceError {
  const text = params.get(name)
  if (text === null || text === '') return null
  if (!new RegExp(numberFormat).test(text)) return illegal(name, numberFormat)
  const value = Decimal.parse(text)
  if (!value.round(maxScale, 'down').equals(value)) return binanceError(-1111, `Parameter '${name}' has too much precision.`)
  return value.isPositive() ? value : filterFailure(filter)
}

function isFault(value: Decimal | null | BinanceError): value is BinanceError {
  return value !== null && isBinanceError(value)
}

function illegal(name: string, format: string): BinanceError {
  return binanceError(-1100, `Illegal characters found in parameter '${name}'; legal range is '${format}'.`)
}

function isOrderType(text: string): text is OrderType {
  return Object.hasOwn(namesOf, text)
}
