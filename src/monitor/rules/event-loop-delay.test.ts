import { expect, test } from 'vitest'
import { HandMadeLogs, lineAt, ruleOf, rulesOf } from '../hand-made-logs.ts'

const rules = rulesOf({ noEntry: ruleOf(1, { enabled: false }) })

/** A line each minute; the first tells of the time since the start. */
function findings(delaysMs: readonly (number | null)[], changes: Parameters<typeof rulesOf>[0] = {}): string[] {
  using logs = new HandMadeLogs()
  for (const [index, eventLoopDelayP99Ms] of delaysMs.entries()) {
    const second = 60 * (index + 1)
    const process = { event: 'process', heapAfterGcBytes: null, openHandles: 4, eventLoopDelayP99Ms }
    logs.loops(second - 59, second).write('metrics', [lineAt(second, process)])
  }
  return logs.findingsAt(60 * delaysMs.length, { rules: { ...rules, ...changes } })
}

test('a minute in which the event loop was late is a warning, once as long as it lasts', () => {
  expect(findings([11, 250, 900, 12, 300])).toEqual([
    'event-loop-delay all event loop @120 warn',
    'event-loop-delay all event loop @300 warn',
  ])
})

test('a longer window asks for as long a time', () => {
  const eventLoopDelay = ruleOf(120_000, { severity: 'warn', aborts: false })
  expect(findings([250, 11, 250, 250], { eventLoopDelay })).toEqual(['event-loop-delay all event loop @240 warn'])
})

test.each([
  ['delays up to the limit', [200, 200, 200]],
  ['virtual time, which has none', [null, null, null]],
])('%s: no finding', (_, delaysMs) => {
  expect(findings(delaysMs)).toEqual([])
})
