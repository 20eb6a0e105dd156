import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { objectOf } from '../clean-book.ts'
import type { HttpResponse } from '../transport.ts'
import type { VenueError } from '../venue-error.ts'
import { parseOrderBook, parseOrderBooks } from './parse.ts'

const samples = join(import.meta.dirname, '../../../../shared/venue-samples/upbit')
const receivedAtMs = 1_790_134_800_250

function response(body: string, status = 200, headers: Record<string, string> = {}): HttpResponse {
  return { status, headers, body, receivedAtMs }
}

/** Units from rows of bid price, bid size, ask price, ask size. */
function row(...units: [number, number, number, number][]) {
  return {
    market: 'KRW-BTC',
    timestamp: 1_790_134_799_900,
    orderbook_units: units.map(([bid_price, bid_size, ask_price, ask_size]) => ({ bid_price, bid_size, ask_price, ask_size })),
  }
}

const goodUnit = { bid_price: 99, bid_size: 1, ask_price: 101, ask_size: 2 }

test('a row becomes a book with the time of its last change', () => {
  const answer = parseOrderBooks(response(JSON.stringify([row([99, 1, 101, 2], [98, 3, 102, 4])])))
  expect(answer.refusals).toEqual(new Map())
  expect(answer.books.get('KRW-BTC')).toEqual({
    bids: [
      { price: 99, size: 1 },
      { price: 98, size: 3 },
    ],
    asks: [
      { price: 101, size: 2 },
      { price: 102, size: 4 },
    ],
    exchangeTimeMs: 1_790_134_799_900,
    changedAtMs: 1_790_134_799_900,
    receivedAtMs,
  })
})

describe('levels that cannot be traded are dropped', () => {
  test.for<[string, [number, number, number, number]]>([
    ['padding with price 0, size 0', [0, 0, 102, 4]],
    ['a size of 0', [98, 0, 102, 4]],
    ['a negative price', [-98, 3, 102, 4]],
    ['a negative size', [98, -3, 102, 4]],
  ])('%s', ([, unit]) => {
    const book = parseOrderBook(row([99, 1, 101, 2], unit), receivedAtMs)
    expect(book).toMatchObject({
      bids: [{ price: 99, size: 1 }],
      asks: [
        { price: 101, size: 2 },
        { price: 102, size: 4 },
      ],
    })
  })

  test('a number too large for a double', () => {
    const body = JSON.stringify([row([99, 1, 101, 2], [98, 3, 102, 4])]).replace('102', '1e999')
    expect(parseOrderBooks(response(body)).books.get('KRW-BTC')?.asks).toEqual([{ price: 101, size: 2 }])
  })
})

describe('a book is refused, and the others stay', () => {
  test.for<[string, unknown, string]>([
    ['that is crossed', row([101, 1, 101, 2]), 'it is crossed: bid 101, ask 101'],
    ['whose bids rise', row([99, 1, 101, 2], [99.5, 1, 102, 2]), 'its bids do not fall: 99.5 after 99'],
    ['whose bids repeat', row([99, 1, 101, 2], [99, 1, 102, 2]), 'its bids do not fall: 99 after 99'],
    ['whose asks repeat', row([99, 1, 101, 2], [98, 1, 101, 2]), 'its asks do not rise: 101 after 101'],
    ['without bids', row([0, 0, 101, 2]), 'it has no bids'],
    ['without levels', row(), 'it has no bids'],
    ['without a timestamp', { ...row([99, 1, 101, 2]), timestamp: null }, 'it has no timestamp'],
    ['whose units are no list', { ...row(), orderbook_units: {} }, 'it has no list of units'],
    ['with a unit that is null', { ...row(), orderbook_units: [null] }, 'a bid is not two numbers'],
    ['with a price as text', { ...row(), orderbook_units: [{ ...goodUnit, ask_price: '101' }] }, 'an ask is not two numbers'],
  ])('%s', ([, refused, reason]) => {
    const answer = parseOrderBooks(response(JSON.stringify([refused, { ...row([99, 1, 101, 2]), market: 'KRW-ETH' }])))
    expect([...answer.refusals]).toEqual([['KRW-BTC', reason]])
    expect([...answer.books.keys()]).toEqual(['KRW-ETH'])
  })
})

