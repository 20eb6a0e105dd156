/** The simulated Transport: what is sent travels to the exchange in this process and back in event time. The composition root makes it. */

import { assert } from '../../base/assert.ts'
import { OperatingError } from '../../base/error.ts'
import type { Prng } from '../../base/prng.ts'
import type { Clock, ScheduledCall } from '../../clock/clock.ts'
import type { Instrument, Venue } from '../../model/instrument.ts'
import { brokenOff } from '../network-trouble.ts'
import type { HttpRequest, HttpResponse, SocketEvents, SocketRequest, Transport, VenueSocket } from '../transport.ts'
import type { Exchange, ExchangeAnswer } from './exchange.ts'
import type { FaceRequest } from './face.ts'
import type { Market } from '../../market/market.ts'
import { SimulatedConnection, timedOut } from './simulated-connection.ts'
import { SimulatedExchange } from './simulated-exchange.ts'

/** A round trip's bounds in whole milliseconds; trips are uniform between the two. */
export interface LatencySettings {
  minMs: number
  maxMs: number
}

/** Round trips from a server in Seoul: to Upbit in the same city, to Binance in Tokyo. An assumption, not a measurement. */
export const defaultLatency: Readonly<Record<Venue, LatencySettings>> = {
  upbit: { minMs: 8, maxMs: 25 },
  binance: { minMs: 30, maxMs: 90 },
}

/** An exchange, or a market to make one of that shows books and nothing else. */
export type SimulatedTransportOptions = {
  clock: Clock
  prng: Prng
  latency: Readonly<Record<Venue, LatencySettings>>
} & ({ exchange: Exchange } | { market: Market; instruments?: readonly Instrument[] })

export class SimulatedTransport implements Transport {
  readonly #clock: Clock
  readonly #exchange: Exchange
  readonly #prng: Prng
  readonly #latency: Readonly<Record<Venue, LatencySettings>>
  readonly #connections = new Set<SimulatedConnection>()
  #step: ScheduledCall | null = null
  #isClosed = false

  constructor(options: SimulatedTransportOptions) {
    for (const { minMs, maxMs } of Object.values(options.latency)) {
      assert(Number.isInteger(minMs) && Number.isInteger(maxMs) && minMs >= 0 && minMs <= maxMs, `latency is ${minMs} to ${maxMs} ms`)
    }
    this.#clock = options.clock
    this.#prng = options.prng
    this.#latency = options.latency
    this.#exchange =
      'exchange' in options ? options.exchange : new SimulatedExchange({ market: options.market, instruments: options.instruments ?? [] })
  }

  request(request: HttpRequest): Promise<HttpResponse> {
    if (this.#isClosed) return Promise.reject(unreachable(request))
    const clock = this.#clock
    const leftAtMs = clock.nowMs()
    const { venue, target, timeoutMs } = request
    const roundTripMs = this.#roundTripMs(venue, target, leftAtMs)
    return new Promise((resolve, reject) => {
      let answer: ExchangeAnswer | null = null
      let defect: unknown = null
      clock.scheduleQuietly(leftAtMs + Math.floor(roundTripMs / 2), () => {
        try {
          answer = this.#exchange.answer(venue, faceRequest(target), clock.nowMs())
        } catch (error) {
          // A callback of the clock must not throw; whoever asked learns of the defect when the answer is due.
          defect = error
        }
      })
      const arrive = (): void => {
        if (answer === null) reject(defect)
        else if ('lost' in answer) reject(brokenOff(venue, 'ECONNRESET'))
        else if (answer.breaksAfter !== undefined) reject(brokenOff(venue, 'UND_ERR_SOCKET'))
        else resolve({ status: answer.status, headers: answer.headers, body: answer.body, receivedAtMs: clock.nowMs() })
      }
      const giveUp = (): void => reject(timedOut(request))
      // Scheduled second, so that a trip of no time at all still reaches the venue first.
      clock.schedule(leftAtMs + Math.min(roundTripMs, timeoutMs), () => {
        const lateMs = lateMsOf(answer)
        if (roundTripMs > timeoutMs) giveUp()
        else if (lateMs === 0) arrive()
        else if (roundTripMs + lateMs <= timeoutMs) clock.schedule(leftAtMs + roundTripMs + lateMs, arrive)
        else clock.schedule(leftAtMs + timeoutMs, giveUp)
      })
    })
  }

  /** One delay for each direction of a connection, so that its frames keep their order. */
  connect(request: SocketRequest, events: SocketEvents): Promise<VenueSocket> {
    if (this.#isClosed) return Promise.reject(unreachable(request))
    const { venue, target } = request
    const roundTripMs = this.#roundTripMs(venue, `connect ${target}`, this.#clock.nowMs())
    const outMs = Math.floor(roundTripMs / 2)
    const connection = new SimulatedConnection({
      clock: this.#clock,
      request,
      events,
      outMs,
      backMs: roundTripMs - outMs,
      open: (socket) => {
        const opened = this.#exchange.open(venue, faceRequest(target), socket, this.#clock.nowMs())
        this.#scheduleStep()
        return opened
      },
      onEnded: (ended) => this.#connections.delete(ended),
    })
    this.#connections.add(connection)
    return connection.opened
  }

  /** Requests under way still arrive; connections break, and nothing of them is left. */
  close(): Promise<void> {
    this.#isClosed = true
    this.#step?.cancel()
    for (const connection of this.#connections) connection.break(unreachable(connection.request))
    return Promise.resolve()
  }

  /** Streams have to be shown every step of the market; where none is open, requests alone move it. */
  #scheduleStep(): void {
    if (this.#step !== null || this.#exchange.openCount === 0) return
    const clock = this.#clock
    this.#step = clock.scheduleQuietly(this.#exchange.nextStepMs(clock.nowMs()), () => {
      this.#step = null
      this.#exchange.advance(clock.nowMs())
      this.#scheduleStep()
    })
  }

  /** Drawn by what is asked and when, so that a restarted engine sees the trips that the killed one would have seen. */
  #roundTripMs(venue: Venue, what: string, leftAtMs: number): number {
    const { minMs, maxMs } = this.#latency[venue]
    if (minMs === maxMs) return minMs
    const draw = this.#prng.fork(`${venue} ${leftAtMs} ${what}`).next()
    return minMs + Math.floor(draw * (maxMs - minMs + 1))
  }
}

/** How much longer than the way itself the answer takes. */
function lateMsOf(answer: ExchangeAnswer | null): number {
  if (answer === null) return 0
  if ('lost' in answer) return answer.lost === 'no-answer' ? Infinity : 0
  return answer.lateMs ?? 0
}

function faceRequest(target: string): FaceRequest {
  return { method: 'GET', target, headers: {}, body: '' }
}

function unreachable({ venue }: { venue: Venue }): OperatingError {
  return new OperatingError('VENUE_UNREACHABLE', `${venue}: the transport is closed`, {
    hint: 'The engine is stopping; nothing is to be done.',
  })
}
