import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { OperatingError } from '../base/error.ts'
import type { OrderBook } from '../model/order-book.ts'
import * as fromBinance from './binance/parse.ts'
import { BinanceFace } from './simulated/binance/face.ts'
import { ScriptedMarket } from '../market/scripted-market.ts'
import { UpbitFace } from './simulated/upbit/face.ts'
import type { HttpResponse } from './transport.ts'
import * as fromUpbit from './upbit/parse.ts'
import type { BookAnswer } from './venue-rest.ts'

const book = { bids: [99.5, 1.25, 99, 2, 98.5, 0.5], asks: [100.5, 0.75, 101, 3, 102, 4], changedAtMs: 1_790_000_000_000, updateId: 42 }
const market = new ScriptedMarket()
for (const code of ['KRW-BTC', 'KRW-ETH']) market.set('upbit', code, book)
for (const code of ['BTCUSDT', 'ETHUSDT']) market.set('binance', code, book)
const upbit = new UpbitFace({ market, listedCodes: ['KRW-BTC', 'KRW-ETH'] })
const binance = new BinanceFace({ market, listedCodes: ['BTCUSDT', 'ETHUSDT'] })

/** Reads a text, and checks what comes out of it. */
type Read = (text: string, response: HttpResponse) => void

const changedAt = () => 1

function expectClean({ bids, asks, changedAtMs }: OrderBook): void {
  const prices = [...bids.toReversed(), ...asks].map((level) => level.price)
  const sizes = [...bids, ...asks].map((level) => level.size)
  expect(Math.min(bids.length, asks.length)).toBeGreaterThan(0)
  expect(prices.every((price, i) => price > (prices[i - 1] ?? 0) && Number.isFinite(price))).toBe(true)
  expect(sizes.every((size) => size > 0 && Number.isFinite(size))).toBe(true)
  expect(Number.isSafeInteger(changedAtMs)).toBe(true)
}

function readBooks(parse: (response: HttpResponse) => BookAnswer): Read {
  return (_text, response) => {
    for (const clean of parse(response).books.values()) expectClean(clean)
  }
}

const readUpbitFrame: Read = (text) => {
  const frame = fromUpbit.parseStreamFrame(text, 5)
  if (frame.kind === 'book') expectClean(frame.book)
  if (frame.kind === 'error') expect(frame.error).toBeInstanceOf(OperatingError)
}

const readBinanceFrame: Read = (text) => {
  const frame = fromBinance.parseStreamFrame(text, 5)
  if (frame.kind === 'error') expect(frame.error).toBeInstanceOf(OperatingError)
  if (frame.kind !== 'depth') return
  expect(frame.firstId).toBeLessThanOrEqual(frame.lastId)
  for (const [price, size] of [...frame.bids, ...frame.asks]) {
    expect(price > 0 && Number.isFinite(price) && size >= 0 && Number.isFinite(size)).toBe(true)
  }
}

const readMarkets: Read = (_text, response) => {
  for (const code of fromUpbit.parseMarketList(response)) expect(code).toBeTypeOf('string')
}

const readTicks: Read = (_text, response) => {
  for (const tick of fromUpbit.parseTickSizes(response).values()) expect(tick.isPositive()).toBe(true)
}

const readExchangeInfo: Read = (_text, response) => {
  const { instruments, limits } = fromBinance.parseExchangeInfo(response)
  for (const { tickSize, lotSize, minNotional } of instruments.values()) {
    expect([tickSize, lotSize, minNotional].every((amount) => amount.isPositive())).toBe(true)
  }
  for (const { windowMs, max } of limits) expect(windowMs >= 1000 && max >= 1).toBe(true)
}

const depthUpdate = '{"e":"depthUpdate","E":5,"s":"BTCUSDT","U":157,"u":160,"b":[["99.1","1.5"],["98","0.0"]],"a":[["101.0","0.10000000"]]}'
const upbitUnits = '"orderbook_units":[{"ask_price":1.16539E8,"bid_price":1.16538E8,"ask_size":0.02,"bid_size":0.0810}]'
const filters =
  '{"filterType":"PRICE_FILTER","tickSize":"0.01"},{"filterType":"LOT_SIZE","stepSize":"0.001"},{"filterType":"NOTIONAL","minNotional":"5"}'

