/** Binance's errors as documented: code and words, HTTP 400 where nothing else is said. Binance's REST faces answer with them. */

import type { DeskRefusal } from '../desk.ts'

/** What an endpoint makes of a request. */
export interface BinanceOutcome {
  status: number
  /** Beside those of every answer. */
  headers?: Record<string, string>
  body: string
}

export interface BinanceError {
  status: number
  code: number
  msg: string
}

export function binanceError(code: number, msg: string, status = 400): BinanceError {
  return { status, code, msg }
}

export function binanceRefusal({ status, code, msg }: BinanceError): BinanceOutcome {
  return { status, body: JSON.stringify({ code, msg }) }
}

export function isBinanceError(value: object): value is BinanceError {
  return 'msg' in value
}

export function missing(name: string): BinanceError {
  return binanceError(-1102, `Mandatory parameter '${name}' was not sent, was empty/null, or malformed.`)
}

export const invalidSymbol = binanceError(-1121, 'Invalid symbol.')

export function filterFailure(filter: string): BinanceError {
  return binanceError(-1013, `Filter failure: ${filter}`)
}

export function errorOf(refusal: DeskRefusal): BinanceError {
  switch (refusal) {
    case 'unknown-instrument':
      return invalidSymbol
    case 'insufficient-balance':
      return binanceError(-2010, 'Account has insufficient balance for requested action.')
    case 'below-minimum':
      return filterFailure('NOTIONAL')
    case 'price-off-tick':
      return filterFailure('PRICE_FILTER')
    case 'quantity-off-lot':
      return filterFailure('LOT_SIZE')
    case 'too-many-orders':
      return filterFailure('MAX_NUM_ORDERS')
    case 'would-take':
      return binanceError(-2010, 'Order would immediately match and take.')
    case 'duplicate-client-order-id':
      return binanceError(-2010, 'Duplicate order sent.')
    case 'invalid-order':
      return binanceError(-1013, 'Invalid quantity.')
    case 'unknown-order':
    case 'order-not-open':
      return binanceError(-2011, 'Unknown order sent.')
  }
}
