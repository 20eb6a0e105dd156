/** What transports and servers need of an exchange: the simulated one, or one with faults in front of it. */

import type { Venue } from '../../model/instrument.ts'
import type { FaceAnswer, FaceRequest, FaceSession, FaceSocket } from './face.ts'

/** An answer on its way, or why none comes. */
export type ExchangeAnswer =
  | (FaceAnswer & {
      /** How much longer than the way itself it takes. */
      lateMs?: number
      /** The connection breaks after so many characters of the body, which are fewer than it has. */
      breaksAfter?: number
    })
  /** The client hears nothing until it gives up, or its connection breaks before the first byte. */
  | { lost: 'no-answer' | 'reset' }

/** The venue's end of a client's WebSocket as its transport gives it. */
export interface ExchangeSocket extends FaceSocket {
  /** From now on nothing passes in either direction, pings and closes included, and neither end is told. */
  freeze(): void
}

export interface Exchange {
  /** WebSocket sessions that are open now. */
  readonly openCount: number
  /** The instant at which `advance` has something to do next. */
  nextStepMs(nowMs: number): number
  /** Answers a request that reached the venue at `nowMs`. */
  answer(venue: Venue, request: FaceRequest, nowMs: number): ExchangeAnswer
  /** Opens a WebSocket session, or answers the upgrade with a refusal. */
  open(venue: Venue, request: FaceRequest, socket: ExchangeSocket, nowMs: number): FaceSession | FaceAnswer
  /** Goes to this instant; never back. */
  advance(nowMs: number): void
}
