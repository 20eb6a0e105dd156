import { expect, test } from 'vitest'
import { HandMadeLogs, lineAt, ruleOf, rulesOf, startAtMs } from '../hand-made-logs.ts'

const rules = rulesOf({ noEntry: ruleOf(1, { enabled: false }) })
const chatter = (second: number, bytes: number): string =>
  lineAt(second, { event: 'venue-troubled', level: 'warn', message: 'x'.repeat(bytes) })

/** Loops, and beside them what a chatty part logs at these seconds. */
function logsWith(seconds: number, lines: (second: number) => readonly string[]): HandMadeLogs {
  const logs = new HandMadeLogs()
  for (let second = 1; second <= seconds; second++) logs.loops(second, second).write('application', lines(second))
  return logs
}

test('too many bytes a second over a window are a warning, with what fills the logs', () => {
  using logs = logsWith(180, (second) => (second > 60 ? [chatter(second, 6000)] : []))
  const monitor = logs.monitor({ rules })
  const found = monitor.poll(startAtMs + 180_001)
  monitor.close()
  expect(found).toMatchObject([{ rule: 'log-volume', cause: 'venue-troubled', atMs: startAtMs + 120_000, severity: 'warn', aborts: false }])
  expect(found[0]?.evidence[0]).toMatch(/^venue-troubled: \d{4} bytes a second$/)
})

test('what is printed raw counts, and says so', () => {
  using logs = logsWith(70, (second) => [lineAt(second, { event: 'checkpoint' }), 'debug: '.padEnd(6000, '00 ')])
  expect(logs.findingsAt(70, { rules }).filter((finding) => finding.startsWith('log-volume'))).toEqual([
    'log-volume all raw lines in application.log @60 warn',
  ])
})

test.each([
  ['ordinary logs', () => []],
  ['one long line in a window', (second: number) => (second === 90 ? [chatter(second, 100_000)] : [])],
])('%s: no finding', (_, lines) => {
  using logs = logsWith(180, lines)
  expect(logs.findingsAt(180, { rules })).toEqual([])
})

test('more symbols may log more', () => {
  using logs = logsWith(70, (second) => [chatter(second, 6000)])
  const symbols = Array.from({ length: 20 }, (_, index) => (index === 0 ? 'KRW-BTC' : `KRW-X${index}`))
  expect(logs.findingsAt(70, { rules, symbols })).toEqual([])
})

test('is raised again after a window in order', () => {
  using logs = logsWith(250, (second) => (Math.floor((second - 1) / 60) % 2 === 0 ? [chatter(second, 6000)] : []))
  expect(logs.findingsAt(250, { rules })).toEqual(['log-volume all venue-troubled @60 warn', 'log-volume all venue-troubled @180 warn'])
})
