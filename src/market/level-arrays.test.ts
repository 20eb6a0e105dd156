import { expect, test } from 'vitest'
import { cutLevels } from './level-arrays.ts'

test('arrays cut from shared blocks are zeros of their own: writing to one never shows in another', () => {
  const arrays = Array.from({ length: 500 }, (_, index) => cutLevels(1 + (index % 60)))
  arrays.forEach((levels, index) => levels.fill(index + 1))
  arrays.forEach((levels, index) => expect(levels.every((value) => value === index + 1)).toBe(true))
  expect(cutLevels(5)).toEqual(new Float64Array(5))
  expect(cutLevels(10_000)).toHaveLength(10_000)
})
