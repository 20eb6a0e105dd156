import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SystemClock } from './system-clock.ts'
import { VirtualClock } from './virtual-clock.ts'

const realClock = new SystemClock()

function virtualClock(pace: number | null = null): VirtualClock {
  return new VirtualClock({ startMs: 1000, pace })
}

describe('virtual clock', () => {
  it('runs a day in an instant and shows every wait its own time', async () => {
    const clock = virtualClock()
    const seen: number[] = []
    const realStartMs = realClock.nowMs()
    await clock.run(
      (async () => {
        for (let hour = 1; hour <= 24; hour++) {
          await clock.sleepUntil(1000 + hour * 3_600_000)
          seen.push(clock.nowMs())
        }
      })(),
    )
    expect(seen).toEqual(Array.from({ length: 24 }, (_, index) => 1000 + (index + 1) * 3_600_000))
    expect(realClock.nowMs() - realStartMs).toBeLessThan(10_000)
  })

  it('waits longer than a 32-bit timer without firing early', async () => {
    const clock = virtualClock()
    const twentyFiveDaysMs = 25 * 86_400_000
    await clock.run(clock.sleepUntil(1000 + twentyFiveDaysMs))
    expect(clock.nowMs()).toBe(1000 + twentyFiveDaysMs)
  })

  it('runs calls in order of time, and calls of one instant in the order in which they were made', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 50 }), { minLength: 1, maxLength: 200 }), async (delaysMs) => {
        const clock = virtualClock()
        const ran: { delayMs: number; index: number }[] = []
        for (const [index, delayMs] of delaysMs.entries()) clock.schedule(1000 + delayMs, () => ran.push({ delayMs, index }))
        await clock.run(clock.sleepUntil(1100))
        const expected = delaysMs.map((delayMs, index) => ({ delayMs, index })).toSorted((x, y) => x.delayMs - y.delayMs)
        expect(ran).toEqual(expected)
      }),
      { numRuns: 50 },
    )
  })

  it('does not run a cancelled call', async () => {
    const clock = virtualClock()
    let hasRun = false
    const call = clock.schedule(1010, () => (hasRun = true))
    call.cancel()
    await clock.run(clock.sleepUntil(1020))
    expect(hasRun).toBe(false)
  })

  it('runs quiet calls in the same order as the others, and at their own time', async () => {
    const clock = virtualClock()
    const seen: string[] = []
    const note = (name: string) => (): void => void seen.push(`${name} at ${clock.nowMs()}`)
    clock.scheduleQuietly(1002, note('quiet'))
    clock.schedule(1002, note('loud'))
    clock.scheduleQuietly(1001, note('first'))
    clock.scheduleQuietly(1003, note('cancelled')).cancel()
    await clock.run(clock.sleepUntil(1004))
    expect(seen).toEqual(['first at 1001', 'quiet at 1002', 'loud at 1002'])
  })

  it('lets everything that an instant set off finish before time goes on', async () => {
    const clock = virtualClock()
    let finishedAtMs = 0
    clock.schedule(1001, () => undefined)
    await clock.run(
      (async () => {
        for (let i = 0; i < 1000; i++) await Promise.resolve()
        finishedAtMs = clock.nowMs()
        await clock.sleepUntil(1005)
      })(),
    )
    expect(finishedAtMs).toBe(1000)
  })

  it('runs what fell due while the process stood still late, in order, at the instant at which it wakes', async () => {
    const clock = virtualClock()
    const seen: string[] = []
    const note = (name: string) => (): void => void seen.push(`${name} at ${clock.nowMs()}`)
    clock.schedule(1001, () => clock.standStillUntil(1500))
    clock.schedule(1300, note('second'))
    clock.schedule(1200, note('first'))
    clock.schedule(1600, note('later'))
    await clock.run(clock.sleepUntil(1600))
    expect(seen).toEqual(['first at 1500', 'second at 1500', 'later at 1600'])
  })

  it('stands still until the later of two ends', async () => {
    const clock = virtualClock()
    clock.standStillUntil(1500)
    clock.standStillUntil(1200)
    const ranAtMs: number[] = []
    clock.schedule(1100, () => ranAtMs.push(clock.nowMs()))
    await clock.run(clock.sleepUntil(1600))
    expect(ranAtMs).toEqual([1500])
  })

  it('stands still while real input or output is under way', async () => {
    const clock = virtualClock()
    const result = await clock.run(
      (async () => {
        const slow = clock.hold(() => realClock.sleepUntil(realClock.nowMs() + 20).then(() => 'read'))
        clock.schedule(1001, () => undefined)
        return `${await slow} at ${clock.nowMs()}`
      })(),
    )
    expect(result).toBe('read at 1000')
  })

  it('hands results of real input and output over in the order of asking, not of arriving', async () => {
    const clock = virtualClock()
    const arrived: string[] = []
    const read = (name: string, delayMs: number): Promise<void> =>
      clock.hold(() => realClock.sleepUntil(realClock.nowMs() + delayMs)).then(() => void arrived.push(name))
    await clock.run(Promise.all([read('slow', 30), read('fast', 1), read('immediate', 0)]))
    expect(arrived).toEqual(['slow', 'fast', 'immediate'])
  })

  it('passes on what main throws, and what real input or output throws', async () => {
    const clock = virtualClock()
    const failing = clock.hold(() => Promise.reject(new Error('disk gone')))
    await expect(clock.run(failing)).rejects.toThrow('disk gone')
  })

  it('says so when nothing will ever happen again', async () => {
    const clock = virtualClock()
    const never = new Promise<void>(() => undefined)
    await expect(clock.run(never)).rejects.toThrow('virtual time stands still for ever')
  })

  it('keeps a set pace against real time', async () => {
    const clock = virtualClock(100)
    const realStartMs = realClock.nowMs()
    await clock.run(
      (async () => {
        for (let atMs = 1050; atMs <= 11_000; atMs += 50) await clock.sleepUntil(atMs)
      })(),
    )
    expect(realClock.nowMs() - realStartMs).toBeGreaterThanOrEqual(99)
  })
})

describe('system clock', () => {
  it('never goes back', () => {
    let previousMs = 0
    for (let i = 0; i < 1000; i++) {
      const nowMs = realClock.nowMs()
      expect(nowMs).toBeGreaterThanOrEqual(previousMs)
      previousMs = nowMs
    }
  })

  it('wakes no earlier than asked', async () => {
    const atMs = realClock.nowMs() + 15
    await realClock.sleepUntil(atMs)
    expect(realClock.nowMs()).toBeGreaterThanOrEqual(atMs)
  })
})
