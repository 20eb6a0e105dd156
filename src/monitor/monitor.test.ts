import { appendFileSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decidedAt, HandMadeLogs, lineAt, loopsAt, quoteOf, startAtMs, summaryOf, symbols } from './hand-made-logs.ts'
import type { LogName } from './log-line.ts'

const logNames: readonly LogName[] = ['application', 'trading', 'metrics']

describe('poll', () => {
  test('gives each finding once', () => {
    using logs = new HandMadeLogs()
    const monitor = logs.monitor()
    expect(monitor.poll(startAtMs + 30_000)).toEqual([])
    expect(monitor.poll(startAtMs + 30_001)).toHaveLength(1)
    expect(monitor.poll(startAtMs + 40_000)).toEqual([])
    expect(monitor.findings()).toHaveLength(1)
    monitor.close()
  })

  test('leaves lines beyond its time for the next call', () => {
    using logs = new HandMadeLogs().loops(1, 20)
    logs.write('application', [lineAt(15, { level: 'error', event: 'engine-failed', message: 'boom' })])
    const monitor = logs.monitor()
    expect(monitor.poll(startAtMs + 15_000)).toEqual([])
    expect(monitor.progress()).toMatchObject({ loops: 14, errors: 0 })
    expect(monitor.poll(startAtMs + 15_001)).toHaveLength(1)
    monitor.close()
  })

  test('reads the logs in the order of time, and at equal times application, trading, metrics', () => {
    // The outage is over in the very millisecond in which it would have lasted the window.
    using logs = new HandMadeLogs().loops(1, 130)
    const stale = lineAt(1, { event: 'feed-stale', symbol: 'KRW-BTC', reason: 'stale', quoteAgeMs: 1 })
    logs.write('application', [stale, lineAt(121, { event: 'feed-recovered', symbol: 'KRW-BTC', staleForMs: 120_000 })])
    expect(logs.findingsAt(130)).toEqual([])
  })

  test('leaves out what an earlier attempt logged', () => {
    using logs = new HandMadeLogs().loops(1, 50)
    const failed = lineAt(50, { level: 'error', event: 'engine-failed', message: 'boom' })
    logs.write('application', [failed, 'Error: boom', '    at x (y.ts:1:1)', lineAt(60, { event: 'engine-started' })]).loops(61, 80)
    const monitor = logs.monitor({ fromSecond: 60 })
    expect(monitor.poll(startAtMs + 80_001)).toEqual([])
    expect(monitor.progress()).toMatchObject({ loops: 20, errors: 0 })
    monitor.close()
  })

  test('reads what an engine logged since its start, also before its first loop is due', () => {
    using logs = new HandMadeLogs().loops(1, 5).loops(61, 400)
    const before = lineAt(50, { level: 'error', event: 'engine-failed', message: 'of the last attempt' })
    const start = lineAt(56, { event: 'engine-started', startAtMs: startAtMs + 60_000 })
    logs.write('application', [before, start, lineAt(57, { level: 'error', event: 'store-troubled', message: 'early' }), 'Error: raw'])
    const openTrades = symbols.map((symbol) => ({ tradeId: `T-${symbol}`, symbol }))
    logs.write('trading', [lineAt(56, { event: 'session-opened', openTrades })])
    expect(logs.findingsAt(400, { fromSecond: 60 })).toEqual([
      'error-log all early @60 error aborts',
      'error-log all Error: raw @60 error aborts',
    ])
  })

  test('finish reads what an ended engine left, and judges no further', () => {
    using logs = new HandMadeLogs().loops(1, 60)
    const monitor = logs.monitor()
    expect(monitor.poll(startAtMs + 60_000)).toEqual([])
    logs.write('application', [lineAt(63, { level: 'fatal', event: 'engine-failed', message: 'lost' }), 'RangeError: x', '    at y'])
    monitor.finish()
    monitor.close()
    expect(summaryOf(monitor)).toEqual(['error-log all lost @63 error aborts', 'error-log all RangeError: x @63 error aborts'])
    expect(monitor.progress().eventTimeMs).toBe(startAtMs + 63_000)
  })

  test('keeps a bounded number of findings, and places for those that abort', () => {
    using logs = new HandMadeLogs().loops(1, 20)
    const lines = Array.from({ length: 450 }, (_, i) => {
      const message = `${'abcdefghij'[i % 10]}${'abcdefghij'[Math.floor(i / 10) % 10]}${'abcdefghij'[Math.floor(i / 100)]}`
      return lineAt(10, { level: 'error', event: 'engine-failed', message })
    })
    const monitor = logs.write('application', lines).monitor()
    expect(monitor.poll(startAtMs + 20_000)).toHaveLength(200)
    expect(monitor.progress().droppedFindings).toBe(250)
    monitor.close()
  })

  test('keeps places for what is grave, however many symbols have only a quiet market to tell of', () => {
    const many = Array.from({ length: 250 }, (_, index) => `KRW-X${index}`)
    const quotes = many.map((symbol) => quoteOf(symbol, 5))
    using logs = new HandMadeLogs()
      .loops(1, 1, { quotes })
      .loops(2, 360, { quotes: [] })
      .loops(361, 480, { quotes: [], periodsMs: [2000] })
    expect(logs.findingsAt(480, { symbols: many }).filter((finding) => !finding.startsWith('no-entry'))).toEqual([
      'loop-period all mean @370 warn',
    ])
  })

  test('a folder without logs is an engine that does not start', () => {
    using logs = new HandMadeLogs()
    expect(logs.findingsAt(31)).toEqual(['no-progress all engine-stuck @30 error aborts'])
  })
})

