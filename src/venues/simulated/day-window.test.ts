import fc from 'fast-check'
import { expect, test } from 'vitest'
import { DayWindow } from './day-window.ts'
import type { DayStats, PublicTrade } from './public-trades.ts'

const minuteMs = 60_000
const dayMs = 1440 * minuteMs

/** The same from the whole history: all that was traded since the first whole ten minutes that lie inside the last 24 hours. */
function statsOf(history: readonly PublicTrade[], nowMs: number): DayStats {
  const fromMs = Math.floor((nowMs - dayMs) / (10 * minuteMs) + 1) * 10 * minuteMs
  const last = history.at(-1)!
  const counted = history.filter(({ atMs }) => atMs >= fromMs)
  const first = counted[0] ?? last
  const prices = counted.length > 0 ? counted.map(({ price }) => price) : [last.price]
  const sum = (amountOf: (trade: PublicTrade) => number) => counted.reduce((total, trade) => total + amountOf(trade), 0)
  return {
    openPrice: first.price,
    highPrice: Math.max(...prices),
    lowPrice: Math.min(...prices),
    lastPrice: last.price,
    lastSize: last.size,
    lastAtMs: last.atMs,
    lastTakerSide: last.takerSide,
    volume: sum(({ size }) => size),
    quoteVolume: sum(({ price, size }) => price * size),
    buyVolume: sum(({ size, takerSide }) => (takerSide === 'buy' ? size : 0)),
    sellVolume: sum(({ size, takerSide }) => (takerSide === 'sell' ? size : 0)),
    firstId: first.id,
    lastId: last.id,
    fromMs: first.atMs,
  }
}

test('a day window tells what the whole history tells of its last day', () => {
  const trade = fc.record({
    afterMs: fc.oneof(fc.integer({ min: 0, max: 5 * minuteMs }), fc.integer({ min: 0, max: 1.5 * dayMs })),
    price: fc.integer({ min: 1, max: 1000 }),
    size: fc.integer({ min: 1, max: 1000 }),
    takerSide: fc.constantFrom('buy' as const, 'sell' as const),
  })
  fc.assert(
    fc.property(fc.array(trade, { minLength: 1, maxLength: 50 }), fc.integer({ min: 0, max: 2 * dayMs }), (drawn, waitMs) => {
      const window = new DayWindow()
      const history: PublicTrade[] = []
      let nowMs = 0
      for (const { afterMs, ...rest } of drawn) {
        nowMs += afterMs
        history.push({ id: history.length + 1, atMs: nowMs, ...rest })
        window.add(history.at(-1)!)
        expect(window.stats(nowMs)).toEqual(statsOf(history, nowMs))
      }
      expect(window.stats(nowMs + waitMs)).toEqual(statsOf(history, nowMs + waitMs))
    }),
  )
})

test('a day window is empty before the first trade, and a day after the last one only its price stands', () => {
  const window = new DayWindow()
  expect(window.stats(0)).toBeNull()
  window.add({ id: 1, atMs: 0, price: 100, size: 2, takerSide: 'buy' })
  expect(window.stats(dayMs - 1)).toMatchObject({ volume: 2, openPrice: 100 })
  expect(window.stats(dayMs)).toMatchObject({ volume: 0, quoteVolume: 0, openPrice: 100, highPrice: 100, lowPrice: 100, lastPrice: 100 })
})
