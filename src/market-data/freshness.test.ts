import { describe, expect, test } from 'vitest'
import type { OrderBook } from '../model/order-book.ts'
import { quoteTrouble } from './freshness.ts'
import { fxRate } from './fx-rate.ts'

const settings = { maxQuoteAgeMs: 3000, maxUnchangedMs: 30_000 }
const nowMs = 1_000_000
const usable: OrderBook = {
  bids: [{ price: 1450.1, size: 10 }],
  asks: [{ price: 1450.2, size: 10 }],
  exchangeTimeMs: null,
  changedAtMs: nowMs - 100,
  receivedAtMs: nowMs - 50,
}

const cases: [name: string, book: OrderBook | null, trouble: string | null, fxTrouble: string | null][] = [
  ['a fresh book', usable, null, null],
  ['no book', null, 'missing', 'fx-missing'],
  ['a book as old as is allowed', { ...usable, receivedAtMs: nowMs - 3000 }, null, null],
  ['a book older by a millisecond', { ...usable, receivedAtMs: nowMs - 3001 }, 'stale', 'fx-stale'],
  ['a book that has stood still as long as is allowed', { ...usable, changedAtMs: nowMs - 30_000 }, null, null],
  ['a book served again and again for longer', { ...usable, changedAtMs: nowMs - 30_001 }, 'frozen', 'fx-stale'],
  ['a book without bids', { ...usable, bids: [] }, 'empty', 'fx-missing'],
  ['a book without asks', { ...usable, asks: [] }, 'empty', 'fx-missing'],
  ['a crossed book', { ...usable, bids: [{ price: 1450.3, size: 1 }] }, 'crossed', 'fx-missing'],
  ['a locked book', { ...usable, bids: [{ price: 1450.2, size: 1 }] }, 'crossed', 'fx-missing'],
]

describe('quote trouble', () => {
  test.each(cases)('%s', (_name, book, trouble) => {
    expect(quoteTrouble(book, nowMs, settings)).toBe(trouble)
  })
})

describe('KRW per USDT', () => {
  test.each(cases)('of %s', (_name, book, _trouble, fxTrouble) => {
    const rate = fxRate(book, nowMs, settings)
    expect(typeof rate === 'string' ? rate : null).toBe(fxTrouble)
  })

  test('is the mid, without the digits that a double adds, and as old as its book', () => {
    const book = { ...usable, bids: [{ price: 1300.1, size: 1 }], asks: [{ price: 1300.3, size: 1 }] }
    expect((1300.1 + 1300.3) / 2).toBe(1300.1999999999998)
    expect(fxRate(book, nowMs, settings)).toEqual({ krwPerUsdt: 1300.2, ageMs: 50 })
  })
})
