import { describe, expect, test } from 'vitest'
import type { HttpResponse } from '../transport.ts'
import type { VenueError } from '../venue-error.ts'
import { parseBookTickers, parseDepth } from './parse.ts'

const receivedAtMs = 1_790_134_810_000
const changedAt = () => 7

function response(body: unknown, status = 200, headers: Record<string, string> = {}): HttpResponse {
  return { status, headers, body: typeof body === 'string' ? body : JSON.stringify(body), receivedAtMs }
}

const bids = [
  ['99.00000000', '1.50000000'],
  ['98.00000000', '2.00000000'],
]
const asks = [['101.00000000', '0.00010000']]
const ticker = { symbol: 'BTCUSDT', bidPrice: '99.0', bidQty: '1.5', askPrice: '101.0', askQty: '2' }

test('a depth answer becomes a book without an exchange time', () => {
  const seen: unknown[] = []
  const answer = parseDepth('BTCUSDT', response({ lastUpdateId: 12, bids, asks }), (...mark) => {
    seen.push(mark)
    return 7
  })
  expect(answer.books.get('BTCUSDT')).toEqual({
    bids: [
      { price: 99, size: 1.5 },
      { price: 98, size: 2 },
    ],
    asks: [{ price: 101, size: 0.0001 }],
    exchangeTimeMs: null,
    changedAtMs: 7,
    receivedAtMs,
  })
  expect(seen).toEqual([['BTCUSDT', 12, receivedAtMs]])
})

test.for<[string, string[]]>([
  ['a size of 0', ['98', '0.00000000']],
  ['a negative price', ['-1', '1']],
  ['text that is no number', ['98', 'many']],
  ['a number too large for a double', ['1e999', '1']],
])('a level with %s is dropped', ([, level]) => {
  const answer = parseDepth('BTCUSDT', response({ lastUpdateId: 12, bids: [bids[0], level], asks }), changedAt)
  expect(answer.books.get('BTCUSDT')?.bids).toEqual([{ price: 99, size: 1.5 }])
})

test.for<[string, unknown, string]>([
  ['crossed', { lastUpdateId: 1, bids: asks, asks: bids }, 'it is crossed: bid 101, ask 99'],
  ['empty on one side', { lastUpdateId: 1, bids, asks: [] }, 'it has no asks'],
  ['out of order', { lastUpdateId: 1, bids: [bids[1], bids[0]], asks }, 'its bids do not fall: 99 after 98'],
])('a depth that is %s is refused', ([, body, reason]) => {
  const answer = parseDepth('BTCUSDT', response(body), changedAt)
  expect([...answer.refusals]).toEqual([['BTCUSDT', reason]])
  expect(answer.books.size).toBe(0)
})

test('tickers become books of one level, each refused alone', () => {
  const rows = [
    ticker,
    { ...ticker, symbol: 'ETHUSDT', askPrice: '99' },
    { ...ticker, symbol: 'SOLUSDT', bidPrice: '0.00000000', bidQty: '0.00000000' },
    { ...ticker, symbol: 'XRPUSDT', bidQty: 3 },
  ]
  const answer = parseBookTickers(response(rows), changedAt)
  expect(Object.fromEntries(answer.books)).toMatchObject({ BTCUSDT: { bids: [{ price: 99, size: 1.5 }], asks: [{ price: 101, size: 2 }] } })
  expect([...answer.refusals]).toEqual([
    ['ETHUSDT', 'it is crossed: bid 99, ask 99'],
    ['SOLUSDT', 'it has no bids'],
    ['XRPUSDT', 'a side is not two decimal strings'],
  ])
})

describe('an answer that holds no book is an error', () => {
  test.for<[string, HttpResponse, Partial<VenueError>]>([
    ['cut off', response('{"lastUpdateId":12,"bids":[["99'), { code: 'VENUE_MALFORMED' }],
    ['null', response('null'), { code: 'VENUE_MALFORMED' }],
    ['without lastUpdateId', response({ bids, asks }), { code: 'VENUE_MALFORMED' }],
    ['with numbers for strings', response({ lastUpdateId: 1, bids: [[99, 1]], asks }), { code: 'VENUE_MALFORMED' }],
    ['with a level that is null', response({ lastUpdateId: 1, bids: [null], asks }), { code: 'VENUE_MALFORMED' }],
    ['unknown symbol', response({ code: -1121, msg: 'Invalid symbol.' }, 400), { code: 'VENUE_STATUS', isUnknownCode: true }],
    ['a firewall page', response('<html>', 403), { code: 'VENUE_STATUS', message: 'binance: status 403: <html>', retryAfterMs: null }],
    ['a 429 that says how long', response('', 429, { 'retry-after': '17' }), { code: 'VENUE_RATE_LIMITED', retryAfterMs: 17_000 }],
    ['a 429: until the next minute', response('', 429), { code: 'VENUE_RATE_LIMITED', retryAfterMs: 50_000 }],
    ['a 418: the shortest ban', response('', 418), { code: 'VENUE_RATE_LIMITED', retryAfterMs: 120_000 }],
  ])('%s', ([, answer, error]) => {
    expect(() => parseDepth('BTCUSDT', answer, changedAt)).toThrow(expect.objectContaining(error))
  })

  test.for<[string, unknown]>([
    ['an object', ticker],
    ['a list with null', [null]],
    ['a row without a symbol', [{}]],
  ])('%s in place of tickers', ([, body]) => {
    expect(() => parseBookTickers(response(body), changedAt)).toThrow(expect.objectContaining({ code: 'VENUE_MALFORMED' }))
  })
})
