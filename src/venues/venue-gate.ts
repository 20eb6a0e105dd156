/** The one way out to a venue's REST interface: within its limits, silent when it wants silence, and counted. Feeds own one a venue. */

import type { Clock } from '../clock/clock.ts'
import type { FeedCounts } from '../model/event.ts'
import type { Venue } from '../model/instrument.ts'
import { ClockOffset } from './clock-offset.ts'
import { type RateCharge, type RateCost, RateLedger, type RateLimit, type RateUsage } from './rate-limit.ts'
import type { HttpRequest, HttpResponse, Transport } from './transport.ts'
import { VenueError } from './venue-error.ts'

export interface VenueTime {
  atMs: number
  /** The time is cut down to a multiple of this. */
  resolutionMs: number
}

/** What a venue documents of its limits and its clock. */
export interface VenueRules {
  venue: Venue
  limits: readonly RateLimit[]
  /** What an answer's headers say of them. */
  usageOf: (headers: HttpResponse['headers']) => readonly RateUsage[]
  /** The venue's time, or null where this answer is not the one to tell it; throws where it should and does not. */
  timeOf: (request: HttpRequest, response: HttpResponse) => VenueTime | null
  /** Where to ask for its time; null where other answers tell it. */
  timeRequest: { target: string; cost: RateCost } | null
}

export interface VenueGateOptions {
  rules: VenueRules
  transport: Pick<Transport, 'request'>
  clock: Clock
  measuresClock: boolean
}

const clockMeasuredEveryMs = 60_000
/** How often a request that waits for room looks again. */
const roomCheckMs = 10

type GateCounts = Pick<FeedCounts, 'requests' | 'heldBack' | 'rateLimited' | 'bans' | 'usedShareMax' | 'clockOffsetMs' | 'clockErrorMs'>

export class VenueGate {
  readonly #rules: VenueRules
  readonly #transport: Pick<Transport, 'request'>
  readonly #clock: Clock
  readonly #ledger: RateLedger
  /** Null where the venue's clock is not measured. */
  readonly #clockOffset: ClockOffset | null
  #nextMeasureMs = 0
  #pause = { untilMs: 0, isBan: false }
  #counts = { requests: 0, heldBack: 0, rateLimited: 0, bans: 0 }

  constructor({ rules, transport, clock, measuresClock }: VenueGateOptions) {
    this.#rules = rules
    this.#transport = transport
    this.#clock = clock
    this.#ledger = new RateLedger(rules.limits)
    this.#clockOffset = measuresClock ? new ClockOffset() : null
  }

  /** The refusal that every request would meet now, or null. */
  pause(): VenueError | null {
    const retryAfterMs = this.#pause.untilMs - this.#clock.nowMs()
    if (retryAfterMs <= 0) return null
    return new VenueError(this.#rules.venue, 'VENUE_RATE_LIMITED', `not asked for another ${retryAfterMs} ms, as it wants`, {
      hint: 'Raise loop.intervalMs, or stop what else polls the venue from this address.',
      retryAfterMs,
      isBan: this.#pause.isBan,
    })
  }

  /** What `ask` brings, or null where there is no room for what polling may use: then nothing is asked. */
  poll<T>(cost: RateCost, ask: () => Promise<T>): Promise<T> | null {
    const charge = this.#ledger.take(cost, 'polling', this.#clock.nowMs())
    if (charge !== null) return this.#ask(charge, ask)
    this.#counts.heldBack++
    return null
  }

  /** The same for what an order waits for: throws VENUE_RATE_LIMITED where there is no room within `timeoutMs`, or during a pause. */
  async order<T>(cost: RateCost, timeoutMs: number, ask: () => Promise<T>): Promise<T> {
    const deadlineMs = this.#clock.nowMs() + timeoutMs
    let hasWaited = false
    for (;;) {
      const nowMs = this.#clock.nowMs()
      const pause = this.pause()
      if (pause !== null) throw pause
      const charge = this.#ledger.take(cost, 'order', nowMs)
      if (charge !== null) return this.#ask(charge, ask)
      if (!hasWaited) this.#counts.heldBack++
      hasWaited = true
      if (nowMs >= deadlineMs) throw this.#noRoom(timeoutMs)
      await this.#clock.sleepUntil(Math.min(nowMs + roomCheckMs, deadlineMs))
    }
  }

  /** Sends what has been admitted: for `ask` above, in place of the transport. */
  async request(request: HttpRequest): Promise<HttpResponse> {
    this.#counts.requests++
    const sentAtMs = this.#clock.preciseMs()
    const response = await this.#transport.request(request)
    for (const usage of this.#rules.usageOf(response.headers)) this.#ledger.heed(usage, this.#clock.nowMs())
    if (response.status === 429) this.#counts.rateLimited++
    if (response.status === 418) this.#counts.bans++
    const time = this.#clockOffset === null ? null : this.#rules.timeOf(request, response)
    if (time !== null) this.#clockOffset?.sample(time.atMs, time.resolutionMs, sentAtMs, this.#clock.preciseMs())
    return response
  }

  /** Asks the venue for its time where that is due; null where it is not, or there is no room. Throws an OperatingError. */
  measureClock(timeoutMs: number): Promise<HttpResponse> | null {
    const { venue, timeRequest } = this.#rules
    const nowMs = this.#clock.nowMs()
    if (this.#clockOffset === null || timeRequest === null || nowMs < this.#nextMeasureMs) return null
    const { target, cost } = timeRequest
    const answer = this.poll(cost, () => this.request({ venue, target, timeoutMs }))
    if (answer !== null) this.#nextMeasureMs = nowMs + clockMeasuredEveryMs
    return answer
  }

  takeCounts(): GateCounts {
    const estimate = this.#clockOffset?.estimate() ?? null
    const counts = {
      ...this.#counts,
      usedShareMax: this.#ledger.takeUsedShareMax(),
      clockOffsetMs: estimate?.offsetMs ?? null,
      clockErrorMs: estimate?.errorMs ?? null,
    }
    this.#counts = { requests: 0, heldBack: 0, rateLimited: 0, bans: 0 }
    return counts
  }

  async #ask<T>(charge: RateCharge, ask: () => Promise<T>): Promise<T> {
    try {
      return await ask()
    } catch (error) {
      if (error instanceof VenueError && error.retryAfterMs !== null) this.#heedPause(error.retryAfterMs, error.isBan)
      throw error
    } finally {
      this.#ledger.settle(charge, this.#clock.nowMs())
    }
  }

  #heedPause(retryAfterMs: number, isBan: boolean): void {
    const untilMs = this.#clock.nowMs() + retryAfterMs
    if (untilMs > this.#pause.untilMs) this.#pause = { untilMs, isBan }
  }

  #noRoom(timeoutMs: number): VenueError {
    return new VenueError(this.#rules.venue, 'VENUE_RATE_LIMITED', `no room within its rate limits in ${timeoutMs} ms`, {
      hint: 'Raise loop.intervalMs, or stop what else polls the venue from this address.',
      isVenueWide: false,
    })
  }
}
