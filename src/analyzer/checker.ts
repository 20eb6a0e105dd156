/** What every checker of the trading log is: one property, observed event by event, with its violations. Checkers import it. */

import { assert } from '../base/assert.ts'
import { type Instrument, instrumentOf, type InstrumentFacts, type Venue } from '../model/instrument.ts'
import type { TradingEvent } from '../model/event.ts'
import type { CheckResult } from './analysis.ts'

/**
 * Derives the truth from the trading log alone: no code that it judges may be imported by one. Throws where the log gives it nothing to
 * go by (a fill on an unknown instrument, say), which makes its verdict `unknown`.
 */
export interface Checker {
  readonly name: string
  observe(event: TradingEvent): void
  finish(): CheckResult
}

const maxViolations = 20

/** Collects a check's result: what was examined, and at most twenty violations, the last of which counts those left out. */
export class Findings {
  readonly #name: string
  readonly #examined = new Map<string, number>()
  readonly #violations: string[] = []
  #leftOut = 0

  /** `examined` names what the checker looks at: counted from 0, so that a check that saw nothing says so. */
  constructor(name: string, ...examined: string[]) {
    this.#name = name
    for (const what of examined) this.#examined.set(what, 0)
  }

  examine(what: string): void {
    this.#examined.set(what, (this.#examined.get(what) ?? 0) + 1)
  }

  violate(event: TradingEvent, text: string): void {
    if (this.#violations.length < maxViolations) this.#violations.push(`${new Date(event.time).toISOString()} seq ${event.seq}: ${text}`)
    else this.#leftOut++
  }

  result(): CheckResult {
    const violations = [...this.#violations]
    if (this.#leftOut > 0) violations[maxViolations - 1] = `and ${this.#leftOut + 1} more`
    const examined = [...this.#examined].map(([what, count]) => counted(count, what))
    return { name: this.#name, verdict: violations.length === 0 ? 'pass' : 'fail', examined: examined.join(', '), violations }
  }
}

/** `things`: in the plural, such as `failed entries` or `statements of profit`. */
export function counted(count: number, things: string): string {
  if (count === 0) return `no ${things}`
  if (count > 1) return `${count.toLocaleString('en-US')} ${things}`
  return `1 ${things.replace(/(\w)(ies|s)\b/, (_, before: string, ending: string) => (ending === 'ies' ? `${before}y` : before))}`
}

/** The instruments that the session's first line names. */
export class Listing {
  readonly #instruments = new Map<string, Instrument>()

  open(instruments: readonly InstrumentFacts[]): void {
    this.#instruments.clear()
    for (const facts of instruments) this.#instruments.set(`${facts.venue}:${facts.code}`, instrumentOf(facts))
  }

  get(venue: Venue, code: string): Instrument {
    const instrument = this.#instruments.get(`${venue}:${code}`)
    assert(instrument, `the session lists no instrument ${code} on ${venue}`)
    return instrument
  }
}
