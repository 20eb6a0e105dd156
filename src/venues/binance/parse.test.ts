import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { HttpResponse } from '../transport.ts'
import type { VenueError } from '../venue-error.ts'
import { parseBookTickers, parseDepth, parseExchangeInfo, parseServerTime, parseStreamFrame, usageOf } from './parse.ts'

const samples = join(import.meta.dirname, '../../../../shared/venue-samples/binance')

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
    ['a 418: the shortest ban', response('', 418), { code: 'VENUE_RATE_LIMITED', retryAfterMs: 120_000, isBan: true }],
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

const update = {
  e: 'depthUpdate',
  E: 1_790_134_810_005,
  s: 'BTCUSDT',
  U: 157,
  u: 160,
  b: [['99.10000000', '1.50000000']],
  a: [['101.00000000', '0.00000000']],
}

describe('a stream frame', () => {
  test.for<[string, unknown]>([
    ['raw', update],
    ['combined', { stream: 'btcusdt@depth@100ms', data: update }],
  ])('%s, with a depth update, keeps the levels that are to be taken away', ([, sent]) => {
    expect(parseStreamFrame(JSON.stringify(sent), receivedAtMs)).toEqual({
      kind: 'depth',
      code: 'BTCUSDT',
      firstId: 157,
      lastId: 160,
      eventTimeMs: 1_790_134_810_005,
      bids: [[99.1, 1.5]],
      asks: [[101, 0]],
    })
  })

  test.for<[string, unknown, object]>([
    ['an acknowledgement', { result: null, id: 1 }, { kind: 'ack', id: 1 }],
    ['a list of subscriptions', { result: ['btcusdt@depth'], id: 'x' }, { kind: 'ack', id: 'x' }],
    [
      'a refusal',
      { code: 2, msg: 'Invalid request: x', id: 1 },
      { kind: 'error', error: { code: 'VENUE_STATUS', message: 'binance: 2: Invalid request: x' } },
    ],
    [
      'a refusal that is wrapped',
      { error: { code: -1003, msg: 'Too many' }, id: 1 },
      { kind: 'error', error: { code: 'VENUE_RATE_LIMITED', retryAfterMs: 50_000 } },
    ],
    ['the news of a shutdown', { e: 'serverShutdown', E: 1 }, { kind: 'shutdown' }],
    ['the same, combined', { stream: '!serverShutdown', data: { e: 'serverShutdown', E: 1 } }, { kind: 'shutdown' }],
    ['a trade', { e: 'trade', s: 'BTCUSDT' }, { kind: 'other' }],
    [
      'the top of a book, which no client of ours subscribes to',
      { u: 1, s: 'BTCUSDT', b: '99', B: '1', a: '101', A: '2' },
      { kind: 'other' },
    ],
  ])('with %s', ([, sent, expected]) => {
    expect(parseStreamFrame(JSON.stringify(sent), receivedAtMs)).toMatchObject(expected)
  })

  test.for<[string, unknown]>([
    ['of null', null],
    ['whose data is null', { stream: 'x', data: null }],
    ['without a sequence number', { ...update, U: undefined }],
    ['whose sequence runs back', { ...update, U: 161 }],
    ['with a sequence number above 2^53', { ...update, u: 2 ** 53 }],
    ['without a symbol', { ...update, s: 5 }],
    ['with a price of 0', { ...update, b: [['0', '1']] }],
    ['with a negative size', { ...update, b: [['99', '-1']] }],
    ['with a size that is no number', { ...update, b: [['99', 'many']] }],
    ['with an empty size', { ...update, b: [['99', '']] }],
    ['with a size too large for a double', { ...update, a: [['99', '1e999']] }],
    ['with numbers for strings', { ...update, a: [[99, 1]] }],
    ['with an answer to nobody', { result: null, id: {} }],
    ['with a refusal without words', { code: 2, id: 1 }],
  ])('%s is malformed', ([, sent]) => {
    expect(() => parseStreamFrame(JSON.stringify(sent), receivedAtMs)).toThrow(expect.objectContaining({ code: 'VENUE_MALFORMED' }))
  })
})

const filters = [
  { filterType: 'PRICE_FILTER', tickSize: '0.01000000' },
  { filterType: 'LOT_SIZE', stepSize: '0.00001000' },
  { filterType: 'NOTIONAL', minNotional: '5.00000000' },
]
const symbolRow = { symbol: 'BTCUSDT', status: 'TRADING', baseAsset: 'BTC', quoteAsset: 'USDT', filters }

