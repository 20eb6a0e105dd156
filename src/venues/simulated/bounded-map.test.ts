import { expect, test } from 'vitest'
import { BoundedMap } from './bounded-map.ts'

test('a bounded map forgets the entry that was set longest ago, and counts it', () => {
  const map = new BoundedMap<string, number>(2)
  map.set('a', 1)
  map.set('b', 2)
  map.set('a', 3)
  expect([map.values(), map.forgottenCount]).toEqual([[2, 3], 0])
  map.set('c', 4)
  expect([map.values(), map.forgottenCount]).toEqual([[3, 4], 1])
  expect([map.has('b'), map.get('b'), map.has('a'), map.get('a')]).toEqual([false, undefined, true, 3])
})
