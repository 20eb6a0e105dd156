import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { HttpResponse } from '../transport.ts'
import type { VenueError } from '../venue-error.ts'
import { parseMarketList, parseOrderBook, parseOrderBooks, parseStreamFrame, parseTickSizes, timeOf, usageOf } from './parse.ts'

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
    ['a 418: a minute', response('{"error":{"name":418}}', 418), { code: 'VENUE_RATE_LIMITED', retryAfterMs: 60_000, isBan: true }],
  ])('%s', ([, answer, error]) => {
    expect(() => parseOrderBooks(answer)).toThrow(expect.objectContaining(error))
  })
})

const fullUnits = [{ ask_price: 101, bid_price: 99, ask_size: 2, bid_size: 1 }]
const simpleUnits = [{ ap: 101, bp: 99, as: 2, bs: 1 }]
const frame = {
  type: 'orderbook',
  code: 'KRW-BTC',
  timestamp: 1_790_134_742_106,
  orderbook_units: fullUnits,
  stream_type: 'REALTIME',
  level: 0,
}
const simpleFrame = { ty: 'orderbook', cd: 'KRW-BTC', tms: 1_790_134_742_106, obu: simpleUnits, st: 'REALTIME', lv: 0 }

describe('a stream frame', () => {
  test.for<[string, unknown]>([
    ['DEFAULT', frame],
    ['SIMPLE', simpleFrame],
    ['JSON_LIST', [frame]],
    ['SIMPLE_LIST', [simpleFrame]],
  ])('in the %s format is a whole book', ([, sent]) => {
    expect(parseStreamFrame(JSON.stringify(sent), receivedAtMs)).toEqual({
      kind: 'book',
      code: 'KRW-BTC',
      book: {
        bids: [{ price: 99, size: 1 }],
        asks: [{ price: 101, size: 2 }],
        exchangeTimeMs: 1_790_134_742_106,
        changedAtMs: 1_790_134_742_106,
        receivedAtMs,
      },
    })
  })

  test.for<[string, unknown, object]>([
    ['a crossed book', { ...frame, orderbook_units: [{ ...fullUnits[0], bid_price: 101 }] }, { kind: 'refused-book', code: 'KRW-BTC' }],
    ['a book without units', { ...simpleFrame, obu: undefined }, { kind: 'refused-book', reason: 'it has no list of units' }],
    ['a unit that is null', { ...simpleFrame, obu: [null] }, { kind: 'refused-book', reason: 'a bid is not two numbers' }],
    ['the answer to PING', { status: 'UP' }, { kind: 'status' }],
    ['a trade', { type: 'trade', code: 'KRW-BTC' }, { kind: 'other' }],
    ['a list of subscriptions', { method: 'LIST_SUBSCRIPTIONS', result: [], ticket: 'x' }, { kind: 'other' }],
  ])('with %s', ([, sent, expected]) => {
    expect(parseStreamFrame(JSON.stringify(sent), receivedAtMs)).toMatchObject(expected)
  })

  test.for<[string, string, Partial<VenueError>]>([
    ['NO_CODES', 'x', { code: 'VENUE_STATUS', message: 'upbit: NO_CODES: x', retryAfterMs: null, isBan: false }],
    ['Too Many Requests', 'x', { code: 'VENUE_RATE_LIMITED', retryAfterMs: 1000, isBan: false }],
    ["I'm a teapot", 'x', { code: 'VENUE_RATE_LIMITED', retryAfterMs: 60_000, isBan: true }],
  ])('with the error %s', ([name, message, error]) => {
    expect(parseStreamFrame(JSON.stringify({ error: { name, message } }), receivedAtMs)).toMatchObject({ kind: 'error', error })
  })

  test.for(['', 'PONG', 'null', '5', '[]', '[{},{}]', '{"type":"orderbook"}', '{"error":{}}', '{"error":null}'])(
    '%j is malformed',
    (text) => {
      expect(() => parseStreamFrame(text, receivedAtMs)).toThrow(expect.objectContaining({ code: 'VENUE_MALFORMED' }))
    },
  )
})

test('the list of markets becomes a set of codes', () => {
  expect([...parseMarketList(response('[{"market":"KRW-BTC"},{"market":"USDT-ETH"}]'))]).toEqual(['KRW-BTC', 'USDT-ETH'])
})

test('the list of instruments becomes exact ticks', () => {
  const body = '[{"market":"KRW-BTC","quote_currency":"KRW","tick_size":"1000","supported_levels":["0","10000"]}]'
  expect(parseTickSizes(response(body)).get('KRW-BTC')?.toString()).toBe('1000')
})

