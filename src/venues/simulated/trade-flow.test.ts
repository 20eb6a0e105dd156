import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Decimal } from '../../base/decimal.ts'
import { SeededPrng } from '../../base/prng.ts'
import { type Instrument, instrumentOf, type Venue } from '../../model/instrument.ts'
import type { PublicTrade } from './public-trades.ts'
import { ScriptedMarket } from '../../market/scripted-market.ts'
import { TradeFlow } from './trade-flow.ts'

const startMs = Date.UTC(2026, 0, 5)

function instrument(venue: Venue, code: string, base: string, lotSize: string): Instrument {
  const exact = { tickBands: [{ fromPrice: '0', tickSize: '0.01' }], minNotional: '5', takerFee: '0.001' }
  return instrumentOf({ venue, code, base, quote: 'USDT', feeAsset: 'received', lotSize, ...exact })
}

const btc = instrument('binance', 'BTCUSDT', 'BTC', '0.00001')
const sol = instrument('binance', 'SOLUSDT', 'SOL', '0.001')
const upbitSol = instrument('upbit', 'USDT-SOL', 'SOL', '0.00000001')

/** A market of these instruments whose books change at every step, and the trades in it. */
function tradedMarket(instruments: readonly Instrument[], seed = 1) {
  const market = new ScriptedMarket()
  const flow = new TradeFlow({ market, prng: new SeededPrng(seed), instruments })
  let nowMs = startMs
  const walk = (stepCount: number, levels = [100, 7], isMoving = true) => {
    for (let count = 0; count < stepCount; count++) {
      nowMs += 100
      const [price = 0, size = 0] = levels
      const book = { bids: [price - 0.01, size], asks: [price, size / 2], changedAtMs: isMoving ? nowMs : startMs, updateId: count }
      for (const { venue, code } of instruments) market.set(venue, code, book)
      flow.advance(nowMs)
    }
  }
  return { market, flow, walk, nowMs: () => nowMs }
}

function all(flow: TradeFlow, { venue, code }: Instrument): readonly PublicTrade[] {
  return flow.after(venue, code, 0)
}

