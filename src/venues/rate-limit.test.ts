import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type RateCost, RateLedger, type RatePurpose } from './rate-limit.ts'

const upbit = { name: 'orderbook', windowMs: 1000, max: 10 }
const binance = [
  { name: 'REQUEST_WEIGHT', windowMs: 60_000, max: 6000 },
  { name: 'RAW_REQUESTS', windowMs: 300_000, max: 300_000 },
]

/** Takes and settles at once, as often as there is room. */
function countTaken(ledger: RateLedger, purpose: RatePurpose, nowMs: number, cost: RateCost = { orderbook: 1 }): number {
  for (let count = 0; count < 1000; count++) {
    const charge = ledger.take(cost, purpose, nowMs)
    if (charge === null) return count
    ledger.settle(charge, nowMs)
  }
  return Infinity
}

const attempt = fc.record({
  waitMs: fc.oneof(fc.nat({ max: 400 }), fc.nat({ max: 4 })),
  amount: fc.integer({ min: 1, max: 3 }),
  purpose: fc.constantFrom<RatePurpose>('polling', 'order'),
  tripMs: fc.oneof(fc.constant(0), fc.nat({ max: 1500 })),
  /** When within its trip it reaches the venue. */
  arrival: fc.double({ min: 0, max: 1, noNaN: true }),
})

test('no window of the venue holds more than its limit, wherever it begins and however late requests arrive', () => {
  const limits = fc.record({ windowMs: fc.integer({ min: 100, max: 2000 }), max: fc.integer({ min: 4, max: 30 }) })
  const attempts = fc.array(attempt, { maxLength: 120, size: 'max' })
  fc.assert(
    fc.property(limits, attempts, fc.double({ min: -0.005, max: 0.005, noNaN: true }), ({ windowMs, max }, all, drift) => {
      const ledger = new RateLedger([{ name: 'limit', windowMs, max }])
      const underWay: { settle: () => void; atMs: number }[] = []
      const arrivals: { atMs: number; amount: number }[] = []
      let nowMs = 1_790_000_000_000
      for (const { waitMs, amount, purpose, tripMs, arrival } of all) {
        nowMs += waitMs
        for (const { settle } of underWay.filter(({ atMs }) => atMs > nowMs - waitMs && atMs <= nowMs)) settle()
        const charge = ledger.take({ limit: amount }, purpose, nowMs)
        if (charge === null) continue
        arrivals.push({ atMs: nowMs + tripMs * arrival, amount })
        const settledAtMs = nowMs + tripMs
        if (tripMs === 0) ledger.settle(charge, nowMs)
        else underWay.push({ atMs: settledAtMs, settle: () => ledger.settle(charge, settledAtMs) })
      }
      for (const { atMs: fromMs } of arrivals) {
        const toMs = fromMs + windowMs * (1 + drift)
        const inWindow = arrivals.filter(({ atMs }) => atMs >= fromMs && atMs < toMs)
        expect(inWindow.reduce((sum, { amount }) => sum + amount, 0)).toBeLessThanOrEqual(max)
      }
    }),
  )
})

test('what is under way counts until a window after it is settled', () => {
  const ledger = new RateLedger([{ name: 'orderbook', windowMs: 1000, max: 4 }])
  const charge = ledger.take({ orderbook: 3 }, 'order', 0)
  expect(ledger.take({ orderbook: 3 }, 'order', 5000)).toBeNull()
  if (charge !== null) ledger.settle(charge, 5000)
  expect(ledger.take({ orderbook: 3 }, 'order', 6000)).toBeNull()
  expect(ledger.take({ orderbook: 3 }, 'order', 6020)).not.toBeNull()
})

test('polling leaves a fifth of the limit to orders', () => {
  const ledger = new RateLedger([upbit])
  expect(countTaken(ledger, 'polling', 0)).toBe(8)
  expect(countTaken(ledger, 'order', 0)).toBe(2)
})

