/** Rule `fx-frozen`: the rate between the quote currencies stands still while the books that it joins move. For the monitor. */

import type { LogEvent, SampledQuote } from '../../model/event.ts'
import { inSeconds, type Rule, type RuleContext } from '../rule.ts'

/** A book that moved less often is no witness. */
const minMoves = 10

/** A symbol's rate, since it last moved. */
interface Standing {
  quote: SampledQuote
  sinceMs: number
  seenAtMs: number
  moveCount: number
}

/**
 * A rate of 1 is none: both legs are in one currency. A stretch without quotes (an outage, a halt) shows nothing, and starts it anew.
 * Raised once a standing rate, on the symbol that shows it first: they all share it.
 */
export class FxFrozenRule implements Rule {
  readonly #context: RuleContext
  readonly #symbols: ReadonlySet<string>
  readonly #standing = new Map<string, Standing>()
  #raisedFx: number | null = null

  constructor(context: RuleContext) {
    this.#context = context
    this.#symbols = new Set(context.symbols)
  }

  observe(event: LogEvent, nowMs: number): void {
    if (event.event !== 'loops') return
    for (const quote of event.quotes) {
      if (quote.fx > 0 && quote.fx !== 1 && this.#symbols.has(quote.symbol)) this.#sampled(quote, nowMs)
    }
  }

  #sampled(quote: SampledQuote, nowMs: number): void {
    const { windowMs } = this.#context.settings
    const standing = this.#standing.get(quote.symbol)
    if (standing === undefined || standing.quote.fx !== quote.fx || nowMs - standing.seenAtMs > windowMs / 4) {
      this.#standing.set(quote.symbol, { quote, sinceMs: nowMs, seenAtMs: nowMs, moveCount: 0 })
      return
    }
    if (!isSameBook(standing.quote, quote)) standing.moveCount++
    standing.quote = quote
    standing.seenAtMs = nowMs
    const isFrozen = nowMs - standing.sinceMs >= windowMs && standing.moveCount >= minMoves
    if (!isFrozen || nowMs < this.#context.judgedFromMs || this.#raisedFx === quote.fx) return
    this.#raisedFx = quote.fx
    const lasting = inSeconds(nowMs - standing.sinceMs)
    this.#context.raise({
      symbol: quote.symbol,
      atMs: nowMs,
      sinceMs: standing.sinceMs,
      message: `the rate of ${quote.fx} has stood still for ${lasting}; the books of ${quote.symbol} moved ${standing.moveCount} times`,
      cause: 'fx-frozen',
      evidence: [JSON.stringify(quote)],
    })
  }
}

function isSameBook(left: SampledQuote, right: SampledQuote): boolean {
  return left.bidA === right.bidA && left.askA === right.askA && left.bidB === right.bidB && left.askB === right.askB
}
