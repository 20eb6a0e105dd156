/** Binance's account API over a desk: signed requests in Binance's own JSON, and the user data stream. Written from its documentation. */

import type { Prng } from '../../../base/prng.ts'
import type { Instrument } from '../../../model/instrument.ts'
import { amountText, cancelledOrder, placedOrder, queriedOrder, tradeRow } from './order-json.ts'
import { readBinanceOrder } from './order-request.ts'
import {
  type BinanceError,
  binanceError,
  type BinanceOutcome,
  binanceRefusal,
  errorOf,
  invalidSymbol,
  isBinanceError,
  missing,
} from './refusal.ts'
import type { BinanceSwitches } from './session.ts'
import { BinanceSignatures, signedPayload } from './signatures.ts'
import { BinanceUserStream } from './user-stream.ts'
import type { BinanceWeight } from './weight.ts'
import type { Desk, DeskFill, DeskOrder } from '../desk.ts'
import {
  type FaceAnswer,
  type FaceRequest,
  type FaceSession,
  type FaceSocket,
  outageAnswer,
  splitTarget,
  type TradingFace,
  UsageWindow,
} from '../face.ts'
import type { Market } from '../../../market/market.ts'
import type { Credentials } from '../signing.ts'

export interface BinanceTradingFaceOptions extends BinanceSwitches {
  /** Of the one account, which all credentials open. */
  desk: Desk
  credentials: readonly Credentials[]
  /** Those of other venues are left out. */
  instruments: readonly Instrument[]
  /** For the names that the venue gives to orders and cancellations. */
  prng: Prng
  /** Shared with what else the address asks of Binance. */
  weight: BinanceWeight
  /** Says when the venue is out; without it, it never is. */
  market?: Pick<Market, 'outage'>
}

const webSocketPath = '/ws-api/v3'
/** Of an account, as `exchangeInfo` says it. Orders that trade as they arrive are not counted. */
const maxOrdersIn10Seconds = 100
const maxOrdersInDay = 200_000
const idAlphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
const idLength = 22
const defaultRows = 500
const maxRows = 1000

interface Route {
  weight: (params: URLSearchParams) => number
  /** Weighs nothing where it succeeds: placing and cancelling orders, since 2026-04-02. */
  isFreeWhenDone?: boolean
  outcome: (params: URLSearchParams, nowMs: number) => BinanceOutcome
}

export class BinanceTradingFace implements TradingFace {
  readonly #desk: Desk
  readonly #instruments: ReadonlyMap<string, Instrument>
  readonly #weight: BinanceWeight
  readonly #market: Pick<Market, 'outage'> | undefined
  readonly #signatures: BinanceSignatures
  readonly #stream: BinanceUserStream
  readonly #ids: Prng
  readonly #ordersIn10Seconds = new UsageWindow(10_000)
  readonly #ordersInDay = new UsageWindow(86_400_000)
  readonly #routes: Readonly<Record<string, Route>>

  constructor(options: BinanceTradingFaceOptions) {
    const { desk, credentials, instruments, prng, weight, market, cutAfterMs } = options
    this.#desk = desk
    this.#instruments = new Map(instruments.filter(({ venue }) => venue === 'binance').map((listed) => [listed.code, listed]))
    this.#weight = weight
    this.#market = market
    this.#signatures = new BinanceSignatures(credentials)
    this.#stream = new BinanceUserStream({ desk, signatures: this.#signatures, weight, cutAfterMs })
    this.#ids = prng.fork('client order ids')
    this.#routes = this.#routeTable()
  }

