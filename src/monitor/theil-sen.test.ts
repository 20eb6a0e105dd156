import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SeededPrng } from '../base/prng.ts'
import { theilSenTrend } from './theil-sen.ts'

const hourMs = 3_600_000

test('gives the slope of points on a line', () => {
  const points = Array.from({ length: 10 }, (_, hour) => ({ timeMs: hour * hourMs, value: 100 + 7 * hour }))
  expect(theilSenTrend(points)).toEqual({ slopePerHour: 7, lowPerHour: 7 })
})

test('is not moved by a single outlier', () => {
  const points = Array.from({ length: 11 }, (_, hour) => ({ timeMs: hour * hourMs, value: hour === 10 ? 1e9 : 2 * hour }))
  expect(theilSenTrend(points)?.slopePerHour).toBe(2)
})

test('says nothing of fewer than two times', () => {
  expect(theilSenTrend([])).toBeNull()
  expect(
    theilSenTrend([
      { timeMs: 5, value: 1 },
      { timeMs: 5, value: 9 },
    ]),
  ).toBeNull()
})

test('has no lower limit with too few points to be sure', () => {
  const points = Array.from({ length: 4 }, (_, hour) => ({ timeMs: hour * hourMs, value: hour }))
  expect(theilSenTrend(points)).toEqual({ slopePerHour: 1, lowPerHour: Number.NEGATIVE_INFINITY })
})

test('takes the limit at the rank that Kendall gives', () => {
  // Eight points: 28 slopes, deviation sqrt(8 x 7 x 21 / 18) = 8.08, (28 - 2.5758 x 8.08) / 2 = 3.6: the third smallest slope.
  const values = [0, 3, 1, 6, 4, 9, 5, 12]
  const points = values.map((value, hour) => ({ timeMs: hour * hourMs, value }))
  const slopes = values.flatMap((later, i) => values.slice(0, i).map((earlier, j) => (later - earlier) / (i - j)))
  expect(theilSenTrend(points)?.lowPerHour).toBe(slopes.toSorted((left, right) => left - right)[2])
})

test('the limit of pure noise is above zero in about one of two hundred', () => {
  const prng = new SeededPrng(62)
  let aboveCount = 0
  for (let run = 0; run < 2000; run++) {
    const points = Array.from({ length: 12 }, (_, hour) => ({ timeMs: hour * hourMs, value: prng.gaussian() }))
    if ((theilSenTrend(points)?.lowPerHour ?? 0) > 0) aboveCount++
  }
  expect(aboveCount).toBeLessThan(20)
})

test('adding a trend to any points adds it to the slope', () => {
  const values = fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 2, maxLength: 20 })
  const check = fc.property(values, fc.integer({ min: -50, max: 50 }), (noise, perHour) => {
    const points = noise.map((value, hour) => ({ timeMs: hour * hourMs, value }))
    const tilted = points.map((point, hour) => ({ ...point, value: point.value + perHour * hour }))
    expect(theilSenTrend(tilted)?.slopePerHour).toBeCloseTo((theilSenTrend(points)?.slopePerHour ?? 0) + perHour, 6)
  })
  fc.assert(check)
})
