import { describe, expect, test } from 'vitest'
import { SeededPrng } from '../base/prng.ts'
import { madeInstruments } from './made-instruments.ts'
import { SimulatedMarket, type SimulatedMarketSettings } from './simulated-market.ts'

const startMs = Date.parse('2026-01-05T00:00:00Z')
const hourMs = 3_600_000
const instruments = madeInstruments('BTC', 'ETH')
const settings: SimulatedMarketSettings = {
  startPricesUsdt: { BTC: 92_000, ETH: 3_150 },
  krwPerUsdt: 1_460,
  volatilityBps: 1,
  dislocations: {
    krw: { minIntervalMs: 78_000, maxIntervalMs: 122_000, minAmplitudeBps: 66, maxAmplitudeBps: 96 },
    usdt: { minIntervalMs: 100_000, maxIntervalMs: 145_000, minAmplitudeBps: 100, maxAmplitudeBps: 135 },
  },
  quietHoursUtc: [{ from: '00:30', to: '01:30' }],
  halts: { minIntervalMs: 3 * hourMs, maxIntervalMs: 5 * hourMs, minDurationMs: 30_000, maxDurationMs: 80_000 },
}

function marketOf(seed: number, changes: Partial<SimulatedMarketSettings> = {}, listed = instruments): SimulatedMarket {
  return new SimulatedMarket({ ...settings, ...changes }, new SeededPrng(seed), startMs, listed)
}

function allBooks(market: SimulatedMarket): unknown[] {
  return instruments.map(({ venue, code }) => market.book(venue, code, 5))
}

function mid(market: SimulatedMarket, venue: 'upbit' | 'binance', code: string): number {
  const book = market.book(venue, code, 1)!
  return (book.bids[0]! + book.asks[0]!) / 2
}

/** How far Upbit's KRW-BTC is from Binance's BTCUSDT. */
function distanceBps(market: SimulatedMarket): number {
  return 1e4 * Math.log(mid(market, 'upbit', 'KRW-BTC') / (mid(market, 'binance', 'BTCUSDT') * mid(market, 'upbit', 'KRW-USDT')))
}

