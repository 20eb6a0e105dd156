/** One circuit a venue: opens after failures in a row, so that no new trade relies on a venue that does not answer. The guard asks it. */

import { assert } from '../base/assert.ts'
import type { Body, CircuitChanged } from '../model/event.ts'
import type { Venue } from '../model/instrument.ts'
import type { CircuitBreakerSettings } from './limits.ts'

interface Circuit {
  failureCount: number
  /** Null while closed. Past this instant the circuit is half-open: the next result decides. */
  openUntilMs: number | null
}

export class CircuitBreaker {
  readonly #settings: CircuitBreakerSettings
  readonly #circuits = new Map<Venue, Circuit>()

  constructor(settings: CircuitBreakerSettings) {
    assert(settings.openAfterFailures >= 1, `openAfterFailures must be at least 1, was ${settings.openAfterFailures}`)
    this.#settings = settings
  }

  /** False also while half-open: a trial is what closes it. */
  isOpen(venue: Venue, nowMs: number): boolean {
    const circuit = this.#circuits.get(venue)
    return circuit !== undefined && circuit.openUntilMs !== null && nowMs < circuit.openUntilMs
  }

  /** Returns the event to log where this closed the circuit. A success while it is open is a late answer, and changes nothing. */
  recordSuccess(venue: Venue, nowMs: number): Body<CircuitChanged> | null {
    if (this.isOpen(venue, nowMs)) return null
    const circuit = this.#circuit(venue)
    const wasHalfOpen = circuit.openUntilMs !== null
    circuit.failureCount = 0
    circuit.openUntilMs = null
    return wasHalfOpen ? { event: 'circuit-closed', venue, reason: 'the trial succeeded' } : null
  }

  /** Returns the event to log where this opened the circuit, for the first time or again. */
  recordFailure(venue: Venue, nowMs: number): Body<CircuitChanged> | null {
    if (this.isOpen(venue, nowMs)) return null
    const circuit = this.#circuit(venue)
    const wasHalfOpen = circuit.openUntilMs !== null
    circuit.failureCount++
    if (circuit.failureCount < this.#settings.openAfterFailures) return null
    circuit.openUntilMs = nowMs + this.#settings.openForMs
    const reason = wasHalfOpen ? 'the trial failed' : `${circuit.failureCount} failures in a row`
    return { event: 'circuit-opened', venue, reason }
  }

  /**
   * Opens the circuit at once, until `untilMs`: the venue has shut us out, and no count of failures is needed. Returns the event to log
   * where this opened it or keeps it open for longer.
   */
  trip(venue: Venue, untilMs: number, nowMs: number): Body<CircuitChanged> | null {
    const circuit = this.#circuit(venue)
    if (untilMs <= Math.max(nowMs, circuit.openUntilMs ?? nowMs)) return null
    circuit.openUntilMs = untilMs
    // So that one failed trial opens it again.
    circuit.failureCount = this.#settings.openAfterFailures
    return { event: 'circuit-opened', venue, reason: `the venue has shut us out for ${untilMs - nowMs} ms` }
  }

  #circuit(venue: Venue): Circuit {
    const known = this.#circuits.get(venue)
    if (known !== undefined) return known
    const circuit: Circuit = { failureCount: 0, openUntilMs: null }
    this.#circuits.set(venue, circuit)
    return circuit
  }
}
