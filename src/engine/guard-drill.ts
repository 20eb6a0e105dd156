/** Asks a risk guard for entries that no guard may allow, before anything depends on its answers. The live runner calls it. */

import { Decimal } from '../base/decimal.ts'
import type { FreshnessSettings } from '../market-data/freshness.ts'
import type { BlockReason } from '../model/event.ts'
import type { EntryRequest, GuardDecision } from '../risk/risk-guard.ts'

export interface GuardDrillOptions {
  guard: { decide(request: EntryRequest): GuardDecision }
  /** Any that is traded. */
  symbol: string
  freshness: FreshnessSettings
  nowMs: number
}

export interface GuardDrillResult {
  refused: BlockReason[]
  /** What was asked for and allowed, in words. */
  allowed: string[]
  /** The guard says that the session is over, as a state that was taken over may have it. */
  isSessionOver: boolean
}

/** More than any limit is set to, and still a whole number of KRW. */
const hugeNotionalKrw = Number.MAX_SAFE_INTEGER

/** A refusal reserves nothing, so a guard that stands the drill is as it was. One that does not must not be used. */
export function drillGuard({ guard, symbol, freshness, nowMs }: GuardDrillOptions): GuardDrillResult {
  const request: EntryRequest = {
    tradeId: 'drill',
    symbol,
    direction: 'sell-a',
    notionalKrw: 1,
    quoteAgeMs: 0,
    unchangedMs: 0,
    venues: [],
    required: [],
    available: () => Decimal.zero,
    nowMs,
  }
  const drills: [what: string, request: EntryRequest][] = [
    [`${hugeNotionalKrw} KRW on ${symbol}`, { ...request, notionalKrw: hugeNotionalKrw }],
    [`a quote ${freshness.maxQuoteAgeMs + 1} ms old on ${symbol}`, { ...request, quoteAgeMs: freshness.maxQuoteAgeMs + 1 }],
  ]
  const result: GuardDrillResult = { refused: [], allowed: [], isSessionOver: false }
  for (const [what, asked] of drills) {
    const { outcome, reason } = guard.decide(asked)
    if (outcome === 'allow') result.allowed.push(what)
    else result.refused.push(reason)
    result.isSessionOver ||= outcome === 'stop-session'
  }
  return result
}
