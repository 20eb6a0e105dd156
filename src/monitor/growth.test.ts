import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Growth } from './growth.ts'

function grown(values: readonly number[], stepMs = 60_000): Growth {
  const growth = new Growth()
  values.forEach((value, index) => growth.add(index * stepMs, value))
  return growth
}

test('seven points tell nothing, eight do', () => {
  expect(grown([1, 2, 3, 4, 5, 6, 7]).trend()).toBeNull()
  expect(grown([1, 2, 3, 4, 5, 6, 7, 8]).trend()?.slopePerHour).toBeCloseTo(60)
})

test('a slope by count is one of the count, not of an hour', () => {
  const growth = new Growth()
  for (let count = 0; count < 20; count++) growth.add(count, 100 + 6 * count)
  const slope = growth.perCount()
  expect(slope?.slope).toBeCloseTo(6)
  expect(slope?.low).toBeCloseTo(6)
})

test('however many points come, at most 64 are kept, evenly, from the first on', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 3000 }), (count) => {
      const growth = grown(Array.from({ length: count }, (_, index) => index))
      const times = growth.points.map(([timeMs]) => timeMs / 60_000)
      const stride = (times[1] ?? 1) - (times[0] ?? 0)
      expect(times.length).toBeLessThanOrEqual(64)
      expect(times).toEqual(times.map((_, index) => index * stride))
      expect(growth.span / 60_000).toBeGreaterThan(count - 1 - stride)
    }),
  )
})

test('the lower limit of an even growth is its slope, and that of none is not above zero', () => {
  const sizes = fc.record({ count: fc.integer({ min: 8, max: 300 }), slope: fc.integer({ min: 1, max: 1e6 }) })
  fc.assert(
    fc.property(sizes, ({ count, slope }) => {
      const even = grown(Array.from({ length: count }, (_, index) => index * slope)).trend()
      expect(even?.lowPerHour).toBeCloseTo(60 * slope, 3)
      expect(grown(Array.from({ length: count }, () => slope)).trend()?.lowPerHour ?? 0).toBeLessThanOrEqual(0)
    }),
  )
})
