import { expect, test } from 'vitest'
import { SeededPrng } from '../../base/prng.ts'
import { HandMadeLogs, lineAt, ruleOf, rulesOf } from '../hand-made-logs.ts'

const off = ruleOf(1, { enabled: false })
const rules = rulesOf({ noEntry: off, noProgress: off })

interface Gauges {
  openFiles?: number | null
  openHandles?: number
  reconnects?: number
}

/** A line each minute. */
function findings(minutes: number, at: (minute: number) => Gauges): string[] {
  using logs = new HandMadeLogs()
  for (let minute = 1; minute <= minutes; minute++) {
    const { reconnects = 0, ...gauges } = at(minute)
    const counts = { venue: 'upbit', reconnects, openSockets: 1, liveSockets: 1 }
    logs.write('metrics', [
      lineAt(60 * minute, { event: 'process', heapAfterGcBytes: null, openHandles: 4, ...gauges }),
      lineAt(60 * minute, { event: 'feed', ...counts }),
    ])
  }
  return logs.findingsAt(60 * minutes + 1, { seconds: 60 * minutes + 1, rules })
}

test('descriptors that leak by one in three minutes are found after a window, once', () => {
  expect(findings(180, (minute) => ({ openFiles: 20 + Math.floor(minute / 3) }))).toEqual([
    'handle-growth all open files over time @2400 warn',
  ])
})

test('handles are judged by themselves', () => {
  const growing = (minute: number): Gauges => ({ openFiles: 20, openHandles: 4 + minute })
  expect(findings(60, growing)).toEqual(['handle-growth all handles over time @2400 warn'])
})

test('one more after each reconnect is found at the eighth, however slow the clock', () => {
  const growing = (minute: number): Gauges => ({ reconnects: minute % 10 === 0 ? 1 : 0, openFiles: 20 + Math.floor(minute / 10) })
  const [first] = findings(90, growing)
  expect(first).toBe('handle-growth all open files per reconnect @4800 warn')
})

test.each<[string, (minute: number, noise: number) => Gauges]>([
  ['a number that stands', () => ({ openFiles: 20 })],
  ['ups and downs', (_, noise) => ({ openFiles: 20 + Math.round(4 * noise), openHandles: 6 + Math.round(2 * noise) })],
  ['a pool that fills within the grace period', (minute) => ({ openFiles: 20 + Math.min(16, minute) })],
  ['nine an hour', (minute) => ({ openFiles: 20 + Math.floor((9 * minute) / 60) })],
  ['reconnects that leave nothing', (minute, noise) => ({ openFiles: 20 + Math.round(noise), reconnects: minute % 2 })],
  ['a system that cannot tell', () => ({ openFiles: null })],
])('%s is none', (_, at) => {
  for (let seed = 0; seed < 4; seed++) {
    const prng = new SeededPrng(seed)
    expect(findings(300, (minute) => at(minute, prng.gaussian()))).toEqual([])
  }
})
