import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Decimal } from '../base/decimal.ts'
import type { Trade } from '../model/trade.ts'
import { CircuitBreaker } from './circuit-breaker.ts'
import type { RequiredAsset } from './inventory-holds.ts'
import type { RiskSettings } from './limits.ts'
import { type EntryRequest, RiskGuard } from './risk-guard.ts'

const symbolLimits = {
  maxCapitalKrw: 2000,
  maxOpenTrades: 2,
  maxConcurrentOrders: 2,
  maxDailyLossKrw: 100,
  cooldownMs: 1000,
  failureCooldownMs: 5000,
}
const settings: RiskSettings = {
  global: {
    maxNotionalKrw: 1500,
    maxOpenTrades: 3,
    maxExposureKrw: 4000,
    maxDailyLossKrw: 150,
    maxQuoteAgeMs: 3000,
    maxUnchangedMs: 30_000,
  },
  symbols: { 'KRW-BTC': symbolLimits, 'KRW-ETH': symbolLimits, 'KRW-XRP': symbolLimits },
  dailyResetTimeZone: 'Asia/Seoul',
  circuitBreaker: { openAfterFailures: 1, openForMs: 1000 },
}
const startMs = Date.parse('2026-01-05T00:00:00Z')
const seoulMidnightMs = Date.parse('2026-01-05T15:00:00Z')
const walletKrw = 100_000

function required(amount: number): RequiredAsset[] {
  return [
    { venue: 'upbit', asset: 'KRW', amount: Decimal.fromNumber(amount) },
    { venue: 'binance', asset: 'BTC', amount: Decimal.one },
  ]
}

function request(tradeId: string, changes: Partial<EntryRequest> = {}): EntryRequest {
  return {
    tradeId,
    symbol: 'KRW-BTC',
    direction: 'sell-a',
    notionalKrw: 1000,
    quoteAgeMs: 100,
    unchangedMs: 200,
    venues: ['upbit', 'binance'],
    required: required(1000),
    available: () => Decimal.fromNumber(walletKrw),
    nowMs: startMs,
    ...changes,
  }
}

function guardWith(changes: Partial<RiskSettings> = {}): { guard: RiskGuard; breaker: CircuitBreaker } {
  const breaker = new CircuitBreaker(settings.circuitBreaker)
  return { guard: new RiskGuard({ ...settings, ...changes }, breaker), breaker }
}

/** Allows an entry, and has its orders done. */
function enter(guard: RiskGuard, tradeId: string, changes: Partial<EntryRequest> = {}): void {
  expect(guard.decide(request(tradeId, changes)).outcome).toBe('allow')
  guard.settled(tradeId)
}

function krw(amount: number): Decimal {
  return Decimal.fromNumber(amount)
}