test('progress tells what the engine has done', () => {
  using logs = new HandMadeLogs().loops(1, 9).loops(10, 10, { openTrades: 1 })
  logs.write('metrics', [lineAt(10, { event: 'process', rssBytes: 77, heapAfterGcBytes: null })])
  logs.write(
    'trading',
    [3, 4].map((second) => lineAt(second, { event: 'entry', symbol: 'KRW-BTC', tradeId: `T${second}` })),
  )
  logs.write('trading', [lineAt(8, { event: 'exit', symbol: 'KRW-BTC', tradeId: 'T3' })])
  logs.write('application', [lineAt(9, { level: 'error', event: 'store-troubled', message: 'x' }), 'Error: x', '    at y'])
  const monitor = logs.monitor()
  monitor.poll(startAtMs + 12_000)
  monitor.close()
  expect(monitor.progress()).toEqual({
    eventTimeMs: startAtMs + 11_999,
    loops: 10,
    entries: 2,
    exits: 1,
    errors: 2,
    openTrades: 1,
    rssBytes: 77,
    droppedFindings: 0,
    droppedLines: 0,
    replacedLogs: 0,
  })
})

describe('false alarms', () => {
  test('an hour of ordinary trading, with cooldowns, halts, a failed entry and a timed-out order, raises nothing', () => {
    using logs = new HandMadeLogs()
    const trading: string[] = []
    const application: string[] = []
    const metrics: string[] = []
    for (let second = 1; second <= 3600; second++) {
      const phase = second % 100
      const isHalted = second % 1500 > 1400 && second % 1500 <= 1480
      const edge = phase >= 50 && phase < 65 ? 60 : phase >= 40 && phase < 42 ? 45 : 10
      const facts = { staleSymbols: isHalted ? 2 : 0, periodsMs: [second % 900 === 450 ? 2000 : 1000] }
      metrics.push(loopsAt(second, facts, isHalted ? [null, null] : [edge, edge]))
      symbols.forEach((symbol, index) => {
        const tradeId = `${symbol}${Math.floor(second / 100)}`
        const isFailing = second % 1100 < 100
        if (second % 1500 === 1401) application.push(lineAt(second, { event: 'feed-stale', symbol, reason: 'frozen' }))
        if (second % 1500 === 1481) application.push(lineAt(second, { event: 'feed-recovered', symbol, staleForMs: 80_000 }))
        if (phase === 50) trading.push(decidedAt(second, symbol, 'allow'))
        if (phase === 51) trading.push(lineAt(second, { event: isFailing ? 'entry-failed' : 'entry', symbol, tradeId }))
        if (phase === 58 && !isFailing) trading.push(lineAt(second, { event: 'exit', symbol, tradeId }))
        if (phase === 59 + index) trading.push(decidedAt(second, symbol, 'block', 'cooldown'))
      })
    }
    logs.write('application', application).write('trading', trading).write('metrics', metrics)
    expect(logs.findingsAt(3600)).toEqual([])
  })
})

