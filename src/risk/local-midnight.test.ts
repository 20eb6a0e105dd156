import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LocalMidnight } from './local-midnight.ts'

function at(iso: string): number {
  return Date.parse(iso)
}

describe('the next local midnight', () => {
  test.each([
    ['UTC', '2026-01-05T00:00:00Z', '2026-01-06T00:00:00Z', 'midnight itself belongs to the new day'],
    ['UTC', '2026-01-05T23:59:59.999Z', '2026-01-06T00:00:00Z', 'one millisecond before'],
    ['Asia/Seoul', '2026-01-05T00:00:00Z', '2026-01-05T15:00:00Z', 'nine hours east'],
    ['Asia/Seoul', '2026-01-05T14:59:59.999Z', '2026-01-05T15:00:00Z', 'one millisecond before'],
    ['Asia/Seoul', '2026-01-05T15:00:00Z', '2026-01-06T15:00:00Z', 'midnight itself'],
    ['America/New_York', '2026-03-08T05:00:00Z', '2026-03-09T04:00:00Z', 'a day of 23 hours'],
    ['America/New_York', '2026-11-01T04:00:00Z', '2026-11-02T05:00:00Z', 'a day of 25 hours'],
    ['Asia/Kathmandu', '2026-01-05T00:00:00Z', '2026-01-05T18:15:00Z', 'an offset of 5:45'],
    ['Pacific/Kiritimati', '2026-01-05T09:59:59Z', '2026-01-05T10:00:00Z', 'fourteen hours east'],
    ['Pacific/Apia', '2011-12-29T10:00:00Z', '2011-12-30T10:00:00Z', 'a date that never was: the 29th is followed by the 31st'],
    ['Pacific/Apia', '2011-12-30T10:00:00Z', '2011-12-31T10:00:00Z', 'the day after it'],
    ['America/Sao_Paulo', '2018-11-03T12:00:00Z', '2018-11-04T03:00:00Z', 'no 00:00: clocks go from 23:59:59 to 01:00'],
    ['America/Havana', '2026-11-01T03:00:00Z', '2026-11-01T04:00:00Z', 'before a 00:00 that comes twice'],
    ['America/Havana', '2026-11-01T04:00:00Z', '2026-11-02T05:00:00Z', 'the second 00:00 is not another day'],
  ])('%s after %s is %s: %s', (timeZone, after, midnight) => {
    expect(new LocalMidnight(timeZone).nextAfter(at(after))).toBe(at(midnight))
  })

  test('comes once for each local date of a year', () => {
    for (const timeZone of ['UTC', 'Asia/Seoul', 'America/New_York', 'Australia/Lord_Howe', 'America/Havana', 'Africa/Casablanca']) {
      const midnight = new LocalMidnight(timeZone)
      const format = new Intl.DateTimeFormat('en-US', { timeZone, dateStyle: 'short' })
      const dates: string[] = []
      for (let atMs = at('2026-01-01T12:00:00Z'); atMs < at('2027-01-01T12:00:00Z'); atMs = midnight.nextAfter(atMs)) {
        dates.push(format.format(atMs))
      }
      expect(new Set(dates).size).toBe(dates.length)
      expect(dates).toHaveLength(366)
    }
  })

  test('is the same from every instant of the day', () => {
    const start = at('2026-11-01T04:00:00Z')
    const next = at('2026-11-02T05:00:00Z')
    const newYork = new LocalMidnight('America/New_York')
    fc.assert(fc.property(fc.integer({ min: start, max: next - 1 }), (atMs) => newYork.nextAfter(atMs) === next))
  })
})

test('an unknown time zone is refused', () => {
  expect(() => new LocalMidnight('Mars/Olympus')).toThrow(RangeError)
})
