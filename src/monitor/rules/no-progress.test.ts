import { expect, test } from 'vitest'
import { HandMadeLogs, lineAt, ruleOf, rulesOf } from '../hand-made-logs.ts'

const stuck = (second: number) => `no-progress all engine-stuck @${second} error aborts`

test('an engine that never starts to loop is stuck a window after the start', () => {
  using logs = new HandMadeLogs()
  expect(logs.findingsAt(29)).toEqual([])
  expect(logs.findingsAt(100)).toEqual([stuck(30)])
})

test('loops that stop are raised a window after the last, however late the monitor looks', () => {
  using logs = new HandMadeLogs().loops(1, 50)
  expect(logs.findingsAt(100)).toEqual([stuck(80)])
})

test('a pause shorter than the window is none', () => {
  using logs = new HandMadeLogs().loops(1, 50).loops(79, 100)
  expect(logs.findingsAt(100)).toEqual([])
})

test('loops that are longer than the window are none, and are stuck when two of them are missing', () => {
  using logs = new HandMadeLogs()
  for (const second of [60, 179, 180]) logs.loops(second, second, { periodsMs: [60_000] })
  const quiet = rulesOf({ noEntry: ruleOf(1, { enabled: false }) })
  expect(logs.findingsAt(400, { loopIntervalMs: 60_000, rules: quiet })).toEqual([stuck(300)])
})

test('a second pause is raised again', () => {
  using logs = new HandMadeLogs().loops(1, 50).loops(90, 100)
  expect(logs.findingsAt(200)).toEqual([stuck(80), stuck(130)])
})

test('an engine that has stopped is not stuck', () => {
  using logs = new HandMadeLogs().loops(1, 50)
  logs.write('application', [lineAt(51, { event: 'engine-stopped', reason: 'completed', loops: 50, overruns: 0 })])
  expect(logs.findingsAt(200)).toEqual([])
})

test('nothing is judged beyond the end of the attempt', () => {
  using logs = new HandMadeLogs().loops(1, 60)
  expect(logs.findingsAt(200, { seconds: 61 })).toEqual([])
})

test('nothing is raised in the grace period', () => {
  using logs = new HandMadeLogs()
  expect(logs.findingsAt(100, { rules: rulesOf({ noProgress: ruleOf(30_000, { graceMs: 60_000 }) }) })).toEqual([stuck(60)])
})