describe('blocks', () => {
  const cases: [reason: string, prepare: (guard: RiskGuard, breaker: CircuitBreaker) => void, changes: Partial<EntryRequest>][] = [
    ['max-notional', () => undefined, { notionalKrw: 1500.01 }],
    [
      'max-open-trades',
      (guard) => ['KRW-BTC', 'KRW-ETH', 'KRW-XRP'].forEach((symbol, i) => enter(guard, `T${i}`, { symbol, notionalKrw: 10 })),
      {},
    ],
    [
      'max-exposure',
      (guard) => ['KRW-ETH', 'KRW-XRP'].forEach((symbol, i) => enter(guard, `T${i}`, { symbol, notionalKrw: 1500 })),
      { notionalKrw: 1000.01 },
    ],
    ['symbol-max-open-trades', (guard) => ['T1', 'T2'].forEach((tradeId) => enter(guard, tradeId, { notionalKrw: 10 })), {}],
    ['symbol-max-capital', (guard) => enter(guard, 'T1', { notionalKrw: 1500 }), { notionalKrw: 500.01 }],
    ['symbol-max-concurrent-orders', (guard) => guard.decide(request('T1')), {}],
    [
      'symbol-max-daily-loss',
      (guard) => {
        enter(guard, 'T1')
        guard.closed('T1', krw(-100), startMs)
      },
      { nowMs: startMs + 1000 },
    ],
    [
      'cooldown',
      (guard) => {
        enter(guard, 'T1')
        guard.closed('T1', krw(5), startMs)
      },
      { nowMs: startMs + 999 },
    ],
    [
      'cooldown',
      (guard) => {
        enter(guard, 'T1')
        guard.failed('T1', krw(-5), startMs)
      },
      { nowMs: startMs + 4999 },
    ],
    [
      'cooldown',
      (guard) => {
        for (const [tradeId, afterMs] of Object.entries({ T1: 0, T2: 5000, T3: 15_000 })) {
          enter(guard, tradeId, { nowMs: startMs + afterMs })
          guard.failed(tradeId, krw(-5), startMs + afterMs)
        }
      },
      // Four times as long after the third failure in a row.
      { nowMs: startMs + 15_000 + 4 * 5000 - 1 },
    ],
    [
      'cooldown',
      (guard) => {
        for (const tradeId of ['T1', 'T2']) enter(guard, tradeId)
        guard.failed('T1', krw(0), startMs)
        guard.closed('T2', krw(0), startMs)
      },
      { nowMs: startMs + 4999 },
    ],
    ['stale-quote', () => undefined, { quoteAgeMs: 3001 }],
    ['stale-quote', () => undefined, { unchangedMs: 30_001 }],
    ['insufficient-inventory', () => undefined, { required: required(100_000.01) }],
    [
      'insufficient-inventory',
      (guard) => guard.decide(request('T1', { symbol: 'KRW-ETH', required: required(60_000) })),
      { required: required(40_000.01) },
    ],
    ['venue-circuit-open', (_guard, breaker) => breaker.recordFailure('binance', startMs), {}],
    ['session-stopped', (guard) => guard.stopSession('drill'), {}],
  ]

  test.each(cases)('%s', (reason, prepare, changes) => {
    const { guard, breaker } = guardWith()
    prepare(guard, breaker)
    expect(guard.decide(request('T9', changes))).toMatchObject({ outcome: 'block', reason })
  })

  test('cooldown, where a venue has rejected entries for half an hour and failures have none of their own', () => {
    const { guard } = guardWith({ symbols: { 'KRW-BTC': { ...symbolLimits, failureCooldownMs: 0 } } })
    for (let i = 0; i < 1800; i++) {
      enter(guard, `F${i}`)
      guard.failed(`F${i}`, krw(0), startMs)
    }
    enter(guard, 'T1')
    guard.closed('T1', krw(0), startMs)
    expect(guard.decide(request('T9', { nowMs: startMs + 999 }))).toMatchObject({ outcome: 'block', reason: 'cooldown' })
    expect(guard.decide(request('T10', { nowMs: startMs + 1000 })).outcome).toBe('allow')
  })

  test('and reserves nothing by it', () => {
    const { guard } = guardWith()
    for (let i = 0; i < 10; i++) guard.decide(request(`T${i}`, { required: required(200_000) }))
    expect(guard.decide(request('T10'))).toMatchObject({ outcome: 'allow', seen: { openTrades: 0, exposureKrw: 0 } })
  })
})

describe('allows', () => {
  const cases: [name: string, prepare: (guard: RiskGuard, breaker: CircuitBreaker) => void, changes: Partial<EntryRequest>][] = [
    [
      'every figure at its limit',
      () => undefined,
      { notionalKrw: 1500, quoteAgeMs: 3000, unchangedMs: 30_000, required: required(100_000) },
    ],
    [
      'the last of the exposure',
      (guard) => ['KRW-ETH', 'KRW-XRP'].forEach((symbol, i) => enter(guard, `T${i}`, { symbol, notionalKrw: 1500 })),
      {},
    ],
    ['the last of the symbol’s capital and trades', (guard) => enter(guard, 'T1'), {}],
    [
      'the end of a cooldown',
      (guard) => {
        enter(guard, 'T1')
        guard.closed('T1', krw(-99.9), startMs)
      },
      { nowMs: startMs + 1000 },
    ],
    [
      'another symbol while one cools down',
      (guard) => {
        enter(guard, 'T1')
        guard.failed('T1', krw(0), startMs)
      },
      { symbol: 'KRW-ETH' },
    ],
    ['a half-open circuit, as its trial', (_guard, breaker) => breaker.recordFailure('upbit', startMs - 1000), {}],
  ]

  test.each(cases)('%s', (_name, prepare, changes) => {
    const { guard, breaker } = guardWith()
    prepare(guard, breaker)
    expect(guard.decide(request('T9', changes))).toMatchObject({ outcome: 'allow', reason: null })
  })
})

