import { expect, test } from 'vitest'
import type { SessionOpened, TradingEvent } from '../model/event.ts'
import { OpenIds } from './open-ids.ts'
import { SampleLog } from './sample-log.ts'

const opened = new SampleLog().openSession().events[0]! as SessionOpened
const decided = (index: number) => ({ event: 'guard-decided', symbol: 'KRW-BTC', tradeId: `T${index}` }) as TradingEvent
const ended = (index: number) => ({ event: 'entry-failed', symbol: 'KRW-BTC', tradeId: `T${index}` }) as TradingEvent

test('any number of trades may come one after the other, and ten thousand be open at once', () => {
  const open = new OpenIds()
  open.observe(opened)
  for (let index = 0; index < 20_000; index++) expect(open.observe(decided(index)) ?? open.observe(ended(index))).toBeNull()
  for (let index = 0; index < 10_000; index++) expect(open.observe(decided(index))).toBeNull()
  expect(open.observe(decided(10_000))).toBe('more than 10000 trades or orders are open at once')
})

test.each([[null], [[null]], [{}]])('a session without routes, but %j, has no symbols', (routes) => {
  const open = new OpenIds()
  expect(open.observe({ ...opened, routes } as unknown as SessionOpened)).toBeNull()
  expect(open.observe(decided(1))).toBe('the session has no route for its symbol')
})
