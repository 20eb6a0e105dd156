import fc from 'fast-check'
import { expect, test } from 'vitest'
import { exactLevel, levelsFor, type OrderBook, walkBook } from './order-book.ts'

const asks = [
  { price: 100, size: 2 },
  { price: 101, size: 3 },
  { price: 103, size: 5 },
]

test.each([
  ['inside the first level', 1, { quantity: 1, notional: 100, worstPrice: 100 }],
  ['exactly one level', 2, { quantity: 2, notional: 200, worstPrice: 100 }],
  ['into the second', 3, { quantity: 3, notional: 301, worstPrice: 101 }],
  ['all that is displayed', 10, { quantity: 10, notional: 1018, worstPrice: 103 }],
  ['more than is displayed', 11, { quantity: 10, notional: 1018, worstPrice: 103 }],
  ['nothing', 0, { quantity: 0, notional: 0, worstPrice: 0 }],
])('walks %s', (_name, quantity, walk) => {
  expect(walkBook(asks, quantity)).toEqual(walk)
})

test('an empty side fills nothing', () => {
  expect(walkBook([], 1)).toEqual({ quantity: 0, notional: 0, worstPrice: 0 })
})

test('never fills more than was asked for or displayed, nor below the best or above the worst price', () => {
  const sizes = fc.double({ min: 1e-8, max: 1e4, noNaN: true })
  const sides = fc.array(sizes, { minLength: 1, maxLength: 30 }).map((all) => all.map((size, i) => ({ price: 1000 + i, size })))
  fc.assert(
    fc.property(sides, sizes, (levels, quantity) => {
      const walk = walkBook(levels, quantity)
      const displayed = levels.reduce((sum, level) => sum + level.size, 0)
      const rounding = 1 + 1e-9
      if (quantity * rounding < displayed) expect(walk.quantity).toBe(quantity)
      if (quantity > displayed * rounding) expect(walk.quantity).toBe(displayed)
      expect(walk.quantity).toBeLessThanOrEqual(quantity * rounding)
      expect(walk.notional).toBeGreaterThanOrEqual((walk.quantity * 1000) / rounding)
      expect(walk.notional).toBeLessThanOrEqual(walk.quantity * walk.worstPrice * rounding)
    }),
  )
})

test('a buy takes the asks, a sell the bids', () => {
  const bids = [{ price: 99, size: 1 }]
  const book: OrderBook = { bids, asks, exchangeTimeMs: null, changedAtMs: 0, receivedAtMs: 0 }
  expect(levelsFor(book, 'buy')).toBe(asks)
  expect(levelsFor(book, 'sell')).toBe(bids)
})

test('exact levels have the digits that came off the wire', () => {
  const { price, size } = exactLevel(JSON.parse('{"price":1.16539E8,"size":0.00077720}') as { price: number; size: number })
  expect([price.toString(), size.toString()]).toEqual(['116539000', '0.0007772'])
})
