import { describe, expect, test } from 'vitest'
import { ScriptedMarket } from './scripted-market.ts'
import { UpbitFace } from './upbit-face.ts'

const nowMs = 1_767_571_200_000

function faceOver(market = new ScriptedMarket()) {
  const times = { changedAtMs: nowMs - 100, updateId: 9 }
  market.set('upbit', 'KRW-BTC', { bids: [116_233_000, 0.5, 116_232_000, 0.25], asks: [116_234_000, 1.5], ...times })
  const side = (step: number) => Array.from({ length: 40 }, (_, i) => [3000.5 + step * (i + 1), 1]).flat()
  market.set('upbit', 'USDT-ETH', { bids: side(-0.01), asks: side(0.01), ...times })
  return new UpbitFace({ market, listedCodes: ['KRW-BTC', 'USDT-ETH'] })
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
})

test('market/all lists the codes', () => {
  expect(faceOver().answer('/v1/market/all', nowMs).body).toMatchInlineSnapshot(
    `"[{"market":"KRW-BTC","korean_name":"BTC","english_name":"BTC"},{"market":"USDT-ETH","korean_name":"ETH","english_name":"ETH"}]"`,
  )
})