test('two symbols in one loop cannot both take the last slot', () => {
  const { guard } = guardWith({ global: { ...settings.global, maxOpenTrades: 1 } })
  expect(guard.decide(request('T1')).outcome).toBe('allow')
  expect(guard.decide(request('T2', { symbol: 'KRW-ETH' }))).toMatchObject({ outcome: 'block', reason: 'max-open-trades' })
})

test('says what it saw, its own reservation not yet counted', () => {
  const { guard } = guardWith()
  enter(guard, 'T1', { symbol: 'KRW-ETH', notionalKrw: 700 })
  enter(guard, 'T2')
  guard.closed('T2', krw(-40.5), startMs)
  enter(guard, 'T3', { nowMs: startMs + 1000 })
  expect(guard.decide(request('T4', { nowMs: startMs + 1000, notionalKrw: 900 })).seen).toEqual({
    notionalKrw: 900,
    openTrades: 2,
    symbolOpenTrades: 1,
    exposureKrw: 1700,
    symbolCapitalKrw: 1000,
    dailyLossKrw: 40.5,
    symbolDailyLossKrw: 40.5,
    quoteAgeMs: 100,
  })
})

describe('the daily loss', () => {
  function lose(guard: RiskGuard, nowMs: number): void {
    for (const [i, symbol] of ['KRW-BTC', 'KRW-ETH'].entries()) {
      enter(guard, `L${nowMs}-${i}`, { symbol, nowMs })
      guard.closed(`L${nowMs}-${i}`, krw(-75), nowMs)
    }
  }

  test('stops the session once, and then blocks', () => {
    const { guard } = guardWith()
    lose(guard, startMs)
    const next = request('T9', { symbol: 'KRW-XRP' })
    expect(guard.decide(next)).toMatchObject({ outcome: 'stop-session', reason: 'max-daily-loss', seen: { dailyLossKrw: 150 } })
    expect(guard.decide(next)).toMatchObject({ outcome: 'block', reason: 'session-stopped' })
    expect(guard.stoppedBecause).toBe('max-daily-loss')
  })

  test('is net of profit', () => {
    const { guard } = guardWith()
    enter(guard, 'T1', { symbol: 'KRW-XRP' })
    guard.closed('T1', krw(0.01), startMs)
    lose(guard, startMs)
    const decision = guard.decide(request('T9', { symbol: 'KRW-XRP', nowMs: startMs + 1000 }))
    expect(decision).toMatchObject({ outcome: 'allow', seen: { dailyLossKrw: 149.99 } })
  })

  test.each([
    ['a millisecond before local midnight', seoulMidnightMs - 1, 'stop-session'],
    ['at local midnight', seoulMidnightMs, 'allow'],
    ['days later', seoulMidnightMs + 5 * 86_400_000, 'allow'],
  ])('%s', (_name, nowMs, outcome) => {
    const { guard } = guardWith()
    lose(guard, startMs)
    expect(guard.decide(request('T9', { nowMs })).outcome).toBe(outcome)
  })

  test('counts again after midnight, and resets each midnight once', () => {
    const { guard } = guardWith()
    lose(guard, startMs)
    lose(guard, seoulMidnightMs)
    expect(guard.decide(request('T8', { nowMs: seoulMidnightMs + 86_399_999 })).outcome).toBe('stop-session')
  })

  test('of a trade that closes right after midnight is the new day’s', () => {
    const { guard } = guardWith()
    enter(guard, 'T0')
    guard.closed('T0', krw(-90), startMs)
    enter(guard, 'T1', { symbol: 'KRW-XRP', nowMs: seoulMidnightMs - 1 })
    guard.closed('T1', krw(-20), seoulMidnightMs)
    expect(guard.decide(request('T2', { nowMs: seoulMidnightMs + 2000 })).seen).toMatchObject({ dailyLossKrw: 20, symbolDailyLossKrw: 0 })
  })
})

