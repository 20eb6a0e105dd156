import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Decimal } from '../base/decimal.ts'
import { instrumentOf, tickSizeAt, type Instrument } from '../model/instrument.ts'
import { profileOf } from './book-profile.ts'
import { centBands, krwBands, madeInstruments } from './made-instruments.ts'
import { SimulatedBook } from './simulated-book.ts'

const [, krwBtc, , binanceBtc] = madeInstruments('BTC')

function bookOf(instrument = krwBtc!, seed = 1): SimulatedBook {
  return new SimulatedBook(instrument, profileOf(instrument), seed, 1460)
}

function fullInstrument(isInKrw: boolean): Instrument {
  const exact = { lotSize: '1', minNotional: '1', takerFee: '0', tickBands: [] }
  const facts = { venue: 'upbit', code: 'X', base: 'X', quote: isInKrw ? 'KRW' : 'USDT', feeAsset: 'quote', ...exact } as const
  return { ...instrumentOf(facts), tickBands: isInKrw ? krwBands : centBands }
}

function pairs(levels: Float64Array): { price: number; size: number }[] {
  return Array.from({ length: levels.length / 2 }, (_, level) => ({ price: levels[2 * level]!, size: levels[2 * level + 1]! }))
}

describe('a simulated book', () => {
  test('is believable at the exchange: uncrossed, ordered, on the tick grid of every level, with sizes of eight decimals', () => {
    const boundary = fc.constantFrom(5_000, 10_000, 50_000, 100_000, 500_000, 1_000_000)
    const price = fc.oneof(
      fc.tuple(boundary, fc.double({ min: 0.97, max: 1.02, noNaN: true })).map(([near, factor]) => near * factor),
      fc.double({ min: 0.05, max: 2e8, noNaN: true }),
    )
    const spreadBps = fc.double({ min: 0, max: 60, noNaN: true })
    fc.assert(
      fc.property(price, spreadBps, fc.integer(), fc.boolean(), (fairPrice, spread, seed, isInKrw) => {
        const instrument = fullInstrument(isInKrw)
        const book = bookOf(instrument, seed)
        book.requote(fairPrice, spread, 1)
        const view = book.view(30, 0, 100)
        const bids = pairs(view.bids)
        const asks = pairs(view.asks)
        expect(bids[0]!.price).toBeLessThan(asks[0]!.price)
        for (const [side, direction] of [
          [bids, -1],
          [asks, 1],
        ] as const) {
          side.forEach(({ price: levelPrice, size }, level) => {
            const exact = Decimal.fromNumber(levelPrice)
            expect(exact.roundToMultiple(tickSizeAt(instrument, exact), 'down').toString()).toBe(exact.toString())
            expect(size).toBeGreaterThan(0)
            expect(Decimal.fromNumber(size).round(8, 'down').toNumber()).toBe(size)
            if (level > 0) expect(Math.sign(levelPrice - side[level - 1]!.price)).toBe(direction)
          })
        }
      }),
      { numRuns: 60 },
    )
  })

  test('lies around its fair price, as wide as it was told', () => {
    const book = bookOf()
    book.requote(134_000_000, 6, 1)
    const { bids, asks } = book.view(1, 0, 100)
    expect((bids[0]! + asks[0]!) / 2).toBeCloseTo(134_000_000, -3)
    expect(((asks[0]! - bids[0]!) / 134_000_000) * 1e4).toBeCloseTo(6, 1)
  })

  test('shows the same best levels whatever depth is asked for', () => {
    const book = bookOf()
    book.requote(134_000_000, 2, 1)
    expect(book.view(30, 0, 100).bids.slice(0, 10)).toEqual(book.view(5, 0, 100).bids)
    expect(book.view(5000, 0, 100).bids).toHaveLength(60)
  })

  test('changes the sizes of some levels and leaves others standing while its prices stand', () => {
    const book = bookOf()
    book.requote(134_000_000, 2, 0)
    const before = pairs(book.view(30, 0, 100).asks)
    let step = 1
    while (book.view(1, 0, 100).updateId < 6) book.step(step++)
    const after = pairs(book.view(30, 0, 100).asks)
    expect(after.map(({ price }) => price)).toEqual(before.map(({ price }) => price))
    const changed = after.filter(({ size }, level) => size !== before[level]!.size)
    expect(changed.length).toBeGreaterThan(0)
    expect(changed.length).toBeLessThan(20)
  })

  test('stands still, id and time included, when it is requoted to where it was', () => {
    const book = bookOf()
    book.requote(134_000_000, 2, 1)
    const before = book.view(5, 0, 100)
    book.requote(134_000_000, 2, 9)
    expect(book.view(5, 0, 100)).toEqual(before)
  })

  test('usually holds a million won in its first five levels, and sometimes does not', () => {
    const book = bookOf()
    let thin = 0
    for (let count = 0; count < 4000; count++) {
      book.requote(134_000_000 + 2000 * count, 2, count)
      const worth = pairs(book.view(5, 0, 100).asks).reduce((sum, { price, size }) => sum + price * size, 0)
      if (worth < 1_000_000) thin++
    }
    expect(thin).toBeGreaterThan(4)
    expect(thin).toBeLessThan(200)
  })

  test('shows recorded prices as they are, and sizes in whole lots on Binance', () => {
    const book = bookOf(binanceBtc)
    book.quote(61_837.63, 61_837.64, 1)
    const { bids, asks } = book.view(3, 0, 100)
    expect([bids[0], asks[0]]).toEqual([61_837.63, 61_837.64])
    for (const { size } of pairs(bids)) expect(Decimal.fromNumber(size).round(5, 'down').toNumber()).toBe(size)
  })
})