test('orders take nothing of what polling may use as long as there is room for both', () => {
  const ledger = new RateLedger([upbit])
  for (let i = 0; i < 6; i++) ledger.take({ orderbook: 1 }, 'order', 0)
  expect(countTaken(ledger, 'polling', 0)).toBe(4)
})

describe('polls that stay within the limit are never held back', () => {
  test.for<[string, number, number, number]>([
    ['one request a second to Upbit, as the shipped campaigns send', 1, 1000, 25],
    ['four requests a second to Upbit, whose books then number 1,600', 4, 1000, 100],
    ['a request every 150 ms to Upbit', 1, 150, 100],
  ])('%s', ([, requestCount, intervalMs, tripMs]) => {
    const ledger = new RateLedger([upbit])
    for (let loop = 0; loop < 200; loop++) {
      const leftAtMs = loop * intervalMs
      for (let i = 0; i < requestCount; i++) {
        const charge = ledger.take({ orderbook: 1 }, 'polling', leftAtMs)
        expect(charge).not.toBeNull()
        if (charge !== null) ledger.settle(charge, leftAtMs + tripMs)
      }
      ledger.heed({ limit: 'orderbook', used: requestCount }, leftAtMs + tripMs)
    }
  })
})

describe('what the venue says of use by others', () => {
  test('leaves only what it left', () => {
    const ledger = new RateLedger([upbit])
    ledger.heed({ limit: 'orderbook', used: 7 }, 0)
    expect(countTaken(ledger, 'polling', 10)).toBe(1)
    expect(countTaken(ledger, 'order', 10)).toBe(2)
  })

  test('holds until that window of the venue must be over', () => {
    const ledger = new RateLedger([upbit])
    ledger.heed({ limit: 'orderbook', used: 10 }, 0)
    expect(countTaken(ledger, 'order', 1009)).toBe(0)
    expect(countTaken(ledger, 'order', 1010)).toBe(10)
  })

  test('gives way to what it says next', () => {
    const ledger = new RateLedger([upbit])
    ledger.heed({ limit: 'orderbook', used: 10 }, 0)
    ledger.heed({ limit: 'orderbook', used: 1 }, 5)
    expect(countTaken(ledger, 'order', 10)).toBe(9)
  })

  test('counts only where it is more than our own use', () => {
    const ledger = new RateLedger([upbit])
    expect(countTaken(ledger, 'polling', 0)).toBe(8)
    ledger.heed({ limit: 'orderbook', used: 8 }, 500)
    expect(countTaken(ledger, 'polling', 1020)).toBe(8)
    ledger.heed({ limit: 'orderbook', used: 9 }, 1500)
    expect(countTaken(ledger, 'polling', 2040)).toBe(0)
  })

  test('of a limit that is not kept here changes nothing', () => {
    const ledger = new RateLedger([upbit])
    ledger.heed({ limit: 'candles', used: 10 }, 0)
    expect(countTaken(ledger, 'order', 0)).toBe(10)
  })
})

test('all limits of a venue count, each in its own window', () => {
  const ledger = new RateLedger([...binance, { name: 'TIGHT', windowMs: 1000, max: 10 }])
  expect(countTaken(ledger, 'polling', 0, { REQUEST_WEIGHT: 50, TIGHT: 1 })).toBe(8)
  expect(countTaken(ledger, 'polling', 2000, { REQUEST_WEIGHT: 1100 })).toBe(4)
})

test('the largest share in use is told once', () => {
  const ledger = new RateLedger([upbit])
  countTaken(ledger, 'polling', 0)
  expect([ledger.takeUsedShareMax(), ledger.takeUsedShareMax()]).toEqual([0.8, 0])
  ledger.heed({ limit: 'orderbook', used: 9 }, 5)
  expect(ledger.takeUsedShareMax()).toBe(0.9)
})

test('a request that could never leave is our bug', () => {
  expect(() => new RateLedger([upbit]).take({ orderbook: 9 }, 'polling', 0)).toThrow('could never leave')
})