const cases: { name: string; texts: string[]; read: Read }[] = [
  {
    name: 'Upbit order books',
    texts: [upbit.answer('/v1/orderbook?markets=KRW-BTC,KRW-ETH&count=5', 0).body],
    read: readBooks(fromUpbit.parseOrderBooks),
  },
  { name: 'Upbit lists of markets', texts: [upbit.answer('/v1/market/all', 0).body], read: readMarkets },
  {
    name: 'Upbit lists of instruments',
    texts: ['[{"market":"KRW-BTC","tick_size":"1000"},{"market":"KRW-XRP","tick_size":"0.1"}]'],
    read: readTicks,
  },
  {
    name: 'Upbit frames',
    texts: [
      `{"type":"orderbook","code":"KRW-BTC","timestamp":1790134742106,${upbitUnits},"stream_type":"SNAPSHOT","level":0}`,
      '[{"ty":"orderbook","cd":"KRW-BTC","tms":1790134773006,"obu":[{"ap":116606000,"bp":116534000,"as":0.06,"bs":7.9276E-4}],"lv":0}]',
      '{"error":{"name":"NO_TICKET","message":"no ticket"}}',
    ],
    read: readUpbitFrame,
  },
  {
    name: 'Binance depth answers',
    texts: [binance.answer('/api/v3/depth?symbol=BTCUSDT&limit=5', 0).body],
    read: readBooks((response) => fromBinance.parseDepth('BTCUSDT', response, changedAt)),
  },
  {
    name: 'Binance tickers',
    texts: [binance.answer('/api/v3/ticker/bookTicker', 0).body],
    read: readBooks((response) => fromBinance.parseBookTickers(response, changedAt)),
  },
  {
    name: 'Binance exchange info',
    texts: [
      '{"symbols":[{"symbol":"BTCUSDT","status":"TRADING","baseAsset":"BTC","quoteAsset":"USDT","filters":[' +
        `${filters}]}],"rateLimits":[{"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1,"limit":6000}]}`,
    ],
    read: readExchangeInfo,
  },
  {
    name: 'Binance frames',
    texts: [
      depthUpdate,
      `{"stream":"btcusdt@depth","data":${depthUpdate}}`,
      '{"result":null,"id":1}',
      '{"code":2,"msg":"Invalid request","id":1}',
    ],
    read: readBinanceFrame,
  },
]

/** `{"a":{"a":…` or `[[…`, deeper than any stack. */
const deep = (open: string, close: string) => open.repeat(20_000) + close.repeat(20_000)

const nasty = fc.constantFrom<unknown>(
  null,
  true,
  0,
  -1,
  1e308,
  '',
  '0',
  '-1',
  'NaN',
  '1e999',
  '99.5',
  99.5,
  101,
  '101',
  [],
  {},
  [[]],
  [null],
  ['1', '2'],
  '__proto__',
  { toString: 1, valueOf: 1 },
  { length: 3 },
)

/** Replaces the value at the chosen place of the document; places are numbered in depth-first order. */
function replaced(value: unknown, place: { left: number }, by: unknown): unknown {
  if (place.left-- === 0) return by
  if (Array.isArray(value)) return value.map((item: unknown) => replaced(item, place, by))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, replaced(item, place, by)]))
}

function placeCountOf(value: unknown): number {
  let count = 0
  JSON.stringify(value, (_key, item: unknown) => {
    count++
    return item
  })
  return count
}

const keyPattern = /"[A-Za-z_]+":/g

