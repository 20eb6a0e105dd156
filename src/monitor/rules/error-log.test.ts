import { describe, expect, test } from 'vitest'
import { HandMadeLogs, lineAt, startAtMs } from '../hand-made-logs.ts'
import type { Finding } from '../finding.ts'

const failed = (second: number, message = 'no book', symbol = 'KRW-BTC') =>
  lineAt(second, { level: 'error', event: 'symbol-failed', symbol, message, stack: `Error: ${message}\n    at price (edge.ts:1:1)` })

function findings(lines: readonly string[]): Finding[] {
  using logs = new HandMadeLogs().loops(1, 200).write('application', lines)
  const monitor = logs.monitor()
  const found = monitor.poll(startAtMs + 200_000)
  monitor.close()
  return found
}

describe('events', () => {
  test.each(['error', 'fatal'])('a line of level %s is a finding that aborts', (level) => {
    const found = findings([lineAt(20, { level, event: 'engine-failed', message: 'disk full\nat /tmp', stack: 's' })])
    expect(found).toMatchObject([{ rule: 'error-log', symbol: null, cause: 'disk full', atMs: startAtMs + 20_000, aborts: true }])
  })

  test('lines of other levels are none', () => {
    expect(findings([lineAt(20, { level: 'warn', event: 'venue-troubled', message: 'ERROR 503' })])).toEqual([])
  })

  test('an error on a symbol names it and shows its stack', () => {
    expect(findings([failed(20)])).toMatchObject([
      { symbol: 'KRW-BTC', cause: 'no book', evidence: ['Error: no book', '    at price (edge.ts:1:1)'] },
    ])
  })

  test('the same error in each loop is one finding', () => {
    expect(findings(Array.from({ length: 100 }, (_, index) => failed(index + 1, `order O${index} failed`)))).toHaveLength(1)
  })

  test('the same error is raised again after a minute without it', () => {
    expect(findings([failed(20), failed(79), failed(140)]).map((finding) => finding.atMs - startAtMs)).toEqual([20_000, 140_000])
  })

  test('other errors and other symbols are findings of their own', () => {
    expect(findings([failed(20), failed(20, 'no fx'), failed(20, 'no book', 'KRW-ETH')])).toHaveLength(3)
  })
})

describe('raw lines', () => {
  const nodeTrace = ['Error: boom', '    at loop (file:///engine.ts:3:9)', '    at node:internal/x:1:1', '', 'Node.js v24.21.0']
  const pythonTrace = ['Traceback (most recent call last):', '  File "a.py", line 1, in run', '    raise ValueError(1)', 'ValueError: 1']

  test.each([
    ['a JavaScript trace', nodeTrace],
    ['a trace of a class of its own', ['longhaul.OperatingError [LEASE_HELD]: held', '    at x (y.ts:1:1)']],
    ['an uncaught exception', ['Uncaught TypeError: x is not a function', '    at <anonymous>:1:1']],
    ['an unhandled rejection', ['[UnhandledPromiseRejection: This error originated …']],
    ['a Python trace', pythonTrace],
    ['a Java trace', ['Exception in thread "main" java.lang.Boom: x', '\tat a.b(C.java:1)', 'Caused by: java.io.IOException: y', '\tat d']],
    ['a Go panic', ['panic: nil map', '', 'goroutine 1 [running]:']],
    ['a heap that is full', ['FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory']],
    ['a process warning', ['(node:42) MaxListenersExceededWarning: Possible leak', '(Use `node --trace-warnings` to show where)']],
    ['a timer that overflows', ['(node:42) TimeoutOverflowWarning: 2592000000 does not fit into a 32-bit signed integer.']],
    ['something deprecated', ['(node:42) [DEP0005] DeprecationWarning: Buffer() is deprecated']],
    ['an experiment', ['(node:42) ExperimentalWarning: SQLite is an experimental feature and might change at any time']],
    ['a level in plain text', ['2026-01-05 00:00:20 ERROR order refused']],
    ['a level in JSON that is no event', ['{"level":"error","msg":"order refused"}']],
  ])('%s is one finding, with its first line as the cause', (_, lines) => {
    const found = findings([lineAt(20, { event: 'engine-started' }), ...lines])
    expect(found).toMatchObject([{ rule: 'error-log', cause: lines[0], atMs: startAtMs + 20_000, severity: 'error', aborts: true }])
    expect(found[0]?.evidence).toEqual(lines.filter((line) => line !== ''))
  })

  test('a trace whose first line does not look like one is known by its frames', () => {
    const found = findings(['boom', '    at loop (file:///engine.ts:3:9)', '    at next'])
    expect(found.filter((finding) => finding.aborts)).toMatchObject([
      { cause: 'boom', evidence: ['boom', '    at loop (file:///engine.ts:3:9)', '    at next'] },
    ])
  })

  test('two traces are two findings', () => {
    expect(findings([...nodeTrace, 'RangeError: far', '    at y (z.ts:1:1)']).map((finding) => finding.cause)).toEqual([
      'Error: boom',
      'RangeError: far',
    ])
  })

  test('a trace that goes on beyond ten lines keeps ten', () => {
    const found = findings(['Error: deep', ...Array.from({ length: 50 }, (_, index) => `    at f${index} (a.ts:1:1)`)])
    expect(found).toHaveLength(1)
    expect(found[0]?.evidence).toHaveLength(10)
  })

  test('other raw lines are told of once, and harmless', () => {
    const found = findings(['listening on 3000', 'no errors so far', 'bye'])
    expect(found).toMatchObject([{ cause: 'listening on 3000', severity: 'info', aborts: false }])
  })
})
