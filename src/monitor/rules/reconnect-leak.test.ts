import { expect, test } from 'vitest'
import { SeededPrng } from '../../base/prng.ts'
import { HandMadeLogs, lineAt, ruleOf, rulesOf } from '../hand-made-logs.ts'

const off = ruleOf(1, { enabled: false })
const rules = rulesOf({ noEntry: off, noProgress: off, heapSlope: off })

interface Minute {
  reconnects: number
  heapMb: number
}

/** A `process` line each minute with a heap after a collection, and the feeds' lines right after it, as the engine writes them. */
function findings(minutes: number, at: (minute: number) => Minute, seconds = 60 * minutes + 1): string[] {
  using logs = new HandMadeLogs()
  for (let minute = 1; minute <= minutes; minute++) {
    const { reconnects, heapMb } = at(minute)
    logs.write('metrics', [
      lineAt(60 * minute, { event: 'process', heapAfterGcBytes: Math.round(heapMb * 2 ** 20), openHandles: 4 }),
      lineAt(60 * minute, { event: 'feed', venue: 'upbit', reconnects, openSockets: 1, liveSockets: 1 }),
      lineAt(60 * minute, { event: 'feed', venue: 'binance', reconnects: 0, openSockets: 1, liveSockets: 1 }),
    ])
  }
  return logs.findingsAt(60 * minutes + 1, { seconds, rules })
}

test('two megabytes more after each reconnect are a leak, as soon as there are enough points over a window', () => {
  expect(findings(30, (minute) => ({ reconnects: 1, heapMb: 20 + 2 * minute }))).toEqual(['reconnect-leak all leak @900 warn'])
})

test('it is found in noise, with few reconnects between long pauses', () => {
  for (let seed = 0; seed < 8; seed++) {
    const prng = new SeededPrng(seed)
    const leaking = (minute: number) => ({
      reconnects: minute % 5 === 0 ? 1 : 0,
      heapMb: 20 + 6 * Math.floor(minute / 5) + prng.gaussian(),
    })
    expect(findings(120, leaking)).toHaveLength(1)
  }
})

test.each<[string, (minute: number, noise: number) => Minute]>([
  ['a heap that grows, and no reconnect', (minute) => ({ reconnects: 0, heapMb: 20 + 10 * minute })],
  ['reconnects, and a flat heap', (_, noise) => ({ reconnects: 2, heapMb: 20 + 3 * noise })],
  ['half a megabyte a reconnect', (minute) => ({ reconnects: 1, heapMb: 20 + 0.5 * minute })],
  ['a plateau that is reached in the grace period', (minute) => ({ reconnects: 1, heapMb: 60 - 40 * Math.exp(-minute) })],
  [
    'two megabytes a reconnect, lost in the noise',
    (minute, noise) => ({ reconnects: 1, heapMb: 100 + (minute > 12 ? 0 : 2 * minute) + 40 * noise }),
  ],
  ['seven reconnects', (minute) => ({ reconnects: minute % 9 === 0 ? 1 : 0, heapMb: 20 + 6 * Math.floor(minute / 9) })],
])('%s is none', (_, at) => {
  const prng = new SeededPrng(7)
  expect(findings(60, (minute) => at(minute, prng.gaussian()))).toEqual([])
})

test('nothing is judged beyond the end of the attempt', () => {
  expect(findings(15, (minute) => ({ reconnects: 1, heapMb: 20 + 2 * minute }), 899)).toEqual([])
})
