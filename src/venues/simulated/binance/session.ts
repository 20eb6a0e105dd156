/** One client's WebSocket as Binance treats it: pings, message limit and closing. Binance's two streams make and drive it. */

import { dayMs } from './rows.ts'
import { type FaceSession, type FaceSocket, UsageWindow } from '../face.ts'

/** What is known of Binance in more than one way, or is too long to wait for: for all of its faces alike. */
export interface BinanceSwitches {
  /** How long a connection may stand: a day, as documented, where it is left out. */
  cutAfterMs?: number
}

export interface BinanceSessionOptions {
  socket: FaceSocket
  openedAtMs: number
  cutAfterMs: number | undefined
  /** That the client may send, pings and pongs among them. */
  maxMessagesPerSecond: number
  /** Every data frame is answered by one. */
  answer: (text: string, nowMs: number) => string
  /** Once, however the session ends. */
  onEnd: (session: BinanceSession) => void
}

/** Documented: the server pings this often, and a pong with the same payload must come within a minute. */
const pingEveryMs = 20_000
const pongWithinMs = 60_000
/** Seen in the wild with the reason `Pong timeout`; for too many messages an assumption. */
const policyViolation = 1008
/** For the end of a connection's time: an assumption. */
const goingAway = 1001

export class BinanceSession implements FaceSession {
  readonly #options: BinanceSessionOptions
  readonly #messages = new UsageWindow(1000)
  /** When the pings that wait for their pong were sent, oldest first: what a ping's payload says. At most as many as fit in a minute. */
  readonly #unansweredMs: number[] = []
  #nextPingMs: number
  #cutAtMs: number
  #isOpen = true

  constructor(options: BinanceSessionOptions) {
    this.#options = options
    this.#nextPingMs = options.openedAtMs + pingEveryMs
    this.#cutAtMs = options.openedAtMs + (options.cutAfterMs ?? dayMs)
  }

  received(text: string, nowMs: number): void {
    if (this.#isHeard(nowMs)) this.#options.socket.send(this.#options.answer(text, nowMs))
  }

  pinged(nowMs: number): void {
    this.#isHeard(nowMs)
  }

  /** Answers a ping and those before it. One that repeats no ping's payload is counted and changes nothing. */
  ponged(payload: string, nowMs: number): void {
    if (!this.#isHeard(nowMs)) return
    this.#unansweredMs.splice(0, this.#unansweredMs.findIndex((sentAtMs) => String(sentAtMs) === payload) + 1)
  }

  closed(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#options.onEnd(this)
  }

  /** At every step of the market: pings, or ends what has to end. */
  advance(nowMs: number): void {
    const oldestMs = this.#unansweredMs[0] ?? Infinity
    if (nowMs >= this.#cutAtMs) this.#close(goingAway, '')
    else if (nowMs - oldestMs >= pongWithinMs) this.#close(policyViolation, 'Pong timeout')
    else if (nowMs >= this.#nextPingMs) {
      this.#nextPingMs = nowMs + pingEveryMs
      this.#unansweredMs.push(nowMs)
      this.#options.socket.ping(String(nowMs))
    }
  }

  /** Ends at `atMs`, where its time is not up before. */
  endBy(atMs: number): void {
    this.#cutAtMs = Math.min(this.#cutAtMs, atMs)
  }

  /** Breaks the connection, without a word. */
  cut(): void {
    this.closed()
    this.#options.socket.terminate()
  }

  #close(code: number, reason: string): void {
    this.closed()
    this.#options.socket.close(code, reason)
  }

  /** Counts a message. Who sends too many is cut off, and what comes after the end is not heard. */
  #isHeard(nowMs: number): boolean {
    if (this.#messages.use(nowMs, 1) > this.#options.maxMessagesPerSecond) this.#close(policyViolation, 'Too many requests')
    return this.#isOpen
  }
}
