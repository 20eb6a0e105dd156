import { expect, test } from 'vitest'
import { SeededPrng } from '../../base/prng.ts'
import { HandMadeLogs, lineAt, ruleOf, rulesOf } from '../hand-made-logs.ts'

const off = ruleOf(1, { enabled: false })
const rules = rulesOf({ noEntry: off, noProgress: off })

/** One line a minute; `cpuMs` of the hour since the start. */
function findings(hours: number, cpuMs: (hour: number) => number | null): string[] {
  using logs = new HandMadeLogs()
  const lines: string[] = []
  for (let minute = 1; minute <= hours * 60; minute++) {
    const loopCpuMeanMs = cpuMs(minute / 60)
    lines.push(lineAt(minute * 60, { event: 'process', heapAfterGcBytes: null, openHandles: 4, loopCpuMeanMs }))
  }
  return logs.write('metrics', lines).findingsAt(hours * 3600, { seconds: hours * 3600, rules })
}

test('a loop that takes three times as long within the hour is raised, once', () => {
  const [first, ...others] = findings(3, (hour) => 0.5 * (1 + 4 * hour))
  expect(first).toMatch(/^loop-time-trend all loop CPU time @\d+ warn$/)
  expect(others).toEqual([])
})

test('it is found in the noise of a busy machine', () => {
  for (let seed = 0; seed < 8; seed++) {
    const prng = new SeededPrng(seed)
    expect(findings(4, (hour) => (0.5 + 2 * hour) * Math.exp(0.3 * prng.gaussian()))).toHaveLength(1)
  }
})

test.each<[string, (hour: number, noise: number) => number | null]>([
  ['an even loop time', () => 0.3],
  ['noise of a factor of two', (_, noise) => 0.3 * Math.exp(0.7 * noise)],
  ['a machine that gets warm: ever faster', (hour, noise) => (0.3 + Math.exp(-3 * hour)) * Math.exp(0.2 * noise)],
  ['half as much again over the day', (hour, noise) => 0.3 * (1 + hour / 24) * Math.exp(0.2 * noise)],
  ['an hour in which everything takes four times as long', (hour) => (Math.floor(hour) === 5 ? 1.2 : 0.3)],
  ['no loop', () => null],
])('%s is none in twelve hours', (_, cpuMs) => {
  for (let seed = 0; seed < 4; seed++) {
    const prng = new SeededPrng(seed)
    expect(findings(12, (hour) => cpuMs(hour, prng.gaussian()))).toEqual([])
  }
})

test('too short a time is not judged, however steep', () => {
  expect(findings(0.6, (hour) => 1 + 100 * hour)).toEqual([])
})