describe('the kill switch', () => {
  test('blocks entries and lets exits spend', () => {
    const { guard } = guardWith()
    enter(guard, 'T1')
    guard.stopSession('drill')
    guard.stopSession('again')
    expect(guard.stoppedBecause).toBe('drill')
    expect(guard.decide(request('T2', { symbol: 'KRW-ETH' }))).toMatchObject({ outcome: 'block', reason: 'session-stopped' })
    expect(guard.holdOrders('T1', required(100_000), () => krw(walletKrw))).toBe(true)
  })
})

describe('orders of an exit', () => {
  test('are refused what an entry under way counts on, and get it once that is done', () => {
    const { guard } = guardWith()
    enter(guard, 'T1')
    guard.decide(request('T2', { symbol: 'KRW-ETH', required: required(60_000) }))
    expect(guard.holdOrders('T1', required(40_001), () => krw(walletKrw))).toBe(false)
    guard.settled('T2')
    expect(guard.holdOrders('T1', required(40_001), () => krw(walletKrw))).toBe(true)
  })

  test('count as orders under way of their symbol', () => {
    const { guard } = guardWith()
    enter(guard, 'T1')
    guard.holdOrders('T1', required(1), () => krw(walletKrw))
    expect(guard.decide(request('T2'))).toMatchObject({ reason: 'symbol-max-concurrent-orders' })
    guard.settled('T1')
    expect(guard.decide(request('T2')).outcome).toBe('allow')
  })
})

describe('our own bugs are refused', () => {
  const wrong: [string, (guard: RiskGuard) => unknown, string][] = [
    ['a trade id reserved twice', (guard) => guard.decide(request('T1')), 'T1 is reserved already'],
    ['a trade closed that was never allowed', (guard) => guard.closed('T2', Decimal.zero, startMs), 'T2 has no reservation'],
    ['a trade closed twice', (guard) => [1, 2].map(() => guard.closed('T1', Decimal.zero, startMs)), 'T1 has no reservation'],
    ['a symbol without limits', (guard) => guard.decide(request('T2', { symbol: 'KRW-DOGE' })), 'no limits for the symbol KRW-DOGE'],
    ['an age that is no number', (guard) => guard.decide(request('T2', { quoteAgeMs: Number.NaN })), 'unusable figures of T2'],
    ['a notional of nothing', (guard) => guard.decide(request('T2', { notionalKrw: 0 })), 'unusable figures of T2'],
  ]
  test.each(wrong)('%s', (_name, act, message) => {
    const { guard } = guardWith()
    enter(guard, 'T1')
    expect(() => act(guard)).toThrow(message)
  })
})

function stored(guard: RiskGuard, into = new Map<string, string>()): Map<string, string> {
  const { set, remove } = guard.takeChanges()
  for (const key of remove) into.delete(key)
  for (const [key, value] of Object.entries(set)) into.set(key, value)
  return into
}

function openTrade(tradeId: string, symbol: string, notionalKrw: number): Trade {
  return {
    tradeId,
    symbol,
    direction: 'sell-a',
    phase: 'open',
    openedAtMs: startMs,
    quantity: '1',
    excess: { a: '0', b: '0' },
    notionalKrw: String(notionalKrw),
    entryNetEdgeBps: 30,
    entryFxKrwPerUsdt: 1400,
    cash: { entryKrw: '0', entryUsdt: '0', exitValueKrw: '0', feesKrw: '0' },
  }
}

