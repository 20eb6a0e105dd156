import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SeededPrng } from '../../../base/prng.ts'
import { instrumentOf } from '../../../model/instrument.ts'
import { parseOrderBooks } from '../../upbit/parse.ts'
import { ScriptedMarket } from '../../../market/scripted-market.ts'
import { TradeFlow } from '../trade-flow.ts'
import { UpbitFace, type UpbitFaceOptions } from './face.ts'

const nowMs = 1_767_571_200_000

const krwBtc = instrumentOf({
  venue: 'upbit',
  code: 'KRW-BTC',
  base: 'BTC',
  quote: 'KRW',
  tickBands: [
    { fromPrice: '1000000', tickSize: '1000' },
    { fromPrice: '0', tickSize: '0.1' },
  ],
  lotSize: '0.00000001',
  minNotional: '5000',
  takerFee: '0.0005',
  feeAsset: 'quote',
})

function faceOver(market = new ScriptedMarket(), options: Partial<UpbitFaceOptions> = {}) {
  const times = { changedAtMs: nowMs - 100, updateId: 9 }
  market.set('upbit', 'KRW-BTC', { bids: [116_233_000, 0.5, 116_232_000, 0.25], asks: [116_234_000, 1.5], ...times })
  const side = (step: number) => Array.from({ length: 40 }, (_, i) => [3000.5 + step * (i + 1), 1]).flat()
  market.set('upbit', 'USDT-ETH', { bids: side(-0.01), asks: side(0.01), ...times })
  return new UpbitFace({ market, listedCodes: ['KRW-BTC', 'USDT-ETH'], instruments: [krwBtc], ...options })
}

/** Three trades of KRW-BTC: 100, then 130, then 90. */
function tradedFace() {
  const market = new ScriptedMarket()
  const trades = new TradeFlow({ market, prng: new SeededPrng(1), instruments: [krwBtc] })
  trades.record('upbit', 'KRW-BTC', { atMs: nowMs - 3000, price: 100, size: 1, takerSide: 'buy' })
  trades.record('upbit', 'KRW-BTC', { atMs: nowMs - 2000, price: 130.5, size: 2, takerSide: 'buy' })
  trades.record('upbit', 'KRW-BTC', { atMs: nowMs - 1000, price: 90, size: 0.25, takerSide: 'sell' })
  return faceOver(market, { trades })
}

/** One a line, as they are spelled. */
function fieldsOf(body: string): string {
  return body.replaceAll(',"', ',\n"')
}

/** Read as text: as numbers they would be rounded. */
function idsIn(body: string): string[] {
  return [...body.matchAll(/"sequential_id":(\d+)/g)].map(([, id]) => id!)
}

test('an order book is written as Upbit writes it: the shorter side padded, totals over what is shown', () => {
  const units = [
    '{"bid_price":116233000,"bid_size":0.50000000,"ask_price":116234000,"ask_size":1.50000000}',
    '{"bid_price":116232000,"bid_size":0.25000000,"ask_price":0,"ask_size":0.00000000}',
  ]
  expect(faceOver().answer('/v1/orderbook?markets=KRW-BTC&count=5', nowMs)).toEqual({
    status: 200,
    headers: {
      'content-type': 'application/json;charset=UTF-8',
      'limit-by-ip': 'Yes',
      'remaining-req': 'group=orderbook; min=600; sec=9',
    },
    body:
      '[{"market":"KRW-BTC","timestamp":1767571199900,"total_ask_size":1.50000000,"total_bid_size":0.75000000,' +
      `"orderbook_units":[${units.join(',')}],"level":0}]`,
  })
})

test('lower-case and escaped codes are answered, in the order asked', () => {
  const rows = JSON.parse(faceOver().answer('/v1/orderbook?markets=usdt-eth%2Ckrw-btc', nowMs).body) as { market: string }[]
  expect(rows.map((row) => row.market)).toEqual(['USDT-ETH', 'KRW-BTC'])
})

test.for<[string, number]>([
  ['', 30],
  ['&count=1', 1],
  ['&count=30', 30],
  ['&count=0', 30],
  ['&count=31', 30],
])('count in "%s" gives %d units', ([parameter, unitCount]) => {
  const rows = JSON.parse(faceOver().answer(`/v1/orderbook?markets=USDT-ETH${parameter}`, nowMs).body) as { orderbook_units: unknown[] }[]
  expect(rows[0]!.orderbook_units).toHaveLength(unitCount)
})

