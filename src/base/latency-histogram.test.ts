/** Percentiles against exact sorting, and what a log keeps of a histogram. */

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { LatencyHistogram } from './latency-histogram.ts'

const latencyUs = fc.oneof(fc.nat(200), fc.nat(100_000), fc.nat(2 ** 31 - 1), fc.double({ min: 0, max: 1e6, noNaN: true }))
const latencies = fc.array(latencyUs, { minLength: 1, maxLength: 300 })

function histogramOf(values: readonly number[]): LatencyHistogram {
  const histogram = new LatencyHistogram()
  for (const value of values) histogram.record(value)
  return histogram
}

test('a percentile is never below the exact one, and at most 1/64 above it', () => {
  fc.assert(
    fc.property(latencies, fc.double({ min: 0, max: 1, noNaN: true }), (values, fraction) => {
      const sorted = values.map(Math.ceil).toSorted((left, right) => left - right)
      const exact = sorted[Math.max(1, Math.ceil(fraction * sorted.length)) - 1]!
      const percentile = histogramOf(values).percentile(fraction)!
      expect(percentile).toBeGreaterThanOrEqual(exact)
      expect(percentile).toBeLessThanOrEqual(exact * (1 + 1 / 64))
    }),
  )
})

test('two halves that are put together from their buckets are the whole', () => {
  fc.assert(
    fc.property(latencies, latencies, (left, right) => {
      const merged = new LatencyHistogram()
      for (const half of [histogramOf(left), histogramOf(right)]) merged.include(half.buckets(), half.maxUs)
      const whole = histogramOf([...left, ...right])
      expect(merged.buckets()).toEqual(whole.buckets())
      expect([merged.count, merged.maxUs, merged.percentile(0.99)]).toEqual([whole.count, whole.maxUs, whole.percentile(0.99)])
    }),
  )
})

test('up to 127 µs every microsecond is told apart', () => {
  const buckets = histogramOf(Array.from({ length: 128 }, (_, us) => us)).buckets()
  expect(buckets).toEqual(Array.from({ length: 128 }, (_, us) => [us, 1]))
})

test('a fraction of a microsecond counts as a whole one', () => {
  expect(histogramOf([0, 0.2, 3.01]).buckets()).toEqual([
    [0, 1],
    [1, 1],
    [4, 1],
  ])
})

test('what is longer than an hour counts as that long', () => {
  const histogram = histogramOf([1e12])
  expect([histogram.maxUs, histogram.percentile(1)]).toEqual([2 ** 32 - 1, 2 ** 32 - 1])
})

test('nothing recorded has no percentile, and nothing is left after it is cleared', () => {
  const histogram = histogramOf([5, 500])
  histogram.clear()
  expect([histogram.count, histogram.maxUs, histogram.percentile(0.5), histogram.buckets()]).toEqual([0, 0, null, []])
})

test('a latency below zero is a defect', () => {
  expect(() => histogramOf([-0.001])).toThrow('not negative')
  expect(() => histogramOf([Number.NaN])).toThrow('not negative')
})

test.each([
  ['an edge that is none', [[129, 1]], 200],
  ['a fraction of an edge', [[3.5, 1]], 200],
  ['an edge beyond the last', [[2 ** 33, 1]], 200],
  ['a negative edge', [[-1, 1]], 200],
  ['no count', [[128, 0]], 200],
  ['half a count', [[128, 0.5]], 200],
  ['a pair that is none', [7], 200],
  ['a maximum that is no number', [[128, 1]], Number.NaN],
] as [string, [number, number][], number][])('%s is refused, with all that came with it', (_, buckets, maxUs) => {
  const histogram = new LatencyHistogram()
  expect(() => histogram.include([[64, 1], ...buckets], maxUs)).toThrow('not the buckets')
  expect(histogram.count).toBe(0)
})