test.for(['0', '-1', '1e3', '', 'NaN', '9'.repeat(40), null, 1000])('a tick of %j is malformed', (tick_size) => {
  const body = JSON.stringify([{ market: 'KRW-BTC', tick_size }])
  expect(() => parseTickSizes(response(body))).toThrow(expect.objectContaining({ code: 'VENUE_MALFORMED' }))
})

test.for<[string | undefined, object[]]>([
  ['group=orderbook; min=600; sec=9', [{ limit: 'orderbook', used: 1 }]],
  ['group=market; min=600; sec=0', [{ limit: 'market', used: 10 }]],
  ['group=orderbook; min=1800; sec=29', [{ limit: 'orderbook', used: 0 }]],
  ['group=orderbook; min=600', []],
  ['sec=9', []],
  ['', []],
  [undefined, []],
])('Remaining-Req %j says %j', ([header, usage]) => {
  expect(usageOf(header === undefined ? {} : { 'remaining-req': header })).toEqual(usage)
})

test('the date of an answer is a time in whole seconds', () => {
  expect(timeOf(response('', 200, { date: 'Sun, 06 Nov 1994 08:49:37 GMT' }))).toEqual({ atMs: 784_111_777_000, resolutionMs: 1000 })
  expect([timeOf(response('')), timeOf(response('', 200, { date: 'today' }))]).toEqual([null, null])
})

describe.skipIf(!existsSync(samples))('captured messages (skipped where ../shared is absent)', () => {
  const read = (name: string) => readFileSync(join(samples, name), 'utf8')

  test('WebSocket frames with exponents and trailing zeros parse', () => {
    const lines = read('ws-orderbook-default.real-2026-09-23.ndjson').trim().split('\n')
    expect(lines.map((line) => parseStreamFrame(line, receivedAtMs))).toMatchObject([
      {
        code: 'KRW-BTC',
        book: {
          bids: [{ price: 116538000, size: 0.08120946 }, {}],
          asks: [{ price: 116539000 }, { size: 0.0007772 }],
          exchangeTimeMs: 1790134742106,
        },
      },
      { book: { bids: [{ size: 0.06612366 }, {}], changedAtMs: 1790134743006 } },
    ])
  })

  test('WebSocket frames in the SIMPLE format parse', () => {
    expect(parseStreamFrame(read('ws-orderbook-simple.real-2026-09-23.ndjson').trim(), receivedAtMs)).toMatchObject({
      code: 'KRW-BTC',
      book: { bids: [{ price: 116534000, size: 0.00079276 }, {}], asks: [{}, { size: 0.0005 }], changedAtMs: 1790134773006 },
    })
  })

  test('error frames carry the words of the venue', () => {
    const lines = read('ws-errors.real-2026-09-23.ndjson').trim().split('\n')
    expect(lines.map((line) => parseStreamFrame(line, receivedAtMs))).toMatchObject([
      { error: { code: 'VENUE_STATUS', message: 'upbit: NO_TICKET: 티켓이 존재하지 않거나, 유효하지 않습니다.' } },
      { error: { message: 'upbit: INVALID_PARAM: nope 은 지원하지 않는 타입입니다.' } },
      { error: { message: 'upbit: WRONG_FORMAT: Format 이 맞지 않습니다.' } },
      { kind: 'status' },
    ])
  })

  test('the list of markets parses', () => {
    const codes = parseMarketList(response(read('rest-market-all.real-2021-04-17.json')))
    expect([codes.size, codes.has('KRW-BTC'), codes.has('USDT-ETH')]).toEqual([9, true, true])
  })

  // The sample is one unit of a book whose bids are fewer than its asks.
  test('a captured zero slot after a real unit is dropped, and as the only unit it leaves no book', () => {
    const slot = read('rest-orderbook-zero-slot.real-2026-09-23.json').trim()
    const first = '{"bid_price":0.00000685,"bid_size":1,"ask_price":0.00000688,"ask_size":2}'
    const book = (units: string) => parseOrderBooks(response(`[{"market":"BTC-X","timestamp":1,"orderbook_units":[${units}]}]`))
    expect(book(`${first},${slot}`).books.get('BTC-X')).toMatchObject({
      bids: [{ price: 0.00000685 }],
      asks: [{}, { price: 0.00000689, size: 8.70827286 }],
    })
    expect([...book(slot).refusals]).toEqual([['BTC-X', 'it has no bids']])
  })

  test.for(['ws-orderbook-simple.real-2026-09-23.ndjson', 'ws-errors.real-2026-09-23.ndjson'])('%s is no answer to a request', (name) => {
    for (const line of read(name).trim().split('\n')) {
      expect(() => parseOrderBooks(response(line))).toThrow(expect.objectContaining({ code: 'VENUE_MALFORMED' }))
    }
  })
})