/** The text with some values replaced, with one of its keys in another's place, or with a piece of it replaced, cut off or flipped. */
function variants(text: string): fc.Arbitrary<string> {
  const document: unknown = JSON.parse(text)
  const place = fc.nat(placeCountOf(document) - 1)
  const values = fc
    .array(fc.tuple(place, nasty), { minLength: 1, maxLength: 3 })
    .map((changes) => JSON.stringify(changes.reduce((value, [left, by]) => replaced(value, { left }, by), document)))
  const keys = [...text.matchAll(keyPattern)]
  const swapped = fc.tuple(fc.nat(), fc.nat()).map(([at, by]) => {
    const key = keys[at % keys.length]
    return key === undefined ? text : text.slice(0, key.index) + keys[by % keys.length]?.[0] + text.slice(key.index + key[0].length)
  })
  const pieces = fc.oneof(
    fc.stringMatching(/^[[\]{}",:.+eE019-]{0,4}$/),
    fc.constantFrom('NaN', '-Infinity', '1e400', '9'.repeat(400), '"\\ud800"', '\u0000', deep('[', ']'), deep('{"a":', '}'), deep('[', '')),
  )
  const pieced = fc
    .tuple(fc.nat(text.length), fc.nat(12), pieces)
    .map(([start, length, insert]) => text.slice(0, start) + insert + text.slice(start + length))
  const cut = fc.nat(text.length).map((length) => text.slice(0, length))
  const flipped = fc.tuple(fc.nat(), fc.nat(7)).map(([at, bit]) => {
    const bytes = Buffer.from(text)
    bytes.writeUInt8(bytes.readUInt8(at % bytes.length) ^ (1 << bit), at % bytes.length)
    return bytes.toString()
  })
  return fc.oneof({ weight: 4, arbitrary: values }, { weight: 2, arbitrary: swapped }, { weight: 2, arbitrary: pieced }, cut, flipped)
}

/** How many of the variants ended in a value and in an error. */
function fuzz(texts: readonly string[], read: Read, numRuns: number): { values: number; errors: number } {
  const counts = { values: 0, errors: 0 }
  const status = fc.constantFrom(200, 200, 200, 200, 200, 400, 418, 429)
  fc.assert(
    fc.property(fc.oneof(...texts.map(variants)), status, (text, answered) => {
      try {
        read(text, { status: answered, headers: {}, body: text, receivedAtMs: 5 })
        counts.values++
      } catch (error) {
        if (!(error instanceof OperatingError)) throw error
        counts.errors++
      }
    }),
    { numRuns },
  )
  return counts
}

test.for(cases)('1,000 malformed $name end in a typed error or in clean values', ({ texts, read }) => {
  const { values, errors } = fuzz(texts, read, 1000)
  // Both ends must have been reached, or the variants are too tame or too wild to show anything.
  expect(values).toBeGreaterThan(50)
  expect(errors).toBeGreaterThan(50)
})

const samples = join(import.meta.dirname, '../../../shared/venue-samples')

describe.skipIf(!existsSync(samples))('captured messages (skipped where ../shared is absent)', () => {
  const wholeFile = (text: string) => [text]
  const lines = (text: string) => text.trim().split('\n')
  const asUnit = (text: string) => [`[{"market":"BTC-X","timestamp":1,"orderbook_units":[${text.trim()}]}]`]
  const asLimits = (text: string) => [`{"symbols":[],"rateLimits":${text}}`]

  test.for<[string, (text: string) => string[], Read]>([
    ['upbit/rest-market-all.real-2021-04-17.json', wholeFile, readMarkets],
    ['upbit/rest-orderbook-zero-slot.real-2026-09-23.json', asUnit, readBooks(fromUpbit.parseOrderBooks)],
    ['upbit/ws-orderbook-default.real-2026-09-23.ndjson', lines, readUpbitFrame],
    ['upbit/ws-orderbook-simple.real-2026-09-23.ndjson', lines, readUpbitFrame],
    ['upbit/ws-errors.real-2026-09-23.ndjson', lines, readUpbitFrame],
    ['binance/rest-exchangeInfo.real-2021-10-12.subset.json', wholeFile, readExchangeInfo],
    ['binance/rest-exchangeInfo-TSLABUSDT.real-2026-09-26.json', wholeFile, readExchangeInfo],
    ['binance/rest-exchangeInfo-rateLimits.binanceus-real-2026-09-04.json', asLimits, readExchangeInfo],
  ])('10,000 malformed variants of %s end in the same way', ([file, textsOf, read]) => {
    fuzz(textsOf(readFileSync(join(samples, file), 'utf8')), read, 10_000)
  })
})
