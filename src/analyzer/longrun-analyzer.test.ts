/** Figures from logs that are sound, mixed, cut, broken, empty or of another kind. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import type { SessionOpened } from '../model/event.ts'
import type { Analysis } from './analysis.ts'
import { analyzeLogs } from './longrun-analyzer.ts'
import { sampleRealised, soundLog } from './sample-log.ts'

const folder = mkdtempSync(join(tmpdir(), 'longhaul-analyzer-'))
afterAll(() => {
  rmSync(folder, { recursive: true })
})

const startMs = Date.UTC(2026, 0, 5)
let fileCount = 0

function fileOf(lines: readonly (object | string)[]): string {
  const file = join(folder, `${fileCount++}.log`)
  writeFileSync(file, lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n') + '\n')
  return file
}

function analyze(lines: readonly (object | string)[], symbols?: string[]): Promise<Analysis> {
  const applicationLog = fileOf(lines)
  return analyzeLogs(symbols ? { applicationLog, symbols } : { applicationLog })
}

const line = (timeMs: number, event: string, rest: object = {}, level = 'info'): object => ({ level, time: timeMs, event, ...rest })
const quote = (symbol: string, bidA: number): object => ({ symbol, bidA, askA: bidA + 2, bidB: 100, askB: 102, fx: 1, quoteAgeMs: 5 })

function loops(timeMs: number, firstLoop: number, periodMs: number | null, loopTimeMs: number, quotes: object[] = []): object {
  const gauges = { overruns: 1, missingSnapshots: 2, staleSymbols: 0, openTrades: 0, blockedSymbols: 0, intents: 0, busySymbols: 0, quotes }
  return line(timeMs, 'loops', { firstLoop, loopCount: 1, periodsMs: [periodMs], loopTimesMs: [loopTimeMs], ...gauges })
}

const started = (timeMs: number, attempt: number): object =>
  line(timeMs, 'engine-started', { attempt, symbols: ['KRW-BTC'], startAtMs: timeMs, endAtMs: startMs + 180_000, loopIntervalMs: 1000 })

describe('a trading log', () => {
  it('gives entries, exits, wins, reasons, orders and exact profit', async () => {
    const { overall, symbols, attempts } = await analyze(soundLog())
    expect(attempts).toBe(2)
    expect(symbols.map(({ symbol }) => symbol)).toEqual(['KRW-BTC'])
    expect(overall).toMatchObject({
      entries: 2,
      exits: 2,
      entriesFailed: 1,
      wins: 2,
      exitsByReason: { 'take-profit': 2 },
      guardBlocks: { 'max-daily-loss': 1 },
      ordersByStatus: { filled: 10, unfilled: 1 },
      unwinds: 1,
      // Twice the sample's trade and once its failed entry.
      profit: { edgeKrw: '52500', feesKrw: '9767.2', fxKrw: '-19800', totalKrw: '22932.8' },
    })
  })

  it('counts blocks that were left out under the reason that they had', async () => {
    const decided = (timeMs: number, outcome: string, reason: string | null, suppressedCount: number): object =>
      line(timeMs, 'guard-decided', { symbol: 'KRW-BTC', outcome, reason, suppressedCount })
    const { overall, hours } = await analyze([
      decided(1, 'block', 'cooldown', 0),
      decided(2, 'block', 'max-exposure', 40),
      decided(3, 'allow', null, 2),
    ])
    expect(overall.guardBlocks).toEqual({ cooldown: 41, 'max-exposure': 3 })
    expect(hours[0]?.guardBlocks).toBe(44)
  })
})

describe('a metrics log', () => {
  it('gives loops, periods, loop times, spreads and edges', async () => {
    const analysis = await analyze([
      loops(startMs, 1, null, 50, [quote('KRW-BTC', 100)]),
      loops(startMs + 1000, 2, 1000, 60, [quote('KRW-BTC', 103), quote('KRW-ETH', 0)]),
      loops(startMs + 2200, 3, 1200, 70),
    ])
    expect(analysis).toMatchObject({ loops: 3, overruns: 3, missingSnapshots: 6 })
    expect(analysis.loopPeriodMs).toMatchObject({ count: 2, mean: 1100, min: 1000, max: 1200 })
    expect(analysis.loopTimeMs).toMatchObject({ count: 3, mean: 60, p50: 60, max: 70 })
    const [btc, eth] = analysis.symbols
    expect(btc?.spreadBBps?.mean).toBeCloseTo((2 / 101) * 1e4, 6)
    // 103 / 102 - 1 on the second line, 100 / 102 - 1 (either way) on the first.
    expect(btc?.grossEdgeBps?.max).toBeCloseTo((103 / 102 - 1) * 1e4, 6)
    expect(btc?.grossEdgeBps?.min).toBeCloseTo((100 / 102 - 1) * 1e4, 6)
    expect(eth?.grossEdgeBps).toBeNull()
    expect(analysis.overall.grossEdgeBps?.count).toBe(2)
  })

  it('gives the latency of decisions over all lines, and the p99 of each', async () => {
    const latency = (timeMs: number, count: number, lowUs: number): object =>
      line(timeMs, 'latency', { count, maxUs: lowUs, buckets: [[lowUs, count]], queueDepthMax: count, lagMaxUs: lowUs, coalesced: 1 })
    const analysis = await analyze([latency(startMs, 900, 64), latency(startMs + 60_000, 100, 4096), latency(startMs + 120_000, 1, 8192)])
    expect(analysis.latency).toEqual({
      count: 1001,
      p50Us: 64,
      p99Us: 4159,
      p999Us: 4159,
      maxUs: 8192,
      queueDepthMax: 900,
      lagMaxUs: 8192,
      coalesced: 3,
    })
    expect(analysis.series.find(({ name }) => name === 'quote-to-decision')?.points).toEqual([
      [startMs, 0.064],
      [startMs + 60_000, 4.096],
      [startMs + 120_000, 8.192],
    ])
  })

  it('adds up what each venue’s feed did, over attempts, and keeps the last offset that is known', async () => {
    const counts = { heldBack: 0, rateLimited: 0, bans: 0, connects: 0, gaps: 0, resyncs: 0, confirmations: 0, dropped: 0 }
    const feed = (venue: string, requests: number, rest: object): object =>
      line(startMs, 'feed', { venue, source: 'depth', requests, reconnects: 1, frames: 10, ...counts, usedShareMax: 0.2, ...rest })
    const { feeds, unreadableLines } = await analyze([
      feed('binance', 3, { liveSockets: 2, clockOffsetMs: 5, clockErrorMs: 1 }),
      feed('binance', 4, { liveSockets: 1, clockOffsetMs: null, clockErrorMs: null, usedShareMax: 0.9, bans: 1 }),
      feed('upbit', 1, { liveSockets: 1, clockOffsetMs: null, clockErrorMs: null, source: 'orderbook-stream' }),
    ])
    expect(unreadableLines).toBe(0)
    expect(feeds.map(({ venue, source, requests, reconnects, bans }) => [venue, source, requests, reconnects, bans])).toEqual([
      ['upbit', 'orderbook-stream', 1, 1, 0],
      ['binance', 'depth', 7, 2, 1],
    ])
    expect(feeds[1]).toMatchObject({ frames: 20, usedShareMax: 0.9, liveSocketsMax: 2, clockOffsetMs: 5, clockErrorMs: 1 })
  })

  it.each([
    [
      'is repaired in its own line or a later one',
      [
        [1, 0],
        [0, 0],
        [0, 1],
        [2, 1],
      ],
      0,
    ],
    [
      'is open where no book was fetched anew until the end',
      [
        [1, 0],
        [1, 0],
        [0, 0],
        [0, 0],
      ],
      2,
    ],
    [
      'had no time to be repaired in the last two lines',
      [
        [0, 1],
        [1, 0],
        [1, 0],
      ],
      0,
    ],
  ])('a sequence gap %s', async (_, minutes, open) => {
    const counts = {
      heldBack: 0,
      rateLimited: 0,
      bans: 0,
      connects: 0,
      reconnects: 0,
      confirmations: 0,
      dropped: 0,
      requests: 0,
      frames: 0,
    }
    const gauges = { usedShareMax: 0, liveSockets: 1, clockOffsetMs: null, clockErrorMs: null }
    const lines = minutes.map(([gaps, resyncs], minute) =>
      line(startMs + minute * 60_000, 'feed', { venue: 'binance', source: 'depth-stream', ...counts, ...gauges, gaps, resyncs }),
    )
    const { feeds } = await analyze(lines)
    expect(feeds[0]?.unrepairedGaps).toBe(open)
    // The books of the next attempt are its own: that it fetches them repairs nothing of this one.
    const next = line(startMs + 9 * 60_000, 'feed', { venue: 'binance', source: 'depth-stream', ...counts, ...gauges, gaps: 0, resyncs: 1 })
    const applicationLog = fileOf([started(startMs, 1), started(startMs + 9 * 60_000, 2)])
    const restarted = await analyzeLogs({ applicationLog, metricsLog: fileOf([...lines, next]) })
    expect(restarted.feeds[0]?.unrepairedGaps).toBe(open)
  })

  it.each([
    ['feed', { venue: 'upbit', source: 'depth', requests: 1 }],
    ['feed', { venue: 'elsewhere', source: 'depth', requests: 1 }],
    ['latency', { count: 1, maxUs: 5, buckets: [[129, 1]], queueDepthMax: 0, lagMaxUs: 0, coalesced: 0 }],
    ['latency', { count: 1, maxUs: 5, buckets: [[5, 1]] }],
  ])('a %s line that lacks something is unreadable, and counts for nothing: %j', async (event, facts) => {
    const { unreadableLines, latency, feeds } = await analyze([line(startMs, event, facts)])
    expect([unreadableLines, latency, feeds]).toEqual([1, null, []])
  })

  it('gives each hour its own figures', async () => {
    const hourMs = 3_600_000
    const { hours } = await analyze([
      loops(startMs, 1, null, 50),
      loops(startMs + hourMs - 1, 2, 1000, 90),
      loops(startMs + hourMs, 3, 1100, 70),
      line(startMs + hourMs, 'symbol-failed', { symbol: 'KRW-BTC', message: '', stack: '' }, 'error'),
    ])
    expect(hours).toMatchObject([
      { startMs, loops: 2, errors: 0, meanLoopPeriodMs: 1000, p99LoopTimeMs: 90 },
      { startMs: startMs + hourMs, loops: 1, errors: 1, meanLoopPeriodMs: 1100, p99LoopTimeMs: 70 },
    ])
  })

  it('gives the heap’s trend after warm-up, of the longest attempt alone', async () => {
    const minuteMs = 60_000
    const heap = (timeMs: number, heapAfterGcBytes: number | null): object =>
      line(timeMs, 'process', { rssBytes: 9e7, heapUsedBytes: 5e7, heapAfterGcBytes, loopCpuMeanMs: 0.1 })
    const short = Array.from({ length: 20 }, (_, minute) => heap(startMs + minute * minuteMs, 1e9 - 1e6 * minute))
    // Climbs steeply for half an hour, then by 60,000 bytes an hour.
    const climb = (minute: number): number => (minute < 30 ? 1e6 * minute : 4e7 + 1000 * minute)
    const long = Array.from({ length: 240 }, (_, minute) => heap(startMs + (30 + minute) * minuteMs, climb(minute)))
    const starts = [started(startMs, 1), started(startMs + 30 * minuteMs, 2)] as const
    const { heapTrend, series } = await analyze([starts[0], ...short, starts[1], ...long])
    expect(heapTrend.slopePerHour).toBeCloseTo(60_000, 3)
    expect(series.find(({ name }) => name === 'heap-after-gc')?.points).toHaveLength(260)
    const apart = await analyzeLogs({ applicationLog: fileOf(starts), metricsLog: fileOf([...short, ...long]) })
    expect(apart.heapTrend).toEqual(heapTrend)
  })
})

describe('an application log', () => {
  it('gives outages, also one that never ended', async () => {
    const { feedOutages, overall } = await analyze([
      line(1000, 'feed-stale', { symbol: 'KRW-BTC', reason: 'frozen', quoteAgeMs: 1 }, 'warn'),
      line(4000, 'feed-recovered', { symbol: 'KRW-BTC', staleForMs: 3000 }),
      line(5000, 'feed-stale', { symbol: 'KRW-ETH', reason: 'missing', quoteAgeMs: null }, 'warn'),
      line(7000, 'circuit-opened', { venue: 'upbit', reason: '' }, 'warn'),
    ])
    expect(feedOutages).toEqual([
      { symbol: 'KRW-BTC', reason: 'frozen', fromMs: 1000, toMs: 4000 },
      { symbol: 'KRW-ETH', reason: 'missing', fromMs: 5000, toMs: 7000 },
    ])
    expect(overall.staleMs).toBe(5000)
  })

  it('tells errors and warnings by kind, by symbol and by attempt', async () => {
    const analysis = await analyze([
      started(startMs, 1),
      line(startMs + 1, 'symbol-failed', { symbol: 'KRW-BTC', message: '', stack: '' }, 'error'),
      line(startMs + 2, 'engine-stopped', { reason: 'aborted', loops: 1, overruns: 0 }),
      started(startMs + 3, 2),
      line(startMs + 4, 'venue-troubled', { venue: 'upbit', code: 'VENUE_TIMEOUT', message: '' }, 'warn'),
    ])
    expect(analysis.errorsByKind).toEqual({ 'symbol-failed': 1 })
    expect(analysis.warningsByKind).toEqual({ 'venue-troubled:VENUE_TIMEOUT': 1 })
    expect(analysis.symbols.map(({ symbol, errors }) => [symbol, errors])).toEqual([['KRW-BTC', 1]])
    expect(analysis.sessions).toMatchObject([
      { attempt: 1, stopReason: 'aborted', errors: 1 },
      { attempt: 2, stopReason: null, errors: 0 },
    ])
  })

  it('counts what the process printed raw, and a stack trace among it as an error', async () => {
    const analysis = await analyze([
      line(1, 'engine-stopped', { reason: 'failed' }),
      'TypeError: x is not a function',
      '    at Object.<anonymous> (live-runner.ts:10:3)',
      '(node:7) MaxListenersExceededWarning: Possible leak',
    ])
    expect(analysis.rawLines).toBe(3)
    expect(analysis.rawLineSamples[0]).toBe('TypeError: x is not a function')
    expect(analysis.errorsByKind).toEqual({ raw: 1 })
    expect(analysis.warningsByKind).toEqual({ raw: 1 })
  })

  it('of another engine gives its errors by message, and says that it does not know the lines', async () => {
    const analysis = await analyze([
      { level: 50, time: startMs, pid: 1, msg: 'boom' },
      { level: 30, time: startMs, msg: 'hello' },
    ])
    expect(analysis.errorsByKind).toEqual({ boom: 1 })
    expect(analysis.unreadableLines).toBe(2)
  })
})

describe('any log', () => {
  it('may be in one file, in three, or in one of the three: the figures are the same', async () => {
    const trading = soundLog()
    const metrics = [loops(startMs, 1, null, 50, [quote('KRW-BTC', 100)]), loops(startMs + 1000, 2, 1000, 60)]
    const application = [started(startMs, 1), line(startMs + 9, 'engine-stopped', { reason: 'completed' })]
    const mixed = await analyze([...application, ...trading, ...metrics])
    const apart = await analyzeLogs({ applicationLog: fileOf(application), tradingLog: fileOf(trading), metricsLog: fileOf(metrics) })
    expect(apart).toEqual(mixed)
    expect(await analyzeLogs({ metricsLog: fileOf([...application, ...trading, ...metrics]) })).toEqual(mixed)
  })

  it('with broken lines is read on, and they are counted with a sample', async () => {
    const nul = String.fromCharCode(0)
    const analysis = await analyze([
      `${nul.repeat(50)}${JSON.stringify(loops(startMs, 1, null, 50))}`,
      `${JSON.stringify(loops(startMs, 2, 1000, 50))}\r`,
      '{"level":"info","time":17675712',
      '{"level":"info","event":"entry"}',
      '{"level":"info","time":5,"event":"exit","symbol":"KRW-BTC"}',
      line(startMs, 'loops', { firstLoop: 1, loopCount: 'many' }),
      line(startMs, 'exit', {
        symbol: 'KRW-BTC',
        reason: '',
        holdingMs: 1,
        realised: { ...sampleRealised, edgeKrw: `1.${'0'.repeat(200_000)}` },
      }),
      nul.repeat(9),
      '',
    ])
    expect(analysis.loops).toBe(2)
    expect(analysis.unreadableLines).toBe(7)
    expect(analysis.unreadableSamples.slice(0, 2)).toEqual(['50 bytes of NUL or space before a line', '{"level":"info","time":17675712'])
    expect(analysis.overall.exits).toBe(0)
    expect(analysis.rawLines).toBe(0)
  })

  it('tells only of the symbols asked for, and of each of them', async () => {
    const { symbols, overall } = await analyze(soundLog(), ['KRW-ETH'])
    expect(symbols.map(({ symbol, entries }) => [symbol, entries])).toEqual([['KRW-ETH', 0]])
    expect(overall.entries).toBe(0)
  })

  it('that is empty, absent or of another schema is not judgeable, with the reason', async () => {
    expect((await analyze([])).notJudgeable).toBe('the logs hold no event')
    expect((await analyzeLogs({})).notJudgeable).toBe('the logs hold no event')
    expect((await analyzeLogs({ tradingLog: join(folder, 'none.log') })).notJudgeable).toBe('the logs hold no event')
    const events = soundLog()
    ;(events[0] as SessionOpened).schema = 7
    expect((await analyze(events)).notJudgeable).toBe('the logs are of schema 7, this analyzer reads schema 1')
  })

  it.each([
    ['of an attempt after one that was killed', 300, 0],
    ['of the attempt that goes on after a stop', 0, 300],
  ])('that lacks the loops %s is not judgeable', async (_, firstCount, secondCount) => {
    const secondMs = startMs + 400_000
    const stopped = (timeMs: number, reason: string): object => line(timeMs, 'engine-stopped', { reason, loops: 300, overruns: 0 })
    const isKilled = secondCount === 0
    const ends = isKilled ? [] : [stopped(startMs + 300_000, 'aborted')]
    const application = [started(startMs, 1), ...ends, started(secondMs, 2), stopped(secondMs + 300_000, 'completed')]
    const of = (fromMs: number, count: number): object[] =>
      Array.from({ length: count }, (_line, index) => loops(fromMs + 1000 * index, index + 1, 1000, 50))
    const metricsLog = fileOf([...of(startMs, firstCount), ...of(secondMs, secondCount)])
    const { notJudgeable } = await analyzeLogs({ applicationLog: fileOf(application), metricsLog })
    expect(notJudgeable).toBe('the logs tell of 0 loops, and the engine made 300')
  })

  it('may leave out the loops of its last second, however many they are', async () => {
    const applicationLog = fileOf([
      line(startMs, 'engine-started', { attempt: 1, symbols: [], startAtMs: startMs, endAtMs: startMs + 5000, loopIntervalMs: 10 }),
      line(startMs + 5000, 'engine-stopped', { reason: 'completed', loops: 500, overruns: 0 }),
    ])
    const second = (index: number): object => ({ ...loops(startMs + 1000 * index, 100 * index + 1, null, 1), loopCount: 100 })
    const metricsLog = fileOf([0, 1, 2, 3].map(second))
    expect((await analyzeLogs({ applicationLog, metricsLog })).notJudgeable).toBeNull()
  })

  it('with endless names keeps bounded tables and counts what it left out', async () => {
    const many = Array.from({ length: 5100 }, (_, index) => line(index * 3_600_000, 'unwind', { symbol: `S${index}` }))
    const endless = line(0, 'symbol-failed', { symbol: 'S'.repeat(1e6), message: '', stack: '' }, 'error')
    const analysis = await analyze([endless, ...many])
    expect(analysis.errorsByKind).toEqual({ 'symbol-failed': 1 })
    expect(Math.max(...analysis.symbols.map(({ symbol }) => symbol.length))).toBeLessThan(10)
    expect(analysis.symbols).toHaveLength(5000)
    expect(analysis.hours.length).toBeLessThanOrEqual(2000)
    expect(analysis.droppedFigures).toBeGreaterThan(100)
  })
})