  answer(request: FaceRequest, nowMs: number): FaceAnswer | null {
    const { path, query } = splitTarget(request.target)
    const route = this.#routes[`${request.method} ${path}`]
    if (route === undefined) return null
    const outage = outageAnswer(this.#market, 'binance')
    if (outage !== null) return outage
    const params = parametersOf(query, request.body)
    const weight = route.weight(params)
    const spent = this.#weight.use(route.isFreeWhenDone === true ? 0 : weight, nowMs)
    if (spent.refusal !== null) return spent.refusal
    const payload = signedPayload(query, request.body)
    const fault = this.#signatures.faultOf({ apiKey: request.headers['x-mbx-apikey'], params, payload }, nowMs)
    const { status, headers, body } = fault === null ? route.outcome(params, nowMs) : binanceRefusal(fault)
    const isCharged = route.isFreeWhenDone === true && status !== 200
    const weightHeaders = isCharged ? this.#weight.use(weight, nowMs).headers : spent.headers
    return { status, headers: { ...weightHeaders, ...headers }, body }
  }

  open(request: FaceRequest, socket: FaceSocket, nowMs: number): FaceSession | FaceAnswer | null {
    if (splitTarget(request.target).path !== webSocketPath) return null
    return outageAnswer(this.#market, 'binance') ?? this.#stream.open(socket, nowMs)
  }

  /** A venue that is out breaks its connections. */
  advance(nowMs: number): void {
    if (outageAnswer(this.#market, 'binance') === null) this.#stream.advance(nowMs)
    else this.#stream.cut()
  }

  /** Documented weights. */
  #routeTable(): Record<string, Route> {
    const open = (params: URLSearchParams): number => (params.has('symbol') ? 6 : 80)
    const trades = (params: URLSearchParams): number => (params.has('orderId') ? 5 : 20)
    return {
      'GET /api/v3/account': { weight: () => 20, outcome: (params) => this.#account(params) },
      'POST /api/v3/order': { weight: () => 1, isFreeWhenDone: true, outcome: (params, nowMs) => this.#place(params, nowMs) },
      'POST /api/v3/order/test': { weight: () => 1, outcome: (params) => this.#test(params) },
      'GET /api/v3/order': { weight: () => 4, outcome: (params) => this.#order(params) },
      'DELETE /api/v3/order': { weight: () => 1, isFreeWhenDone: true, outcome: (params, nowMs) => this.#cancel(params, nowMs) },
      'GET /api/v3/openOrders': { weight: open, outcome: (params) => this.#openOrders(params) },
      'DELETE /api/v3/openOrders': { weight: () => 1, isFreeWhenDone: true, outcome: (params, nowMs) => this.#cancelAll(params, nowMs) },
      'GET /api/v3/allOrders': { weight: () => 20, outcome: (params) => this.#allOrders(params) },
      'GET /api/v3/myTrades': { weight: trades, outcome: (params) => this.#myTrades(params) },
      'GET /api/v3/rateLimit/order': { weight: () => 40, outcome: (_params, nowMs) => this.#orderCounts(nowMs) },
      'GET /sapi/v1/asset/tradeFee': { weight: () => 1, outcome: (params) => this.#tradeFees(params) },
    }
  }

  #account(params: URLSearchParams): BinanceOutcome {
    const balances = this.#desk
      .balances()
      .filter(({ free, locked }) => params.get('omitZeroBalances') !== 'true' || free.isPositive() || locked.isPositive())
      .map(({ asset, free, locked }) => ({ asset, free: amountText(free), locked: amountText(locked) }))
    const [instrument] = this.#instruments.values()
    const fee = amountText(instrument?.takerFee ?? null)
    const basisPoints = instrument === undefined ? 0 : instrument.takerFee.toNumber() * 10_000
    return found({
      makerCommission: basisPoints,
      takerCommission: basisPoints,
      buyerCommission: 0,
      sellerCommission: 0,
      commissionRates: { maker: fee, taker: fee, buyer: amountText(null), seller: amountText(null) },
      canTrade: true,
      canWithdraw: true,
      canDeposit: true,
      brokered: false,
      requireSelfTradePrevention: false,
      preventSor: false,
      updateTime: this.#stream.changedAtMs,
      accountType: 'SPOT',
      balances,
      permissions: ['SPOT'],
      uid: 1,
    })
  }

  #place(params: URLSearchParams, nowMs: number): BinanceOutcome {
    const symbolFault = this.#faultOfSymbol(params)
    if (symbolFault !== null) return binanceRefusal(symbolFault)
    const request = readBinanceOrder(params, () => this.#newId())
    if (isBinanceError(request)) return binanceRefusal(request)
    const limitFault = this.#faultOfCount(nowMs)
    if (limitFault !== null) return { ...binanceRefusal(limitFault), headers: this.#countHeaders(0, nowMs) }
    const placed = this.#desk.place(request.order, nowMs)
    if (typeof placed === 'string') return binanceRefusal(errorOf(placed))
    const headers = this.#countHeaders(placed.executedQuantity.isZero() ? 1 : 0, nowMs)
    return { ...found(placedOrder(placed, request.responseType)), headers }
  }

  #test(params: URLSearchParams): BinanceOutcome {
    const symbolFault = this.#faultOfSymbol(params)
    if (symbolFault !== null) return binanceRefusal(symbolFault)
    const request = readBinanceOrder(params, () => this.#newId())
    if (isBinanceError(request)) return binanceRefusal(request)
    const refusal = this.#desk.test(request.order)
    return refusal === null ? found({}) : binanceRefusal(errorOf(refusal))
  }

  #order(params: URLSearchParams): BinanceOutcome {
    const order = this.#find(params)
    if (order === null) return binanceRefusal(binanceError(-2013, 'Order does not exist.'))
    return isBinanceError(order) ? binanceRefusal(order) : found(queriedOrder(order))
  }

  #cancel(params: URLSearchParams, nowMs: number): BinanceOutcome {
    const order = this.#find(params)
    if (order === null) return binanceRefusal(errorOf('unknown-order'))
    if (isBinanceError(order)) return binanceRefusal(order)
    const cancelled = this.#cancelled(order, params.get('newClientOrderId') ?? this.#newId(), nowMs)
    return isBinanceError(cancelled) ? binanceRefusal(cancelled) : found(cancelled)
  }

  #openOrders(params: URLSearchParams): BinanceOutcome {
    const fault = params.has('symbol') ? this.#faultOfSymbol(params) : null
    if (fault !== null) return binanceRefusal(fault)
    return found(this.#desk.openOrders(params.get('symbol')).map(queriedOrder))
  }

  #cancelAll(params: URLSearchParams, nowMs: number): BinanceOutcome {
    const fault = this.#faultOfSymbol(params)
    if (fault !== null) return binanceRefusal(fault)
    const orders = this.#desk.openOrders(params.get('symbol'))
    if (orders.length === 0) return binanceRefusal(errorOf('unknown-order'))
    return found(orders.map((order) => this.#cancelled(order, this.#newId(), nowMs)))
  }

  /** Oldest first, as far back as the desk remembers. */
  #allOrders(params: URLSearchParams): BinanceOutcome {
    const orders = this.#ordersOf(params)
    if (isBinanceError(orders)) return binanceRefusal(orders)
    const rows = cutList(params, 'orderId', orders, ({ id, createdAtMs }) => ({ id, atMs: createdAtMs }))
    return rows === null ? binanceRefusal(missing('limit')) : found(rows.map(queriedOrder))
  }

  #myTrades(params: URLSearchParams): BinanceOutcome {
    const orders = this.#ordersOf(params)
    if (isBinanceError(orders)) return binanceRefusal(orders)
    const orderId = params.get('orderId')
    const trades = orders
      .filter(({ id }) => orderId === null || String(id) === orderId)
      .flatMap((order): { order: DeskOrder; fill: DeskFill }[] => order.fills.map((fill) => ({ order, fill })))
      .sort((left, right) => left.fill.tradeId - right.fill.tradeId)
    const rows = cutList(params, 'fromId', trades, ({ fill }) => ({ id: fill.tradeId, atMs: fill.atMs }))
    return rows === null ? binanceRefusal(missing('limit')) : found(rows.map(({ order, fill }) => tradeRow(order, fill)))
  }

  #orderCounts(nowMs: number): BinanceOutcome {
    const common = { rateLimitType: 'ORDERS' }
    return found([
      { ...common, interval: 'SECOND', intervalNum: 10, limit: maxOrdersIn10Seconds, count: this.#ordersIn10Seconds.use(nowMs, 0) },
      { ...common, interval: 'DAY', intervalNum: 1, limit: maxOrdersInDay, count: this.#ordersInDay.use(nowMs, 0) },
    ])
  }

  #tradeFees(params: URLSearchParams): BinanceOutcome {
    const fault = params.has('symbol') ? this.#faultOfSymbol(params) : null
    if (fault !== null) return binanceRefusal(fault)
    const asked = [...this.#instruments.values()].filter(({ code }) => !params.has('symbol') || code === params.get('symbol'))
    return found(
      asked.map(({ code, takerFee }) => ({ symbol: code, makerCommission: takerFee.toString(), takerCommission: takerFee.toString() })),
    )
  }

  #cancelled(order: DeskOrder, cancelId: string, nowMs: number): object {
    const cancelled = this.#stream.underName(cancelId, () => this.#desk.cancel({ id: order.id }, nowMs))
    return typeof cancelled === 'string' ? errorOf(cancelled) : cancelledOrder(cancelled, cancelId)
  }

  #ordersOf(params: URLSearchParams): readonly DeskOrder[] | BinanceError {
    const fault = this.#faultOfSymbol(params)
    if (fault !== null) return fault
    const code = params.get('symbol')
    return [...this.#desk.closedOrders(code), ...this.#desk.openOrders(code)].sort((left, right) => left.id - right.id)
  }

  /** Null where there is no such order of this symbol. */
  #find(params: URLSearchParams): DeskOrder | BinanceError | null {
    const symbolFault = this.#faultOfSymbol(params)
    if (symbolFault !== null) return symbolFault
    const orderId = params.get('orderId')
    const clientOrderId = params.get('origClientOrderId')
    if (orderId !== null && !/^\d{1,15}$/.test(orderId)) return missing('orderId')
    if (orderId === null && clientOrderId === null) {
      return binanceError(-1102, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!")
    }
    const order = this.#desk.order(orderId === null ? { clientOrderId: clientOrderId ?? '' } : { id: Number(orderId) })
    return order?.code === params.get('symbol') ? order : null
  }

  #faultOfSymbol(params: URLSearchParams): BinanceError | null {
    const symbol = params.get('symbol') ?? ''
    if (symbol === '') return missing('symbol')
    return this.#instruments.has(symbol) ? null : invalidSymbol
  }

  /** 429 without Retry-After (documentation of the REST API, limits), which tells it from too much weight. */
  #faultOfCount(nowMs: number): BinanceError | null {
    const isOver = this.#ordersIn10Seconds.use(nowMs, 0) >= maxOrdersIn10Seconds
    if (!isOver && this.#ordersInDay.use(nowMs, 0) < maxOrdersInDay) return null
    const limit = isOver ? `${maxOrdersIn10Seconds} orders per 10 SECOND` : `${maxOrdersInDay} orders per 1 DAY`
    return binanceError(-1015, `Too many new orders; current limit is ${limit}.`, 429)
  }

  #countHeaders(added: number, nowMs: number): Record<string, string> {
    return {
      'x-mbx-order-count-10s': String(this.#ordersIn10Seconds.use(nowMs, added)),
      'x-mbx-order-count-1d': String(this.#ordersInDay.use(nowMs, added)),
    }
  }

  #newId(): string {
    return Array.from({ length: idLength }, () => idAlphabet[Math.floor(this.#ids.next() * idAlphabet.length)]).join('')
  }
}

/** What stands in both is taken from the query. */
function parametersOf(query: string, body: string): URLSearchParams {
  const params = new URLSearchParams(query)
  for (const [name, value] of new URLSearchParams(body)) if (!params.has(name)) params.append(name, value)
  return params
}

interface Place {
  id: number
  atMs: number
}

/** From an id or a start time on, otherwise the last ones; 500 where no limit is given. Null where a number is malformed. */
function cutList<Row>(params: URLSearchParams, idName: string, rows: readonly Row[], placeOf: (row: Row) => Place): readonly Row[] | null {
  const numbers = { [idName]: 0, startTime: 0, endTime: Infinity, limit: defaultRows }
  for (const name of Object.keys(numbers)) {
    const text = params.get(name)
    if (text === null) continue
    if (!/^\d{1,15}$/.test(text)) return null
    numbers[name] = Number(text)
  }
  const { [idName]: fromId = 0, startTime, endTime, limit } = numbers
  const isAsked = ({ id, atMs }: Place): boolean => id >= fromId && atMs >= startTime && atMs <= endTime
  const asked = rows.filter((row) => isAsked(placeOf(row)))
  const count = Math.min(limit, maxRows)
  return params.has(idName) || params.has('startTime') ? asked.slice(0, count) : asked.slice(Math.max(asked.length - count, 0))
}

function found(body: object): BinanceOutcome {
  return { status: 200, body: JSON.stringify(body) }
}