describe('a simulated market', () => {
  test('is the same at an instant however it got there and whoever asked before', () => {
    const walked = marketOf(7)
    for (let atMs = startMs; atMs <= startMs + hourMs; atMs += 1700) {
      walked.advance(atMs)
      if (atMs % 5 === 0) allBooks(walked)
    }
    walked.advance(startMs + hourMs)
    const jumped = marketOf(7)
    jumped.advance(startMs + hourMs)
    expect(allBooks(jumped)).toEqual(allBooks(walked))
  })

  test('differs from seed to seed', () => {
    const books = [1, 2, 1 + 2 ** 32].map((seed) => {
      const market = marketOf(seed)
      market.advance(startMs + 10_000)
      return JSON.stringify(allBooks(market))
    })
    expect(new Set(books).size).toBe(3)
  })

  test('shows an instrument the same whatever else is listed, in whatever order', () => {
    const withoutHalts = { halts: { ...settings.halts, minIntervalMs: 1e9, maxIntervalMs: 1e9 } }
    const [whole, reversed, alone] = [instruments, instruments.toReversed(), madeInstruments('BTC')].map((listed) => {
      const market = marketOf(3, withoutHalts, listed)
      market.advance(startMs + 600_000)
      return market.book('upbit', 'KRW-BTC', 5)
    })
    expect(reversed).toEqual(whole)
    expect(alone).toEqual(whole)
  })

  test('refuses to go back', () => {
    const market = marketOf(1)
    market.advance(startMs + 1000)
    expect(() => market.advance(startMs)).toThrow('cannot go back')
  })

  test('knows no book of an instrument that is not listed, and no outage', () => {
    const market = marketOf(1)
    expect(market.book('upbit', 'KRW-DOGE', 5)).toBeNull()
    expect(market.book('binance', 'KRW-BTC', 5)).toBeNull()
    expect(market.outage()).toBeNull()
  })

  test('never shows a time ahead of now, and an id that grows exactly when the time of change does', () => {
    const market = marketOf(5)
    let lastId = 0
    let lastChangeMs = 0
    for (let step = 1; step < 3000; step++) {
      const nowMs = startMs + step * 100
      market.advance(nowMs)
      const { changedAtMs, updateId } = market.book('upbit', 'KRW-BTC', 1)!
      expect(changedAtMs).toBeLessThanOrEqual(nowMs)
      expect(Math.sign(updateId - lastId)).toBe(Math.sign(changedAtMs - lastChangeMs))
      lastId = updateId
      lastChangeMs = changedAtMs
    }
  })

  test('leaves fair value clearly, on both sides and again and again, and returns', () => {
    const market = marketOf(11)
    const seen: number[] = []
    for (let second = 0; second < 1800; second++) {
      market.advance(startMs + second * 1000)
      seen.push(distanceBps(market))
    }
    expect(Math.max(...seen)).toBeGreaterThan(60)
    expect(Math.min(...seen)).toBeLessThan(-60)
    expect(seen.filter((bps) => Math.abs(bps) < 25).length).toBeGreaterThan(900)
  })

  test('leaves its prices standing in about half of all seconds, as recorded ones do', () => {
    const none = { minIntervalMs: 1e6, maxIntervalMs: 1e6, minAmplitudeBps: 0, maxAmplitudeBps: 0 }
    const market = marketOf(1, { dislocations: { krw: none, usdt: none } })
    for (const [venue, code] of [
      ['upbit', 'KRW-BTC'],
      ['binance', 'BTCUSDT'],
    ] as const) {
      const from = venue === 'upbit' ? 0 : 1800
      const mids = Array.from({ length: 1800 }, (_, second) => {
        market.advance(startMs + (from + second) * 1000)
        return mid(market, venue, code)
      })
      const still = mids.filter((price, second) => price === mids[second - 1]).length / mids.length
      expect(still).toBeGreaterThan(0.4)
      expect(still).toBeLessThan(0.65)
    }
  })

  test.each([1, 2, 3])('keeps fair value in quiet hours (seed %i)', (seed) => {
    const market = marketOf(seed)
    market.advance(startMs + hourMs / 2 - 1)
    for (let second = 0; second < 3600; second++) {
      market.advance(startMs + hourMs / 2 + second * 1000)
      expect(Math.abs(distanceBps(market))).toBeLessThan(40)
    }
  })

  test.each([1, 2, 3, 4])('halts one book at a time for 30 to 80 s, not in the first five minutes, and goes on (seed %i)', (seed) => {
    const market = marketOf(seed, { halts: { ...settings.halts, minIntervalMs: 600_000, maxIntervalMs: 600_000 } })
    const stills: { durationMs: number; sinceMs: number }[] = []
    const last = new Map<string, number>()
    for (let second = 0; second < 3600; second++) {
      market.advance(startMs + second * 1000)
      for (const { venue, code } of instruments) {
        const { changedAtMs } = market.book(venue, code, 1)!
        const before = last.get(code) ?? startMs
        if (changedAtMs - before > 20_000) stills.push({ durationMs: changedAtMs - before, sinceMs: before - startMs })
        last.set(code, changedAtMs)
      }
    }
    expect(stills.length).toBeGreaterThanOrEqual(4)
    for (const { durationMs, sinceMs } of stills) {
      expect(durationMs).toBeGreaterThanOrEqual(30_000)
      expect(durationMs).toBeLessThan(85_000)
      expect(sinceMs).toBeGreaterThan(295_000)
    }
  })

  test('begins its first halt after five minutes however often halts are asked for, and shows the price of the day when it ends', () => {
    const halts = { minIntervalMs: 120_000, maxIntervalMs: 120_000, minDurationMs: 60_000, maxDurationMs: 60_000 }
    const market = marketOf(1, { halts, volatilityBps: 50 })
    const stillFor = (code: string, venue: 'upbit' | 'binance'): number => nowMs - market.book(venue, code, 1)!.changedAtMs
    let nowMs = startMs
    for (; nowMs < startMs + 300_000; nowMs += 1000) {
      market.advance(nowMs)
      for (const { venue, code } of instruments) expect(stillFor(code, venue)).toBeLessThan(15_000)
    }
    market.advance((nowMs += 50_000))
    const halted = instruments.find(({ venue, code }) => stillFor(code, venue) > 45_000)!
    const standing = mid(market, halted.venue, halted.code)
    while (stillFor(halted.code, halted.venue) > 1000) market.advance((nowMs += 100))
    expect(nowMs - startMs).toBe(360_000)
    expect(Math.abs(Math.log(mid(market, halted.venue, halted.code) / standing))).toBeGreaterThan(0.001)
  })

  test('draws a price for an asset that it does not know', () => {
    const market = marketOf(1, {}, madeInstruments('XYZ', 'ABC'))
    market.advance(startMs + 60_000)
    const prices = [mid(market, 'binance', 'XYZUSDT'), mid(market, 'binance', 'ABCUSDT')]
    for (const price of prices) expect(price).toBeGreaterThan(0.9)
    expect(prices[0]).not.toBe(prices[1])
  })

  test('refuses an instrument in a currency that it has no rate for', () => {
    const [odd] = madeInstruments('BTC')
    expect(() => marketOf(1, {}, [{ ...odd!, code: 'BTC-ETH', quote: 'BTC' }])).toThrow('expected KRW or USDT')
  })
})
