/** The day's losses re-derived over midnights and restarts, and orders that no guard has allowed. */

import { expect, it } from 'vitest'
import type { GuardDecided, SessionOpened, TradingEvent } from '../../model/event.ts'
import { SampleLog, sampleRealised } from '../sample-log.ts'
import { LimitsRespected } from './limits-respected.ts'
import { violationsOf } from '../violations-of.ts'

const loss = { ...sampleRealised, totalKrw: '-7000' }
const seoulMidnightMs = Date.UTC(2026, 0, 5, 15)

/** Closes a trade with a loss at an hour of UTC, then asks for the next at another; a guard that counts saw what it is given. */
function lossAndNext(lossAtMs: number, nextAtMs: number, seenLossKrw: number, zone: string | null = 'Asia/Seoul'): TradingEvent[] {
  const log = new SampleLog().openSession()
  log.exit(log.enter(), loss)
  const lossCount = log.events.length
  log.enter()
  for (const [index, event] of log.events.entries()) event.time = index < lossCount ? lossAtMs : nextAtMs
  const [opened] = log.events as [SessionOpened]
  if (zone !== null) opened.limits.global.dailyResetTimeZone = zone
  const next = log.events.filter((event): event is GuardDecided => event.event === 'guard-decided')[1]!
  Object.assign(next.seen, { dailyLossKrw: seenLossKrw, symbolDailyLossKrw: seenLossKrw })
  return log.events
}

const beforeMs = seoulMidnightMs - 1
const hourBeforeMs = seoulMidnightMs - 3_600_000
const utcMidnightMs = Date.UTC(2026, 0, 6)

it.each([
  ['on the same day', hourBeforeMs, beforeMs, 7000, 'Asia/Seoul'],
  ['from the very midnight on', hourBeforeMs, seoulMidnightMs, 0, 'Asia/Seoul'],
  ['over the midnight of UTC, which is none in Seoul', utcMidnightMs - 1, utcMidnightMs, 7000, 'Asia/Seoul'],
  ['over the midnight of UTC, where that is the zone', utcMidnightMs - 1, utcMidnightMs, 0, 'UTC'],
  ['in a zone of three quarters of an hour', Date.UTC(2026, 0, 5, 18, 14, 59), Date.UTC(2026, 0, 5, 18, 15), 0, 'Asia/Kathmandu'],
  ['where the log does not say whose midnight', hourBeforeMs, seoulMidnightMs, 7000, null],
])('a guard counts right %s', (_when, lossAtMs, nextAtMs, seen, zone) => {
  expect(violationsOf(new LimitsRespected(), lossAndNext(lossAtMs, nextAtMs, seen, zone))).toBe('')
})

it.each([
  [
    'is not reset at midnight',
    hourBeforeMs,
    seoulMidnightMs,
    7000,
    'the guard saw a daily loss of 7000, the trades closed since midnight make 0',
  ],
  [
    'is reset at the midnight of UTC',
    utcMidnightMs - 1,
    utcMidnightMs,
    0,
    'the guard saw a daily loss of 0, the trades closed since midnight make 7000',
  ],
  [
    'is reset twice',
    seoulMidnightMs,
    seoulMidnightMs + 60_000,
    0,
    'a daily loss on KRW-BTC of 0, the trades closed since midnight make 7000',
  ],
])('a counter that %s is a violation', (_fault, lossAtMs, nextAtMs, seen, violation) => {
  expect(violationsOf(new LimitsRespected(), lossAndNext(lossAtMs, nextAtMs, seen))).toContain(violation)
})

it('a day that began before the log is not judged, the next one is', () => {
  const continued = (nextAtMs: number, seen: number): string => {
    const events = lossAndNext(hourBeforeMs, nextAtMs, seen).map((event) => ({ ...event, seq: event.seq + 100 }))
    return violationsOf(new LimitsRespected(), events)
  }
  expect(continued(beforeMs, 99_000)).toBe('')
  expect(continued(seoulMidnightMs, 99_000)).toContain('the trades closed since midnight make 0')
})

it('a loss counts on over a restart', () => {
  const log = new SampleLog().openSession()
  log.exit(log.enter(), loss)
  log.openSession().enter()
  for (const event of log.events) if (event.event === 'session-opened') event.limits.global.dailyResetTimeZone = 'Asia/Seoul'
  expect(violationsOf(new LimitsRespected(), log.events)).toContain(
    'the guard saw a daily loss of 0, the trades closed since midnight make 7000',
  )
})

it('a guard with a policy of its own need not count', () => {
  const events = lossAndNext(hourBeforeMs, beforeMs, 0)
  const last = events.findLast((event): event is GuardDecided => event.event === 'guard-decided')!
  Object.assign(last, { outcome: 'block', reason: 'policy' })
  expect(violationsOf(new LimitsRespected(), events.slice(0, events.indexOf(last) + 1))).toBe('')
})

it('an entry that was not allowed is a violation, also after a stop', () => {
  const log = new SampleLog().openSession().stop()
  log.enter()
  const events = log.events.filter((event) => event.event !== 'guard-decided' || event.outcome !== 'allow')
  expect(violationsOf(new LimitsRespected(), events)).toContain('O1 enters T1, which the guard has not allowed')
})
