import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Decimal, type Rounding } from '../base/decimal.ts'
import { instrumentOf, isTradable, limitPriceBeyond, roundPrice, roundQuantity, tickSizeAt } from './instrument.ts'

/** Upbit's KRW tick table, in force since 2025-07-31, shortened. */
const upbit = instrumentOf({
  venue: 'upbit',
  code: 'KRW-BTC',
  base: 'BTC',
  quote: 'KRW',
  tickBands: [
    { fromPrice: '1000000', tickSize: '1000' },
    { fromPrice: '500000', tickSize: '500' },
    { fromPrice: '100', tickSize: '1' },
    { fromPrice: '0', tickSize: '0.1' },
  ],
  lotSize: '0.00000001',
  minNotional: '5000',
  takerFee: '0.0005',
  feeAsset: 'quote',
})

describe('tick size', () => {
  test.each([
    ['0.05', '0.1'],
    ['99.9', '0.1'],
    ['100', '1'],
    ['499999', '1'],
    ['500000', '500'],
    ['999999', '500'],
    ['1000000', '1000'],
    ['150000000', '1000'],
  ])('at %s is %s', (price, tickSize) => {
    expect(tickSizeAt(upbit, Decimal.parse(price)).toString()).toBe(tickSize)
  })

  test('a negative price has none', () => {
    expect(() => tickSizeAt(upbit, Decimal.parse('-1'))).toThrow('KRW-BTC has no tick for the price -1')
  })
})

test('a rounded price is on a tick of its own band, also where rounding crosses into the next', () => {
  const prices = fc.bigInt({ min: 1n, max: 10n ** 13n }).map((units) => Decimal.parse(`${units}e-4`))
  fc.assert(
    fc.property(prices, fc.constantFrom<Rounding>('down', 'up'), (price, rounding) => {
      const rounded = roundPrice(upbit, price, rounding)
      expect(rounded.roundToMultiple(tickSizeAt(upbit, rounded), 'down').equals(rounded)).toBe(true)
      const moved = rounded.compare(price)
      expect(rounding === 'down' ? moved <= 0 : moved >= 0).toBe(true)
    }),
    {
      examples: [
        [Decimal.parse('999999'), 'up'],
        [Decimal.parse('99.95'), 'up'],
      ],
    },
  )
})

describe('a limit beyond a price', () => {
  test('is worse by at least the slack, on a tick, and never nothing', () => {
    const prices = fc.integer({ min: 1, max: 10 ** 10 }).map((ticks) => ticks / 10)
    fc.assert(
      fc.property(prices, fc.constantFrom('buy', 'sell'), fc.nat({ max: 200 }), (price, side, slackBps) => {
        const limit = limitPriceBeyond(upbit, side, price, slackBps)
        expect(limit.roundToMultiple(tickSizeAt(upbit, limit), 'down').equals(limit)).toBe(true)
        expect(limit.isPositive()).toBe(true)
        const slack = price * (slackBps / 10_000) * (1 - 1e-9)
        if (side === 'buy') expect(limit.toNumber()).toBeGreaterThanOrEqual(price + slack)
        else if (limit.toNumber() > 0.1) expect(limit.toNumber()).toBeLessThanOrEqual(price - slack)
      }),
    )
  })

  test('without slack is the price itself', () => {
    expect(limitPriceBeyond(upbit, 'sell', 150_001_000, 0).toString()).toBe('150001000')
  })

  test('of a coin worth one tick is that tick', () => {
    expect(limitPriceBeyond(upbit, 'sell', 0.1, 50).toString()).toBe('0.1')
  })
})

test('a rounded quantity is whole lots and never more than was asked for', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 10n ** 14n }), (units) => {
      const quantity = Decimal.parse(`${units}e-10`)
      const rounded = roundQuantity(upbit, quantity)
      expect(rounded.toString()).toBe(Decimal.parse(`${units / 100n}e-8`).toString())
    }),
  )
})

test.each([
  ['exactly the minimum', '0.005', '1000000', true],
  ['one lot below it', '0.00499999', '1000000', false],
  ['nothing', '0', '1000000', false],
  ['a negative quantity', '-1', '1000000', false],
])('%s: tradable is %s x %s -> %s', (_name, quantity, price, expected) => {
  expect(isTradable(upbit, Decimal.parse(quantity), Decimal.parse(price))).toBe(expected)
})
