/** An exchange whose answers and sockets a fault plan strikes: composition root and servers put it before the simulated one. */

import { hash32 } from '../base/prng.ts'
import type { FaultKind } from '../model/fault.ts'
import type { Venue } from '../model/instrument.ts'
import type { Exchange, ExchangeAnswer, ExchangeSocket } from '../venues/simulated/exchange.ts'
import type { FaceAnswer, FaceRequest, FaceSession } from '../venues/simulated/face.ts'
import type { FaultBoard, Occasion } from './fault-board.ts'
import { FaultWindows } from './fault-windows.ts'
import { FaultySocket, frameFaults, socketFaults } from './faulty-socket.ts'
import { skewedTimes } from './skewed-times.ts'
import { banned, binanceTimeout, inMaintenance, malformedBodies, rateLimited, serverErrors } from './venue-refusals.ts'

export interface FaultyExchangeOptions {
  exchange: Exchange
  board: FaultBoard
}

/** In place of an answer; then, to an answer. */
const refusals: readonly FaultKind[] = ['maintenance', 'banned', 'rate-limited', 'server-error']
const spoilers: readonly FaultKind[] = ['no-answer', 'malformed-body', 'clock-skew', 'truncated-body', 'latency']

export class FaultyExchange implements Exchange {
  readonly #exchange: Exchange
  readonly #board: FaultBoard
  readonly #requestWindows: FaultWindows
  readonly #socketWindows: FaultWindows
  readonly #frameWindows: FaultWindows
  readonly #sockets = new Set<FaultySocket>()
  #nowMs = -Infinity

  constructor({ exchange, board }: FaultyExchangeOptions) {
    this.#exchange = exchange
    this.#board = board
    this.#requestWindows = new FaultWindows(board, [...refusals, ...spoilers])
    this.#socketWindows = new FaultWindows(board, socketFaults)
    this.#frameWindows = new FaultWindows(board, frameFaults)
  }

  get openCount(): number {
    return this.#exchange.openCount
  }

  nextStepMs(nowMs: number): number {
    return this.#exchange.nextStepMs(nowMs)
  }

  answer(venue: Venue, request: FaceRequest, nowMs: number): ExchangeAnswer {
    this.#nowMs = nowMs
    if (!this.#requestWindows.isOpen(nowMs)) return this.#exchange.answer(venue, request, nowMs)
    const occasion = { venue, name: `${request.method} ${request.target} ${nowMs}` }
    const refusal = this.#refusal(venue, request, nowMs, occasion)
    const answer = refusal ?? this.#spoiled(this.#exchange.answer(venue, request, nowMs), nowMs, occasion)
    if ('lost' in answer) return answer
    const late = this.#board.strike('latency', nowMs, occasion)
    return late === null ? answer : { ...answer, lateMs: Math.ceil(late.strength * drawOf('latency', occasion)) }
  }

  open(venue: Venue, request: FaceRequest, socket: ExchangeSocket, nowMs: number): FaceSession | FaceAnswer {
    this.#nowMs = nowMs
    const occasion = { venue, name: `${venue} open ${request.target} ${nowMs}` }
    if (this.#board.strike('maintenance', nowMs, occasion) !== null) return inMaintenance
    if (this.#board.strike('server-error', nowMs, occasion) !== null) return serverErrors[venue]
    const parts = { board: this.#board, windows: this.#frameWindows, nowMs: () => this.#nowMs }
    const faulty = new FaultySocket({ socket, ...occasion, ...parts })
    const opened = this.#exchange.open(venue, request, faulty, nowMs)
    if ('status' in opened) return opened
    this.#sockets.add(faulty)
    return this.#watched(opened, faulty)
  }

  advance(nowMs: number): void {
    this.#nowMs = nowMs
    if (this.#socketWindows.isOpen(nowMs)) for (const socket of this.#sockets) socket.disturb(nowMs)
    this.#exchange.advance(nowMs)
  }

  #refusal(venue: Venue, request: FaceRequest, nowMs: number, occasion: Occasion): ExchangeAnswer | null {
    const isStruckBy = (kind: FaultKind): boolean => this.#board.strike(kind, nowMs, occasion) !== null
    if (isStruckBy('maintenance')) return inMaintenance
    if (isStruckBy('banned')) return banned(venue, request.target, nowMs)
    if (isStruckBy('rate-limited')) return rateLimited(venue, request.target, nowMs)
    if (!isStruckBy('server-error')) return null
    if (venue === 'upbit' || drawOf('server-error', occasion) < 0.5) return serverErrors[venue]
    // The request was passed on, and what became of it is not told.
    this.#exchange.answer(venue, request, nowMs)
    return binanceTimeout
  }

  /** The exchange has done what it was asked for, whatever the client gets to know of it. */
  #spoiled(answer: ExchangeAnswer, nowMs: number, occasion: Occasion): ExchangeAnswer {
    if ('lost' in answer) return answer
    if (this.#board.strike('no-answer', nowMs, occasion) !== null) return { lost: 'no-answer' }
    let { headers, body } = answer
    if (this.#board.strike('malformed-body', nowMs, occasion) !== null) {
      body = malformedBodies[Math.floor(drawOf('malformed-body', occasion) * malformedBodies.length)] ?? ''
    }
    const skew = this.#board.strike('clock-skew', nowMs, occasion)
    if (skew !== null) {
      body = skewedTimes(body, skew.strength)
      headers = { ...headers, date: new Date(nowMs + skew.strength).toUTCString() }
    }
    const spoiled = { ...answer, headers, body }
    if (this.#board.strike('truncated-body', nowMs, occasion) === null) return spoiled
    const breaksAfter = Math.floor(drawOf('truncated-body', occasion) * 4) * Math.floor(body.length / 4)
    return breaksAfter === 0 ? { lost: 'reset' } : { ...spoiled, breaksAfter }
  }

  /** Whatever the venue sends in answer to a client is sent at that instant. */
  #watched(session: FaceSession, socket: FaultySocket): FaceSession {
    return {
      received: (text, nowMs) => {
        this.#nowMs = nowMs
        session.received(text, nowMs)
      },
      pinged: (nowMs) => {
        this.#nowMs = nowMs
        session.pinged(nowMs)
      },
      ponged: (payload, nowMs) => {
        this.#nowMs = nowMs
        session.ponged(payload, nowMs)
      },
      closed: () => {
        this.#sockets.delete(socket)
        session.closed()
      },
    }
  }
}

/** Uniform in [0, 1), apart from the draw that decided whether the fault strikes. */
function drawOf(kind: FaultKind, { name }: Occasion): number {
  return hash32(`${kind} ${name}`) / 2 ** 32
}
