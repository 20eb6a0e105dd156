import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { SeededPrng } from '../base/prng.ts'
import { madeInstruments } from './made-instruments.ts'
import { type Bars, loadTape, type TapeData } from './tape.ts'
import { TapeMarket } from './tape-market.ts'

const instruments = madeInstruments('BTC')
const minuteMs = 60_000
const made = loadTape({ format: 'pair-1m', file: 'fixtures/tapes/pair_btc_1m_made.csv.gz' })
const recordings = join(import.meta.dirname, '../../../shared/tapes')

function marketOf(tape: TapeData = made, seed = 1): TapeMarket {
  return new TapeMarket(tape, new SeededPrng(seed), instruments)
}

function mid(market: TapeMarket, venue: 'upbit' | 'binance', code: string): number {
  const book = market.book(venue, code, 1)!
  return (book.bids[0]! + book.asks[0]!) / 2
}

describe('a tape market', () => {
  test('stays inside each candle on both venues, but for half a spread', () => {
    const market = marketOf()
    for (let atMs = made.fromMs; atMs < made.fromMs + 11 * minuteMs; atMs += 1000) {
      market.advance(atMs)
      // A book may show the minute before until it is requoted: some ten seconds at most.
      if (atMs % minuteMs < 15_000) continue
      const minute = Math.floor((atMs - made.fromMs) / minuteMs)
      for (const [bars, price] of [
        [made.binance, mid(market, 'binance', 'BTCUSDT')],
        [made.upbit as Bars, mid(market, 'upbit', 'KRW-BTC')],
      ] as const) {
        expect(price).toBeGreaterThan(bars.low[minute]! * 0.99999)
        expect(price).toBeLessThan(bars.high[minute]! * 1.00001)
      }
    }
  })

  test('is the same at an instant however it got there, and differs from seed to seed', () => {
    const atMs = made.fromMs + 15 * minuteMs + 300
    const [walked, jumped, other] = [marketOf(), marketOf(), marketOf(made, 2)]
    for (let nowMs = made.fromMs; nowMs < atMs; nowMs += 700) walked.advance(nowMs)
    for (const market of [walked, jumped, other]) market.advance(atMs)
    expect(jumped.book('upbit', 'KRW-BTC', 5)).toEqual(walked.book('upbit', 'KRW-BTC', 5))
    expect(other.book('upbit', 'KRW-BTC', 5)).not.toEqual(walked.book('upbit', 'KRW-BTC', 5))
  })

  test('stands still through a candle without range and volume, and goes out through minutes without a row', () => {
    const market = marketOf()
    market.advance(made.fromMs + 12 * minuteMs - 1)
    expect(market.outage('binance')).toBeNull()
    expect(market.book('binance', 'BTCUSDT', 1)!.changedAtMs).toBeLessThan(made.fromMs + 11 * minuteMs)
    market.advance(made.fromMs + 12 * minuteMs)
    expect(market.outage('binance')).toBe('the recording of binance has no minute 2026-01-05T00:12:00.000Z')
    expect(market.outage('upbit')).toBeNull()
    market.advance(made.fromMs + 14 * minuteMs)
    expect(market.outage('binance')).toBeNull()
    expect(mid(market, 'binance', 'BTCUSDT')).toBeCloseTo(made.binance.open[14]!, 0)
  })

  test('ends as an outage of both venues', () => {
    const market = marketOf()
    market.advance(made.toMs - 1)
    expect(market.outage('upbit')).toBeNull()
    market.advance(made.toMs + 5000)
    expect([market.outage('upbit'), market.outage('binance')]).toEqual(Array(2).fill('the tape ended at 2026-01-05T00:20:00.000Z'))
    expect(() => market.advance(made.toMs)).toThrow('cannot go back')
  })

  test('models KRW per USDT from minutes that have passed, never from the present one', () => {
    const { open, high, low, close, volume } = made.upbit as Bars
    const raised = (prices: Float64Array): Float64Array => prices.map((price, minute) => (minute < 5 ? price : price * 1.01))
    const upbit = { open: raised(open), high: raised(high), low: raised(low), close: raised(close), volume }
    const [honest, changed] = [marketOf(), marketOf({ ...made, upbit })]
    for (const market of [honest, changed]) market.advance(made.fromMs + 6 * minuteMs - 100)
    expect(changed.book('upbit', 'KRW-USDT', 5)).toEqual(honest.book('upbit', 'KRW-USDT', 5))
    for (const market of [honest, changed]) market.advance(made.fromMs + 19 * minuteMs)
    const raise = mid(changed, 'upbit', 'KRW-USDT') / mid(honest, 'upbit', 'KRW-USDT') - 1
    expect(raise).toBeGreaterThan(0.001)
    expect(raise).toBeLessThan(0.009)
  })

  test('takes the rate that it is given, and says so', () => {
    const market = marketOf({ ...made, usdKrw: 1234 })
    market.advance(made.fromMs + minuteMs)
    expect(Math.abs(mid(market, 'upbit', 'KRW-USDT') - 1234)).toBeLessThanOrEqual(1)
    expect(market.modelledParts.join()).toContain('KRW-USDT: 1234, as the config sets it')
  })

  test('lists three instruments and no others', () => {
    const market = marketOf()
    expect([market.book('upbit', 'USDT-BTC', 5), market.book('binance', 'KRW-BTC', 5)]).toEqual([null, null])
    expect(() => new TapeMarket(made, new SeededPrng(1), [])).toThrow('the tape needs KRW-BTC of upbit')
  })

  test('shows recorded best prices second by second', () => {
    const bid = Float64Array.from({ length: 60 }, (_, second) => 88_000_000 + 1000 * second)
    const market = marketOf({ ...made, toMs: made.fromMs + minuteMs, upbit: { bid, ask: bid.map((price) => price + 5000) } })
    for (const second of [0, 7, 59]) {
      market.advance(made.fromMs + second * 1000 + 900)
      const book = market.book('upbit', 'KRW-BTC', 1)!
      expect([book.bids[0], book.asks[0]]).toEqual([88_000_000 + 1000 * second, 88_005_000 + 1000 * second])
    }
  })

  test.skipIf(!existsSync(recordings))('finds the recorded Binance outage where it is (skipped without the recordings)', () => {
    const file = join(recordings, 'pair_btc_1m_20210210_20210211_outage.csv.gz')
    const tape = loadTape({ format: 'pair-1m', file, from: '2021-02-11T02:00:00Z' })
    const market = marketOf(tape)
    market.advance(Date.parse('2021-02-11T03:40:59Z'))
    expect(market.outage('binance')).toBeNull()
    expect(new Date(market.book('binance', 'BTCUSDT', 1)!.changedAtMs).toISOString()).toMatch(/^2021-02-11T02:19/)
    market.advance(Date.parse('2021-02-11T03:41:00Z'))
    expect(market.outage('binance')).not.toBeNull()
    market.advance(Date.parse('2021-02-11T05:00:00Z'))
    expect(market.outage('binance')).toBeNull()
  })
})
