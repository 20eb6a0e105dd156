import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SeededPrng } from './prng.ts'
import { theilSenTrend } from './theil-sen.ts'

const hourMs = 3_600_000
/** Of a two-sided interval of 99 %. */
const quantile = 2.5758

test('gives the slope of points on a line', () => {
  const points = Array.from({ length: 10 }, (_, hour) => [hour * hourMs, 100 + 7 * hour] as const)
  expect(theilSenTrend(points, quantile)).toEqual({ slopePerHour: 7, lowPerHour: 7, highPerHour: 7 })
})

test('is not moved by a single outlier', () => {
  const points = Array.from({ length: 11 }, (_, hour) => [hour * hourMs, hour === 10 ? 1e9 : 2 * hour] as const)
  expect(theilSenTrend(points, quantile)?.slopePerHour).toBe(2)
})

test('says nothing of fewer than two times', () => {
  expect(theilSenTrend([], quantile)).toBeNull()
  expect(
    theilSenTrend(
      [
        [5, 1],
        [5, 9],
      ],
      quantile,
    ),
  ).toBeNull()
})

test('has no limits with too few points to be sure', () => {
  const points = Array.from({ length: 4 }, (_, hour) => [hour * hourMs, hour] as const)
  expect(theilSenTrend(points, quantile)).toEqual({ slopePerHour: 1, lowPerHour: -Infinity, highPerHour: Infinity })
})

test('takes the limit at the rank that Kendall gives', () => {
  // Eight points: 28 slopes, deviation sqrt(8 x 7 x 21 / 18) = 8.08, (28 - 2.5758 x 8.08) / 2 = 3.6: the third smallest slope.
  const values = [0, 3, 1, 6, 4, 9, 5, 12]
  const points = values.map((value, hour) => [hour * hourMs, value] as const)
  const slopes = values.flatMap((later, i) => values.slice(0, i).map((earlier, j) => (later - earlier) / (i - j)))
  expect(theilSenTrend(points, quantile)?.lowPerHour).toBe(slopes.toSorted((left, right) => left - right)[2])
})

test('the limit of pure noise is above zero in about one of two hundred', () => {
  const prng = new SeededPrng(62)
  let aboveCount = 0
  for (let run = 0; run < 2000; run++) {
    const points = Array.from({ length: 12 }, (_, hour) => [hour * hourMs, prng.gaussian()] as const)
    if ((theilSenTrend(points, quantile)?.lowPerHour ?? 0) > 0) aboveCount++
  }
  expect(aboveCount).toBeLessThan(20)
})

test('ties narrow the interval as in Gilbert: four values, one tie of two', () => {
  // Six slopes; var S = (4 x 3 x 13 - 2 x 1 x 9) / 18 = 7.67, (6 - 2.77) / 2 = 1.6: the smallest slope, and the largest.
  const points = [1, 2, 2, 4].map((value, hour) => [hour * hourMs, value] as const)
  const slopes = [0, 0.5, 1, 1, 1, 2]
  expect(theilSenTrend(points, 1)).toEqual({ slopePerHour: 1, lowPerHour: slopes[0], highPerHour: slopes[5] })
})

test('adding a trend to any points adds it to the slope', () => {
  const values = fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 2, maxLength: 20 })
  const check = fc.property(values, fc.integer({ min: -50, max: 50 }), (noise, perHour) => {
    const points = noise.map((value, hour) => [hour * hourMs, value] as const)
    const tilted = points.map(([timeMs, value], hour) => [timeMs, value + perHour * hour] as const)
    expect(theilSenTrend(tilted, quantile)?.slopePerHour).toBeCloseTo((theilSenTrend(points, quantile)?.slopePerHour ?? 0) + perHour, 6)
  })
  fc.assert(check)
})
