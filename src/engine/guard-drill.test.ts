/** The drill: what a guard must refuse, what it may not keep of it, and what an engine does whose guard fails it. */

import { expect, test } from 'vitest'
import { Decimal } from '../base/decimal.ts'
import { campaignSchema } from '../config/schema.ts'
import { CircuitBreaker } from '../risk/circuit-breaker.ts'
import type { RiskSettings } from '../risk/limits.ts'
import { RiskGuard, type EntryRequest } from '../risk/risk-guard.ts'
import { drillGuard, type GuardDrillOptions } from './guard-drill.ts'

const nowMs = Date.UTC(2026, 0, 5)
const symbol = 'KRW-BTC'
const { risk, freshness } = campaignSchema.parse({ scenario: 'T1', symbols: [symbol], duration_minutes: 1 })
const settings: RiskSettings = {
  ...risk,
  global: { ...risk.global, ...freshness, maxOpenTrades: 1 },
  symbols: { [symbol]: risk.symbolDefaults },
}

function guardOf(changes: Partial<RiskSettings['global']> = {}): RiskGuard {
  const changed = { ...settings, global: { ...settings.global, ...changes } }
  return new RiskGuard(changed, new CircuitBreaker(settings.circuitBreaker))
}

function drill(guard: GuardDrillOptions['guard']) {
  return drillGuard({ guard, symbol, freshness, nowMs })
}

const honest: EntryRequest = {
  tradeId: 'T1',
  symbol,
  direction: 'sell-a',
  notionalKrw: 1_000_000,
  quoteAgeMs: 40,
  unchangedMs: 0,
  venues: [],
  required: [],
  available: () => Decimal.zero,
  nowMs,
}

test('our guard refuses both, each for its own reason', () => {
  expect(drill(guardOf())).toEqual({ refused: ['max-notional', 'stale-quote'], allowed: [], isSessionOver: false })
})

test('a drill leaves no reservation, no change and no cooldown: the last slot is still free', () => {
  const guard = guardOf()
  drill(guard)
  expect(guard.takeChanges()).toEqual(guardOf().takeChanges())
  expect(guard.decide(honest)).toMatchObject({ outcome: 'allow', seen: { openTrades: 0, exposureKrw: 0 } })
})

test('a guard that does not look at quotes is found out', () => {
  expect(drill(guardOf({ maxQuoteAgeMs: Infinity })).allowed).toEqual(['a quote 3001 ms old on KRW-BTC'])
})

test('a guard that is not connected is found out', () => {
  const { seen } = guardOf().decide(honest)
  const allowed = drill({ decide: () => ({ outcome: 'allow', reason: null, seen }) }).allowed
  expect(allowed).toEqual(['9007199254740991 KRW on KRW-BTC', 'a quote 3001 ms old on KRW-BTC'])
})

test('a guard whose day is over says so', () => {
  const guard = guardOf()
  guard.decide(honest)
  guard.closed('T1', Decimal.parse('-500000'), nowMs)
  expect(drill(guard)).toEqual({ refused: ['max-daily-loss', 'session-stopped'], allowed: [], isSessionOver: true })
})