const quietKinds = ['quiet', 'silent', 'tempting', 'slow', 'leaking'] as const
const eventfulKinds = ['trade', 'failing', 'blocked', 'stopped', 'stale', 'error', 'raw', 'warning', 'exposed', 'chatty'] as const

/** A stretch of an engine's life: what happens in it, and for how many seconds. */
const stretches = fc.array(
  fc.record({
    kind: fc.constantFrom(...quietKinds, ...eventfulKinds),
    symbol: fc.constantFrom(...symbols),
    lastsSeconds: fc.integer({ min: 1, max: 200 }),
    offsetMs: fc.integer({ min: 0, max: 999 }),
  }),
  { minLength: 1, maxLength: 14 },
)

type Stretch = (typeof stretches extends fc.Arbitrary<infer T> ? T : never)[number]

function logsOf(life: readonly Stretch[]): Record<LogName, string[]> {
  const lines: Record<LogName, string[]> = { application: [], trading: [], metrics: [] }
  let second = 0
  for (const stretch of life) {
    const { kind, lastsSeconds } = stretch
    happenIn(stretch, second, lines)
    const loopsUntil = kind === 'silent' ? second : second + lastsSeconds
    for (let time = second + 1; time <= loopsUntil; time++) {
      const facts = { periodsMs: [kind === 'slow' ? 1700 : 1000], staleSymbols: kind === 'stale' ? 1 : 0 }
      lines.metrics.push(loopsAt(time, facts, [kind === 'tempting' ? 60 : 5, 5]))
      if (time % 60 === 0) lines.metrics.push(...minuteLines(time, kind === 'leaking'))
    }
    second += lastsSeconds
  }
  return lines
}

/** What the process and a feed of it measured in a minute. */
function minuteLines(time: number, isLeaking: boolean): string[] {
  const gauges = { heapAfterGcBytes: 1e7 + time * 5e4, openFiles: 20 + (isLeaking ? time : 0), openHandles: 4, loopCpuMeanMs: time / 1000 }
  return [
    lineAt(time, { event: 'process', rssBytes: 1, eventLoopDelayP99Ms: isLeaking ? 500 : 11, ...gauges }),
    lineAt(time, { event: 'feed', venue: 'upbit', reconnects: 1, liveSockets: 1, openSockets: isLeaking ? 2 : 1 }),
  ]
}

