import { expect, test } from 'vitest'
import { directions, legs, opposite, sideOf } from './route.ts'

test.each([
  ['sell-a', 'a', 'sell'],
  ['sell-a', 'b', 'buy'],
  ['buy-a', 'a', 'buy'],
  ['buy-a', 'b', 'sell'],
] as const)('%s on leg %s is a %s', (direction, leg, side) => {
  expect(sideOf(direction, leg)).toBe(side)
})

test('closing trades every leg the other way', () => {
  for (const direction of directions) {
    for (const leg of legs) expect(sideOf(opposite(direction), leg)).not.toBe(sideOf(direction, leg))
    expect(opposite(opposite(direction))).toBe(direction)
  }
})
