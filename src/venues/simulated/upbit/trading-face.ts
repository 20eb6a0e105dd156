/** Upbit's exchange API over a desk: signed requests in Upbit's own JSON, and the private WebSocket. Written from its documentation. */

import { Decimal } from '../../../base/decimal.ts'
import type { Prng } from '../../../base/prng.ts'
import type { Instrument } from '../../../model/instrument.ts'
import type { Desk, DeskOrder, DeskRefusal, NewOrder, OrderName } from '../desk.ts'
import {
  type FaceAnswer,
  type FaceRequest,
  type FaceSession,
  type FaceSocket,
  outageAnswer,
  splitTarget,
  type TradingFace,
} from '../face.ts'
import { isJsonObject, parseJson } from '../json-object.ts'
import type { Market } from '../../../market/market.ts'
import type { Credentials } from '../signing.ts'
import { UpbitOrderJson, upbitState } from './order-json.ts'
import { maxTotalKrw, readUpbitOrder } from './order-request.ts'
import { UpbitPrivateStream } from './private-stream.ts'
import { UpbitRateLimit } from './rate-limit.ts'
import { type UpbitErrorName, type UpbitOutcome, upbitErrorName, upbitRefusal, upbitSide } from './refusal.ts'
import type { UpbitSwitches } from './session.ts'
import { UpbitTokens } from './tokens.ts'

export interface UpbitTradingFaceOptions extends UpbitSwitches {
  /** Of the one account, which all credentials open. */
  desk: Desk
  credentials: readonly Credentials[]
  /** Those of other venues are left out. */
  instruments: readonly Instrument[]
  /** For the ids that the venue hands out. */
  prng: Prng
  /** Says when the venue is out; without it, it never is. */
  market?: Pick<Market, 'outage'>
}

const privatePath = '/websocket/v1/private'
/** Of one request that names its orders. */
const maxNamedOrders = 100

type Group = 'default' | 'order' | 'order-test' | 'order-cancel-all' | 'websocket'

interface Route {
  group: Group
  outcome: (params: URLSearchParams, nowMs: number) => UpbitOutcome
}

/** The parameters of a request, and the spellings of them that may have been hashed. */
interface Parameters {
  params: URLSearchParams
  texts: readonly string[]
}

export class UpbitTradingFace implements TradingFace {
  readonly #desk: Desk
  readonly #instruments: ReadonlyMap<string, Instrument>
  readonly #tokens: UpbitTokens
  readonly #json: UpbitOrderJson
  readonly #limits: Readonly<Record<Group, UpbitRateLimit>>
  readonly #market: Pick<Market, 'outage'> | undefined
  readonly #stream: UpbitPrivateStream
  readonly #routes: Readonly<Record<string, Route>>