function happenIn({ kind, symbol, lastsSeconds, offsetMs }: Stretch, second: number, lines: Record<LogName, string[]>): void {
  const from = second + offsetMs / 1000
  const to = second + lastsSeconds
  const at = (time: number, event: string, other: Record<string, unknown> = {}): string => {
    return lineAt(time, { event, symbol, tradeId: `T${second}`, ...other })
  }
  const allowed = decidedAt(from, symbol, 'allow')
  const happenings: Partial<Record<Stretch['kind'], () => void>> = {
    trade: () => lines.trading.push(allowed, at(from, 'entry'), at(to, 'exit')),
    failing: () => lines.trading.push(allowed, at(from, 'entry-failed'), decidedAt(to, symbol, 'block', 'cooldown')),
    blocked: () => {
      for (let time = from; time < to; time += 10) lines.trading.push(decidedAt(time, symbol, 'block', 'max-exposure'))
    },
    stopped: () => lines.trading.push(decidedAt(from, symbol, 'stop-session', 'max-daily-loss')),
    stale: () => lines.application.push(at(from, 'feed-stale', { reason: 'stale' }), at(to, 'feed-recovered')),
    error: () => lines.application.push(at(from, 'symbol-failed', { level: 'error', message: `failure ${second % 3}` })),
    raw: () => lines.application.push('TypeError: x', '    at y (z.ts:1:1)', 'some text'),
    warning: () => lines.application.push('(node:9) Warning: x'),
    exposed: () => {
      const fill = { leg: 'a', quantity: '1', notional: '50000', instrument: 'KRW-BTC', fxKrwPerUsdt: 1400 }
      lines.trading.push(at(from, 'order-filled', { side: 'buy', ...fill }), at(to, 'order-filled', { side: 'sell', ...fill }))
    },
    chatty: () => lines.application.push(at(from, 'venue-troubled', { message: 'x'.repeat(320_000) })),
  }
  happenings[kind]?.()
}

test('rule, symbol, cause and time of the findings do not depend on when the monitor looks', () => {
  const pausesMs = fc.oneof(fc.integer({ min: 1, max: 60_000 }), fc.constantFrom(1000, 10_000))
  const pauses = fc.infiniteStream(fc.record({ pauseMs: pausesMs, extraBytes: fc.integer({ min: 0, max: 3000 }) }))
  const check = fc.property(stretches, pauses, (life, steps) => {
    const endMs = startAtMs + life.reduce((sum, { lastsSeconds }) => sum + lastsSeconds, 0) * 1000 + 40_000
    const seconds = (endMs - startAtMs) / 1000
    using whole = new HandMadeLogs()
    const lines = logsOf(life)
    for (const log of logNames) whole.write(log, lines[log])
    const once = whole.monitor({ seconds })
    once.poll(endMs)
    once.close()

    using growing = new HandMadeLogs()
    const files = logNames.map((log) => ({ path: growing.pathOf(log), writtenBytes: 0, ...offsetsOf(lines[log]) }))
    const monitor = growing.monitor({ seconds })
    for (let nowMs = startAtMs; nowMs < endMs;) {
      const { pauseMs, extraBytes } = steps.next().value ?? { pauseMs: 1, extraBytes: 0 }
      nowMs = Math.min(nowMs + pauseMs, endMs)
      for (const file of files) {
        // Everything before now has been written, and a part of what is to come.
        const dueBytes = file.ends.findLast(({ timeMs }) => timeMs < nowMs)?.endBytes ?? 0
        const toBytes = Math.min(file.bytes.length, Math.max(file.writtenBytes, dueBytes + extraBytes))
        appendFileSync(file.path, file.bytes.subarray(file.writtenBytes, toBytes))
        file.writtenBytes = toBytes
      }
      monitor.poll(nowMs)
    }
    monitor.close()
    for (const file of files) expect(readFileSync(file.path).length).toBe(file.bytes.length)
    expect(summaryOf(monitor)).toEqual(summaryOf(once))
  })
  fc.assert(check, { numRuns: 40 })
})

/** Where each line ends, with its time; a raw line has that of the event before it. */
function offsetsOf(lines: readonly string[]): { bytes: Buffer; ends: { timeMs: number; endBytes: number }[] } {
  let timeMs = startAtMs
  let endBytes = 0
  const ends = lines.map((line) => {
    if (line.startsWith('{')) timeMs = JSON.parse(line).time
    endBytes += Buffer.byteLength(line) + 1
    return { timeMs, endBytes }
  })
  return { bytes: Buffer.from(lines.map((line) => `${line}\n`).join('')), ends }
}
