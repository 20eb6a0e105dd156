import { describe, expect, test } from 'vitest'
import { BinanceFace } from './binance-face.ts'
import { ScriptedMarket } from './scripted-market.ts'

const nowMs = 1_767_571_200_000

function faceOver(market = new ScriptedMarket()) {
  market.set('binance', 'BTCUSDT', { bids: [81_201.13, 0.5, 81_201.12, 0.25], asks: [81_201.14, 1.5], changedAtMs: nowMs, updateId: 977 })
  market.set('binance', 'ETHUSDT', { bids: [], asks: [2931.27, 2], changedAtMs: nowMs, updateId: 978 })
  return new BinanceFace({ market, listedCodes: ['BTCUSDT', 'ETHUSDT'] })
}

test('a depth answer is written as Binance writes it', () => {
  const bids = '[["81201.13000000","0.50000000"],["81201.12000000","0.25000000"]]'
  expect(faceOver().answer('/api/v3/depth?symbol=BTCUSDT&limit=5', nowMs)).toEqual({
    status: 200,
    headers: { 'content-type': 'application/json;charset=UTF-8', 'x-mbx-used-weight': '5', 'x-mbx-used-weight-1m': '5' },
    body: `{"lastUpdateId":977,"bids":${bids},"asks":[["81201.14000000","1.50000000"]]}`,
  })
})

const bitcoinRow =
  '{"symbol":"BTCUSDT","bidPrice":"81201.13000000","bidQty":"0.50000000","askPrice":"81201.14000000","askQty":"1.50000000"}'
const etherRow = '{"symbol":"ETHUSDT","bidPrice":"0.00000000","bidQty":"0.00000000","askPrice":"2931.27000000","askQty":"2.00000000"}'

test.for<[string, string]>([
  ['/api/v3/ping', '{}'],
  ['/api/v3/time', '{"serverTime":1767571200000}'],
  ['/api/v3/ticker/bookTicker?symbol=BTCUSDT', bitcoinRow],
  ['/api/v3/ticker/bookTicker?symbols=%5B%22ETHUSDT%22%5D', `[${etherRow}]`],
  ['/api/v3/ticker/bookTicker', `[${bitcoinRow},${etherRow}]`],
])('%s', ([target, body]) => {
  expect(faceOver().answer(target, nowMs)).toMatchObject({ status: 200, body })
})

test('exchangeInfo lists what is asked for', () => {
  const info = JSON.parse(faceOver().answer('/api/v3/exchangeInfo?symbol=ETHUSDT', nowMs).body) as object
  const row = { symbol: 'ETHUSDT', status: 'TRADING', baseAsset: 'ETH', quoteAsset: 'USDT' }
  expect(info).toMatchObject({ serverTime: nowMs, symbols: [row] })
})

describe('refusals', () => {
  test.for<[string, number, number]>([
    ['/api/v3/depth?symbol=NONEUSDT', 400, -1121],
    ['/api/v3/depth?symbol=btcusdt', 400, -1121],
    ['/api/v3/depth', 400, -1102],
    ['/api/v3/depth?symbol=BTCUSDT&limit=0', 400, -1102],
    ['/api/v3/ticker/bookTicker?symbols=%5B%22BTCUSDT%22%2C%22NONEUSDT%22%5D', 400, -1121],
    ['/api/v3/ticker/bookTicker?symbols=BTCUSDT', 400, -1102],
    ['/api/v3/ticker/bookTicker?symbol=BTCUSDT&symbols=%5B%22BTCUSDT%22%5D', 400, -1102],
  ])('%s is answered with %d, %d', ([target, status, code]) => {
    const answer = faceOver().answer(target, nowMs)
    expect([answer.status, JSON.parse(answer.body)]).toEqual([status, expect.objectContaining({ code })])
  })

  test('an unknown path is not found, and an outage answers nothing but 503', () => {
    const market = new ScriptedMarket()
    const face = faceOver(market)
    expect(face.answer('/api/v4/ping', nowMs).status).toBe(404)
    market.outages.binance = 'maintenance'
    expect(face.answer('/api/v3/ping', nowMs).status).toBe(503)
  })
})

test.for<[string, string]>([
  ['/api/v3/depth?symbol=BTCUSDT&limit=100', '5'],
  ['/api/v3/depth?symbol=BTCUSDT&limit=101', '25'],
  ['/api/v3/depth?symbol=BTCUSDT&limit=1000', '50'],
  ['/api/v3/depth?symbol=BTCUSDT&limit=9999', '250'],
  ['/api/v3/ticker/bookTicker?symbol=BTCUSDT', '2'],
  ['/api/v3/ticker/bookTicker', '4'],
  ['/api/v3/exchangeInfo', '20'],
])('%s weighs %s', ([target, weight]) => {
  expect(faceOver().answer(target, nowMs).headers['x-mbx-used-weight-1m']).toBe(weight)
})

test('weight over 6,000 gets 429 until the minute is over', () => {
  const face = faceOver()
  const heavy = '/api/v3/depth?symbol=BTCUSDT&limit=5000'
  for (let i = 0; i < 24; i++) expect(face.answer(heavy, nowMs).status).toBe(200)
  const headers = { 'retry-after': '18', 'x-mbx-used-weight-1m': '6001' }
  expect(face.answer('/api/v3/ping', nowMs + 42_500)).toMatchObject({ status: 429, headers })
  expect(face.answer('/api/v3/ping', nowMs + 60_000)).toMatchObject({ status: 200, headers: { 'x-mbx-used-weight-1m': '1' } })
})

test('who goes on asking in spite of 429 is banned for two minutes', () => {
  const face = faceOver()
  for (let i = 0; i < 24; i++) face.answer('/api/v3/depth?symbol=BTCUSDT&limit=5000', nowMs)
  const statuses = Array.from({ length: 11 }, () => face.answer('/api/v3/ping', nowMs).status)
  expect(statuses).toEqual([...Array<number>(10).fill(429), 418])
  expect(face.answer('/api/v3/ping', nowMs + 119_999)).toMatchObject({ status: 418, headers: { 'retry-after': '1' } })
  expect(face.answer('/api/v3/ping', nowMs + 120_000).status).toBe(200)
})