describe('a restart', () => {
  test('keeps losses, cooldowns and the reservations of open trades', () => {
    const { guard } = guardWith()
    enter(guard, 'T1')
    guard.closed('T1', krw(-60), startMs)
    enter(guard, 'T2', { symbol: 'KRW-ETH', notionalKrw: 700 })
    const { guard: next } = guardWith()
    next.restore(stored(guard), [openTrade('T2', 'KRW-ETH', 700)])
    expect(next.decide(request('T3', { nowMs: startMs + 999 }))).toEqual(guard.decide(request('T3', { nowMs: startMs + 999 })))
    expect(next.decide(request('T3', { nowMs: startMs + 1000 }))).toEqual(guard.decide(request('T3', { nowMs: startMs + 1000 })))
    next.closed('T2', krw(1), startMs)
  })

  test('over midnight resets the counters', () => {
    const { guard } = guardWith()
    enter(guard, 'T1')
    guard.closed('T1', krw(-100), startMs)
    const store = stored(guard)
    const { guard: next } = guardWith()
    next.restore(store, [])
    expect(next.decide(request('T2', { nowMs: seoulMidnightMs })).seen).toMatchObject({ dailyLossKrw: 0, symbolDailyLossKrw: 0 })
    expect([...stored(next, store).keys()].sort()).toEqual(['cooldown:KRW-BTC', 'guard'])
  })

  test('with counters that cannot be read is an operating error', () => {
    const { guard } = guardWith()
    expect(() => guard.restore(new Map([['guard', '{']]), [])).toThrow(expect.objectContaining({ code: 'STORE_CORRUPT' }))
  })
})

/** One random step; trades are picked by number among those that are open. */
type Step =
  | { kind: 'decide'; symbol: string; notionalKrw: number; spend: number }
  | { kind: 'exit'; pick: number; spend: number }
  | { kind: 'settled'; pick: number }
  | { kind: 'closed' | 'failed'; pick: number; realised: number }
  | { kind: 'wait'; ms: number }
  | { kind: 'restart' }

