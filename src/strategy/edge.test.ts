import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { OrderBook, PriceLevel } from '../model/order-book.ts'
import { directions } from '../model/route.ts'
import { edgeOf, grossEdgeBps, type RouteQuotes } from './edge.ts'

function book(bids: readonly PriceLevel[], asks: readonly PriceLevel[]): OrderBook {
  return { bids, asks, exchangeTimeMs: null, changedAtMs: 0, receivedAtMs: 0 }
}

/** One level a side. */
function flat(bid: number, ask: number, size = 10): OrderBook {
  return book([{ price: bid, size }], [{ price: ask, size }])
}

/** Leg A in KRW at 0.05 %, leg B in USDT at 0.1 %, 2,000 KRW per USDT. */
const krwRoute: RouteQuotes = { a: flat(101_000, 101_500), b: flat(49.9, 50), takerFeeA: 0.0005, takerFeeB: 0.001, fxBToA: 2000 }

describe('a KRW route', () => {
  test('sells on leg A what leg B sells, in KRW', () => {
    // 101,000 for 50 x 2,000 = 100,000.
    expect(grossEdgeBps(krwRoute, 'sell-a')).toBeCloseTo(100, 9)
    // 101,000 x 0.9995 = 100,949.5 received, 100,000 x 1.001 = 100,100 paid.
    expect(edgeOf(krwRoute, 'sell-a', 1)?.netEdgeBps).toBeCloseTo((100_949.5 / 100_100 - 1) * 10_000, 9)
  })

  test('buys on leg A what leg B buys, over the price bought at', () => {
    // 49.9 x 2,000 = 99,800 for 101,500.
    expect(grossEdgeBps(krwRoute, 'buy-a')).toBeCloseTo((99_800 / 101_500 - 1) * 10_000, 9)
    expect(edgeOf(krwRoute, 'buy-a', 1)?.netEdgeBps).toBeCloseTo(((99_800 * 0.999) / (101_500 * 1.0005) - 1) * 10_000, 9)
  })

  test('without its rate would be worth nothing', () => {
    expect(grossEdgeBps({ ...krwRoute, fxBToA: 1 }, 'sell-a')).toBeGreaterThan(1e6)
  })
})

test('a USDT route needs no rate', () => {
  const quotes: RouteQuotes = { a: flat(99_495, 99_500), b: flat(99_990, 100_000), takerFeeA: 0.001, takerFeeB: 0.0025, fxBToA: 1 }
  expect(grossEdgeBps(quotes, 'buy-a')).toBeCloseTo((99_990 / 99_500 - 1) * 10_000, 9)
  expect(edgeOf(quotes, 'buy-a', 2)?.netEdgeBps).toBeCloseTo(((99_990 * 0.9975) / (99_500 * 1.001) - 1) * 10_000, 9)
})

describe('depth', () => {
  const deep: RouteQuotes = {
    ...krwRoute,
    a: book(
      [
        { price: 101_000, size: 1 },
        { price: 100_000, size: 3 },
      ],
      [{ price: 101_500, size: 1 }],
    ),
  }

  test('what lies behind the best price costs', () => {
    // 101,000 + 100,000 for two.
    expect(edgeOf(deep, 'sell-a', 2)).toMatchObject({ a: { quantity: 2, notional: 201_000, worstPrice: 100_000 }, b: { worstPrice: 50 } })
    expect(edgeOf(deep, 'sell-a', 2)?.netEdgeBps).toBeCloseTo(((201_000 * 0.9995) / (200_000 * 1.001) - 1) * 10_000, 9)
    expect(edgeOf(deep, 'sell-a', 2)?.grossEdgeBps).toBeCloseTo(100, 9)
  })

  test.each([
    ['exactly what is displayed', 4, true],
    ['a little more', 4.001, false],
  ])('%s: %s can be priced: %s', (_name, quantity, isPriced) => {
    expect(edgeOf(deep, 'sell-a', quantity) !== null).toBe(isPriced)
  })

  test('leg B being thin is as bad', () => {
    expect(edgeOf({ ...deep, b: flat(49.9, 50, 1.5) }, 'sell-a', 2)).toBeNull()
  })

  test('an empty side has no edge at all', () => {
    expect(grossEdgeBps({ ...deep, b: book([], []) }, 'sell-a')).toBe(-Infinity)
    expect(edgeOf({ ...deep, b: book([], []) }, 'sell-a', 1)).toBeNull()
  })

  test('nothing at all earns nothing', () => {
    expect(edgeOf(deep, 'sell-a', 0)?.netEdgeBps).toBe(0)
  })
})

describe('whatever the books', () => {
  const prices = fc.double({ min: 0.01, max: 1e8, noNaN: true })
  const spreads = fc.double({ min: 1e-6, max: 0.05, noNaN: true })
  const fees = fc.double({ min: 0, max: 0.01, noNaN: true })
  const quotesOf = fc
    .record({ a: prices, spreadA: spreads, b: prices, spreadB: spreads, takerFeeA: fees, takerFeeB: fees })
    .map(({ a, spreadA, b, spreadB, takerFeeA, takerFeeB }): RouteQuotes => {
      return { a: flat(a, a * (1 + spreadA)), b: flat(b, b * (1 + spreadB)), takerFeeA, takerFeeB, fxBToA: a / b }
    })

  test('fees only take, and a round trip never earns', () => {
    fc.assert(
      fc.property(quotesOf, (quotes) => {
        const edges = directions.map((direction) => edgeOf(quotes, direction, 1)!)
        for (const edge of edges) expect(edge.netEdgeBps).toBeLessThanOrEqual(edge.grossEdgeBps + 1e-6)
        const [out, back] = edges
        expect((1 + out!.netEdgeBps / 10_000) * (1 + back!.netEdgeBps / 10_000)).toBeLessThanOrEqual(1 + 1e-9)
      }),
    )
  })

  test('naming the legs the other way round turns the direction and nothing else', () => {
    fc.assert(
      fc.property(quotesOf, ({ a, b, takerFeeA, takerFeeB, fxBToA }) => {
        const mirrored: RouteQuotes = { a: b, b: a, takerFeeA: takerFeeB, takerFeeB: takerFeeA, fxBToA: 1 / fxBToA }
        const edge = edgeOf({ a, b, takerFeeA, takerFeeB, fxBToA }, 'sell-a', 1)
        expect(edgeOf(mirrored, 'buy-a', 1)?.netEdgeBps).toBeCloseTo(edge!.netEdgeBps, 5)
        expect(edgeOf(mirrored, 'buy-a', 1)?.grossEdgeBps).toBeCloseTo(edge!.grossEdgeBps, 5)
      }),
    )
  })
})
