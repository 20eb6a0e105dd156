/** Realised losses since the last local midnight, derived from a trading log's own lines. For the checker of limits. */

import { Decimal } from '../base/decimal.ts'

/** Every zone's midnight falls on a quarter of an hour of UTC. */
const quarterMs = 900_000

export class DailyLosses {
  readonly #format: Intl.DateTimeFormat
  /** By symbol, and over all under the empty name; a loss is negative. */
  readonly #profits = new Map<string, Decimal>()
  #quarter = NaN
  #date = ''
  #isKnown: boolean

  /**
   * `isFromStart`: the log begins with the state, and no profit came before it; else nothing is known before the first midnight. Throws a
   * RangeError for a name that is no IANA time zone.
   */
  constructor(timeZone: string, isFromStart: boolean) {
    this.#format = new Intl.DateTimeFormat('en-CA', { timeZone, dateStyle: 'short' })
    this.#isKnown = isFromStart
  }

  realised(timeMs: number, symbol: string, totalKrw: string): void {
    this.#goTo(timeMs)
    for (const name of ['', symbol]) this.#profits.set(name, (this.#profits.get(name) ?? Decimal.zero).add(Decimal.parse(totalKrw)))
  }

  /** What the day has lost so far, of one symbol or (null) over all, 0 where it has gained; null where that cannot be known. */
  lossKrw(timeMs: number, symbol: string | null): number | null {
    this.#goTo(timeMs)
    if (!this.#isKnown) return null
    return Math.max(0, -(this.#profits.get(symbol ?? '') ?? Decimal.zero).toNumber())
  }

  #goTo(timeMs: number): void {
    const quarter = Math.floor(timeMs / quarterMs)
    if (quarter === this.#quarter) return
    this.#quarter = quarter
    const date = this.#format.format(timeMs)
    if (this.#date !== '' && date !== this.#date) {
      this.#profits.clear()
      this.#isKnown = true
    }
    this.#date = date
  }
}
