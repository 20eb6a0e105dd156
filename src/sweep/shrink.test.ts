import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { deltaDebug, leastFailing, shrink, withoutNeedless, type Case } from './shrink.ts'

describe('leastFailing', () => {
  test.for([
    { failsFrom: 1, of: 60 },
    { failsFrom: 3, of: 60 },
    { failsFrom: 60, of: 60 },
    { failsFrom: 1, of: 1 },
    { failsFrom: 2, of: 2.5 },
    { failsFrom: 2.5, of: 2.5 },
    { failsFrom: 0.5, of: 0.5 },
  ])('finds $failsFrom of $of', async ({ failsFrom, of }) => {
    expect(await leastFailing(of, async (minutes) => minutes >= failsFrom)).toBe(failsFrom)
  })

  test('looks as often as a bisection', async () => {
    let looks = 0
    await leastFailing(1024, async () => ++looks > 0)
    expect(looks).toBe(10)
  })
})

test('withoutNeedless leaves what fails alone, and one where anything fails', async () => {
  expect(await withoutNeedless(['a', 'b', 'c'], async (some) => some.includes('b'))).toEqual(['b'])
  expect(await withoutNeedless(['a', 'b', 'c'], async () => true)).toEqual(['c'])
})

describe('deltaDebug', () => {
  const items = Array.from({ length: 24 }, (_, index) => index)

  test.for([[[]], [[5]], [[0, 23]], [[1, 2, 3, 11]], [items]])('finds %j', async ([needed = []]) => {
    const fails = async (some: readonly number[]): Promise<boolean> => needed.every((item) => some.includes(item))
    expect(await deltaDebug(items, fails)).toEqual(needed)
  })

  test('what is left fails, and leaving out any one of it does not, whatever fails', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 14 }), fc.func(fc.boolean()), async (count, failing) => {
        const all = Array.from({ length: count }, (_, index) => index)
        const fails = async (some: readonly number[]): Promise<boolean> => some.length === count || failing(some)
        const least = await deltaDebug(all, fails)
        expect(await fails(least)).toBe(true)
        for (const item of least) {
          if (least.length > 1) expect(await fails(least.filter((other) => other !== item))).toBe(false)
        }
      }),
    )
  })
})

describe('shrink', () => {
  const whole: Case<string> = { durationMinutes: 60, symbols: ['KRW-BTC', 'KRW-ETH'], faults: ['kill', 'latency', 'rejection'] }
  const fails = async ({ durationMinutes, symbols, faults }: Case<string>): Promise<boolean> =>
    durationMinutes >= 7 && symbols.includes('KRW-ETH') && faults.includes('latency')

  test('takes duration, symbols and faults, in this order', async () => {
    expect(await shrink(whole, fails, true)).toEqual({ durationMinutes: 7, symbols: ['KRW-ETH'], faults: ['latency'] })
  })

  test('takes the faults alone where less time would itself be a failure', async () => {
    expect(await shrink(whole, fails, false)).toEqual({ ...whole, faults: ['latency'] })
  })

  test('keeps what it has where nothing smaller fails', async () => {
    expect(await shrink(whole, async () => false, true)).toEqual(whole)
  })
})
