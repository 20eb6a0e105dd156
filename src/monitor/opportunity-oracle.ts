/** Says from the logged quotes alone whether the market offered a trade: the monitor's own arithmetic, none of the strategy's. */

import type { SampledQuote } from '../model/event.ts'

/** What a symbol's entry costs and must earn. Fees are fractions of the notional. */
export interface SymbolPricing {
  takerFeeA: number
  takerFeeB: number
  minEntryNetEdgeBps: number
}

/** By symbol. */
export type OraclePricing = Readonly<Record<string, SymbolPricing>>

/** A stretch of consecutive samples, all tradable. */
export interface Opportunity {
  sinceMs: number
  untilMs: number
  sampleCount: number
  maxNetEdgeBps: number
}

/**
 * The samples show the top of the books and the strategy walks them for its whole size: what is only just enough at the top is not
 * enough below it. Ten basis points is some five times the median spread of Upbit's KRW-BTC.
 */
const depthMarginBps = 10
/** One sample may catch a quote that is gone when the orders arrive; an engine that loops once a second sees three. */
const minSamples = 3
const minLastingMs = 2_000

/**
 * The better direction's net edge at the top of both books, in basis points of what is bought: sell A and buy B, or the reverse.
 * Minus infinity where the quote cannot be priced.
 */
export function bestNetEdgeBps(quote: SampledQuote, pricing: SymbolPricing): number {
  const keptA = 1 - pricing.takerFeeA
  const keptB = 1 - pricing.takerFeeB
  const paidA = quote.askA * (1 + pricing.takerFeeA)
  const paidB = quote.askB * quote.fx * (1 + pricing.takerFeeB)
  const sellA = (quote.bidA * keptA) / paidB
  const buyA = (quote.bidB * quote.fx * keptB) / paidA
  const ratio = Math.max(sellA, buyA)
  return Number.isFinite(ratio) ? (ratio - 1) * 10_000 : Number.NEGATIVE_INFINITY
}

/** Follows one symbol, of which a quote is sampled every `sampleCycleMs`. */
export class OpportunityOracle {
  readonly #pricing: SymbolPricing
  /** Samples further apart than this say nothing of the time between them. */
  readonly #maxSampleGapMs: number
  #run: Opportunity | null = null

  constructor(pricing: SymbolPricing, sampleCycleMs: number) {
    this.#pricing = pricing
    this.#maxSampleGapMs = 5 * sampleCycleMs
  }

  /** The opportunity that this sample is the latest proof of, or null while there is none. */
  sample(quote: SampledQuote, nowMs: number): Opportunity | null {
    const netEdgeBps = bestNetEdgeBps(quote, this.#pricing)
    if (netEdgeBps < this.#pricing.minEntryNetEdgeBps + depthMarginBps) {
      this.#run = null
      return null
    }
    const run = this.#run
    if (run === null || nowMs - run.untilMs > this.#maxSampleGapMs) {
      this.#run = { sinceMs: nowMs, untilMs: nowMs, sampleCount: 1, maxNetEdgeBps: netEdgeBps }
      return null
    }
    run.untilMs = nowMs
    run.sampleCount++
    run.maxNetEdgeBps = Math.max(run.maxNetEdgeBps, netEdgeBps)
    return run.sampleCount >= minSamples && run.untilMs - run.sinceMs >= minLastingMs ? { ...run } : null
  }

  /** Something explains why it is not taken: an open trade, a decision of the guard. The next sample starts a new stretch. */
  dismiss(): void {
    this.#run = null
  }
}
