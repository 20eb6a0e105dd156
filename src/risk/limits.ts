/** The guard's settings, and the one function that holds what the guard sees against them. Pure; the guard calls it. */

import type { BlockReason, GlobalLimitFacts, SeenByGuard, SymbolLimitFacts } from '../model/event.ts'

export interface SymbolRiskSettings extends SymbolLimitFacts {
  /** No entry for this long after a trade was closed. */
  cooldownMs: number
  /** No entry for this long after an entry failed. */
  failureCooldownMs: number
}

export interface RiskSettings {
  global: GlobalLimitFacts
  symbols: Record<string, SymbolRiskSettings>
  /** IANA name; daily counters reset at its midnight. */
  dailyResetTimeZone: string
  circuitBreaker: CircuitBreakerSettings
}

export interface CircuitBreakerSettings {
  /** Consecutive failures of a venue that open its circuit. */
  openAfterFailures: number
  /** How long it stays open before one success may close it. */
  openForMs: number
}

/**
 * The first limit that one more trade would break, or null. A limit may be reached, not passed; a daily loss that has reached its limit
 * blocks. Judges only the figures that are logged with the decision, so that a reader of the log can judge it again.
 */
export function brokenLimit(seen: SeenByGuard, global: GlobalLimitFacts, symbol: SymbolLimitFacts): BlockReason | null {
  if (seen.quoteAgeMs > global.maxQuoteAgeMs) return 'stale-quote'
  if (seen.notionalKrw > global.maxNotionalKrw) return 'max-notional'
  if (seen.openTrades + 1 > global.maxOpenTrades) return 'max-open-trades'
  if (seen.exposureKrw + seen.notionalKrw > global.maxExposureKrw) return 'max-exposure'
  if (seen.symbolOpenTrades + 1 > symbol.maxOpenTrades) return 'symbol-max-open-trades'
  if (seen.symbolCapitalKrw + seen.notionalKrw > symbol.maxCapitalKrw) return 'symbol-max-capital'
  if (seen.symbolDailyLossKrw >= symbol.maxDailyLossKrw) return 'symbol-max-daily-loss'
  return null
}
