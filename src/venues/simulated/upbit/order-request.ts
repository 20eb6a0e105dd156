/** Reads the parameters of an order as Upbit documents them. Upbit's trading face calls it for new orders and for replacements. */

import { Decimal } from '../../../base/decimal.ts'
import type { Instrument } from '../../../model/instrument.ts'
import type { DeskTimeInForce, NewOrder } from '../desk.ts'
import type { UpbitErrorName } from './refusal.ts'

/** Most of one order on a KRW market (`max_total` of `orders/chance`). */
export const maxTotalKrw = Decimal.parse('1000000000')

const timesInForce: ReadonlyMap<string, DeskTimeInForce> = new Map([
  ['ioc', 'ioc'],
  ['fok', 'fok'],
  ['post_only', 'post-only'],
])
const selfMatchTypes = new Set(['cancel_maker', 'cancel_taker', 'reduce', 'none'])
const amount = /^\d{1,20}(?:\.\d{1,20})?$/

/** Market orders go to the desk as `gtc`: an immediate time in force is what tells a `best` order from them. */
export function readUpbitOrder(params: URLSearchParams, instruments: ReadonlyMap<string, Instrument>): NewOrder | UpbitErrorName {
  const instrument = instruments.get(params.get('market') ?? '')
  if (instrument === undefined) return params.has('market') ? 'notfoundmarket' : 'validation_error'
  const side = params.get('side')
  if (side !== 'bid' && side !== 'ask') return 'validation_error'
  const price = amountOf(params, 'price')
  const volume = amountOf(params, 'volume')
  if (price === 'malformed' || volume === 'malformed') return `create_${side}_error`
  const timeInForce = timeInForceOf(params)
  if (typeof timeInForce !== 'object') return timeInForce
  const common = {
    code: instrument.code,
    side: side === 'bid' ? ('buy' as const) : ('sell' as const),
    timeInForce: timeInForce.value,
    clientOrderId: params.get('identifier'),
  }
  const total = params.get('ord_type') === 'limit' && volume !== null ? price?.multiply(volume) : price
  if (side === 'bid' && instrument.quote === 'KRW' && total?.isGreaterThan(maxTotalKrw)) return 'over_krw_funds_bid'
  switch (orderKind(params.get('ord_type'), side)) {
    case 'limit':
      if (price === null || volume === null) return 'validation_error'
      return { ...common, quantity: volume, quoteTotal: null, limitPrice: price }
    case 'total':
      if (price === null || volume !== null) return 'validation_error'
      return { ...common, quantity: null, quoteTotal: price, limitPrice: null }
    case 'volume':
      if (volume === null || price !== null) return 'validation_error'
      return { ...common, quantity: volume, quoteTotal: null, limitPrice: null }
    case null:
      return 'validation_error'
  }
}

/** `price` buys for a total, `market` sells a volume, `best` does either by its side. */
function orderKind(orderType: string | null, side: 'bid' | 'ask'): 'limit' | 'total' | 'volume' | null {
  if (orderType === 'limit') return 'limit'
  if (orderType === (side === 'bid' ? 'price' : 'market') || orderType === 'best') return side === 'bid' ? 'total' : 'volume'
  return null
}

function amountOf(params: URLSearchParams, name: string): Decimal | null | 'malformed' {
  const text = params.get(name)
  if (text === null) return null
  if (!amount.test(text)) return 'malformed'
  const value = Decimal.parse(text)
  return value.isPositive() ? value : 'malformed'
}

function timeInForceOf(params: URLSearchParams): { value: DeskTimeInForce } | UpbitErrorName {
  const orderType = params.get('ord_type')
  const text = params.get('time_in_force')
  const value = text === null ? 'gtc' : timesInForce.get(text)
  const selfMatchType = params.get('smp_type')
  if (selfMatchType !== null && !selfMatchTypes.has(selfMatchType)) return 'invalid_parameter'
  if (value === 'post-only' && (orderType !== 'limit' || (selfMatchType ?? 'none') !== 'none')) return 'invalid_post_only'
  const isAllowed = orderType === 'limit' || (orderType === 'best') === (value !== 'gtc')
  return value === undefined || !isAllowed ? 'invalid_time_in_force' : { value }
}
