/** The simulated Transport: requests travel to the exchange in this process and back in event time. The composition root makes it. */

import { assert } from '../../base/assert.ts'
import { OperatingError } from '../../base/error.ts'
import type { Prng } from '../../base/prng.ts'
import type { Clock } from '../../clock/clock.ts'
import type { InstrumentKey } from '../../market-data/market-data-provider.ts'
import type { Venue } from '../../model/instrument.ts'
import type { HttpRequest, HttpResponse, Transport } from '../transport.ts'
import { BinanceFace } from './binance-face.ts'
import type { Face, FaceAnswer } from './face.ts'
import type { Market } from './market.ts'
import { UpbitFace } from './upbit-face.ts'

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

export interface SimulatedTransportOptions {
  clock: Clock
  market: Market
  prng: Prng
  latency: Readonly<Record<Venue, LatencySettings>>
  /** What the venues list where a request names no instrument; none where it is left out. */
  instruments?: readonly InstrumentKey[]
}

export class SimulatedTransport implements Transport {
  readonly #clock: Clock
  readonly #market: Market
  readonly #prng: Prng
  readonly #latency: Readonly<Record<Venue, LatencySettings>>
  readonly #faces: Record<Venue, Face>
  #isClosed = false

  constructor(options: SimulatedTransportOptions) {
    const { market, instruments = [] } = options
    for (const { minMs, maxMs } of Object.values(options.latency)) {
      assert(Number.isInteger(minMs) && Number.isInteger(maxMs) && minMs >= 0 && minMs <= maxMs, `latency is ${minMs} to ${maxMs} ms`)
    }
    this.#clock = options.clock
    this.#market = market
    this.#prng = options.prng
    this.#latency = options.latency
    this.#faces = {
      upbit: new UpbitFace({ market, listedCodes: codesOf(instruments, 'upbit') }),
      binance: new BinanceFace({ market, listedCodes: codesOf(instruments, 'binance') }),
    }
  }

  request(request: HttpRequest): Promise<HttpResponse> {
    if (this.#isClosed) return Promise.reject(unreachable(request))
    const clock = this.#clock
    const leftAtMs = clock.nowMs()
    const roundTripMs = this.#roundTripMs(request, leftAtMs)
    return new Promise((resolve, reject) => {
      let answer: FaceAnswer | null = null
      let defect: unknown = null
      clock.scheduleQuietly(leftAtMs + Math.floor(roundTripMs / 2), () => {
        try {
          answer = this.#answer(request)
        } catch (error) {
          // A callback of the clock must not throw; whoever asked learns of the defect when the answer is due.
          defect = error
        }
      })
      // Scheduled second, so that a trip of no time at all still reaches the venue first.
      clock.schedule(leftAtMs + Math.min(roundTripMs, request.timeoutMs), () => {
        if (roundTripMs > request.timeoutMs) reject(timedOut(request))
        else if (answer !== null) resolve({ ...answer, receivedAtMs: clock.nowMs() })
        else reject(defect)
      })
    })
  }

  /** Requests under way still arrive. */
  close(): Promise<void> {
    this.#isClosed = true
    return Promise.resolve()
  }

  #answer(request: HttpRequest): FaceAnswer {
    const nowMs = this.#clock.nowMs()
    this.#market.advance(nowMs)
    return this.#faces[request.venue].answer(request.target, nowMs)
  }

  /** Drawn by what is asked and when, so that a restarted engine sees the trips that the killed one would have seen. */
  #roundTripMs(request: HttpRequest, leftAtMs: number): number {
    const { minMs, maxMs } = this.#latency[request.venue]
    if (minMs === maxMs) return minMs
    const draw = this.#prng.fork(`${request.venue} ${leftAtMs} ${request.target}`).next()
    return minMs + Math.floor(draw * (maxMs - minMs + 1))
  }
}

function codesOf(instruments: readonly InstrumentKey[], venue: Venue): string[] {
  return instruments.filter((instrument) => instrument.venue === venue).map((instrument) => instrument.code)
}

function timedOut(request: HttpRequest): OperatingError {
  return new OperatingError('VENUE_TIMEOUT', `${request.venue}: no answer within ${request.timeoutMs} ms`, {
    hint: 'Raise venues.requestTimeoutMs, or look at the network to the venue.',
  })
}

function unreachable(request: HttpRequest): OperatingError {
  return new OperatingError('VENUE_UNREACHABLE', `${request.venue}: the transport is closed`, {
    hint: 'The engine is stopping; nothing is to be done.',
  })
}
