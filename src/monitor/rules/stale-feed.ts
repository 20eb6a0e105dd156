/** Rule `stale-feed`: a symbol without usable quotes for a whole window. For the monitor. */

import type { LogEvent, LoopsMeasured } from '../../model/event.ts'
import { inSeconds, type Rule, type RuleContext } from '../rule.ts'

interface Outage {
  sinceMs: number
  reason: string
  isRaised: boolean
}

/** Of symbols that are not watched, such as a quarantined one's, more than so many are not told from those without a name. */
const maxUnwatched = 1000

/**
 * Three witnesses: the engine's feed-stale and feed-recovered; its count of stale symbols, where it does not say which; and the age of
 * the quotes that it goes on pricing, for an engine that has not noticed.
 */
export class StaleFeedRule implements Rule {
  readonly #context: RuleContext
  readonly #symbols: ReadonlySet<string>
  readonly #outages = new Map<string, Outage>()
  readonly #agedSymbols = new Set<string>()
  /** Stale by name, and nobody's concern. */
  readonly #unwatched = new Set<string>()
  #unnamed: Outage | null = null

  constructor(context: RuleContext) {
    this.#context = context
    this.#symbols = new Set(context.symbols)
  }

  observe(event: LogEvent, nowMs: number): void {
    if (event.event === 'loops') this.#observeLoops(event, nowMs)
    else if (event.event === 'feed-recovered') this.#recovered(event.symbol)
    else if (event.event === 'feed-stale' && !this.#symbols.has(event.symbol)) {
      if (this.#unwatched.size < maxUnwatched) this.#unwatched.add(event.symbol)
    } else if (event.event === 'feed-stale') {
      const outage = this.#outages.get(event.symbol)
      if (outage) outage.reason = event.reason
      else this.#outages.set(event.symbol, { sinceMs: nowMs, reason: event.reason, isRaised: false })
    }
  }

  advance(toMs: number): void {
    for (const [symbol, outage] of this.#outages) {
      const dueMs = Math.max(outage.sinceMs + this.#context.settings.windowMs, this.#context.judgedFromMs)
      if (outage.isRaised || dueMs > toMs) continue
      outage.isRaised = true
      this.#raise(symbol, dueMs, outage.sinceMs, outage.reason, `${symbol} has had no usable quotes`)
    }
  }

  #recovered(symbol: string): void {
    this.#outages.delete(symbol)
    this.#unwatched.delete(symbol)
  }

  #observeLoops(loops: LoopsMeasured, nowMs: number): void {
    const { settings, judgedFromMs } = this.#context
    if (loops.staleSymbols > this.#outages.size + this.#unwatched.size)
      this.#unnamed ??= { sinceMs: nowMs, reason: 'stale', isRaised: false }
    else this.#unnamed = null
    const unnamed = this.#unnamed
    if (unnamed && !unnamed.isRaised && nowMs >= judgedFromMs && nowMs - unnamed.sinceMs >= settings.windowMs) {
      unnamed.isRaised = true
      this.#raise(null, nowMs, unnamed.sinceMs, unnamed.reason, `${loops.staleSymbols} symbols have had no usable quotes`)
    }
    for (const { symbol, quoteAgeMs } of loops.quotes) {
      if (!(quoteAgeMs >= settings.windowMs)) this.#agedSymbols.delete(symbol)
      else if (nowMs >= judgedFromMs && this.#symbols.has(symbol) && !this.#agedSymbols.has(symbol)) {
        this.#agedSymbols.add(symbol)
        this.#raise(symbol, nowMs, nowMs - quoteAgeMs, 'stale', `${symbol} has been priced from the same quote`)
      }
    }
  }

  #raise(symbol: string | null, atMs: number, sinceMs: number, cause: string, what: string): void {
    this.#context.raise({ symbol, atMs, sinceMs, message: `${what} for ${inSeconds(atMs - sinceMs)}: ${cause}`, cause, evidence: [] })
  }
}
