import { describe, expect, test } from 'vitest'
import { campaignSchema } from '../config/schema.ts'
import { oraclePricing, planAttempt, type PlanInput } from './plan.ts'
import { noAdjustments } from './recovery.ts'

const runStartMs = Date.UTC(2026, 0, 5)

function plan(config: object = {}, changes: Partial<PlanInput> = {}) {
  return planAttempt({
    config: campaignSchema.parse({ scenario: 'T1', symbols: ['KRW-BTC', 'BTCUSDT'], duration_minutes: 720, ...config }),
    attempt: 1,
    runStartMs,
    startAtMs: runStartMs,
    endAtMs: runStartMs + 720 * 60_000,
    adjustments: noAdjustments,
    store: { kind: 'embedded', folder: '/state' },
    endpoints: null,
    logsFolder: '/logs',
    ...changes,
  })
}

test('is plain data: what the engine reads from its file is what was planned', () => {
  const planned = plan({ risk: { symbols: { 'KRW-BTC': { maxOpenTrades: 2 } } } })
  expect(JSON.parse(JSON.stringify(planned))).toEqual(planned)
})

test('an adjusted attempt polls slower, trades smaller and leaves symbols alone; its market begins with the run', () => {
  const adjustments = { quarantinedSymbols: ['BTCUSDT'], intervalFactor: 4, sizeFactor: 0.25 }
  const startAtMs = runStartMs + 3_600_000
  const { settings, market } = plan({ strategy: { notionalKrw: 800_000 } }, { attempt: 3, startAtMs, adjustments })
  expect(settings).toMatchObject({
    attempt: 3,
    startAtMs,
    loopIntervalMs: 4000,
    quarantinedSymbols: ['BTCUSDT'],
    strategy: { notionalKrw: 200_000 },
  })
  // A quarantined symbol keeps its route: what is open on it is to be closed.
  expect(settings.routes.map(({ symbol }) => symbol)).toEqual(['KRW-BTC', 'BTCUSDT'])
  expect(market).toMatchObject({ kind: 'simulated', startMs: runStartMs })
})

test.each([
  ['max', null],
  ['60x', 60],
  ['1x', 1],
  ['0.5x', 0.5],
])('pace %s is %s times real time', (pace, times) => {
  expect(plan({ pace }).pace).toBe(times)
})

describe('limits of a symbol', () => {
  test('are the defaults with what the config says of it, and no other symbol’s', () => {
    const { risk } = plan({ risk: { symbolDefaults: { cooldownMs: 77 }, symbols: { 'KRW-BTC': { maxOpenTrades: 2 } } } }).settings
    expect(risk.symbols['KRW-BTC']).toMatchObject({ maxOpenTrades: 2, cooldownMs: 77 })
    expect(risk.symbols['BTCUSDT']).toMatchObject({ maxOpenTrades: 1, cooldownMs: 77 })
  })

  test('keep a default where the config leaves the key empty', () => {
    const { risk } = plan({ risk: { symbols: { 'KRW-BTC': { maxOpenTrades: undefined } } } }).settings
    expect(risk.symbols['KRW-BTC']?.maxOpenTrades).toBe(1)
  })

  test('overall hold the same quote ages as the freshness settings', () => {
    const { risk, freshness } = plan({ freshness: { maxQuoteAgeMs: 1234, maxUnchangedMs: 5678 } }).settings
    expect(risk.global).toMatchObject(freshness)
  })
})

test('full collections come often enough for a trend, and never more than one a minute', () => {
  expect(plan({ duration_minutes: 3 }).settings.metrics.collectIntervalMs).toBe(60_000)
  const { collectIntervalMs } = plan({ duration_minutes: 720 }).settings.metrics
  expect((720 * 60_000) / collectIntervalMs).toBeGreaterThanOrEqual(20)
})

test('a tape is taken where the market is one', () => {
  const tape = { format: 'pair-1m', file: 'fixtures/tapes/x.csv' }
  expect(plan({ market: 'tape', tape }).market).toMatchObject({ kind: 'tape', settings: tape })
  expect(plan({ tape }).market.kind).toBe('simulated')
})

test('the monitor’s oracle prices with the venues’ own fees and the strategy’s own threshold', () => {
  expect(oraclePricing(plan({ strategy: { minEntryNetEdgeBps: 33 } }))).toEqual({
    'KRW-BTC': { takerFeeA: 0.0005, takerFeeB: 0.001, minEntryNetEdgeBps: 33 },
    BTCUSDT: { takerFeeA: 0.001, takerFeeB: 0.0025, minEntryNetEdgeBps: 33 },
  })
})
