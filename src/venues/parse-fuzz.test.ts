import fc from 'fast-check'
import { expect, test } from 'vitest'
import { OperatingError } from '../base/error.ts'
import { parseBookTickers, parseDepth } from './binance/parse.ts'
import { BinanceFace } from './simulated/binance-face.ts'
import { ScriptedMarket } from './simulated/scripted-market.ts'
import { UpbitFace } from './simulated/upbit-face.ts'
import type { HttpResponse } from './transport.ts'
import { parseOrderBooks } from './upbit/parse.ts'
import type { BookAnswer } from './venue-rest.ts'

const book = { bids: [99.5, 1.25, 99, 2, 98.5, 0.5], asks: [100.5, 0.75, 101, 3, 102, 4], changedAtMs: 1_790_000_000_000, updateId: 42 }
const market = new ScriptedMarket()
for (const code of ['KRW-BTC', 'KRW-ETH']) market.set('upbit', code, book)
for (const code of ['BTCUSDT', 'ETHUSDT']) market.set('binance', code, book)
const upbit = new UpbitFace({ market, listedCodes: [] })
const binance = new BinanceFace({ market, listedCodes: ['BTCUSDT', 'ETHUSDT'] })

const changedAt = () => 1
const parsers: { name: string; body: string; parse: (response: HttpResponse) => BookAnswer }[] = [
  { name: 'Upbit order books', body: upbit.answer('/v1/orderbook?markets=KRW-BTC,KRW-ETH&count=5', 0).body, parse: parseOrderBooks },
  {
    name: 'Binance depth',
    body: binance.answer('/api/v3/depth?symbol=BTCUSDT&limit=5', 0).body,
    parse: (response) => parseDepth('BTCUSDT', response, changedAt),
  },
  {
    name: 'Binance tickers',
    body: binance.answer('/api/v3/ticker/bookTicker', 0).body,
    parse: (response) => parseBookTickers(response, changedAt),
  },
]

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
)

/** Replaces the value at the chosen place of the document; places are numbered in depth-first order. */
function replaced(value: unknown, place: { left: number }, by: unknown): unknown {
  if (place.left-- === 0) return by
  if (Array.isArray(value)) return value.map((item: unknown) => replaced(item, place, by))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, replaced(item, place, by)]))
}

/** A body with some of its values replaced, or with a piece of its text replaced. */
function variants(body: string): fc.Arbitrary<string> {
  const values = fc
    .array(fc.tuple(fc.nat(120), nasty), { minLength: 1, maxLength: 4 })
    .map((changes) => JSON.stringify(changes.reduce<unknown>((value, [left, by]) => replaced(value, { left }, by), JSON.parse(body))))
  const text = fc
    .tuple(fc.nat(body.length), fc.nat(12), fc.stringMatching(/^[[\]{}",:.+eE019-]{0,4}$/))
    .map(([start, length, insert]) => body.slice(0, start) + insert + body.slice(start + length))
  return fc.oneof(values, text)
}

function expectClean({ books }: BookAnswer): void {
  for (const { bids, asks, changedAtMs } of books.values()) {
    const prices = [...bids.toReversed(), ...asks].map((level) => level.price)
    const sizes = [...bids, ...asks].map((level) => level.size)
    expect(Math.min(bids.length, asks.length)).toBeGreaterThan(0)
    expect(prices.every((price, i) => price > (prices[i - 1] ?? 0) && Number.isFinite(price))).toBe(true)
    expect(sizes.every((size) => size > 0 && Number.isFinite(size))).toBe(true)
    expect(Number.isSafeInteger(changedAtMs)).toBe(true)
  }
}

test.for(parsers)('2,000 malformed $name end in a typed error or in clean books', ({ body, parse }) => {
  let cleanCount = 0
  let errorCount = 0
  fc.assert(
    fc.property(variants(body), fc.constantFrom(200, 200, 200, 400, 404, 418, 429, 500), (variant, status) => {
      try {
        expectClean(parse({ status, headers: {}, body: variant, receivedAtMs: 5 }))
        cleanCount++
      } catch (error) {
        if (!(error instanceof OperatingError)) throw error
        errorCount++
      }
    }),
    { numRuns: 2000 },
  )
  // Both ends must have been reached, or the variants are too tame or too wild to show anything.
  expect(cleanCount).toBeGreaterThan(100)
  expect(errorCount).toBeGreaterThan(100)
})
