import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SeededPrng } from '../base/prng.ts'
import { simulatedMarketSchema } from '../config/simulated-market-schema.ts'
import { madeInstruments } from '../market/made-instruments.ts'
import type { MarketBook } from '../market/market.ts'
import { ScriptedMarket } from '../market/scripted-market.ts'
import { SimulatedMarket } from '../market/simulated-market.ts'
import type { Fault, FaultKind } from '../model/fault.ts'
import { FaultBoard } from './fault-board.ts'
import { FaultyMarket } from './faulty-market.ts'

const startMs = 1_767_571_200_000
const instruments = madeInstruments('BTC')
const bitcoin = { venue: 'binance', code: 'BTCUSDT' } as const

/** From the first second to the second one. */
function fault(kind: FaultKind, changes: Partial<Fault> = {}): Fault {
  return { kind, fromMs: 1000, untilMs: 2000, venue: null, code: null, share: 1, strength: 0, ...changes }
}

/** A book that changes whenever the market is looked at another instant: its id is the time since the start. */
function world(...faults: Fault[]) {
  const made = new ScriptedMarket()
  const strikes: number[] = faults.map(() => 0)
  const board = new FaultBoard({
    plan: { runStartMs: startMs, seed: 62, faults },
    onStrike: (index, _fault, count) => (strikes[index] = count),
  })
  const moving = {
    advance: (atMs: number): void => {
      made.advance(atMs)
      const book = { bids: [100, 1, 99, 2], asks: [101, 1, 102, 2], changedAtMs: atMs, updateId: atMs - startMs }
      for (const { venue, code } of instruments) made.set(venue, code, book)
    },
    book: made.book.bind(made),
    outage: made.outage.bind(made),
  }
  const market = new FaultyMarket({ market: moving, board, instruments })
  const at = (sinceStartMs: number, { venue, code }: { venue: 'upbit' | 'binance'; code: string } = bitcoin, depth = 5): MarketBook => {
    market.advance(startMs + sinceStartMs)
    return market.book(venue, code, depth)!
  }
  return { market, at, strikes }
}

const plain = (levels: Float64Array): number[] => [...levels]

test("before and after a fault the books are the market's own", () => {
  for (const kind of ['stale-book', 'crossed-book', 'zero-padded-book'] as const) {
    const { at } = world(fault(kind, { strength: 10 }))
    for (const atMs of [999, 1000, 2000]) {
      const isStruck = atMs === 1000
      const { bids } = at(atMs)
      if (kind !== 'stale-book') expect(plain(bids)[0] === 100).toBe(!isStruck)
    }
    expect(at(2000)).toMatchObject({ updateId: 2000, changedAtMs: startMs + 2000 })
  }
})

test('a stale book stands as it stood when the fault began, ids and times with it, however late it is first looked at', () => {
  const { at, market } = world(fault('stale-book'))
  at(900)
  market.advance(startMs + 1550)
  expect([at(1570).updateId, at(1999).updateId, at(1999).changedAtMs]).toEqual([1000, 1000, startMs + 1000])
  expect(at(2000).updateId).toBe(2000)
})

test('a book that stands still again stands as it does then, though nobody looked while it moved', () => {
  const { at } = world(fault('stale-book'), fault('stale-book', { fromMs: 2500, untilMs: 3000 }))
  expect([at(1900).updateId, at(2600).updateId]).toEqual([1000, 2500])
})

test('a fault of one instrument leaves the others alone', () => {
  const { at } = world(fault('stale-book', { venue: 'binance', code: 'BTCUSDT' }))
  at(1000)
  expect([at(1500).updateId, at(1500, { venue: 'upbit', code: 'KRW-BTC' }).updateId]).toEqual([1000, 1500])
})

test('the best bid of a crossed book lies its strength above the best ask', () => {
  const { at } = world(fault('crossed-book', { strength: 50 }))
  const { bids, asks } = at(1000)
  expect([plain(bids), plain(asks)]).toEqual([
    [101 * 1.005, 1, 99, 2],
    [101, 1, 102, 2],
  ])
})

test('levels of price 0, and of size 0 at a price to fall for, stand before the real ones', () => {
  const { at } = world(fault('zero-padded-book'))
  const { bids, asks } = at(1000, bitcoin, 3)
  expect([plain(bids), plain(asks)]).toEqual([
    [0, 0, 101, 0, 100, 1],
    [0, 0, 99.99, 0, 101, 1],
  ])
})

test('a fault strikes once a step, however often the books are read, and each of several at once', () => {
  const { at, strikes } = world(fault('stale-book', { venue: 'upbit' }), fault('stale-book', { venue: 'binance' }), fault('crossed-book'))
  for (let atMs = 900; atMs < 2200; atMs += 10) {
    at(atMs)
    at(atMs, { venue: 'upbit', code: 'KRW-BTC' })
  }
  expect(strikes).toEqual([10, 10, 10])
})

test('a fault strikes where a book that it changes is read, and nowhere else', () => {
  const { at, strikes } = world(
    fault('stale-book', { venue: 'upbit', code: 'BTCUSDT' }),
    fault('crossed-book', { code: 'DOGEUSDT' }),
    fault('zero-padded-book', { venue: 'upbit' }),
    fault('stale-book', { venue: 'binance' }),
  )
  for (const atMs of [1000, 1040, 1500, 2000]) at(atMs)
  expect(strikes).toEqual([0, 0, 0, 2])
})

test('what is seen depends on the time alone, and no book goes back in time', () => {
  const book = fc.record({
    kind: fc.constantFrom<FaultKind>('stale-book', 'crossed-book', 'zero-padded-book'),
    fromMs: fc.nat(3000),
    lengthMs: fc.integer({ min: 1, max: 3000 }),
    // So often that a book stands still for several steps in a row.
    share: fc.constantFrom(1, 0.9),
    strength: fc.nat(200),
    aim: fc.constantFrom({ venue: null, code: null }, bitcoin, { venue: 'upbit' as const, code: null }),
  })
  const settings = simulatedMarketSchema.parse({})
  const made = (faults: readonly Fault[]): FaultyMarket => {
    const market = new SimulatedMarket(settings, new SeededPrng(62), startMs, instruments)
    const board = new FaultBoard({ plan: { runStartMs: startMs, seed: 62, faults }, onStrike: () => undefined })
    return new FaultyMarket({ market, board, instruments })
  }
  const visits = fc.array(fc.nat(7000), { minLength: 1, maxLength: 20 }).map((times) => times.toSorted((left, right) => left - right))
  fc.assert(
    fc.property(fc.array(book, { maxLength: 4 }), visits, (drawn, times) => {
      const faults = drawn.map(({ lengthMs, aim, ...rest }): Fault => ({ ...rest, ...aim, untilMs: rest.fromMs + lengthMs }))
      const [often, seldom] = [made(faults), made(faults)]
      let lastId = 0
      for (let atMs = 0, i = 0; i < times.length; atMs += 50) {
        often.advance(startMs + atMs)
        while (times[i] !== undefined && times[i]! < atMs + 50) {
          const visitMs = startMs + times[i++]!
          often.advance(visitMs)
          seldom.advance(visitMs)
          const seen = often.book('binance', 'BTCUSDT', 10)!
          expect(seldom.book('binance', 'BTCUSDT', 10)).toEqual(seen)
          expect(seen.updateId).toBeGreaterThanOrEqual(lastId)
          lastId = seen.updateId
        }
      }
    }),
    { numRuns: 60 },
  )
})