describe('an answer that holds no books is an error', () => {
  test.for<[string, HttpResponse, Partial<VenueError>]>([
    ['cut off', response('[{"market":"KRW-'), { code: 'VENUE_MALFORMED' }],
    ['empty', response(''), { code: 'VENUE_MALFORMED' }],
    ['an error envelope with status 200', response('{"error":{"name":404,"message":"Code not found"}}'), { code: 'VENUE_MALFORMED' }],
    ['a row that is null', response('[null]'), { code: 'VENUE_MALFORMED' }],
    ['a row without a market', response('[{}]'), { code: 'VENUE_MALFORMED' }],
    [
      'an unknown code',
      response('{"error":{"name":404,"message":"Code not found"}}', 404),
      { code: 'VENUE_STATUS', message: 'upbit: status 404: Code not found', isUnknownCode: true, retryAfterMs: null },
    ],
    [
      'an unknown path',
      response('{"error":{"name":"not_found","message":"no Route matched with those values"}}', 404),
      { code: 'VENUE_STATUS', isUnknownCode: false },
    ],
    ['an outage in plain text', response('Service Unavailable', 503), { message: 'upbit: status 503: Service Unavailable' }],
    ['a body of null', response('null', 500), { code: 'VENUE_STATUS' }],
    ['a 429: until the next second', response('Too many', 429), { code: 'VENUE_RATE_LIMITED', retryAfterMs: 750 }],
    ['a 429 that says how long', response('', 429, { 'retry-after': '3' }), { code: 'VENUE_RATE_LIMITED', retryAfterMs: 3000 }],
    ['a 429 with a date', response('', 429, { 'retry-after': 'Sun, 27 Sep 2026' }), { code: 'VENUE_RATE_LIMITED', retryAfterMs: 750 }],
    ['a 418: a minute', response('{"error":{"name":418}}', 418), { code: 'VENUE_RATE_LIMITED', retryAfterMs: 60_000 }],
  ])('%s', ([, answer, error]) => {
    expect(() => parseOrderBooks(answer)).toThrow(expect.objectContaining(error))
  })
})

describe.skipIf(!existsSync(samples))('captured messages (skipped where ../shared is absent)', () => {
  const read = (name: string) => readFileSync(join(samples, name), 'utf8')

  test('WebSocket frames with exponents and trailing zeros parse', () => {
    const lines = read('ws-orderbook-default.real-2026-09-23.ndjson').trim().split('\n')
    const books = lines.map((line) => parseOrderBook(objectOf(JSON.parse(line)) ?? {}, receivedAtMs))
    expect(books).toMatchObject([
      {
        bids: [{ price: 116538000, size: 0.08120946 }, {}],
        asks: [{ price: 116539000 }, { size: 0.0007772 }],
        exchangeTimeMs: 1790134742106,
      },
      { bids: [{ size: 0.06612366 }, {}], changedAtMs: 1790134743006 },
    ])
  })

  test('a captured zero slot after a real unit is dropped', () => {
    const slot = read('rest-orderbook-zero-slot.real-2026-09-23.json').trim()
    const first = '{"bid_price":0.00000685,"bid_size":1,"ask_price":0.00000688,"ask_size":2}'
    const answer = parseOrderBooks(response(`[{"market":"BTC-X","timestamp":1,"orderbook_units":[${first},${slot}]}]`))
    expect(answer.books.get('BTC-X')).toMatchObject({ bids: [{ price: 0.00000685 }], asks: [{}, { price: 0.00000689, size: 8.70827286 }] })
  })

  test.for(['ws-orderbook-simple.real-2026-09-23.ndjson', 'ws-errors.real-2026-09-23.ndjson'])('%s is refused, not guessed at', (name) => {
    for (const line of read(name).trim().split('\n')) {
      expect(() => parseOrderBooks(response(line))).toThrow(expect.objectContaining({ code: 'VENUE_MALFORMED' }))
    }
  })
})
