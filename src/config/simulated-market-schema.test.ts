import { describe, expect, test } from 'vitest'
import { SeededPrng } from '../base/prng.ts'
import { instrumentOf, type Venue } from '../model/instrument.ts'
import { SimulatedMarket } from '../market/simulated-market.ts'
import { simulatedMarketSchema } from './simulated-market-schema.ts'
import { tapeMarketSchema } from './tape-market-schema.ts'
import { tradingPlan } from './venue-rules.ts'
import { venuesSchema } from './venues-schema.ts'

const startMs = Date.parse('2026-01-05T00:00:00Z')
const { instruments } = tradingPlan(['KRW-BTC', 'KRW-ETH', 'BTCUSDT', 'ETHUSDT'], venuesSchema.parse({}))
/** Leg A on Upbit, leg B on Binance, both taker fees of the entry together. */
const krwRoutes = [
  ['KRW-BTC', 'BTCUSDT', 15],
  ['KRW-ETH', 'ETHUSDT', 15],
] as const
const usdtRoutes = [
  ['USDT-BTC', 'BTCUSDT', 35],
  ['USDT-ETH', 'ETHUSDT', 35],
] as const

function marketOf(seed: number): SimulatedMarket {
  return new SimulatedMarket(simulatedMarketSchema.parse({}), new SeededPrng(seed), startMs, instruments.map(instrumentOf))
}

function best(market: SimulatedMarket, venue: Venue, code: string): { bid: number; ask: number } {
  const book = market.book(venue, code, 1)
  return { bid: book?.bids[0] ?? NaN, ask: book?.asks[0] ?? NaN }
}

/** What the better direction earns at best prices, net of taker fees. */
function netEdgeBps(market: SimulatedMarket, [codeA, codeB, feesBps]: readonly [string, string, number]): number {
  const fx = best(market, 'upbit', 'KRW-USDT')
  const rate = codeA.startsWith('KRW-') ? (fx.bid + fx.ask) / 2 : 1
  const a = best(market, 'upbit', codeA)
  const b = best(market, 'binance', codeB)
  return 1e4 * (Math.max(a.bid / (b.ask * rate), (b.bid * rate) / a.ask) - 1) - feesBps
}

/** Seconds at which an edge of 25 bps, the least that the strategy enters at, appears after ten seconds without. */
function opportunities(market: SimulatedMarket, route: readonly [string, string, number], seconds: number, fromSecond = 0): number[] {
  const starts: number[] = []
  let lastSecond = -Infinity
  for (let second = fromSecond; second < fromSecond + seconds; second++) {
    market.advance(startMs + second * 1000)
    if (netEdgeBps(market, route) < 25) continue
    if (second - lastSecond > 10) starts.push(second)
    lastSecond = second
  }
  return starts
}

describe('the default simulated market', () => {
  test('offers one or two trades a symbol in three minutes, the first within 75 seconds, for every seed', () => {
    for (let seed = 0; seed < 60; seed++) {
      for (const route of krwRoutes) {
        const starts = opportunities(marketOf(seed), route, 180)
        expect([1, 2], `trades on ${route[0]} with seed ${seed}`).toContain(starts.length)
        expect(starts[0], `first trade on ${route[0]} with seed ${seed}`).toBeLessThanOrEqual(75)
      }
    }
  })

  test.each([...krwRoutes, ...usdtRoutes])('never leaves %s without a trade for five minutes outside quiet hours', (...route) => {
    const starts = opportunities(marketOf(62), route, 4 * 3600)
    const gaps = starts.map((second, index) => second - (starts[index - 1] ?? 0))
    expect(Math.max(...gaps)).toBeLessThan(300)
    expect(starts.length).toBeGreaterThan(90)
  })

  test.each([...krwRoutes, ...usdtRoutes])('offers nothing on %s in quiet hours', (...route) => {
    expect(opportunities(marketOf(62), route, 3600, 4 * 3600)).toEqual([])
  })
})

describe('the simulatedMarket section', () => {
  test.each([
    [{ quietHoursUtc: [{ from: '25:00', to: '26:00' }] }, 'expected a time of day'],
    [{ dislocations: { krw: { minAmplitudeBps: 200 } } }, 'minAmplitudeBps is above maxAmplitudeBps'],
    [{ halts: { maxDurationMs: 1 } }, 'minDurationMs is above maxDurationMs'],
    [{ volatility: 1 }, 'volatility'],
  ])('refuses %j', (section, message) => {
    expect(simulatedMarketSchema.safeParse(section).error?.message).toContain(message)
  })
})

describe('the tape section', () => {
  const file = 'tape.csv'
  test.each([
    [{ format: 'pair-1m', file }, true],
    [{ format: 'bbo-1s-with-candles', file, candlesFile: file, from: '2024-04-30T15:00:00Z' }, true],
    [{ format: 'bbo-1s-with-candles', file }, false],
    [{ format: 'pair-1m', file, candlesFile: file }, false],
    [{ format: 'pair-1m', file, from: 'yesterday' }, false],
  ])('%j is accepted: %s', (section, isAccepted) => {
    expect(tapeMarketSchema.safeParse(section).success).toBe(isAccepted)
  })
})
