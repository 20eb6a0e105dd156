import { expect, test } from 'vitest'
import { HandMadeLogs, ruleOf, rulesOf } from '../hand-made-logs.ts'

const rules = rulesOf({ noEntry: ruleOf(1, { enabled: false }) })
const period = (periodMs: number | null) => ({ periodsMs: [periodMs] })

test.each([
  ['exact periods', [1000]],
  ['periods a little uneven', [950, 1050, 1010, 990]],
  ['a mean off by just less than a tenth', [1099]],
])('%s are no finding', (_, periods) => {
  using logs = new HandMadeLogs()
  for (let second = 1; second <= 200; second++) logs.loops(second, second, period(periods[second % periods.length] ?? null))
  expect(logs.findingsAt(200, { rules })).toEqual([])
})

test.each([
  ['too slow', 1111],
  ['too fast', 889],
])('a mean that is %s is a warning at the end of the window', (_, periodMs) => {
  using logs = new HandMadeLogs().loops(1, 300, period(periodMs))
  expect(logs.findingsAt(300, { rules })).toEqual(['loop-period all mean @70 warn'])
})

test('one late loop in a window is bad luck, two are a finding', () => {
  using logs = new HandMadeLogs().loops(1, 20).loops(21, 21, period(2000)).loops(22, 100).loops(101, 102, period(2000)).loops(103, 200)
  expect(logs.findingsAt(200, { rules })).toEqual(['loop-period all p99 @130 warn'])
})

test('loops in the grace period are not judged', () => {
  using logs = new HandMadeLogs().loops(1, 10, period(5000)).loops(11, 100)
  expect(logs.findingsAt(100, { rules })).toEqual([])
})

test('is raised again after a window that was in order', () => {
  using logs = new HandMadeLogs().loops(1, 70, period(1200)).loops(71, 130).loops(131, 190, period(1200))
  expect(logs.findingsAt(190, { rules })).toEqual(['loop-period all mean @70 warn', 'loop-period all mean @190 warn'])
})

test('loops that come so slowly that a window has too few are judged with those of the next', () => {
  using logs = new HandMadeLogs()
  for (let second = 15; second <= 300; second += 15) logs.loops(second, second, period(15_000))
  expect(logs.findingsAt(300, { rules })).toEqual(['loop-period all mean @130 warn'])
})

test('a window without enough periods is not judged', () => {
  using logs = new HandMadeLogs().loops(1, 14, period(3000))
  const quiet = rulesOf({ noEntry: ruleOf(1, { enabled: false }), noProgress: ruleOf(1, { enabled: false }) })
  expect(logs.findingsAt(200, { rules: quiet })).toEqual([])
})
