/** The determinism contract: the same commit, config and seed give a byte-identical trading.log, at any pace, with Redis or without. */

import { afterAll, expect, test } from 'vitest'
import { isRedisInstalled } from '../src/environment/redis-server.ts'
import { once, removeRunsUnlessFailed, runOnce, type FinishedRun } from '../fixtures/run.ts'

const timeout = 180_000
const durationMinutes = 15

function runFor(minutes: number, overrides: Readonly<Record<string, unknown>> = {}): Promise<FinishedRun> {
  return runOnce({ configFile: 'configs/s2.yaml', overrides: { duration_minutes: minutes, 'redis.mode': 'off', ...overrides } })
}

const reference = once(() => runFor(durationMinutes))

afterAll(({}, suite) => removeRunsUnlessFailed(suite))

test('the run that the others are held against has traded on every symbol', { timeout }, async () => {
  const { judged } = await reference()
  expect(judged.analysis.symbols.filter(({ entries }) => entries === 0)).toEqual([])
})

test('the same seed gives the same trading.log again', { timeout }, async () => {
  expect((await runFor(durationMinutes)).tradingHash).toBe((await reference()).tradingHash)
})

test('another seed gives another', { timeout }, async () => {
  expect((await runFor(durationMinutes, { seed: 63 })).tradingHash).not.toBe((await reference()).tradingHash)
})

test('streams, and looks that quotes set off, give the same trading.log again, at any pace', { timeout }, async () => {
  const streamed = (pace: string) => runFor(3, { data_source: 'ws', 'loop.trigger': 'quote', pace })
  const [first, again, slow] = await Promise.all([streamed('max'), streamed('max'), streamed('60x')])
  expect(first.judged.analysis.overall.entries).toBeGreaterThan(0)
  expect(first.judged.analysis.feeds.map(({ source }) => source)).toEqual(['orderbook-stream', 'depth-stream'])
  expect(again.tradingHash).toBe(first.tradingHash)
  expect(slow.tradingHash).toBe(first.tradingHash)
})

test('sixty times real time gives the trading.log of the fastest pace', { timeout }, async () => {
  const [slow, fast] = await Promise.all([runFor(3, { pace: '60x' }), runFor(3)])
  expect(slow.judged.analysis.overall.entries).toBeGreaterThan(0)
  expect(slow.tradingHash).toBe(fast.tradingHash)
})

test('Redis gives the trading.log of the embedded store', { timeout }, async ({ skip }) => {
  skip(!isRedisInstalled(), 'no redis-server on the PATH')
  const withRedis = await runFor(durationMinutes, { 'redis.mode': 'private' })
  expect(withRedis.judged.record.store).toBe('redis')
  expect(withRedis.tradingHash).toBe((await reference()).tradingHash)
})
