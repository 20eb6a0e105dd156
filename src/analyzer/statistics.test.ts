/** Histograms, thinned series, and trends against values worked out by hand or by another route. */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { HistogramRecorder, ThinnedSeries, trendOf } from './statistics.ts'

function recorded(values: readonly number[]): HistogramRecorder {
  const recorder = new HistogramRecorder()
  for (const value of values) recorder.record(value)
  return recorder
}

const numbers = fc.array(fc.double({ min: -1e9, max: 1e9, noNaN: true }), { minLength: 1, maxLength: 200 })

describe('a histogram', () => {
  it('gives every percentile within 1 % of the nearest-rank one', () => {
    fc.assert(
      fc.property(numbers, fc.double({ min: 0, max: 1, noNaN: true }), (values, fraction) => {
        const sorted = values.toSorted((left, right) => left - right)
        const exact = sorted[Math.max(1, Math.ceil(fraction * values.length)) - 1]!
        const found = recorded(values).percentile(fraction)!
        expect(Math.abs(found - exact)).toBeLessThanOrEqual(0.01 * Math.abs(exact) + 1e-4)
      }),
    )
  })

  it('keeps whole numbers below 256 and round loop periods exact', () => {
    for (const value of [1, 52, 255, 1000, 1500, 3000]) expect(recorded([value, 2 * value]).percentile(0.5)).toBe(value)
  })

  it('has bins in rising order that hold every value once', () => {
    fc.assert(
      fc.property(numbers, (values) => {
        const { bins } = recorded(values).histogram()!
        expect(bins.reduce((sum, { count }) => sum + count, 0)).toBe(values.length)
        for (const [index, bin] of bins.entries()) {
          expect(bin.low).toBeLessThan(bin.high)
          if (index > 0) expect(bin.low).toBeGreaterThanOrEqual(bins[index - 1]!.high)
        }
      }),
    )
  })

  it('that includes another is the histogram of both samples', () => {
    fc.assert(
      fc.property(numbers, numbers, (left, right) => {
        const both = recorded(left)
        both.include(recorded(right))
        const expected = recorded([...left, ...right])
        expect(both.histogram()).toEqual(expected.histogram())
        expect(both.distribution()).toMatchObject({ count: left.length + right.length, max: Math.max(...left, ...right) })
      }),
    )
  })

  it('says nothing of no values', () => {
    expect(new HistogramRecorder().distribution()).toBeNull()
    expect(new HistogramRecorder().histogram()).toBeNull()
  })

  it('refuses what is no finite number', () => {
    expect(() => recorded([NaN])).toThrow('a histogram takes finite values, was NaN')
  })
})

describe('a thinned series', () => {
  it('keeps at most 500 points, in order, from the first', () => {
    const series = new ThinnedSeries('mean')
    for (let i = 0; i < 123_456; i++) series.add(i, 5)
    const points = series.points()
    expect(points.length).toBeGreaterThan(240)
    expect(points.length).toBeLessThanOrEqual(500)
    expect(points[0]).toEqual([0, 5])
    expect(points.every(([timeMs], index) => index === 0 || timeMs > points[index - 1]![0])).toBe(true)
  })

  it('of a gauge keeps the mean of each stretch', () => {
    const series = new ThinnedSeries('mean')
    for (let i = 0; i < 500; i++) series.add(i, i)
    expect(series.points().slice(0, 2)).toEqual([
      [0, 0.5],
      [2, 2.5],
    ])
  })

  it('of a running total keeps its last value', () => {
    const series = new ThinnedSeries('last')
    for (let i = 1; i <= 777; i++) series.add(i, i)
    expect(series.points().at(-1)?.[1]).toBe(777)
  })
})

const hourMs = 3_600_000

describe('a trend', () => {
  it('of a straight line is its slope, without doubt', () => {
    const points = Array.from({ length: 10 }, (_, hour) => [hour * hourMs, 100 + 3 * hour] as const)
    expect(trendOf(points)).toEqual({ slopePerHour: 3, lowPerHour: 3, highPerHour: 3, pointCount: 10 })
  })

  it('is the median of the slopes of all pairs, between the slopes that Sen’s ranks give', () => {
    const values = [10, 12, 11, 14, 13, 17, 16, 18]
    const slopes: number[] = []
    for (let j = 0; j < 8; j++) for (let i = 0; i < j; i++) slopes.push((values[j]! - values[i]!) / (j - i))
    slopes.sort((left, right) => left - right)
    // 28 slopes; var S = 8 * 7 * 21 / 18 = 65.33, z * sqrt = 15.84: ranks (28 - 15.84) / 2 = 6.08 and (28 + 15.84) / 2 + 1 = 22.92.
    const trend = trendOf(values.map((value, hour) => [hour * hourMs, value] as const))
    expect(trend.slopePerHour).toBeCloseTo((slopes[13]! + slopes[14]!) / 2, 9)
    expect(trend.lowPerHour).toBeCloseTo(slopes[5]!, 9)
    expect(trend.highPerHour).toBeCloseTo(slopes[22]!, 9)
  })

  it('is not moved by one point that is far off', () => {
    const points = Array.from({ length: 20 }, (_, hour) => [hour * hourMs, hour === 19 ? 1e9 : 2 * hour] as const)
    expect(trendOf(points).slopePerHour).toBeCloseTo(2, 9)
  })

  it('of noise without a slope has zero in its interval, nearly always', () => {
    let hits = 0
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 30, maxLength: 30 }), (values) => {
        const { lowPerHour, highPerHour } = trendOf(values.map((value, hour) => [hour * hourMs, value] as const))
        if (lowPerHour! <= 0 && highPerHour! >= 0) hits++
        expect(lowPerHour!).toBeLessThanOrEqual(highPerHour!)
      }),
      { numRuns: 200, seed: 62 },
    )
    expect(hits).toBeGreaterThan(180)
  })

  it.each([
    ['fewer than eight points', Array.from({ length: 7 }, (_, hour) => [hour, hour] as const)],
    ['a single instant', Array.from({ length: 9 }, (_, value) => [0, value] as const)],
  ])('is not judged from %s', (_what, points) => {
    expect(trendOf(points)).toEqual({ slopePerHour: null, lowPerHour: null, highPerHour: null, pointCount: points.length })
  })
})
