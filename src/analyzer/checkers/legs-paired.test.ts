/** The deadline of an excess, and the least size of an order as the bound of dust. */

import { expect, it } from 'vitest'
import type { OrderFilled, TradingEvent, Unwound } from '../../model/event.ts'
import { SampleLog, soundLog } from '../sample-log.ts'
import { LegsPaired } from './legs-paired.ts'
import { violationsOf } from '../violations-of.ts'

const minuteMs = 60_000

/** Leg A of an entry is filled, and only after so many minutes does anything else happen. */
function unevenFor(minutes: number): TradingEvent[] {
  const log = new SampleLog().openSession()
  log.failEntry('0', { edgeKrw: '0', feesKrw: '1400', fxKrw: '0', totalKrw: '-1400' })
  const fill = log.events.findIndex(({ event }) => event === 'order-filled')
  for (const event of log.events.slice(fill + 1)) event.time += minutes * minuteMs
  return log.events
}

it('an excess that is traded back within the deadline is none', () => {
  expect(violationsOf(new LegsPaired(), unevenFor(14.9))).toBe('')
})

it('an excess that stands longer is told of, once', () => {
  const violations = violationsOf(new LegsPaired(), unevenFor(15.1))
  expect(violations).toContain('the legs of KRW-BTC have not been even since 2026-01-05T00:00:00.400Z')
  expect(violations.split('\n')).toHaveLength(1)
})

it('a hedge may stay open for as long as it likes', () => {
  const log = new SampleLog().openSession()
  log.enter()
  log.closeSession().events.at(-1)!.time += 600 * minuteMs
  expect(violationsOf(new LegsPaired(), log.events)).toBe('')
})

it('dust stays behind without a deadline', () => {
  const events = soundLog()
  for (const event of events.slice(events.findIndex(({ event: name }) => name === 'entry-failed'))) event.time += 600 * minuteMs
  expect(violationsOf(new LegsPaired(), events)).toBe('')
})

it('what is worth an order is no dust', () => {
  // 0.00001 at 140,000,000 KRW is worth 1,400, the least order 5,000: 0.00008 would be two of them and more.
  const log = new SampleLog().openSession()
  log.failEntry('0.00008', { edgeKrw: '0', feesKrw: '0', fxKrw: '0', totalKrw: '0' })
  expect(violationsOf(new LegsPaired(), log.events)).toContain('T1 leaves 0.00008 on leg a as dust, an order can be 0.0000357')
})

it('what is worth an order and is less than a lot is dust', () => {
  const events = soundLog()
  const [opened] = events
  if (opened?.event === 'session-opened') opened.instruments[0]!.lotSize = '0.001'
  const unwind = events.find((event): event is Unwound => event.event === 'unwind')!
  const fill = events.findLast((event): event is OrderFilled => event.event === 'order-filled' && event.tradeId === unwind.tradeId)!
  Object.assign(unwind, { dustQuantity: '0.0009', quantity: '0.0091' })
  Object.assign(fill, { quantity: '0.0091', notional: '1274000' })
  expect(violationsOf(new LegsPaired(), events)).toBe('')
})
