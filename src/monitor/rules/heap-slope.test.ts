import { expect, test } from 'vitest'
import { SeededPrng } from '../../base/prng.ts'
import { HandMadeLogs, lineAt, ruleOf, rulesOf } from '../hand-made-logs.ts'

const off = ruleOf(1, { enabled: false })
const rules = rulesOf({ noEntry: off, noProgress: off })
const megabyte = 2 ** 20

/** One collection every five minutes; the heap is what `heapMb` says of the hour. */
function findings(hours: number, heapMb: (hour: number) => number): string[] {
  using logs = new HandMadeLogs()
  const lines: string[] = []
  for (let minute = 1; minute <= hours * 60; minute++) {
    const heapAfterGcBytes = minute % 5 === 0 ? Math.round(heapMb(minute / 60) * megabyte) : null
    lines.push(lineAt(minute * 60, { event: 'process', rssBytes: 1e8, heapUsedBytes: 1e7, heapAfterGcBytes }))
  }
  return logs.write('metrics', lines).findingsAt(hours * 3600, { seconds: hours * 3600, rules })
}

test('a leak of 5 MB an hour is raised once it has lasted a window after warm-up', () => {
  expect(findings(12, (hour) => 20 + 5 * hour)).toEqual(['heap-slope all leak @5400 warn'])
})

test('a leak of 5 MB an hour is found in noise of 2 MB within four hours', () => {
  for (let seed = 0; seed < 8; seed++) {
    const prng = new SeededPrng(seed)
    expect(findings(4, (hour) => 20 + 5 * hour + 2 * prng.gaussian())).toHaveLength(1)
  }
})

test.each<[string, (hour: number, noise: number) => number]>([
  ['a flat heap', () => 20],
  ['a flat heap with noise of 5 MB', (_, noise) => 20 + 5 * noise],
  ['a climb from 45 to 104 MB over two days', (hour, noise) => 45 + 59 * (hour / 48) + noise],
  ['a plateau that is reached in the warm-up', (hour) => 20 + 40 * (1 - Math.exp(-hour * 10))],
  ['steps up and down', (hour) => 20 + (Math.floor(hour) % 2) * 10],
])('%s is none in twelve hours', (_, heapMb) => {
  for (let seed = 0; seed < 8; seed++) {
    const prng = new SeededPrng(seed)
    expect(findings(12, (hour) => heapMb(hour, prng.gaussian()))).toEqual([])
  }
})

test('too short a time is not judged, however steep', () => {
  expect(findings(1, (hour) => 20 + 500 * hour)).toEqual([])
})