describe('refusals', () => {
  test.for<[string, number, string]>([
    ['/v1/orderbook?markets=KRW-BTC,KRW-NONE', 404, '{"error":{"name":404,"message":"Code not found"}}'],
    ['/v1/orderbook', 400, '{"error":{"name":400,"message":"Missing request parameter error. Check the required parameters!"}}'],
    ['/v1/orderbook?markets=KRW-BTC&count=x', 400, '{"error":{"name":400,"message":"Type mismatch error. Check the parameters type!"}}'],
    ['/v1/orderbook?markets=KRW-BTC&level=10000', 400, '{"error":{"name":400,"message":"Invalid parameter. Check the given value!"}}'],
    ['/v1/orderbook?markets=%', 404, '{"error":{"name":404,"message":"Code not found"}}'],
    ['/v1/orderbook?markets=KRW-BTC&level=x', 400, '{"error":{"name":400,"message":"Type mismatch error. Check the parameters type!"}}'],
    ['/v1/market/all?is_details=1', 400, '{"error":{"name":400,"message":"Type mismatch error. Check the parameters type!"}}'],
    ['/v1/ticker', 400, '{"error":{"name":400,"message":"Missing request parameter error. Check the required parameters!"}}'],
    ['/v1/ticker?markets=KRW-BTC,KRW-NONE', 404, '{"error":{"name":404,"message":"Code not found"}}'],
    ['/v1/ticker/all', 400, '{"error":{"name":400,"message":"Missing request parameter error. Check the required parameters!"}}'],
    ['/v1/orderbook/instruments?markets=KRW-NONE', 404, '{"error":{"name":404,"message":"Code not found"}}'],
    ['/v1/trades/ticks', 400, '{"error":{"name":400,"message":"Missing request parameter error. Check the required parameters!"}}'],
    ['/v1/trades/ticks?market=KRW-NONE', 404, '{"error":{"name":404,"message":"Code not found"}}'],
    ['/v1/trades/ticks?market=KRW-BTC&count=501', 400, '{"error":{"name":400,"message":"Invalid parameter. Check the given value!"}}'],
    ['/v1/trades/ticks?market=KRW-BTC&days_ago=1', 400, '{"error":{"name":400,"message":"Invalid parameter. Check the given value!"}}'],
    ['/v1/trades/ticks?market=KRW-BTC&cursor=x', 400, '{"error":{"name":400,"message":"Type mismatch error. Check the parameters type!"}}'],
    ['/v2/orderbook', 404, '{"error":{"name":"not_found","message":"no Route matched with those values"}}'],
  ])('%s is answered with %d', ([target, status, body]) => {
    expect(faceOver().answer(target, nowMs)).toMatchObject({ status, body })
  })

  test('an outage answers nothing but 503', () => {
    const market = new ScriptedMarket()
    market.outages.upbit = 'maintenance'
    expect(faceOver(market).answer('/v1/market/all', nowMs).status).toBe(503)
  })

  test('the eleventh order-book request of a second gets 429, the next second starts anew, and groups are counted apart', () => {
    const face = faceOver()
    const statuses = Array.from({ length: 11 }, (_, i) => face.answer('/v1/orderbook?markets=KRW-BTC', nowMs + 90 * i).status)
    expect(statuses).toEqual([...Array<number>(10).fill(200), 429])
    expect(face.answer('/v1/market/all', nowMs + 999).status).toBe(200)
    expect(face.answer('/v1/orderbook?markets=KRW-BTC', nowMs + 1000).headers['remaining-req']).toBe('group=orderbook; min=600; sec=9')
  })

  test.for([
    ['/v1/market/all', 'market'],
    ['/v1/orderbook/instruments?markets=KRW-BTC', 'orderbook'],
    ['/v1/ticker?markets=KRW-BTC', 'ticker'],
    ['/v1/ticker/all?quote_currencies=KRW', 'ticker'],
    ['/v1/trades/ticks?market=KRW-BTC', 'trade'],
    ['/v1/ticker', 'ticker'],
  ])('%s is counted in the group %s', ([target, group]) => {
    expect(faceOver().answer(target!, nowMs).headers['remaining-req']).toBe(`group=${group}; min=600; sec=9`)
  })

  test('a path without a route tells of no limit', () => {
    expect(faceOver().answer('/v2/orderbook', nowMs).headers).toEqual({ 'content-type': 'application/json;charset=UTF-8' })
  })

  test('who goes on in spite of 429 is blocked, and longer the next time', () => {
    const face = faceOver()
    const ask = (atMs: number) => face.answer('/v1/orderbook?markets=KRW-BTC', atMs).status
    const defy = (atMs: number) => Array.from({ length: 30 }, () => ask(atMs)).at(-1)
    expect(defy(nowMs)).toBe(418)
    expect(face.answer('/v1/orderbook?markets=KRW-BTC', nowMs).body).toContain('60 seconds')
    expect([ask(nowMs + 59_999), ask(nowMs + 60_000)]).toEqual([418, 200])
    expect(defy(nowMs + 61_000)).toBe(418)
    expect([ask(nowMs + 180_999), ask(nowMs + 181_000)]).toEqual([418, 200])
  })

  test('the limit speaks JSON or text', () => {
    const answers = (['json', 'text'] as const).map((rateLimitBody) => {
      const face = faceOver(undefined, { wire: { rateLimitBody } })
      return Array.from({ length: 11 }, () => face.answer('/v1/market/all', nowMs)).at(-1)!
    })
    expect(answers.map(({ status, headers }) => [status, headers['content-type'], headers['remaining-req']])).toEqual([
      [429, 'application/json;charset=UTF-8', 'group=market; min=600; sec=0'],
      [429, 'text/plain', 'group=market; min=600; sec=0'],
    ])
    expect(JSON.parse(answers[0]!.body)).toMatchObject({ error: { name: 'too_many_requests' } })
    expect(answers[1]!.body).not.toMatch(/^\{/)
  })

  test('with an Origin header there is one request in ten seconds, whatever the group', () => {
    const face = faceOver()
    const ask = (target: string, atMs: number) => face.answer(target, atMs, 'https://example.com')
    expect(ask('/v1/market/all', nowMs)).toMatchObject({ status: 200, headers: { 'remaining-req': 'group=origin; min=6; sec=0' } })
    expect(ask('/v1/orderbook?markets=KRW-BTC', nowMs + 9999).status).toBe(429)
    expect(face.answer('/v1/orderbook?markets=KRW-BTC', nowMs + 9999).status).toBe(200)
    expect(ask('/v1/orderbook?markets=KRW-BTC', nowMs + 10_000).status).toBe(200)
  })
})

test('market/all lists the codes', () => {
  expect(faceOver().answer('/v1/market/all', nowMs).body).toMatchInlineSnapshot(
    `"[{"market":"KRW-BTC","korean_name":"BTC","english_name":"BTC"},{"market":"USDT-ETH","korean_name":"ETH","english_name":"ETH"}]"`,
  )
})

test('market/all tells more where details are asked for', () => {
  const rows = JSON.parse(faceOver().answer('/v1/market/all?is_details=true', nowMs).body) as unknown[]
  expect(rows[0]).toMatchObject({ market: 'KRW-BTC', market_event: { warning: false, caution: { PRICE_FLUCTUATIONS: false } } })
})

test('the tick of an instrument is that of its present price', () => {
  const market = new ScriptedMarket()
  const face = faceOver(market)
  const row = () => face.answer('/v1/orderbook/instruments?markets=krw-btc', nowMs).body
  expect(row()).toBe('[{"market":"KRW-BTC","quote_currency":"KRW","tick_size":"1000","supported_levels":["0"]}]')
  market.set('upbit', 'KRW-BTC', { bids: [999_999, 1], asks: [1_000_000, 1], changedAtMs: nowMs, updateId: 10 })
  expect(row()).toContain('"tick_size":"0.1"')
})

test('a grouping level is for KRW markets; others answer with nothing', () => {
  expect(faceOver().answer('/v1/orderbook?markets=USDT-ETH&level=10', nowMs)).toMatchObject({ status: 200, body: '[]' })
})

test('zero slots pad both sides to the count asked for', () => {
  const { body } = faceOver(undefined, { wire: { hasZeroSlots: true } }).answer('/v1/orderbook?markets=KRW-BTC&count=3', nowMs)
  expect(JSON.parse(body)).toMatchObject([
    {
      total_bid_size: 0.75,
      orderbook_units: [
        { bid_price: 116_233_000, ask_price: 116_234_000 },
        { bid_price: 116_232_000, ask_price: 0, ask_size: 0 },
        { bid_price: 0, bid_size: 0, ask_price: 0, ask_size: 0 },
      ],
    },
  ])
})

test('prices are in exponent form where that is switched on', () => {
  const { body } = faceOver(undefined, { wire: { exponentNumbers: true } }).answer('/v1/orderbook?markets=KRW-BTC&count=1', nowMs)
  expect(body).toContain('{"bid_price":1.16233E8,"bid_size":0.50000000,"ask_price":1.16234E8,"ask_size":1.50000000}')
})

describe('trades', () => {
  test('come newest first, one where no count is given, with ids that no double can hold', () => {
    const face = tradedFace()
    expect(idsIn(face.answer('/v1/trades/ticks?market=krw-btc&count=500', nowMs).body)).toEqual([
      '17510687993360003',
      '17510687993360002',
      '17510687993360001',
    ])
    expect(fieldsOf(face.answer('/v1/trades/ticks?market=KRW-BTC', nowMs).body)).toMatchInlineSnapshot(`
      "[{"market":"KRW-BTC",
      "trade_date_utc":"2026-01-04",
      "trade_time_utc":"23:59:59",
      "timestamp":1767571199000,
      "trade_price":90,
      "trade_volume":0.25000000,
      "prev_closing_price":100,
      "change_price":-10,
      "ask_bid":"ASK",
      "sequential_id":17510687993360003}]"
    `)
  })

  test('go on before a cursor', () => {
    const page = (cursor: string) => idsIn(tradedFace().answer(`/v1/trades/ticks?market=KRW-BTC&count=1&cursor=${cursor}`, nowMs).body)
    expect([page('17510687993360003'), page('17510687993360001'), page('1')]).toEqual([['17510687993360002'], [], []])
  })

  test('are none where nothing was traded', () => {
    expect(faceOver().answer('/v1/trades/ticks?market=KRW-BTC', nowMs)).toMatchObject({ status: 200, body: '[]' })
  })
})

describe('tickers', () => {
  test('tell the day', () => {
    expect(fieldsOf(tradedFace().answer('/v1/ticker?markets=KRW-BTC', nowMs).body)).toMatchInlineSnapshot(`
      "[{"market":"KRW-BTC",
      "trade_date":"20260104",
      "trade_time":"235959",
      "trade_date_kst":"20260105",
      "trade_time_kst":"085959",
      "trade_timestamp":1767571199000,
      "opening_price":100,
      "high_price":130.50000000,
      "low_price":90,
      "trade_price":90,
      "prev_closing_price":100,
      "change":"FALL",
      "change_price":10,
      "change_rate":0.1000000000,
      "signed_change_price":-10,
      "signed_change_rate":-0.1000000000,
      "trade_volume":0.25000000,
      "acc_trade_price":383.50000000,
      "acc_trade_price_24h":383.50000000,
      "acc_trade_volume":3.25000000,
      "acc_trade_volume_24h":3.25000000,
      "highest_52_week_price":130.50000000,
      "highest_52_week_date":"2026-01-04",
      "lowest_52_week_price":90,
      "lowest_52_week_date":"2026-01-04",
      "timestamp":1767571199000}]"
    `)
  })

  test('of all pairs of a quote are those of each, and what was never traded has none', () => {
    const one = tradedFace().answer('/v1/ticker?markets=KRW-BTC', nowMs).body
    expect(tradedFace().answer('/v1/ticker/all?quote_currencies=usdt,krw', nowMs).body).toBe(one)
    expect(tradedFace().answer('/v1/ticker/all?quote_currencies=USDT', nowMs).body).toBe('[]')
  })
})

/** Sides on the tick of 1,000 won, of lots of 1e-8, each to be cut short. */
const side = fc.array(fc.integer({ min: 1, max: 10 ** 10 }), { minLength: 1, maxLength: 35 })

test('whatever the spelling, the codec reads back the book', () => {
  fc.assert(
    fc.property(side, side, fc.nat(900_000), fc.boolean(), fc.boolean(), (bidLots, askLots, ticks, exponentNumbers, hasZeroSlots) => {
      const market = new ScriptedMarket()
      const price = (steps: number) => (ticks + 1000 + steps) * 1000
      const bids = bidLots.map((lots, i) => ({ price: price(-i), size: lots / 1e8 }))
      const asks = askLots.map((lots, i) => ({ price: price(i + 1), size: lots / 1e8 }))
      const flat = (levels: typeof bids) => levels.flatMap((level) => [level.price, level.size])
      market.set('upbit', 'KRW-X', { bids: flat(bids), asks: flat(asks), changedAtMs: nowMs, updateId: 1 })
      const face = new UpbitFace({ market, listedCodes: [], wire: { exponentNumbers, hasZeroSlots } })
      const answer = parseOrderBooks({ ...face.answer('/v1/orderbook?markets=KRW-X', nowMs), receivedAtMs: nowMs })
      expect(answer.books.get('KRW-X')).toMatchObject({ bids: bids.slice(0, 30), asks: asks.slice(0, 30) })
    }),
  )
})
