import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ClockOffset } from './clock-offset.ts'

test('one answer gives the middle of its round trip, and half of the trip as the error', () => {
  const clock = new ClockOffset()
  expect(clock.estimate()).toBeNull()
  clock.sample(5030, 0, 1000, 1060)
  expect(clock.estimate()).toEqual({ offsetMs: 4000, errorMs: 30 })
})

test('a time in whole seconds may be up to a second old', () => {
  const clock = new ClockOffset()
  clock.sample(5000, 1000, 1000, 1060)
  expect(clock.estimate()).toEqual({ offsetMs: 4470, errorMs: 530 })
})

test('a slow answer does not spoil a fast one, and a clock that was set is followed', () => {
  const clock = new ClockOffset()
  clock.sample(1005, 1, 1000, 1010)
  clock.sample(2900, 1, 2000, 3000)
  expect(clock.estimate()).toEqual({ offsetMs: 0.5, errorMs: 5.5 })
  clock.sample(8000, 1, 3000, 3010)
  expect(clock.estimate()).toEqual({ offsetMs: 4995.5, errorMs: 5.5 })
})

const trips = fc.array(fc.record({ waitMs: fc.nat(70_000), outMs: fc.nat(900), backMs: fc.nat(900) }), { minLength: 1, maxLength: 30 })

test('the true offset is never further off than the error says, and more answers never make it larger than the best of the last 8', () => {
  fc.assert(
    fc.property(trips, fc.integer({ min: -1e6, max: 1e6 }), fc.constantFrom(1, 1000), (all, offsetMs, resolutionMs) => {
      const clock = new ClockOffset()
      let nowMs = 1_790_000_000_000
      const errorsMs: number[] = []
      for (const { waitMs, outMs, backMs } of all) {
        const sentAtMs = nowMs + waitMs
        const readAtMs = sentAtMs + outMs + offsetMs
        nowMs = sentAtMs + outMs + backMs
        clock.sample(readAtMs - (readAtMs % resolutionMs), resolutionMs, sentAtMs, nowMs)
        errorsMs.push((outMs + backMs + resolutionMs) / 2)
        const estimate = clock.estimate()
        expect(Math.abs((estimate?.offsetMs ?? Infinity) - offsetMs)).toBeLessThanOrEqual(estimate?.errorMs ?? -1)
        expect(estimate?.errorMs).toBeLessThanOrEqual(Math.min(...errorsMs.slice(-8)))
      }
    }),
  )
})
