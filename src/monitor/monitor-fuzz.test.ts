/** Whatever stands in the logs, the monitor goes on watching: no run may end because a line was odd. */

import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { spoiling } from '../../fixtures/spoiled-text.ts'
import { decidedAt, HandMadeLogs, lineAt, startAtMs } from './hand-made-logs.ts'
import type { LogName } from './log-line.ts'

const feed = { venue: 'upbit', source: 'rest', requests: 4, openSockets: 1, liveSockets: 1, reconnects: 0, gaps: 0 }
const measured = {
  rssBytes: 1e8,
  heapUsedBytes: 1e7,
  heapAfterGcBytes: 1e7,
  eventLoopDelayP99Ms: 2,
  openHandles: 9,
  openFiles: 20,
  loopCpuMeanMs: 1,
}
const trade = { tradeId: 'T1', symbol: 'KRW-BTC', phase: 'open', excess: { a: '0', b: '0' }, quantity: '1', notionalKrw: '9' }
const fill = { tradeId: 'T2', symbol: 'KRW-BTC', leg: 'a', side: 'buy', instrument: 'KRW-BTC', quantity: '1', notional: '50000' }

const lines: Record<LogName, string[]> = {
  application: [
    lineAt(0, { event: 'engine-started', attempt: 1, symbols: ['KRW-BTC'] }),
    lineAt(5, { event: 'feed-stale', symbol: 'KRW-BTC', reason: 'stale', quoteAgeMs: 1 }),
    lineAt(9, { event: 'feed-recovered', symbol: 'KRW-BTC', staleForMs: 4000 }),
    lineAt(10, { event: 'venue-troubled', level: 'error', venue: 'upbit', code: 'VENUE_TIMEOUT', message: 'late' }),
    'Error: boom',
  ],
  trading: [
    lineAt(1, { event: 'session-opened', seq: 1, schema: 1, openTrades: [trade] }),
    decidedAt(2, 'KRW-BTC', 'allow'),
    lineAt(3, { event: 'entry', seq: 3, tradeId: 'T1', symbol: 'KRW-BTC', netEdgeBps: 30 }),
    decidedAt(4, 'KRW-ETH', 'block', 'cooldown'),
    lineAt(6, { event: 'exit', seq: 5, tradeId: 'T1', symbol: 'KRW-BTC', reason: 'take-profit' }),
    lineAt(7, { event: 'order-filled', seq: 6, ...fill, fxKrwPerUsdt: 1400 }),
    lineAt(8, { event: 'unwind', seq: 7, tradeId: 'T2', symbol: 'KRW-BTC', leg: 'a', excessQuantity: '1' }),
    lineAt(9, { event: 'entry-failed', seq: 8, tradeId: 'T2', symbol: 'KRW-BTC' }),
    lineAt(20, { event: 'session-closed', seq: 6, reason: 'completed', openTrades: [trade] }),
  ],
  metrics: [
    lineAt(11, { event: 'latency', buckets: [[64, 200]], maxUs: 64 }),
    lineAt(12, { event: 'feed', ...feed }),
    lineAt(13, { event: 'process', ...measured }),
  ],
}
const logNames = Object.keys(lines) as LogName[]

test('any file of lines is watched to its end', { timeout: 30_000 }, () => {
  using logs = new HandMadeLogs()
  const whole = Object.fromEntries(
    logNames.map((log) => {
      logs.write(log, lines[log])
      if (log === 'metrics') logs.loops(1, 30)
      return [log, readFileSync(logs.pathOf(log), 'utf8')]
    }),
  )
  fc.assert(
    fc.property(fc.constantFrom(...logNames), spoiling, (spoiled, spoil) => {
      for (const log of logNames) {
        rmSync(logs.pathOf(log))
        writeFileSync(logs.pathOf(log), log === spoiled ? spoil(whole[log] ?? '') : (whole[log] ?? ''))
      }
      const monitor = logs.monitor()
      for (const second of [10, 20, 200]) monitor.poll(startAtMs + second * 1000)
      monitor.finish()
      monitor.close()
      expect(JSON.parse(JSON.stringify(monitor.findings()))).toEqual(monitor.findings())
      expect(
        monitor.findings().every(({ cause, message, sinceMs }) => `${typeof cause} ${typeof message}` === 'string string' && sinceMs > 0),
      ).toBe(true)
      expect(monitor.progress().eventTimeMs).toBeGreaterThanOrEqual(startAtMs + 199_999)
    }),
    { numRuns: 200 },
  )
})