describe('exchange info', () => {
  const parsed = (rows: unknown, rateLimits: unknown = []) => parseExchangeInfo(response({ symbols: rows, rateLimits }))
  /** Amounts as text, for comparing. */
  const listed = (rows: unknown, rateLimits?: unknown) =>
    [...parsed(rows, rateLimits).instruments.values()].map(({ tickSize, lotSize, minNotional, ...facts }) => ({
      ...facts,
      amounts: [tickSize, lotSize, minNotional].map(String),
    }))

  test('tells the exact tick, lot and least notional of each market', () => {
    expect(listed([symbolRow])).toEqual([
      { code: 'BTCUSDT', base: 'BTC', quote: 'USDT', status: 'TRADING', amounts: ['0.01', '0.00001', '5'] },
    ])
  })

  test.for<[string, unknown, string]>([
    ['without a status', { ...symbolRow, status: null }, 'it has no status'],
    ['without assets', { ...symbolRow, baseAsset: 1 }, 'it has no base and quote'],
    ['without filters', { ...symbolRow, filters: null }, 'it has no list of filters'],
    ['without a tick', { ...symbolRow, filters: [null, ...filters.slice(1)] }, 'it has no PRICE_FILTER with a tickSize'],
    [
      'with a lot of 0',
      { ...symbolRow, filters: [filters[0], { filterType: 'LOT_SIZE', stepSize: '0.000' }] },
      'it has no LOT_SIZE with a stepSize',
    ],
    ['without a least notional', { ...symbolRow, filters: filters.slice(0, 2) }, 'it has no NOTIONAL with a minNotional'],
  ])('refuses a market %s, and keeps the others', ([, row, reason]) => {
    const { instruments, refusals } = parsed([row, { ...symbolRow, symbol: 'ETHUSDT' }])
    expect([[...refusals], [...instruments.keys()]]).toEqual([[['BTCUSDT', reason]], ['ETHUSDT']])
  })

  test.for<[string, unknown, unknown]>([
    ['a market that is null', [null], []],
    ['a market without a symbol', [{}], []],
    ['an unknown interval', [], [{ rateLimitType: 'ORDERS', interval: 'toString', intervalNum: 1, limit: 1 }]],
    ['a limit of nothing', [], [{ rateLimitType: 'ORDERS', interval: 'DAY', intervalNum: 1, limit: 0 }]],
    ['no list of limits', [], null],
  ])('with %s is malformed', ([, rows, limits]) => {
    expect(() => parsed(rows, limits)).toThrow(expect.objectContaining({ code: 'VENUE_MALFORMED' }))
  })

  describe.skipIf(!existsSync(samples))('as captured (skipped where ../shared is absent)', () => {
    const read = (name: string) => JSON.parse(readFileSync(join(samples, name), 'utf8')) as never

    test('with the filters of 2021', () => {
      const info = parseExchangeInfo(response(read('rest-exchangeInfo.real-2021-10-12.subset.json')))
      expect(info.refusals.size).toBe(0)
      expect(info.instruments.size).toBe(4)
      expect(String(info.instruments.get('BTCUSDT')?.minNotional)).toBe('10')
      expect(info.limits[0]).toEqual({ name: 'REQUEST_WEIGHT', windowMs: 60_000, max: 1200 })
    })

    test('with those of 2026', () => {
      const info = parseExchangeInfo(response(read('rest-exchangeInfo-TSLABUSDT.real-2026-09-26.json')))
      expect(info.instruments.get('TSLABUSDT')).toMatchObject({ base: 'TSLAB', quote: 'USDT', status: 'TRADING' })
      expect(String(info.instruments.get('TSLABUSDT')?.lotSize)).toBe('0.001')
    })

    test('with its rate limits', () => {
      expect(parsed([], read('rest-exchangeInfo-rateLimits.binanceus-real-2026-09-04.json')).limits).toEqual([
        { name: 'REQUEST_WEIGHT', windowMs: 60_000, max: 6000 },
        { name: 'ORDERS', windowMs: 10_000, max: 100 },
        { name: 'ORDERS', windowMs: 86_400_000, max: 200_000 },
        { name: 'RAW_REQUESTS', windowMs: 300_000, max: 300_000 },
      ])
    })
  })
})

test('the time of the venue', () => {
  expect(parseServerTime(response({ serverTime: 1_499_827_319_559 }))).toEqual({ atMs: 1_499_827_319_559, resolutionMs: 1 })
  expect(() => parseServerTime(response({ serverTime: '1' }))).toThrow(expect.objectContaining({ code: 'VENUE_MALFORMED' }))
  expect(() => parseServerTime(response('', 429))).toThrow(expect.objectContaining({ code: 'VENUE_RATE_LIMITED' }))
})

test.for<[string | undefined, object[]]>([
  ['1204', [{ limit: 'REQUEST_WEIGHT', used: 1204 }]],
  ['-1', []],
  ['NaN', []],
  [undefined, []],
])('a used weight of %j says %j', ([header, usage]) => {
  expect(usageOf(header === undefined ? {} : { 'x-mbx-used-weight-1m': header })).toEqual(usage)
})
