/**
 * The symbols whose quotes have changed since they were last looked at, in order of arrival. For the live runner. A symbol stands here at
 * most once, so the queue is never longer than the list of symbols: what changes meanwhile is part of the same look.
 */

import type { InstrumentKey } from '../market-data/market-data-provider.ts'
import type { Venue } from '../model/instrument.ts'
import type { RouteFacts } from '../model/route.ts'

/** When the quotes that wait arrived, by `Clock.preciseMs()`. */
export interface Arrivals {
  firstMs: number
  newestMs: number
}

export class QuoteQueue {
  readonly #symbolsOf: Record<Venue, Map<string, string[]>> = { upbit: new Map(), binance: new Map() }
  readonly #waiting = new Map<string, Arrivals>()

  constructor(routes: readonly RouteFacts[]) {
    for (const { symbol, a, b } of routes) {
      for (const { venue, code } of [a, b]) this.#symbolsOf[venue].set(code, [...(this.#symbolsOf[venue].get(code) ?? []), symbol])
    }
  }

  get depth(): number {
    return this.#waiting.size
  }

  /** In order of arrival. Those that are taken while this is read are left out. */
  symbols(): IterableIterator<string> {
    return this.#waiting.keys()
  }

  has(symbol: string): boolean {
    return this.#waiting.has(symbol)
  }

  /** A quote of this instrument has changed; gives the number of its symbols that were waiting already. One without a symbol marks none. */
  add({ venue, code }: InstrumentKey, arrivedAtMs: number): number {
    let coalescedCount = 0
    for (const symbol of this.#symbolsOf[venue].get(code) ?? []) {
      const arrivals = this.#waiting.get(symbol)
      if (arrivals === undefined) {
        this.#waiting.set(symbol, { firstMs: arrivedAtMs, newestMs: arrivedAtMs })
      } else {
        arrivals.newestMs = arrivedAtMs
        coalescedCount++
      }
    }
    return coalescedCount
  }

  /** The symbol is looked at now; null where it does not wait. */
  take(symbol: string): Arrivals | null {
    const arrivals = this.#waiting.get(symbol)
    if (arrivals === undefined) return null
    this.#waiting.delete(symbol)
    return arrivals
  }
}
