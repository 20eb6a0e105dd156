import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SeededPrng } from '../base/prng.ts'
import { minuteShape, pathInside, quotedPath, shapeOf, stepsPerMinute } from './minute-path.ts'

function barOf(open: number, high: number, low: number, close: number) {
  const one = (value: number) => Float64Array.of(value)
  return { open: one(open), high: one(high), low: one(low), close: one(close), volume: one(1) }
}

test('a path starts at the open, stays inside low and high, and ends near the close without reaching it early', () => {
  const prices = fc.array(fc.double({ min: 10, max: 1000, noNaN: true }), { minLength: 4, maxLength: 4 })
  fc.assert(
    fc.property(prices, fc.integer({ min: 0 }), (drawn, seed) => {
      const [low, one, two, high] = drawn.toSorted((left, right) => left - right) as [number, number, number, number]
      const [open, close] = seed % 2 ? [one, two] : [two, one]
      const path = pathInside(barOf(open, high, low, close), 0, minuteShape(new SeededPrng(seed)))!
      expect(path).toHaveLength(stepsPerMinute)
      expect(path[0]).toBe(open)
      expect(Math.min(...path)).toBeGreaterThanOrEqual(low - 1e-9)
      expect(Math.max(...path)).toBeLessThanOrEqual(high + 1e-9)
      expect(Math.abs(path.at(-1)! - close)).toBeLessThanOrEqual((high - low) / 2)
    }),
  )
})

test('two candles that move alike keep their ratio inside the minute: no edge is made by the model', () => {
  const shape = minuteShape(new SeededPrng(4))
  const left = pathInside(barOf(100, 103, 98, 101), 0, shape)!
  const right = pathInside(barOf(1000, 1030, 980, 1010), 0, shape)!
  left.forEach((price, k) => expect(right[k]! / price).toBeCloseTo(10, 9))
})

test('a minute without a candle has no path', () => {
  expect(pathInside(barOf(NaN, NaN, NaN, NaN), 0, new Float64Array(stepsPerMinute))).toBeNull()
})

test('recorded seconds make steps, a missing second holds the one before, and a minute without any has no path', () => {
  const bid = new Float64Array(120).fill(NaN)
  bid.set([100, NaN, 104], 2)
  const path = quotedPath({ bid, ask: bid.map((price) => price + 2) }, 0)!
  expect([path[0], path[20], path[35], path[40], path[599]]).toEqual([101, 101, 101, 105, 105])
  expect(quotedPath({ bid, ask: bid }, 1)).toBeNull()
})

test('a shape is what a path does beside its chord, as a fraction of its range', () => {
  const straight = Float64Array.from({ length: stepsPerMinute }, () => 5)
  expect(shapeOf(straight).every((value) => value === 0)).toBe(true)
  const bump = straight.map((value, k) => (k === 300 ? value + 4 : value))
  expect(shapeOf(bump)[300]).toBe(1)
})
