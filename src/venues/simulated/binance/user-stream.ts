/** Binance's WebSocket API as far as an account's events need it: signed subscriptions. Binance's trading face opens its sessions. */

import { accountPosition, executionReport } from './order-json.ts'
import { type BinanceError, binanceError } from './refusal.ts'
import { BinanceSession } from './session.ts'
import { type BinanceSignatures, sortedPayload } from './signatures.ts'
import { type BinanceWeight, maxWeight } from './weight.ts'
import type { Desk, DeskEvent } from '../desk.ts'
import type { FaceAnswer, FaceSession, FaceSocket } from '../face.ts'
import { isJsonObject, parseJson } from '../json-object.ts'

export interface BinanceUserStreamOptions {
  desk: Desk
  signatures: BinanceSignatures
  weight: BinanceWeight
  cutAfterMs: number | undefined
}

/** Documented for both subscribing and unsubscribing; everything else that is answered here weighs 1. */
const subscriptionWeight = 2
const connectWeight = 2

export class BinanceUserStream {
  readonly #signatures: BinanceSignatures
  readonly #weight: BinanceWeight
  readonly #cutAfterMs: number | undefined
  readonly #sessions = new Map<BinanceSession, UserSubscriber>()
  #cancelId = ''
  #executionId = 0
  #changedAtMs = 0

  constructor({ desk, signatures, weight, cutAfterMs }: BinanceUserStreamOptions) {
    this.#signatures = signatures
    this.#weight = weight
    this.#cutAfterMs = cutAfterMs
    desk.onEvent((event) => this.#tell(event))
  }

  /** When the account last changed; 0 where it never did. */
  get changedAtMs(): number {
    return this.#changedAtMs
  }

  /** What `cancel` cancels is told under the cancellation's own name. */
  underName<Result>(cancelId: string, cancel: () => Result): Result {
    this.#cancelId = cancelId
    return cancel()
  }

  open(socket: FaceSocket, nowMs: number): FaceSession | FaceAnswer {
    const { refusal } = this.#weight.use(connectWeight, nowMs)
    if (refusal !== null) return refusal
    const subscriber = new UserSubscriber(socket, this.#signatures, this.#weight)
    const session = new BinanceSession({
      socket,
      openedAtMs: nowMs,
      cutAfterMs: this.#cutAfterMs,
      // Its requests have a weight instead.
      maxMessagesPerSecond: Infinity,
      answer: (text, atMs) => subscriber.answer(text, atMs),
      onEnd: (ended) => this.#sessions.delete(ended),
    })
    this.#sessions.set(session, subscriber)
    return session
  }

  advance(nowMs: number): void {
    for (const session of this.#sessions.keys()) session.advance(nowMs)
  }

  /** Breaks every connection, without a word. */
  cut(): void {
    for (const session of this.#sessions.keys()) session.cut()
  }

  #tell(event: DeskEvent): void {
    this.#executionId++
    this.#changedAtMs = event.atMs
    if (this.#sessions.size === 0) return
    const events = [JSON.stringify(executionReport(event, this.#executionId, this.#cancelId))]
    if (event.balances.length > 0) events.push(JSON.stringify(accountPosition(event.balances, event.atMs)))
    for (const text of events) for (const subscriber of this.#sessions.values()) subscriber.tell(text)
  }
}

/** One connection's subscription to the account, and its requests. */
class UserSubscriber {
  readonly #socket: FaceSocket
  readonly #signatures: BinanceSignatures
  readonly #weight: BinanceWeight
  /** Of the one account; null where it is not subscribed to. */
  #subscriptionId: number | null = null
  #nextSubscriptionId = 0

  constructor(socket: FaceSocket, signatures: BinanceSignatures, weight: BinanceWeight) {
    this.#socket = socket
    this.#signatures = signatures
    this.#weight = weight
  }

  tell(event: string): void {
    if (this.#subscriptionId !== null) this.#socket.send(`{"subscriptionId":${this.#subscriptionId},"event":${event}}`)
  }

  answer(text: string, nowMs: number): string {
    const request = parseJson(text)
    const { id, method, params } = isJsonObject(request) ? request : {}
    const weight = String(method).startsWith('userDataStream.') ? subscriptionWeight : 1
    const { headers, refusal } = this.#weight.use(weight, nowMs)
    const used = { rateLimitType: 'REQUEST_WEIGHT', interval: 'MINUTE', intervalNum: 1, limit: maxWeight }
    const rateLimits = [{ ...used, count: Number(headers['x-mbx-used-weight-1m']) }]
    if (refusal !== null) return JSON.stringify({ id: id ?? null, status: refusal.status, error: parseJson(refusal.body), rateLimits })
    const done = isJsonObject(request) ? this.#carryOut(String(method), params, nowMs) : binanceError(-1135, 'Invalid JSON Request')
    if (!('msg' in done)) return JSON.stringify({ id: id ?? null, status: 200, result: done.result, rateLimits })
    return JSON.stringify({ id: id ?? null, status: done.status, error: { code: done.code, msg: done.msg }, rateLimits })
  }

  #carryOut(method: string, given: unknown, nowMs: number): { result: object } | BinanceError {
    const params = paramsOf(given)
    switch (method) {
      case 'ping':
        return { result: {} }
      case 'time':
        return { result: { serverTime: nowMs } }
      case 'userDataStream.subscribe.signature':
        return this.#subscribe(params, nowMs)
      case 'userDataStream.unsubscribe':
        return this.#unsubscribe(params)
      default:
        return binanceError(-1020, 'This operation is not supported.')
    }
  }

  #subscribe(params: URLSearchParams, nowMs: number): { result: object } | BinanceError {
    const signed = { apiKey: params.get('apiKey') ?? undefined, params, payload: sortedPayload(params) }
    const fault = this.#signatures.faultOf(signed, nowMs)
    if (fault !== null) return fault
    // That an account has one subscription a connection is documented; code and words are an assumption.
    if (this.#subscriptionId !== null) return binanceError(-2035, 'User Data Stream subscription already active.')
    this.#subscriptionId = this.#nextSubscriptionId++
    return { result: { subscriptionId: this.#subscriptionId } }
  }

  /** Without an id it ends every subscription of the connection. */
  #unsubscribe(params: URLSearchParams): { result: object } | BinanceError {
    const subscriptionId = params.get('subscriptionId')
    if (subscriptionId !== null && Number(subscriptionId) !== this.#subscriptionId)
      return binanceError(-2036, 'User Data Stream subscription not active.')
    this.#subscriptionId = null
    return { result: {} }
  }
}

function paramsOf(given: unknown): URLSearchParams {
  const params = new URLSearchParams()
  if (!isJsonObject(given)) return params
  for (const [name, value] of Object.entries(given)) {
    if (typeof value === 'string' || typeof value === 'number') params.set(name, String(value))
  }
  return params
}
