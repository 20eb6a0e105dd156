/** An entry's size and edge against its own fills: the forgotten rate of exchange in either of them, and what is no fault. */

import { expect, it } from 'vitest'
import type { Entry, OrderFilled, TradingEvent } from '../../model/event.ts'
import { SampleLog, soundLog } from '../sample-log.ts'
import { EntriesAgree } from './entries-agree.ts'
import { violationsOf } from '../violations-of.ts'

function check(spoil: (events: TradingEvent[]) => void, events = soundLog()): string {
  spoil(events)
  return violationsOf(new EntriesAgree(), events)
}

function entryOf(events: TradingEvent[]): Entry {
  return events.find((event) => event.event === 'entry')!
}

function entryFillOf(events: TradingEvent[], leg: 'a' | 'b'): OrderFilled {
  return events.find((event) => event.event === 'order-filled' && event.purpose === 'entry' && event.leg === leg) as OrderFilled
}

it('a sound log has nothing to object to', () => {
  expect(check(() => undefined)).toBe('')
})

it.each<[string, string, (events: TradingEvent[]) => void]>([
  [
    'a size in USDT that is said to be in KRW',
    'notional 1000 KRW, its orders for 0.01 at the price filled make 1400000',
    (events) => (entryOf(events).notionalKrw = '1000'),
  ],
  ['a size six percent too large', 'notional 1484000 KRW', (events) => (entryOf(events).notionalKrw = '1484000')],
  [
    'an edge reckoned without the rate',
    'net edge 14127660 bps, its fills make 85.87',
    (events) => (entryOf(events).netEdgeBps = 14_127_660),
  ],
  ['an edge that the fills have not kept', 'net edge 186 bps, its fills make 85.87', (events) => (entryOf(events).netEdgeBps = 186)],
  ['a fee that eats the edge', 'net edge 25 bps, its fills make -', (events) => (entryFillOf(events, 'a').fee = '70000')],
])('%s is found', (_fault, violation, spoil) => {
  expect(check(spoil)).toContain(violation)
})

it.each<[string, (events: TradingEvent[]) => void]>([
  ['a size four percent off, as the market moved', (events) => (entryOf(events).notionalKrw = '1456000')],
  ['an edge of which the fills kept all but a percent', (events) => (entryOf(events).netEdgeBps = 185)],
  [
    'a leg that was filled in part, at the same price',
    (events) => Object.assign(entryFillOf(events, 'b'), { quantity: '0.005', notional: '495', fee: '0.000005' }),
  ],
])('%s is none', (_case, spoil) => {
  expect(check(spoil)).toBe('')
})

it('an entry whose orders are in an earlier log is passed over', () => {
  const log = new SampleLog().openSession()
  log.enter()
  const events = log.events.filter(({ event }) => event === 'session-opened' || event === 'entry')
  expect(check((spoilt) => (entryOf(spoilt).notionalKrw = '1'), events)).toBe('')
})
