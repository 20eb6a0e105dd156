import { describe, expect, it } from 'vitest'
import type { OrderDone, OrderFilled, TradingEvent, VenueStated } from '../../model/event.ts'
import { SampleLog, sampleRealised, soundLog } from '../sample-log.ts'
import { VenueAgrees } from './venue-agrees.ts'

function violations(events: readonly TradingEvent[]): string[] {
  const checker = new VenueAgrees()
  for (const event of events) checker.observe(event)
  return checker.finish().violations.map((text) => text.replace(/^.*seq \d+: /, ''))
}

function of<Name extends TradingEvent['event']>(events: readonly TradingEvent[], name: Name): Extract<TradingEvent, { event: Name }>[] {
  return events.filter((event): event is Extract<TradingEvent, { event: Name }> => event.event === name)
}

/** Two trades in one session: orders O1 to O8, then what the venues state. */
function twoTrades(): { events: TradingEvent[]; stated: VenueStated; done: OrderDone[]; filled: OrderFilled[] } {
  const log = new SampleLog().openSession()
  for (let i = 0; i < 2; i++) log.exit(log.enter(), sampleRealised)
  const { events } = log.closeSession()
  return { events, stated: of(events, 'venue-stated')[0]!, done: of(events, 'order-done'), filled: of(events, 'order-filled') }
}

describe('what the venues say of our orders', () => {
  it('agrees with a sound log, statement by statement', () => {
    const log = new SampleLog().openSession().stateVenues()
    const tradeId = log.enter()
    const { events } = log.stateVenues().exit(tradeId, sampleRealised).closeSession()
    expect(violations(events)).toEqual([])
    expect(violations(soundLog())).toEqual([])
  })

  it('has, in an attempt’s statement, nothing of the attempt before', () => {
    const log = new SampleLog().openSession()
    const tradeId = log.enter()
    expect(violations(log.openSession().exit(tradeId, sampleRealised).closeSession().events)).toEqual([])
  })

  it('shows an order that was sent twice, and which it may be', () => {
    const { events, stated, filled } = twoTrades()
    stated.orders++
    for (const change of stated.changes) {
      if (change.venue !== 'binance' || change.asset !== 'USDT') continue
      change.amount = String(Number(change.amount) - 990)
    }
    expect(filled[1]).toMatchObject({ orderId: 'O2', side: 'buy', notional: '990' })
    expect(violations(events)).toEqual([
      'the venues took 9 orders, the log has 8; no single order since the last statement explains it',
      'binance USDT: the venue says -981.99, the fills make 8.01; candidates: O2 (filled), O6 (filled)',
    ])
  })

  it('shows an order that went through and was taken for failed', () => {
    const { events, done, filled } = twoTrades()
    Object.assign(done[4]!, { status: 'rejected', filledQuantity: '0', reason: 'as the test has it' })
    expect(violations(events.filter((event) => event !== filled[4]))).toEqual([
      'the venues took 8 orders, the log has 7; candidates: O5 (rejected)',
      'upbit BTC: the venue says 0, the fills make 0.01; candidates: O1 (filled), O3 (filled), O5 (rejected), O7 (filled)',
      'upbit KRW: the venue says 17210, the fills make -1382090; candidates: O1 (filled), O5 (rejected)',
    ])
  })

  it('shows a fill that never reached us', () => {
    const { events, done, filled } = twoTrades()
    Object.assign(done[4]!, { status: 'unfilled', filledQuantity: '0' })
    expect(violations(events.filter((event) => event !== filled[4]))).toEqual([
      expect.stringMatching(/^upbit BTC: .* O5 \(unfilled\)/),
      'upbit KRW: the venue says 17210, the fills make -1382090; candidates: O1 (filled), O5 (unfilled)',
    ])
  })

  it('may not lack by one unit of the last digit', () => {
    const { events, stated } = twoTrades()
    stated.changes[0]!.amount += stated.changes[0]!.amount.includes('.') ? '00000001' : '.00000000000001'
    expect(violations(events)).toHaveLength(1)
  })

  it('is held against the log from one statement to the next, so that one fault is told of once', () => {
    const log = new SampleLog().openSession()
    const first = log.enter()
    log.stateVenues().exit(first, sampleRealised).closeSession()
    for (const statement of of(log.events, 'venue-stated')) {
      statement.orders++
      statement.changes[0]!.amount = String(Number(statement.changes[0]!.amount) + 1)
    }
    expect(violations(log.events)).toHaveLength(2)
  })

  it.each(['rejected', 'timed-out'] as const)('counts no order that was %s', (status) => {
    const { events, stated, done, filled } = twoTrades()
    const none = filled.filter(({ orderId }) => orderId !== 'O1')
    Object.assign(done[0]!, { status, filledQuantity: '0', reason: 'not sent: the state could not be stored' })
    stated.orders--
    const withoutFill = events.filter((event) => event.event !== 'order-filled' || none.includes(event))
    for (const change of stated.changes) {
      if (change.venue === 'upbit') change.amount = String(Number(change.amount) - (change.asset === 'KRW' ? 1_399_300 : -0.01))
    }
    expect(violations(withoutFill)).toEqual([])
  })
})
