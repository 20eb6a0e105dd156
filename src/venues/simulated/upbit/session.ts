/** One client's WebSocket as Upbit treats it: message limits, keepalive, errors and closing. Upbit's two streams make and drive it. */

import { type FaceSession, type FaceSocket, UsageWindow } from '../face.ts'
import type { UpbitWire } from './rows.ts'
import type { UpbitRequest, UpbitSubscribe, UpbitSubscription } from './stream-request.ts'

/** What is known of Upbit in more than one way: for all of its faces alike. */
export interface UpbitSwitches {
  /** By default plain numbers over REST and exponents in frames as captured, sides padded to the longer one, limits in JSON. */
  wire?: Partial<UpbitWire>
  /** A connection is broken when nothing went either way for so long: 120 s are documented and the default, 60 s were observed. */
  idleCloseMs?: number
}

export interface UpbitSessionOptions<Type extends string> {
  socket: FaceSocket
  openedAtMs: number
  idleCloseMs: number | undefined
  parse: (text: string) => UpbitRequest<Type>
  /** It replaces what the session had subscribed to. */
  onSubscribe: (session: UpbitSession<Type>, request: UpbitSubscribe<Type>, nowMs: number) => void
  /** Once: nothing more is to be sent. */
  onEnd: (session: UpbitSession<Type>) => void
}

/** Of one connection (rate limits page of 2026-09-08). */
const maxMessagesPerSecond = 5
const maxMessagesPerMinute = 100
/** While a client has asked for it by the text `PING`. */
const statusMs = 10_000
/** Between an error and the close: 150 to 180 ms were observed. */
const closeDelayMs = 150
const closeCode = 1000
const defaultIdleCloseMs = 120_000

export class UpbitSession<Type extends string> implements FaceSession {
  readonly #options: UpbitSessionOptions<Type>
  readonly #idleCloseMs: number
  readonly #second = new UsageWindow(1000)
  readonly #minute = new UsageWindow(60_000)
  #subscriptions: readonly UpbitSubscription<Type>[] = []
  #lastTrafficMs: number
  #nextStatusMs = Infinity
  #closeAtMs = Infinity
  #hasEnded = false

  constructor(options: UpbitSessionOptions<Type>) {
    this.#options = options
    this.#idleCloseMs = options.idleCloseMs ?? defaultIdleCloseMs
    this.#lastTrafficMs = options.openedAtMs
  }

  received(text: string, nowMs: number): void {
    if (this.#isEnding()) return
    this.#lastTrafficMs = nowMs
    const isOverSecond = this.#second.use(nowMs, 1) > maxMessagesPerSecond
    const isOverMinute = this.#minute.use(nowMs, 1) > maxMessagesPerMinute
    if (isOverSecond || isOverMinute) this.#fail('Too Many Requests', 'Too Many Requests', nowMs)
    else if (text === 'PING') this.#nextStatusMs = Math.min(this.#nextStatusMs, nowMs + statusMs)
    else this.#request(this.#options.parse(text), nowMs)
  }

  /** The transport has answered it already. That it keeps the connection open is an assumption. */
  pinged(nowMs: number): void {
    this.#lastTrafficMs = nowMs
  }

  ponged(_payload: string, nowMs: number): void {
    this.#lastTrafficMs = nowMs
  }

  closed(): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    this.#options.onEnd(this)
  }

  /** Nothing follows an error but the close. */
  send(text: string, nowMs: number): void {
    if (this.#isEnding()) return
    this.#lastTrafficMs = nowMs
    this.#options.socket.send(text)
  }

  /** Breaks the connection, without a word. */
  cut(): void {
    this.#options.socket.terminate()
    this.closed()
  }

  advance(nowMs: number): void {
    if (nowMs >= this.#closeAtMs) {
      this.#options.socket.close(closeCode, '')
      this.closed()
    } else if (nowMs - this.#lastTrafficMs >= this.#idleCloseMs) {
      this.cut()
    } else if (nowMs >= this.#nextStatusMs) {
      this.#nextStatusMs += statusMs
      this.send('{"status":"UP"}', nowMs)
    }
  }

  #isEnding(): boolean {
    return this.#hasEnded || this.#closeAtMs < Infinity
  }

  #request(request: UpbitRequest<Type>, nowMs: number): void {
    if (request.kind === 'error') return this.#fail(request.name, request.message, nowMs)
    if (request.kind === 'list-subscriptions') {
      return this.send(JSON.stringify({ method: 'LIST_SUBSCRIPTIONS', result: this.#listed(), ticket: request.ticket }), nowMs)
    }
    this.#subscriptions = request.subscriptions
    this.#options.onSubscribe(this, request, nowMs)
  }

  /** Only order books have a level; that all codes are listed as none is an assumption. */
  #listed(): object[] {
    return this.#subscriptions.map(({ type, codes, level }) => ({
      type,
      ...(codes.length > 0 && { codes }),
      ...(type === 'orderbook' && { level }),
    }))
  }

  #fail(name: string, message: string, nowMs: number): void {
    this.send(JSON.stringify({ error: { name, message } }), nowMs)
    this.#closeAtMs = nowMs + closeDelayMs
  }
}