  constructor(options: UpbitTradingFaceOptions) {
    const { desk, instruments, prng, wire, idleCloseMs } = options
    this.#desk = desk
    this.#instruments = new Map(instruments.filter(({ venue }) => venue === 'upbit').map((listed) => [listed.code, listed]))
    this.#market = options.market
    this.#tokens = new UpbitTokens(options.credentials)
    this.#json = new UpbitOrderJson(prng, this.#instruments)
    const limit = (group: Group, maxRequests: number, windowMs: number): UpbitRateLimit =>
      new UpbitRateLimit(group, maxRequests, windowMs, wire?.rateLimitBody ?? 'json')
    this.#limits = {
      default: limit('default', 30, 1000),
      order: limit('order', 12, 1000),
      'order-test': limit('order-test', 8, 1000),
      'order-cancel-all': limit('order-cancel-all', 1, 2000),
      websocket: limit('websocket', 5, 1000),
    }
    this.#stream = new UpbitPrivateStream({ desk, json: this.#json, prng, idleCloseMs })
    this.#routes = this.#routeTable()
  }

  answer(request: FaceRequest, nowMs: number): FaceAnswer | null {
    const { path, query } = splitTarget(request.target)
    const route = this.#routes[`${request.method} ${path}`]
    if (route === undefined) return null
    const outage = outageAnswer(this.#market, 'upbit')
    if (outage !== null) return outage
    const { headers, refusal } = this.#limits[route.group].use(nowMs)
    if (refusal !== null) return refusal
    const parameters = parametersOf(request, query)
    if (parameters === null) return { headers, ...upbitRefusal('invalid_parameter') }
    const fault = this.#tokens.faultOfRequest(request.headers['authorization'], parameters.texts)
    if (fault !== null) return { headers, ...upbitRefusal(fault) }
    return { headers, ...route.outcome(parameters.params, nowMs) }
  }

  open(request: FaceRequest, socket: FaceSocket, nowMs: number): FaceSession | FaceAnswer | null {
    if (splitTarget(request.target).path !== privatePath) return null
    const outage = outageAnswer(this.#market, 'upbit')
    if (outage !== null) return outage
    const { headers, refusal } = this.#limits.websocket.use(nowMs)
    if (refusal !== null) return refusal
    const fault = this.#tokens.faultOfUpgrade(request.headers['authorization'])
    if (fault !== null) return { headers, ...upbitRefusal(fault) }
    return this.#stream.open(socket, nowMs)
  }

  /** A venue that is out breaks its connections. */
  advance(nowMs: number): void {
    if (outageAnswer(this.#market, 'upbit') === null) this.#stream.advance(nowMs)
    else this.#stream.cut()
  }

  #routeTable(): Record<string, Route> {
    const route = (group: Group, outcome: Route['outcome']): Route => ({ group, outcome })
    return {
      'GET /v1/accounts': route('default', () => this.#accounts()),
      'GET /v1/orders/chance': route('default', (params) => this.#chance(params)),
      'POST /v1/orders': route('order', (params, nowMs) => this.#place(params, nowMs)),
      'POST /v1/orders/test': route('order-test', (params, nowMs) => this.#test(params, nowMs)),
      'POST /v1/orders/cancel_and_new': route('order', (params, nowMs) => this.#replace(params, nowMs)),
      'GET /v1/order': route('default', (params) => this.#order(params)),
      'DELETE /v1/order': route('default', (params, nowMs) => this.#cancel(params, nowMs)),
      'GET /v1/orders/open': route('default', (params) => this.#openOrders(params)),
      'GET /v1/orders/closed': route('default', (params) => this.#closedOrders(params)),
      'GET /v1/orders/uuids': route('default', (params) => this.#namedOrders(params)),
      'DELETE /v1/orders/uuids': route('default', (params, nowMs) => this.#cancelNamed(params, nowMs)),
      'DELETE /v1/orders/open': route('order-cancel-all', (params, nowMs) => this.#cancelOpen(params, nowMs)),
    }
  }

  /** What was paid for a balance on average is not kept: it reads 0, as for one that was deposited. */
  #accounts(): UpbitOutcome {
    return found(this.#desk.balances().map(({ asset }) => this.#accountRow(asset)))
  }

  #accountRow(asset: string): object {
    const balance = this.#desk.balances().find((candidate) => candidate.asset === asset)
    return {
      currency: asset,
      balance: (balance?.free ?? Decimal.zero).toString(),
      locked: (balance?.locked ?? Decimal.zero).toString(),
      avg_buy_price: '0',
      avg_buy_price_modified: false,
      unit_currency: 'KRW',
    }
  }

  #chance(params: URLSearchParams): UpbitOutcome {
    const instrument = this.#instruments.get(params.get('market') ?? '')
    if (instrument === undefined) return upbitRefusal(params.has('market') ? 'notfoundmarket' : 'validation_error')
    const { code, base, quote } = instrument
    const fee = instrument.takerFee.toString()
    const minTotal = instrument.minNotional.toString()
    return found({
      bid_fee: fee,
      ask_fee: fee,
      maker_bid_fee: fee,
      maker_ask_fee: fee,
      market: {
        id: code,
        name: `${base}/${quote}`,
        order_types: ['limit'],
        order_sides: ['ask', 'bid'],
        bid_types: ['best_fok', 'best_ioc', 'limit', 'limit_fok', 'limit_ioc', 'price'],
        ask_types: ['best_fok', 'best_ioc', 'limit', 'limit_fok', 'limit_ioc', 'market'],
        bid: { currency: quote, min_total: minTotal },
        ask: { currency: base, min_total: minTotal },
        max_total: maxTotalKrw.toString(),
        state: 'active',
      },
      bid_account: this.#accountRow(quote),
      ask_account: this.#accountRow(base),
    })
  }

  #place(params: URLSearchParams, nowMs: number): UpbitOutcome {
    const order = readUpbitOrder(params, this.#instruments)
    if (typeof order === 'string') return upbitRefusal(order)
    const placed = this.#desk.place(order, nowMs)
    return typeof placed === 'string' ? refused(placed, order) : created(this.#json.order(asTaken(placed, placed.id, nowMs)))
  }

  /** Number 0 is no order's, so what is answered here cannot be found again. */
  #test(params: URLSearchParams, nowMs: number): UpbitOutcome {
    const order = readUpbitOrder(params, this.#instruments)
    if (typeof order === 'string') return upbitRefusal(order)
    const refusal = this.#desk.test(order)
    return refusal === null ? created(this.#json.order(asTaken(order, 0, nowMs))) : refused(refusal, order)
  }

  #order(params: URLSearchParams): UpbitOutcome {
    const order = this.#find(params, 'uuid', 'identifier')
    return typeof order === 'string' ? upbitRefusal(order) : found(this.#json.orderWithTrades(order))
  }

  /** The answer says only that the cancellation was taken: the order in it still waits. */
  #cancel(params: URLSearchParams, nowMs: number): UpbitOutcome {
    const order = this.#find(params, 'uuid', 'identifier')
    if (typeof order === 'string') return upbitRefusal(order)
    const cancelled = this.#desk.cancel({ id: order.id }, nowMs)
    return typeof cancelled === 'string' ? refused(cancelled, order) : found(this.#json.order(order))
  }

  /** The old order is gone even where the new one is refused. */
  #replace(params: URLSearchParams, nowMs: number): UpbitOutcome {
    const old = this.#find(params, 'prev_order_uuid', 'prev_order_identifier')
    if (typeof old === 'string') return upbitRefusal(old)
    const order = readUpbitOrder(replacementOf(old, params), this.#instruments)
    if (typeof order === 'string') return upbitRefusal(order)
    const cancelled = this.#desk.cancel({ id: old.id }, nowMs)
    if (typeof cancelled === 'string') return refused(cancelled, old)
    const placed = this.#desk.place(order, nowMs)
    if (typeof placed === 'string') return refused(placed, order)
    const identifier = placed.clientOrderId ?? undefined
    return created({ ...this.#json.order(old), new_order_uuid: this.#json.uuid(placed), new_order_identifier: identifier })
  }

  #openOrders(params: URLSearchParams): UpbitOutcome {
    const states = statesOf(params, ['wait', 'watch'], ['wait'])
    const page = wholeNumber(params, 'page', 1, 1_000_000)
    const limit = wholeNumber(params, 'limit', 100, 100)
    if (states === null || page === null || limit === null) return upbitRefusal('validation_error')
    if (this.#namesUnknownMarket(params)) return upbitRefusal('notfoundmarket')
    const orders = sorted(this.#desk.openOrders(params.get('market')), params).filter((order) => states.has(upbitState(order)))
    return this.#rows(orders.slice((page - 1) * limit, page * limit))
  }

  #closedOrders(params: URLSearchParams): UpbitOutcome {
    const states = statesOf(params, ['done', 'cancel'], ['done', 'cancel'])
    const limit = wholeNumber(params, 'limit', 100, 1000)
    const fromMs = instantOf(params, 'start_time', 0)
    const toMs = instantOf(params, 'end_time', Infinity)
    if (states === null || limit === null || fromMs === null || toMs === null) return upbitRefusal('validation_error')
    if (this.#namesUnknownMarket(params)) return upbitRefusal('notfoundmarket')
    const orders = sorted(this.#desk.closedOrders(params.get('market')), params).filter(
      (order) => states.has(upbitState(order)) && order.createdAtMs >= fromMs && order.createdAtMs <= toMs,
    )
    return this.#rows(orders.slice(0, limit))
  }

  #namedOrders(params: URLSearchParams): UpbitOutcome {
    const names = this.#names(params)
    if (names === null) return upbitRefusal('validation_error')
    const orders = names.map((name) => (name === null ? null : this.#desk.order(name))).filter((order) => order !== null)
    const market = params.get('market')
    return this.#rows(sorted(orders, params).filter((order) => market === null || order.code === market))
  }

  #rows(orders: readonly DeskOrder[]): UpbitOutcome {
    return found(orders.map((order) => this.#json.orderRow(order)))
  }

  #cancelNamed(params: URLSearchParams, nowMs: number): UpbitOutcome {
    const names = this.#names(params)
    if (names === null) return upbitRefusal('validation_error')
    const orders = names.map((name) => (name === null ? null : this.#desk.order(name))).filter((order) => order !== null)
    return this.#cancelAll(orders, nowMs)
  }

  #cancelOpen(params: URLSearchParams, nowMs: number): UpbitOutcome {
    const side = params.get('cancel_side') ?? 'all'
    const count = wholeNumber(params, 'count', 20, 300)
    if (count === null || !['all', 'ask', 'bid'].includes(side)) return upbitRefusal('validation_error')
    const listed = (name: string): string[] | null => params.get(name)?.split(',') ?? null
    const [pairs, excludedPairs, quotes] = [listed('pairs'), listed('excluded_pairs'), listed('quote_currencies')]
    const orders = sorted(this.#desk.openOrders(null), params).filter(
      (order) =>
        (side === 'all' || upbitSide(order.side) === side) &&
        (pairs?.includes(order.code) ?? true) &&
        !(excludedPairs?.includes(order.code) ?? false) &&
        (quotes?.includes(this.#instruments.get(order.code)?.quote ?? '') ?? true),
    )
    return this.#cancelAll(orders.slice(0, count), nowMs)
  }

  /** Orders that are not found are in neither list. */
  #cancelAll(orders: readonly DeskOrder[], nowMs: number): UpbitOutcome {
    const lists: Record<'success' | 'failed', object[]> = { success: [], failed: [] }
    for (const order of orders) {
      const isCancelled = typeof this.#desk.cancel({ id: order.id }, nowMs) !== 'string'
      lists[isCancelled ? 'success' : 'failed'].push(this.#json.reference(order))
    }
    const told = (list: object[]): object => ({ count: list.length, orders: list })
    return found({ success: told(lists.success), failed: told(lists.failed) })
  }

  #find(params: URLSearchParams, uuidName: string, identifierName: string): DeskOrder | UpbitErrorName {
    const uuid = params.get(uuidName)
    const identifier = params.get(identifierName)
    if (uuid === null && identifier === null) return 'validation_error'
    const name = uuid === null ? { clientOrderId: identifier ?? '' } : this.#nameOf(uuid)
    return (name === null ? null : this.#desk.order(name)) ?? 'order_not_found'
  }

  /** One of the two lists of at most so many; null where a request does not name its orders so. */
  #names(params: URLSearchParams): readonly (OrderName | null)[] | null {
    const all = (name: string): string[] => [...params.getAll(`${name}[]`), ...params.getAll(name)]
    const uuids = all('uuids')
    const identifiers = all('identifiers')
    if ((uuids.length === 0) === (identifiers.length === 0) || uuids.length + identifiers.length > maxNamedOrders) return null
    return uuids.length > 0 ? uuids.map((uuid) => this.#nameOf(uuid)) : identifiers.map((clientOrderId) => ({ clientOrderId }))
  }

  #nameOf(uuid: string): OrderName | null {
    const id = this.#json.idOf(uuid)
    return id === null ? null : { id }
  }

  #namesUnknownMarket(params: URLSearchParams): boolean {
    const market = params.get('market')
    return market !== null && !this.#instruments.has(market)
  }
}

/** A POST's parameters are the keys of its JSON body, in its order; null where it has no such body. */
function parametersOf(request: FaceRequest, query: string): Parameters | null {
  if (request.method !== 'POST') {
    return { params: new URLSearchParams(query), texts: query === '' ? [] : [query, decoded(query)] }
  }
  const body = parseJson(request.body)
  if (!isJsonObject(body) || !/^application\/json\b/i.test(request.headers['content-type'] ?? '')) return null
  const entries: [string, string][] = []
  for (const [name, value] of Object.entries(body)) {
    if (typeof value !== 'string' && typeof value !== 'number') return null
    entries.push([name, String(value)])
  }
  const text = entries.map(([name, value]) => `${name}=${value}`).join('&')
  return { params: new URLSearchParams(entries), texts: entries.length === 0 ? [] : [text] }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function found(body: object): UpbitOutcome {
  return { status: 200, body: JSON.stringify(body) }
}

function created(body: object): UpbitOutcome {
  return { status: 201, body: JSON.stringify(body) }
}

function refused(refusal: DeskRefusal, { side }: Pick<NewOrder, 'side'>): UpbitOutcome {
  return upbitRefusal(upbitErrorName(refusal, upbitSide(side)))
}

/** An order as the answer that takes it shows it: what it trades at once is told later. */
function asTaken(order: NewOrder, id: number, atMs: number): DeskOrder {
  const nothing = Decimal.zero
  const amounts = { executedQuantity: nothing, executedNotional: nothing, paidFee: nothing, locked: nothing }
  return { ...order, ...amounts, id, state: 'open', fills: [], createdAtMs: atMs, updatedAtMs: atMs }
}

/** The parameters that a new order in the place of an old one would have. `remain_only`: what is left of the old one. */
function replacementOf(old: DeskOrder, params: URLSearchParams): URLSearchParams {
  const replacement = new URLSearchParams({ market: old.code, side: upbitSide(old.side) })
  for (const [name, value] of params) {
    if (name.startsWith('new_')) replacement.set(name.slice('new_'.length), value)
  }
  if (replacement.get('volume') === 'remain_only' && old.quantity !== null) {
    replacement.set('volume', old.quantity.subtract(old.executedQuantity).toString())
  }
  return replacement
}

/** Newest first, as the lists are where they are not asked for in another order. */
function sorted(orders: readonly DeskOrder[], params: URLSearchParams): DeskOrder[] {
  const sign = params.get('order_by') === 'asc' ? 1 : -1
  return [...orders].sort((left, right) => sign * (left.id - right.id))
}

/** Null where one of them is not among `allowed`. */
function statesOf(params: URLSearchParams, allowed: readonly string[], usual: readonly string[]): ReadonlySet<string> | null {
  const named = [...params.getAll('state'), ...params.getAll('states[]'), ...params.getAll('states')]
  if (named.some((state) => !allowed.includes(state))) return null
  return new Set(named.length === 0 ? usual : named)
}

/** From 1, at most `max`; null where it is malformed. */
function wholeNumber(params: URLSearchParams, name: string, usual: number, max: number): number | null {
  const value = Number(params.get(name) ?? usual)
  return Number.isInteger(value) && value >= 1 ? Math.min(value, max) : null
}

/** Milliseconds, or a date with its time zone; null where it is malformed. */
function instantOf(params: URLSearchParams, name: string, usual: number): number | null {
  const text = params.get(name)
  if (text === null) return usual
  const atMs = /^\d+$/.test(text) ? Number(text) : Date.parse(text)
  return Number.isNaN(atMs) ? null : atMs
}
