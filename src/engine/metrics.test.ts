/** What is written of feeds and latencies, when, and that nothing is counted twice or lost. */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { VirtualClock } from '../clock/virtual-clock.ts'
import type { FeedCounts, FeedMeasured, LatencyMeasured, MetricsEvent } from '../model/event.ts'
import { Journal } from './journal.ts'
import { LogFile } from './log-file.ts'
import { Metrics } from './metrics.ts'

const startMs = Date.UTC(2026, 0, 5)
let folder: string
let count = 0

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'longhaul-metrics-'))
})

afterAll(() => rmSync(folder, { recursive: true }))

const quiet: FeedCounts = {
  venue: 'upbit',
  source: 'orderbook-stream',
  requests: 0,
  heldBack: 0,
  rateLimited: 0,
  bans: 0,
  usedShareMax: 0,
  frames: 0,
  connects: 0,
  reconnects: 0,
  gaps: 0,
  resyncs: 0,
  confirmations: 0,
  dropped: 0,
  liveSockets: 1,
  clockOffsetMs: null,
  clockErrorMs: null,
}

/** Metrics under our own clock; each time that the feeds are asked they have sent one frame more than the time before. */
function measured(isRealTime: boolean, facts: Partial<FeedCounts> = {}) {
  const prefix = join(folder, `${++count}-`)
  const clock = new VirtualClock({ startMs, pace: null })
  const file = (name: string): LogFile => new LogFile(`${prefix}${name}.log`)
  const journal = new Journal({ application: file('application'), trading: file('trading'), metrics: file('metrics') }, clock)
  let frames = 0
  const metrics = new Metrics({
    clock,
    journal,
    settings: { processIntervalMs: 60_000, collectIntervalMs: 3_600_000 },
    symbols: ['KRW-BTC'],
    provider: { takeCounts: () => [{ ...quiet, ...facts, frames: ++frames }] },
    openSockets: () => 2,
    quoteOf: () => null,
    isRealTime,
  })
  const loopAt = async (atMs: number, periodMs = 1000): Promise<void> => {
    await clock.run(clock.sleepUntil(startMs + atMs))
    const counts = { overruns: 0, missingSnapshots: 0, staleSymbols: 0, openTrades: 0, blockedSymbols: 0, intents: 0, busySymbols: 0 }
    metrics.loopEnded({ startedAtMs: startMs + atMs, periodMs, loopTimeMs: 0.42, ...counts })
  }
  const lines = (): MetricsEvent[] => {
    journal.flush()
    return readFileSync(`${prefix}metrics.log`, 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as MetricsEvent)
  }
  const feeds = (): FeedMeasured[] => lines().filter((line): line is FeedMeasured => line.event === 'feed')
  const latencies = (): LatencyMeasured[] => lines().filter((line): line is LatencyMeasured => line.event === 'latency')
  return { metrics, loopAt, lines, feeds, latencies }
}

test('the feeds are written when they open, once a minute and at the end', async () => {
  const { metrics, loopAt, feeds } = measured(false)
  expect(metrics.measureFeeds()).toEqual([{ ...quiet, frames: 1 }])
  for (const atMs of [0, 59_999, 60_000, 61_000, 119_999]) await loopAt(atMs)
  metrics.close()
  expect(feeds().map(({ time, frames }) => [time - startMs, frames])).toEqual([
    [0, 1],
    [60_000, 2],
    [119_999, 3],
  ])
  expect(feeds()[0]).toMatchObject({ level: 'info', ...quiet, frames: 1 })
})

test('what the feeds measured is written with no more digits than it means', () => {
  const { metrics, feeds } = measured(true, { usedShareMax: 1 / 3, clockOffsetMs: -27.320068359375, clockErrorMs: null })
  metrics.measureFeeds()
  expect(feeds()[0]).toMatchObject({ usedShareMax: 0.3333, clockOffsetMs: -27.32, clockErrorMs: null })
})

test('under virtual time no latency is measured and none written', async () => {
  const { metrics, loopAt, latencies } = measured(false)
  expect(metrics.latency).toBeNull()
  await loopAt(60_000)
  metrics.close()
  expect(latencies()).toEqual([])
})

test('a minute’s latencies are written and begun anew', async () => {
  const { metrics, loopAt, latencies } = measured(true)
  metrics.latency?.queued(3, 0)
  metrics.latency?.queued(2, 2)
  metrics.latency?.lookedAt(0.25)
  metrics.latency?.lookedAt(0.1)
  for (const latencyMs of [0.05, 0.05, 7.0004]) metrics.latency?.decided(latencyMs)
  await loopAt(60_000)
  metrics.latency?.decided(0.07)
  metrics.close()
  const facts = latencies().map(({ level: _level, time: _time, event: _event, ...rest }) => rest)
  expect(facts).toEqual([
    {
      count: 3,
      maxUs: 7001,
      buckets: [
        [50, 2],
        [6976, 1],
      ],
      queueDepthMax: 3,
      lagMaxUs: 250,
      coalesced: 2,
    },
    { count: 1, maxUs: 70, buckets: [[70, 1]], queueDepthMax: 0, lagMaxUs: 0, coalesced: 0 },
  ])
})

test('loop times keep their fraction', async () => {
  const { loopAt, lines } = measured(true)
  await loopAt(0)
  expect(lines()[0]).toMatchObject({ event: 'loops', loopTimesMs: [0.42] })
})

test('a real timer’s unevenness does not put two seconds’ loops on one line', async () => {
  const { loopAt, lines } = measured(true)
  await loopAt(3, 1000)
  await loopAt(1001, 998)
  await loopAt(2001, 1000)
  expect(lines()).toMatchObject([{ loopCount: 1 }, { loopCount: 1 }, { loopCount: 1 }])
})
