import { expect, test } from 'vitest'
import { ShiftedClock } from './shifted-clock.ts'
import { VirtualClock } from './virtual-clock.ts'

const startMs = 1_767_571_200_000

test('it begins where it is told, goes as fast as the other clock, and keeps its waits', async () => {
  const clock = new VirtualClock({ startMs: 5000, pace: null })
  const shifted = new ShiftedClock(clock, startMs)
  const calls: number[] = []
  shifted.schedule(startMs + 30, () => calls.push(shifted.nowMs()))
  shifted.scheduleQuietly(startMs + 10, () => calls.push(shifted.preciseMs()))
  shifted.schedule(startMs + 20, () => calls.push(0)).cancel()
  await clock.run(shifted.sleepUntil(startMs + 100))
  expect(calls).toEqual([startMs + 10, startMs + 30])
  expect([clock.nowMs(), shifted.nowMs()]).toEqual([5100, startMs + 100])
})
