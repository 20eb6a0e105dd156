/** Keeps account of trouble with quotes: tells the circuit breaker, and writes to application.log when something changes. */

import type { VenueFailure } from '../market-data/market-data-provider.ts'
import type { Body, CircuitChanged, FeedTrouble } from '../model/event.ts'
import type { Venue } from '../model/instrument.ts'
import type { CircuitBreaker } from '../risk/circuit-breaker.ts'
import type { Journal } from './journal.ts'

/** Event time after which lasting trouble with a venue is logged again. */
const repeatAfterMs = 300_000
const venues: readonly Venue[] = ['upbit', 'binance']

export class FeedWatch {
  readonly #journal: Journal
  readonly #breaker: CircuitBreaker
  readonly #staleSince = new Map<string, number>()
  readonly #troubledVenues = new Map<Venue, { code: string; loggedAtMs: number }>()

  constructor(journal: Journal, breaker: CircuitBreaker) {
    this.#journal = journal
    this.#breaker = breaker
  }

  get staleSymbolCount(): number {
    return this.#staleSince.size
  }

  /** What a refresh brought: a venue without a failure answered. */
  refreshed(failures: readonly VenueFailure[], nowMs: number): void {
    for (const venue of venues) {
      const own = failures.filter((failure) => failure.venue === venue)
      const change = this.#breakerChange(venue, own, nowMs)
      const [failure] = own
      if (failure) this.#venueTroubled(failure, nowMs)
      else this.#troubledVenues.delete(venue)
      if (change) this.#journal.application(change, change.event === 'circuit-opened' ? 'warn' : 'info')
    }
  }

  /** A ban opens the circuit at once and for as long; until it ends, each refresh fails and tells of it again. */
  #breakerChange(venue: Venue, failures: readonly VenueFailure[], nowMs: number): Body<CircuitChanged> | null {
    const ban = failures.find((failure) => failure.isBan === true)
    if (ban?.untilMs !== undefined) return this.#breaker.trip(venue, ban.untilMs, nowMs)
    const isDown = failures.some((failure) => failure.isVenueWide)
    return isDown ? this.#breaker.recordFailure(venue, nowMs) : this.#breaker.recordSuccess(venue, nowMs)
  }

  symbolStale(symbol: string, reason: FeedTrouble, quoteAgeMs: number | null, nowMs: number): void {
    if (this.#staleSince.has(symbol)) return
    this.#staleSince.set(symbol, nowMs)
    this.#journal.application({ event: 'feed-stale', symbol, reason, quoteAgeMs }, 'warn')
  }

  symbolFresh(symbol: string, nowMs: number): void {
    const sinceMs = this.#staleSince.get(symbol)
    if (sinceMs === undefined) return
    this.#staleSince.delete(symbol)
    this.#journal.application({ event: 'feed-recovered', symbol, staleForMs: nowMs - sinceMs })
  }

  #venueTroubled({ venue, code, message }: VenueFailure, nowMs: number): void {
    const known = this.#troubledVenues.get(venue)
    if (known?.code === code && nowMs - known.loggedAtMs < repeatAfterMs) return
    this.#troubledVenues.set(venue, { code, loggedAtMs: nowMs })
    this.#journal.application({ event: 'venue-troubled', venue, code, message }, 'warn')
  }
}