describe('the flow of trades', () => {
  test('is the same from the same seed, whatever else is traded and whoever asked meanwhile', () => {
    const [one, other] = [tradedMarket([btc, sol]), tradedMarket([upbitSol, sol])]
    one.walk(500)
    for (let count = 0; count < 500; count++) {
      other.walk(1)
      other.flow.stats('binance', 'SOLUSDT')
      other.flow.recent('binance', 'SOLUSDT', 3)
    }
    expect(all(one.flow, sol).length).toBeGreaterThan(10)
    expect(all(other.flow, sol)).toEqual(all(one.flow, sol))
  })

  test('differs from seed to seed and from instrument to instrument', () => {
    const [one, other] = [tradedMarket([btc, sol, upbitSol], 1), tradedMarket([btc], 2)]
    one.walk(500)
    other.walk(500)
    const timesOf = (trades: readonly PublicTrade[]) => trades.map(({ atMs }) => atMs)
    expect(timesOf(all(one.flow, btc))).not.toEqual(timesOf(all(other.flow, btc)))
    expect(timesOf(all(one.flow, sol))).not.toEqual(timesOf(all(one.flow, upbitSol)))
  })

  test('has about four trades a second of a major and 0.6 of another, half of them by buyers', () => {
    const { flow, walk } = tradedMarket([btc, sol])
    walk(10_000)
    const perSecond = ({ venue, code }: Instrument) => flow.stats(venue, code)!.lastId / 1000
    expect(perSecond(btc)).toBeGreaterThan(3.7)
    expect(perSecond(btc)).toBeLessThan(4.3)
    expect(perSecond(sol)).toBeGreaterThan(0.5)
    expect(perSecond(sol)).toBeLessThan(0.7)
    const buyerCount = all(flow, btc).filter(({ takerSide }) => takerSide === 'buy').length
    expect(buyerCount).toBeGreaterThan(400)
    expect(buyerCount).toBeLessThan(600)
  })

  test('trades whole lots at the price that was hit, never more than is displayed there', () => {
    const prices = fc.integer({ min: 2, max: 1e8 }).map((cents) => cents / 100)
    const sizes = fc.integer({ min: 2, max: 1e9 }).map((units) => units / 1e5)
    fc.assert(
      fc.property(prices, sizes, fc.integer(), fc.constantFrom('0.00000001', '0.00001', '0.1', '1'), (price, size, seed, lot) => {
        const traded = instrument('binance', 'BTCUSDT', 'BTC', lot)
        const { flow, walk, market } = tradedMarket([traded], seed)
        walk(20, [price, size])
        const { bids, asks } = market.book('binance', 'BTCUSDT', 1)!
        for (const trade of all(flow, traded)) {
          const [hitPrice, displayedSize] = trade.takerSide === 'buy' ? asks : bids
          expect(trade.price).toBe(hitPrice)
          expect(trade.size).toBeGreaterThan(0)
          expect(trade.size).toBeLessThanOrEqual(displayedSize!)
          const exact = Decimal.fromNumber(trade.size)
          expect(exact.roundToMultiple(traded.lotSize, 'down').toString()).toBe(exact.toString())
        }
      }),
      { numRuns: 100 },
    )
  })

  test('stops while the book stands still, and where it is gone', () => {
    const { flow, walk, market, nowMs } = tradedMarket([btc])
    walk(50)
    const before = all(flow, btc).length
    expect(before).toBeGreaterThan(0)
    walk(50, [100, 7], false)
    market.delist('binance', 'BTCUSDT')
    for (let step = 1; step <= 50; step++) flow.advance(nowMs() + 100 * step)
    expect(all(flow, btc)).toHaveLength(before)
  })

  test('does nothing at the same instant again, and does not go back', () => {
    const { flow, walk, nowMs } = tradedMarket([btc])
    while (all(flow, btc).at(-1)?.atMs !== nowMs()) walk(1)
    const before = all(flow, btc)
    flow.advance(nowMs())
    expect(all(flow, btc)).toEqual(before)
    expect(() => flow.advance(nowMs() - 100)).toThrow('cannot go back')
  })

  test('takes the trades of clients in, numbered with the others', () => {
    const { flow, walk, nowMs } = tradedMarket([btc])
    walk(50)
    const { lastId } = flow.stats('binance', 'BTCUSDT')!
    const own = { price: 105, size: 0.5, takerSide: 'sell', atMs: nowMs() } as const
    expect(flow.record('binance', 'BTCUSDT', own)).toBe(lastId + 1)
    expect(flow.recent('binance', 'BTCUSDT', 1)).toEqual([{ id: lastId + 1, ...own }])
    expect(flow.stats('binance', 'BTCUSDT')).toMatchObject({ lastId: lastId + 1, lastPrice: 105, highPrice: 105, lastTakerSide: 'sell' })
    expect(() => flow.record('upbit', 'BTCUSDT', own)).toThrow('not traded here')
  })

  test('remembers the last thousand trades of an instrument, without a gap', () => {
    const { flow } = tradedMarket([btc])
    const trades = Array.from(
      { length: 2500 },
      (_, index) => ({ price: 1 + index, size: 1, takerSide: 'buy', atMs: startMs + index }) as const,
    )
    for (const trade of trades) flow.record('binance', 'BTCUSDT', trade)
    const idsOf = (found: readonly PublicTrade[]) => [found[0]?.id, found.at(-1)?.id, found.length]
    expect(idsOf(flow.after('binance', 'BTCUSDT', 0))).toEqual([1501, 2500, 1000])
    expect(idsOf(flow.after('binance', 'BTCUSDT', 2497))).toEqual([2498, 2500, 3])
    expect(flow.after('binance', 'BTCUSDT', 2500)).toEqual([])
    expect(idsOf(flow.recent('binance', 'BTCUSDT', 2))).toEqual([2499, 2500, 2])
    expect(idsOf(flow.recent('binance', 'BTCUSDT', 5000))).toEqual([1501, 2500, 1000])
    expect(flow.recent('binance', 'BTCUSDT', 0)).toEqual([])
    for (const { id, ...trade } of flow.after('binance', 'BTCUSDT', 0)) expect(trade).toEqual(trades[id - 1])
  })

  test('knows nothing of what is not traded, nor before the first trade', () => {
    const { flow } = tradedMarket([btc])
    expect(flow.recent('upbit', 'KRW-BTC', 10)).toEqual([])
    expect(flow.after('upbit', 'KRW-BTC', 0)).toEqual([])
    expect(flow.stats('upbit', 'KRW-BTC')).toBeNull()
    expect(flow.stats('binance', 'BTCUSDT')).toBeNull()
  })
})
