/** A day's losses against a reckoning that looks up the local date of every trade. */

import fc from 'fast-check'
import { expect, it } from 'vitest'
import { DailyLosses } from './daily-losses.ts'

const startMs = Date.UTC(2026, 2, 28)
const zones = ['UTC', 'Asia/Seoul', 'Asia/Kathmandu', 'Europe/Berlin', 'America/St_Johns', 'Pacific/Apia', 'Australia/Lord_Howe']

it('are those of the local day, in any zone, over days on which the clocks change', () => {
  const trade = fc.record({
    waitMs: fc.oneof(fc.integer({ min: 0, max: 1000 }), fc.integer({ min: 0, max: 90_000_000 })),
    symbol: fc.constantFrom('KRW-BTC', 'KRW-ETH'),
    totalKrw: fc.integer({ min: -9999, max: 9999 }),
  })
  fc.assert(
    fc.property(fc.constantFrom(...zones), fc.array(trade, { maxLength: 40 }), (zone, trades) => {
      const losses = new DailyLosses(zone, true)
      const dateOf = (atMs: number): string => new Date(atMs).toLocaleDateString('en-GB', { timeZone: zone })
      const known: { date: string; symbol: string; totalKrw: number }[] = []
      let nowMs = startMs
      for (const { waitMs, symbol, totalKrw } of trades) {
        nowMs += waitMs
        const date = dateOf(nowMs)
        const today = known.filter((earlier) => earlier.date === date)
        const lossOf = (sum: number): number => Math.max(0, -sum)
        expect(losses.lossKrw(nowMs, null)).toBe(lossOf(today.reduce((sum, earlier) => sum + earlier.totalKrw, 0)))
        const own = today.filter((earlier) => earlier.symbol === symbol)
        expect(losses.lossKrw(nowMs, symbol)).toBe(lossOf(own.reduce((sum, earlier) => sum + earlier.totalKrw, 0)))
        losses.realised(nowMs, symbol, String(totalKrw))
        known.push({ date, symbol, totalKrw })
      }
    }),
  )
})

it('are not known before the first midnight of a log that goes on from another', () => {
  const losses = new DailyLosses('UTC', false)
  losses.realised(startMs, 'KRW-BTC', '-5')
  expect(losses.lossKrw(startMs + 86_399_999, null)).toBeNull()
  expect(losses.lossKrw(startMs + 86_400_000, null)).toBe(0)
})
