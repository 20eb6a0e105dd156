import fc from 'fast-check'
import { expect, test } from 'vitest'
import { CircuitBreaker } from './circuit-breaker.ts'

const settings = { openAfterFailures: 3, openForMs: 1000 }

type Step = [atMs: number, result: 'success' | 'failure', event: string | null, isOpenAfter: boolean]

test.each<[string, Step[]]>([
  [
    'stays closed below the threshold',
    [
      [0, 'failure', null, false],
      [1, 'failure', null, false],
      [2, 'success', null, false],
    ],
  ],
  [
    'counts failures in a row only',
    [
      [0, 'failure', null, false],
      [1, 'failure', null, false],
      [2, 'success', null, false],
      [3, 'failure', null, false],
    ],
  ],
  [
    'opens at the threshold, and one success after its time closes it',
    [
      [0, 'failure', null, false],
      [1, 'failure', null, false],
      [2, 'failure', 'circuit-opened', true],
      [1002, 'success', 'circuit-closed', false],
    ],
  ],
  [
    'one failure after its time opens it again for as long',
    [
      [0, 'failure', null, false],
      [1, 'failure', null, false],
      [2, 'failure', 'circuit-opened', true],
      [1002, 'failure', 'circuit-opened', true],
      [2001, 'success', null, true],
      [2002, 'success', 'circuit-closed', false],
    ],
  ],
  [
    'late answers change nothing while it is open',
    [
      [0, 'failure', null, false],
      [1, 'failure', null, false],
      [2, 'failure', 'circuit-opened', true],
      [3, 'success', null, true],
      [1001, 'failure', null, true],
      [1002, 'success', 'circuit-closed', false],
    ],
  ],
  [
    'needs the whole threshold again once closed',
    [
      [0, 'failure', null, false],
      [1, 'failure', null, false],
      [2, 'failure', 'circuit-opened', true],
      [1002, 'success', 'circuit-closed', false],
      [1003, 'failure', null, false],
    ],
  ],
])('%s', (_name, steps) => {
  const breaker = new CircuitBreaker(settings)
  for (const [atMs, result, event, isOpenAfter] of steps) {
    const changed = result === 'success' ? breaker.recordSuccess('upbit', atMs) : breaker.recordFailure('upbit', atMs)
    expect(changed?.event ?? null).toBe(event)
    expect(breaker.isOpen('upbit', atMs)).toBe(isOpenAfter)
    expect(breaker.isOpen('binance', atMs)).toBe(false)
  }
})

test('is half-open, and not open, once its time is over', () => {
  const breaker = new CircuitBreaker({ openAfterFailures: 1, openForMs: 1000 })
  breaker.recordFailure('binance', 0)
  expect([breaker.isOpen('binance', 999), breaker.isOpen('binance', 1000)]).toEqual([true, false])
})

test('says why', () => {
  const breaker = new CircuitBreaker({ openAfterFailures: 1, openForMs: 1000 })
  expect(breaker.recordFailure('binance', 0)).toEqual({ event: 'circuit-opened', venue: 'binance', reason: '1 failures in a row' })
  expect(breaker.recordFailure('binance', 1000)).toEqual({ event: 'circuit-opened', venue: 'binance', reason: 'the trial failed' })
  expect(breaker.recordSuccess('binance', 2000)).toEqual({ event: 'circuit-closed', venue: 'binance', reason: 'the trial succeeded' })
})

test('a ban opens it at once and until the ban ends, and one failed trial opens it again', () => {
  const breaker = new CircuitBreaker(settings)
  expect(breaker.trip('binance', 120_000, 0)).toEqual({
    event: 'circuit-opened',
    venue: 'binance',
    reason: 'the venue has shut us out for 120000 ms',
  })
  expect([breaker.isOpen('binance', 119_999), breaker.isOpen('binance', 120_000), breaker.isOpen('upbit', 0)]).toEqual([true, false, false])
  expect(breaker.recordFailure('binance', 120_000)).toMatchObject({ event: 'circuit-opened', reason: 'the trial failed' })
})

test.each<[string, number, string | null]>([
  ['told of again, changes nothing', 5000, null],
  ['that is shorter than the circuit is open, changes nothing', 4000, null],
  ['that grew longer, is told', 6000, 'circuit-opened'],
  ['that is over, changes nothing', 10, null],
])('a ban %s', (_name, untilMs, event) => {
  const breaker = new CircuitBreaker(settings)
  breaker.trip('upbit', 5000, 0)
  expect(breaker.trip('upbit', untilMs, 10)?.event ?? null).toBe(event)
  expect(breaker.isOpen('upbit', Math.max(untilMs, 5000) - 1)).toBe(true)
})

test('whatever happens, it is never open longer than its time without another failure, and opens only on failures', () => {
  const steps = fc.array(fc.record({ waitMs: fc.nat({ max: 700 }), isSuccess: fc.boolean() }), { maxLength: 40, size: 'max' })
  fc.assert(
    fc.property(steps, (all) => {
      const breaker = new CircuitBreaker(settings)
      let nowMs = 0
      let lastFailureMs = -Infinity
      for (const { waitMs, isSuccess } of all) {
        nowMs += waitMs
        const wasOpen = breaker.isOpen('upbit', nowMs)
        const changed = isSuccess ? breaker.recordSuccess('upbit', nowMs) : breaker.recordFailure('upbit', nowMs)
        if (!isSuccess && !wasOpen) lastFailureMs = nowMs
        expect(changed?.event === 'circuit-opened').toBe(!wasOpen && breaker.isOpen('upbit', nowMs))
        if (breaker.isOpen('upbit', nowMs)) expect(nowMs - lastFailureMs).toBeLessThan(settings.openForMs)
      }
    }),
  )
})
