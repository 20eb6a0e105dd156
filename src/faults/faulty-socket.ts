/** A venue's end of a WebSocket whose frames, or which itself, may be struck by faults. FaultyExchange makes one a session. */

import type { FaultKind } from '../model/fault.ts'
import type { Venue } from '../model/instrument.ts'
import type { ExchangeSocket } from '../venues/simulated/exchange.ts'
import type { FaultBoard } from './fault-board.ts'
import type { FaultWindows } from './fault-windows.ts'
import { skewedTimes } from './skewed-times.ts'

/** What strikes single frames, and what strikes a socket. */
export const frameFaults: readonly FaultKind[] = ['stream-stall', 'sequence-gap', 'clock-skew', 'out-of-order']
export const socketFaults: readonly FaultKind[] = ['maintenance', 'stream-close', 'stream-reset', 'stream-half-open']

export interface FaultySocketOptions {
  socket: ExchangeSocket
  venue: Venue
  /** This socket's alone. */
  name: string
  board: FaultBoard
  /** Of the faults that strike single frames. */
  windows: FaultWindows
  nowMs: () => number
}

/** How a frame names its instrument: Upbit in both formats, Binance in every event that has one. */
const codePatterns: Readonly<Record<Venue, RegExp>> = { upbit: /"(?:code|cd)":"([^"]+)"/, binance: /"s":"([^"]+)"/ }
/** So much of a frame tells it from every other one of its instant: event, instrument, time. */
const headChars = 64
/** RFC 6455, section 7.4.1. */
const goingAwayCode = 1001

export class FaultySocket implements ExchangeSocket {
  readonly #options: FaultySocketOptions
  /** Frames that go after the next one of their instrument, by its code. */
  readonly #waiting = new Map<string, string>()
  /** Closed, broken or frozen: no fault can do any more to it. */
  #isStruck = false

  constructor(options: FaultySocketOptions) {
    this.#options = options
  }

  send(text: string): void {
    const nowMs = this.#options.nowMs()
    const mayBeStruck = this.#options.windows.isOpen(nowMs) || this.#waiting.size > 0
    // Through one that is struck itself nothing passes: what would strike its frames changes nothing.
    const code = mayBeStruck && !this.#isStruck ? this.#codeOf(text) : null
    if (code === null) this.#options.socket.send(text)
    else this.#sendFrameOf(code, text, nowMs)
  }

  ping(payload: string): void {
    this.#options.socket.ping(payload)
  }

  close(code: number, reason: string): void {
    this.#isStruck = true
    this.#options.socket.close(code, reason)
  }

  terminate(): void {
    this.#isStruck = true
    this.#options.socket.terminate()
  }

  freeze(): void {
    this.#isStruck = true
    this.#options.socket.freeze()
  }

  /** What strikes it now. A socket draws its lot once a fault: its name stays the same. One that is half-open never recovers. */
  disturb(nowMs: number): void {
    if (this.#isStruck) return
    const { venue, name, board } = this.#options
    const isStruckBy = (kind: FaultKind): boolean => board.strike(kind, nowMs, { venue, name }) !== null
    if (isStruckBy('maintenance')) this.close(goingAwayCode, 'maintenance')
    else if (isStruckBy('stream-close')) this.close(goingAwayCode, '')
    else if (isStruckBy('stream-reset')) this.terminate()
    else if (isStruckBy('stream-half-open')) this.freeze()
  }

  #sendFrameOf(code: string, text: string, nowMs: number): void {
    const { venue, board, socket } = this.#options
    const occasion = { venue, code, name: `${nowMs} ${text.slice(0, headChars)}` }
    if (board.strike('stream-stall', nowMs, occasion) !== null) return
    if (board.strike('sequence-gap', nowMs, occasion) !== null) return
    const skew = board.find('clock-skew', nowMs, occasion)
    const told = skew === null ? text : skewedTimes(text, skew.fault.strength)
    if (skew !== null && told !== text) board.count(skew)
    const waiting = this.#waiting.get(code)
    if (waiting === undefined && board.strike('out-of-order', nowMs, occasion) !== null) {
      this.#waiting.set(code, told)
      return
    }
    socket.send(told)
    if (waiting !== undefined) socket.send(waiting)
    this.#waiting.delete(code)
  }

  #codeOf(text: string): string | null {
    return codePatterns[this.#options.venue].exec(text)?.[1] ?? null
  }
}
