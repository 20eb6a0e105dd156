import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { BookTapeWriter, type TapeLine } from './book-tape.ts'
import { RecordedMarket, type RecordedMarketOptions } from './recorded-market.ts'

const startMs = Date.UTC(2026, 0, 5)

let parent = ''
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'longhaul-recorded-'))
})
afterEach(() => rmSync(parent, { recursive: true, force: true }))

function book(
  atMs: number,
  bid: number,
  { venue = 'upbit', arrivalMs = 2 }: { venue?: 'upbit' | 'binance'; arrivalMs?: number } = {},
): TapeLine {
  const code = venue === 'upbit' ? 'KRW-BTC' : 'BTCUSDT'
  return {
    t: startMs + atMs,
    r: startMs + atMs + arrivalMs,
    v: venue,
    c: code,
    b: [
      [bid, 1],
      [bid - 1, 2],
    ],
    a: [[bid + 1, 1]],
  }
}

function recorded(lines: readonly TapeLine[], options: Partial<RecordedMarketOptions> = {}): RecordedMarket {
  const folder = join(parent, 'tape')
  const instruments = [
    { venue: 'upbit' as const, code: 'KRW-BTC' },
    { venue: 'binance' as const, code: 'BTCUSDT' },
  ]
  const writer = new BookTapeWriter(folder, { tape: 'longhaul-books', version: 1, market: 'live', instruments })
  writer.beginFile()
  for (const line of lines) writer.write(line)
  writer.flush()
  return new RecordedMarket({ folder, ...options })
}

const first = [book(100, 100), book(150, 10, { venue: 'binance' })]
const bidOf = (market: RecordedMarket, depth = 1): number[] => [...(market.book('upbit', 'KRW-BTC', depth)?.bids ?? [])]

test('begins at the first whole second at which every instrument has been seen', () => {
  const market = recorded([...first, book(1500, 105)])
  expect(market.fromMs).toBe(startMs + 1000)
  expect(bidOf(market)).toEqual([100, 1])
})

test('shows each book from the instant of its change on, as deep as it is asked for', () => {
  const market = recorded([...first, book(1500, 105), book(2500, 106)])
  market.advance(startMs + 1499)
  expect(bidOf(market)).toEqual([100, 1])
  market.advance(startMs + 1500)
  expect(bidOf(market, 5)).toEqual([105, 1, 104, 2])
  expect(market.book('upbit', 'KRW-BTC', 1)).toMatchObject({ changedAtMs: startMs + 1500, updateId: 2 })
  market.advance(startMs + 60_000)
  expect(bidOf(market)).toEqual([106, 1])
  expect(market.book('upbit', 'KRW-ETH', 1)).toBeNull()
})

test('plays a book that arrived late at the time of its change', () => {
  const market = recorded([...first, book(1600, 10.5, { venue: 'binance' }), book(1500, 105, { arrivalMs: 900 }), book(5000, 106)])
  market.advance(startMs + 1500)
  expect(bidOf(market)).toEqual([105, 1])
})

test('a book that a new file repeats is no change', () => {
  const market = recorded([...first, book(1500, 105), book(1500, 105), book(9000, 50)])
  market.advance(startMs + 2000)
  expect(market.book('upbit', 'KRW-BTC', 1)).toMatchObject({ updateId: 2, changedAtMs: startMs + 1500 })
})

describe('an outage', () => {
  test('lasts from its mark to the next', () => {
    const away: TapeLine = { t: startMs + 2000, r: startMs + 2000, v: 'binance', down: 'reset' }
    const market = recorded([...first, away, { ...away, t: startMs + 3000, r: startMs + 3000, down: null }, book(9000, 50)])
    expect(market.outage('binance')).toBeNull()
    market.advance(startMs + 2500)
    expect([market.outage('binance'), market.outage('upbit')]).toEqual(['reset', null])
    market.advance(startMs + 3000)
    expect(market.outage('binance')).toBeNull()
  })

  test('begins where the tape ends', () => {
    const market = recorded([...first, book(1500, 105)])
    expect(market.outage('upbit')).toBeNull()
    market.advance(startMs + 1500)
    expect(market.outage('upbit')).toContain('the tape ended at 2026-01-05T00:00:01.500Z')
  })

  test('begins where the window ends', () => {
    const market = recorded([...first, book(9000, 50)], { to: '2026-01-05T00:00:02Z' })
    market.advance(startMs + 1999)
    expect(market.outage('upbit')).toBeNull()
    market.advance(startMs + 2000)
    expect(market.outage('upbit')).not.toBeNull()
  })
})

test('a window may begin later, and not before every book is known', () => {
  const lines = [...first, book(2000, 105), book(9000, 50)]
  const market = recorded(lines, { from: '2026-01-05T00:00:02Z' })
  expect(bidOf(market)).toEqual([105, 1])
  rmSync(join(parent, 'tape'), { recursive: true })
  expect(() => recorded(lines, { from: '2026-01-05T00:00:00Z' })).toThrow(expect.objectContaining({ code: 'TAPE_INVALID' }))
})

test('a tape that never shows an instrument of its header is refused', () => {
  expect(() => recorded([book(100, 100)])).toThrow(
    expect.objectContaining({ code: 'TAPE_INVALID', message: expect.stringContaining('binance:BTCUSDT') as string }),
  )
})
