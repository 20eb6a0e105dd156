import { describe, expect, test } from 'vitest'
import type { LogEvent } from '../model/event.ts'
import { ExerciseRecorder } from './exercise-recorder.ts'

/** Only what the recorder reads of each event. */
function recorded(...events: { event: LogEvent['event']; [field: string]: unknown }[]): ExerciseRecorder {
  const recorder = new ExerciseRecorder()
  for (const event of events) recorder.observe({ level: 'info', time: 0, ...event } as LogEvent)
  return recorder
}

const opened = { event: 'session-opened' } as const
const started = { event: 'engine-started' } as const
const blocked = { event: 'guard-decided', symbol: 'KRW-BTC', outcome: 'block', suppressedCount: 4 } as const
const allowed = { event: 'guard-decided', symbol: 'KRW-BTC', outcome: 'allow', suppressedCount: 0 } as const

describe('what was exercised', () => {
  test('counts a release only where the same symbol was blocked before', () => {
    const other = { ...allowed, symbol: 'KRW-ETH' }
    expect(recorded(allowed, blocked, other).exercise()).toMatchObject({ guardBlocks: 5, guardReleases: 0 })
    expect(recorded(blocked, { ...allowed, suppressedCount: 7 }).exercise()).toMatchObject({ guardBlocks: 12, guardReleases: 1 })
    expect(recorded(blocked, allowed, allowed).exercise()).toMatchObject({ guardReleases: 1 })
  })

  test('counts sessions after the first as restarts, and the figures of feeds over all lines', () => {
    const feed = { event: 'feed', venue: 'upbit', reconnects: 2, gaps: 1 } as const
    expect(recorded(opened, feed, opened, feed, opened).exercise()).toMatchObject({ restarts: 2, reconnects: 4, sequenceGaps: 2 })
  })

  test('counts orders by how they ended', () => {
    const done = (status: string) => ({ event: 'order-done' as const, status })
    const events = ['filled', 'partial', 'partial', 'rejected', 'timed-out', 'unfilled'].map(done)
    expect(recorded(...events).exercise()).toMatchObject({ partialFills: 2, rejections: 1, timeOuts: 1 })
  })
})

describe('the final state', () => {
  test('holds what is stale or open and did not come back', () => {
    const recorder = recorded(
      { event: 'feed-stale', symbol: 'KRW-BTC' },
      { event: 'feed-stale', symbol: 'KRW-ETH' },
      { event: 'feed-recovered', symbol: 'KRW-BTC' },
      { event: 'circuit-opened', venue: 'upbit' },
      { event: 'circuit-opened', venue: 'binance' },
      { event: 'circuit-closed', venue: 'upbit' },
    )
    expect(recorder.finalState()).toMatchObject({ staleSymbols: ['KRW-ETH'], openCircuits: ['binance'] })
  })

  test('remembers a bounded number of names', () => {
    const of = (event: 'feed-stale' | 'feed-recovered', length: number) =>
      Array.from({ length }, (_, index) => ({ event, symbol: `S${index}` }))
    const recorder = recorded(...of('feed-stale', 6000), ...of('feed-recovered', 4990))
    expect(recorder.finalState().staleSymbols).toHaveLength(10)
  })

  test('is not closed by a last line that cannot be read', () => {
    const recorder = recorded(opened)
    const openTrades = [{ tradeId: 'T1', symbol: 'KRW-BTC', phase: 'open' }]
    expect(() => recorder.observe({ level: 'info', time: 0, event: 'session-closed', openTrades } as unknown as LogEvent)).toThrow(
      TypeError,
    )
    expect(recorder.finalState().isClosed).toBe(false)
  })

  test('begins anew with each process', () => {
    expect(recorded({ event: 'feed-stale', symbol: 'KRW-BTC' }, started).finalState().staleSymbols).toEqual([])
  })

  test('names trades that are neither hedged nor flat, and knows whether the last session was closed', () => {
    const trade = (tradeId: string, phase: string, a: string) => ({ tradeId, symbol: 'KRW-BTC', phase, excess: { a, b: '0' } })
    const openTrades = [trade('T1', 'open', '0'), trade('T2', 'closing', '0'), trade('T3', 'open', '0.1')]
    const closed = { event: 'session-closed' as const, openTrades }
    expect(recorded(opened, closed).finalState()).toMatchObject({
      isClosed: true,
      unsettledTrades: ['T2 KRW-BTC closing', 'T3 KRW-BTC open'],
    })
    expect(recorded(opened, closed, opened).finalState().isClosed).toBe(false)
  })
})