const spends = fc.integer({ min: 1, max: 60_000 })
const picks = fc.nat()
const symbols = fc.constantFrom(...Object.keys(settings.symbols))
const notionals = fc.integer({ min: 1, max: 1700 })
const profits = fc.integer({ min: -60, max: 40 })
const steps = fc.oneof<fc.MaybeWeightedArbitrary<Step>[]>(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('decide'), symbol: symbols, notionalKrw: notionals, spend: spends }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('exit'), pick: picks, spend: spends }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('settled'), pick: picks }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('closed', 'failed'), pick: picks, realised: profits }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('wait'), ms: fc.nat({ max: 3000 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('wait'), ms: fc.nat({ max: 90_000_000 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart') }) },
)

/** The limits once more, from the whole history instead of from counters; takes each step beside a real guard and compares. */
class Desk {
  #guard = guardWith().guard
  readonly #store = new Map<string, string>()
  readonly #trades = new Map<string, { symbol: string; notionalKrw: number; held: number }>()
  readonly #closes: { symbol: string; atMs: number; realised: number; cooldownMs: number }[] = []
  /** How each trade ended since the last restart, in order. */
  #ends: { symbol: string; kind: 'closed' | 'failed' }[] = []
  #nowMs = startMs
  #isStopped = false
  #tradeNumber = 0

  take(step: Step): void {
    if (step.kind === 'wait') this.#nowMs += step.ms
    else if (step.kind === 'restart') this.#restart()
    else if (step.kind === 'decide') this.#decide(step.symbol, step.notionalKrw, step.spend)
    else {
      const tradeId = [...this.#trades.keys()][step.pick % Math.max(this.#trades.size, 1)]
      if (tradeId === undefined) return
      if (step.kind === 'exit') this.#exit(tradeId, step.spend)
      else if (step.kind === 'settled') this.#settle(tradeId)
      else this.#end(tradeId, step.kind, step.realised)
    }
  }

  #decide(symbol: string, notionalKrw: number, spend: number): void {
    const tradeId = `T${++this.#tradeNumber}`
    const open = [...this.#trades.values()]
    const isAllowed = this.#isAllowed(symbol, notionalKrw, spend)
    const isLossReached = this.#lossOf() >= settings.global.maxDailyLossKrw
    const expected = isAllowed ? 'allow' : isLossReached && !this.#isStopped ? 'stop-session' : 'block'
    const decision = this.#guard.decide(request(tradeId, { symbol, notionalKrw, required: required(spend), nowMs: this.#nowMs }))
    expect(decision).toMatchObject({
      outcome: expected,
      seen: {
        openTrades: open.length,
        exposureKrw: open.reduce((sum, trade) => sum + trade.notionalKrw, 0),
        dailyLossKrw: this.#lossOf(),
        symbolDailyLossKrw: this.#lossOf(symbol),
      },
    })
    if (isAllowed) this.#trades.set(tradeId, { symbol, notionalKrw, held: spend })
    if (expected === 'stop-session') this.#isStopped = true
  }

  #isAllowed(symbol: string, notionalKrw: number, spend: number): boolean {
    const open = [...this.#trades.values()]
    const own = open.filter((trade) => trade.symbol === symbol)
    const { global } = settings
    return (
      !this.#isStopped &&
      this.#lossOf() < global.maxDailyLossKrw &&
      notionalKrw <= global.maxNotionalKrw &&
      open.length + 1 <= global.maxOpenTrades &&
      open.reduce((sum, trade) => sum + trade.notionalKrw, notionalKrw) <= global.maxExposureKrw &&
      own.length + 1 <= symbolLimits.maxOpenTrades &&
      own.reduce((sum, trade) => sum + trade.notionalKrw, notionalKrw) <= symbolLimits.maxCapitalKrw &&
      this.#lossOf(symbol) < symbolLimits.maxDailyLossKrw &&
      own.every((trade) => trade.held === 0) &&
      this.#closes.every((close) => close.symbol !== symbol || close.atMs + close.cooldownMs <= this.#nowMs) &&
      this.#held() + spend <= walletKrw
    )
  }

  #exit(tradeId: string, spend: number): void {
    const trade = this.#trades.get(tradeId)!
    if (trade.held > 0) return
    const isCovered = this.#held() + spend <= walletKrw
    expect(this.#guard.holdOrders(tradeId, required(spend), () => krw(walletKrw))).toBe(isCovered)
    if (isCovered) trade.held = spend
  }

  #settle(tradeId: string): void {
    this.#guard.settled(tradeId)
    this.#trades.get(tradeId)!.held = 0
  }

  #end(tradeId: string, kind: 'closed' | 'failed', realised: number): void {
    const { symbol } = this.#trades.get(tradeId)!
    const ownEnds = this.#ends.filter((end) => end.symbol === symbol)
    const failuresBefore = ownEnds.length - 1 - ownEnds.findLastIndex((end) => end.kind === 'closed')
    const failureCooldownMs = Math.min(symbolLimits.failureCooldownMs * 2 ** failuresBefore, 120_000)
    const cooldownMs = kind === 'closed' ? symbolLimits.cooldownMs : failureCooldownMs
    this.#ends.push({ symbol, kind })
    this.#guard[kind](tradeId, krw(realised), this.#nowMs)
    this.#trades.delete(tradeId)
    this.#closes.push({ symbol, atMs: this.#nowMs, realised, cooldownMs })
  }

  /** The killed engine's orders are gone; its trades and what it stored are not. */
  #restart(): void {
    stored(this.#guard, this.#store)
    this.#guard = guardWith().guard
    this.#guard.restore(
      this.#store,
      [...this.#trades].map(([tradeId, trade]) => openTrade(tradeId, trade.symbol, trade.notionalKrw)),
    )
    for (const trade of this.#trades.values()) trade.held = 0
    this.#isStopped = false
    this.#ends = []
  }

  #held(): number {
    return [...this.#trades.values()].reduce((sum, trade) => sum + trade.held, 0)
  }

  #lossOf(symbol?: string): number {
    const today = this.#closes.filter((close) => seoulDay(close.atMs) === seoulDay(this.#nowMs))
    return Math.max(0, -today.reduce((sum, close) => sum + (close.symbol === (symbol ?? close.symbol) ? close.realised : 0), 0))
  }
}

function seoulDay(atMs: number): number {
  return Math.floor((atMs + 9 * 3_600_000) / 86_400_000)
}

test('in any order of decisions, exits, closes, midnights and restarts, no limit is ever passed', () => {
  fc.assert(
    fc.property(fc.array(steps, { maxLength: 80, size: 'max' }), (all) => {
      const desk = new Desk()
      for (const step of all) desk.take(step)
    }),
    { numRuns: 300 },
  )
})
