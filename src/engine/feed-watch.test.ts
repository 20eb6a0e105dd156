import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { VirtualClock } from '../clock/virtual-clock.ts'
import type { VenueFailure } from '../market-data/market-data-provider.ts'
import { CircuitBreaker } from '../risk/circuit-breaker.ts'
import { FeedWatch } from './feed-watch.ts'
import { Journal } from './journal.ts'
import { LogFile } from './log-file.ts'

const folders: string[] = []

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
})

function world() {
  const folder = mkdtempSync(join(tmpdir(), 'longhaul-feed-watch-'))
  folders.push(folder)
  const file = (name: string) => new LogFile(join(folder, name))
  const files = { application: file('application.log'), trading: file('trading.log'), metrics: file('metrics.log') }
  const journal = new Journal(files, new VirtualClock({ startMs: 0, pace: null }))
  const breaker = new CircuitBreaker({ openAfterFailures: 3, openForMs: 1000 })
  const told = () => {
    files.application.flush()
    const lines = readFileSync(join(folder, 'application.log'), 'utf8').trim().split('\n')
    return lines.filter((line) => line !== '').map((line) => (JSON.parse(line) as { event: string }).event)
  }
  return { breaker, watch: new FeedWatch(journal, breaker), told }
}

const failure: VenueFailure = { venue: 'upbit', code: 'VENUE_TIMEOUT', message: 'late', isVenueWide: true, retryAfterMs: null }
const ban: VenueFailure = { ...failure, code: 'VENUE_RATE_LIMITED', retryAfterMs: 60_000, untilMs: 60_000, isBan: true }

test('a ban opens the circuit at once, is told once, and one good refresh after it closes the circuit', () => {
  const { breaker, watch, told } = world()
  for (let nowMs = 0; nowMs < 60_000; nowMs += 1000) {
    watch.refreshed([ban], nowMs)
    expect([breaker.isOpen('upbit', nowMs), breaker.isOpen('binance', nowMs)]).toEqual([true, false])
  }
  watch.refreshed([], 60_000)
  expect(breaker.isOpen('upbit', 60_000)).toBe(false)
  expect(told()).toEqual(['venue-troubled', 'circuit-opened', 'circuit-closed'])
})

test('a venue that answers late opens the circuit after as many failures as configured', () => {
  const { breaker, watch, told } = world()
  const isOpen = [0, 1, 2].map((nowMs) => {
    watch.refreshed([failure], nowMs)
    return breaker.isOpen('upbit', nowMs)
  })
  expect(isOpen).toEqual([false, false, true])
  expect(told()).toEqual(['venue-troubled', 'circuit-opened'])
})

test('a venue of which only some books cannot be used is up', () => {
  const { breaker, watch, told } = world()
  for (let nowMs = 0; nowMs < 5; nowMs++) watch.refreshed([{ ...failure, isVenueWide: false }], nowMs)
  expect(breaker.isOpen('upbit', 4)).toBe(false)
  expect(told()).toEqual(['venue-troubled'])
})
