import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Decimal } from '../../../base/decimal.ts'
import { SeededPrng } from '../../../base/prng.ts'
import { instrumentOf } from '../../../model/instrument.ts'
import { binanceBitcoin } from '../../../model/sample-instruments.ts'
import { amountText } from './order-json.ts'
import { BinanceSignatures } from './signatures.ts'
import { BinanceTradingFace } from './trading-face.ts'
import { BinanceWeight } from './weight.ts'
import type { FaceSession, FaceSocket } from '../face.ts'
import { OrderDesk } from '../order-desk.ts'
import { ScriptedMarket } from '../../../market/scripted-market.ts'

const nowMs = Date.UTC(2026, 0, 5)
/** Those of the documentation's example. */
const accessKey = 'vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A'
const secretKey = 'NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j'

const bitcoin = instrumentOf(binanceBitcoin)

const ether = { ...bitcoin, code: 'ETHUSDT', base: 'ETH' }

function hmac(text: string): string {
  return createHmac('sha256', secretKey).update(text).digest('hex')
}

class RecordingSocket implements FaceSocket {
  readonly frames: unknown[] = []
  readonly pings: string[] = []
  end: unknown = null
  send(text: string): void {
    this.frames.push(JSON.parse(text))
  }
  ping(payload: string): void {
    this.pings.push(payload)
  }
  close(code: number, reason: string): void {
    this.end = [code, reason]
  }
  terminate(): void {
    this.end = 'cut'
  }
}

type Params = Record<string, string | number>

function queryOf(params: Params): string {
  return Object.entries(params)
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
    .join('&')
}

function binance() {
  const market = new ScriptedMarket()
  const show = (bids: number[], asks: number[]): void => market.set('binance', 'BTCUSDT', { bids, asks, changedAtMs: nowMs, updateId: 1 })
  show([90_000, 1], [90_010, 0.5, 90_020, 0.5])
  const instruments = [bitcoin, ether]
  const openingBalances = [
    { asset: 'USDT', amount: '100000' },
    { asset: 'BTC', amount: '1' },
    { asset: 'BNB', amount: '0' },
  ]
  const desk = new OrderDesk({ venue: 'binance', market, instruments, openingBalances })
  const weight = new BinanceWeight()
  const prng = new SeededPrng(7).fork('binance')
  const face = new BinanceTradingFace({ desk, credentials: [{ accessKey, secretKey }], instruments, prng, weight, market })
  const send = (method: string, target: string, body: string, atMs = nowMs, apiKey: string | null = accessKey) => {
    const headers: Record<string, string> = apiKey === null ? {} : { 'x-mbx-apikey': apiKey }
    return face.answer({ method, target, headers, body }, atMs)
  }
  /** Signed in the query. */
  const request = (method: string, path: string, params: Params = {}, atMs = nowMs) => {
    const query = queryOf({ ...params, timestamp: atMs })
    return send(method, `${path}?${query}&signature=${hmac(query)}`, '', atMs)
  }
  const told = (answer: ReturnType<typeof send>) => [answer?.status, JSON.parse(answer?.body ?? 'null')]
  const ask = (...args: Parameters<typeof request>) => told(request(...args))
  const order = (params: Params, atMs = nowMs) => ask('POST', '/api/v3/order', { symbol: 'BTCUSDT', ...params }, atMs)
  const connect = (isSubscribed = true) => {
    const socket = new RecordingSocket()
    const session = face.open({ method: 'GET', target: '/ws-api/v3', headers: {}, body: '' }, socket, nowMs) as FaceSession
    const call = (method: string, params: object = {}, id: string | number = '1') => {
      session.received(JSON.stringify({ id, method, params }), nowMs)
      return socket.frames.pop()
    }
    const signed = { apiKey: accessKey, timestamp: nowMs }
    const subscription = { ...signed, signature: hmac(queryOf(signed)) }
    const subscribe = () => call('userDataStream.subscribe.signature', subscription)
    if (isSubscribed) subscribe()
    return { socket, session, call, subscribe, subscription }
  }
  return { face, desk, market, show, weight, send, request, ask, order, connect }
}

const limitBuy = { side: 'BUY', type: 'LIMIT', timeInForce: 'GTC', quantity: '0.01', price: '80000' }
const marketBuy = { side: 'BUY', type: 'MARKET', quantity: '0.6' }

describe('signatures', () => {
  const documented = 'symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559'
  const documentedMs = 1_499_827_319_559

  test("the documentation's example is accepted", () => {
    const params = new URLSearchParams(`${documented}&signature=c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71`)
    const signatures = new BinanceSignatures([{ accessKey, secretKey }])
    expect(signatures.faultOf({ apiKey: accessKey, params, payload: documented }, documentedMs)).toBe(null)
  })

  const query = 'omitZeroBalances=true&recvWindow=5000'
  const body = `timestamp=${nowMs}`
  test.for<[string, string, string]>([
    ['in the query', `${query}&${body}&signature=${hmac(`${query}&${body}`)}`, ''],
    ['in the body', '', `${query}&${body}&signature=${hmac(`${query}&${body}`)}`],
    ['over both without a separator', query, `${body}&signature=${hmac(`${query}${body}`)}`],
    ['in the query, over both', `${query}&signature=${hmac(`${query}${body}`)}`, body],
    ['in capitals', `${query}&${body}&signature=${hmac(`${query}&${body}`).toUpperCase()}`, ''],
    ['over escapes as they are', `a=%5b%20&${body}&signature=${hmac(`a=%5b%20&${body}`)}`, ''],
  ])('%s', ([, inQuery, inBody]) => {
    expect(binance().send('GET', `/api/v3/account?${inQuery}`, inBody)?.status).toBe(200)
  })

  const good = queryOf({ timestamp: nowMs })
  test.for<[string, string | null, number, number]>([
    [`${good}&signature=${hmac('other')}`, accessKey, 400, -1022],
    [`${good}&signature=${hmac(`${good}&recvWindow=5000`)}&recvWindow=5000`, accessKey, 400, -1022],
    [good, accessKey, 400, -1102],
    [`signature=${hmac('')}`, accessKey, 400, -1102],
    [`${good}&recvWindow=60001&signature=${hmac(`${good}&recvWindow=60001`)}`, accessKey, 400, -1131],
    [`${good}&recvWindow=soon&signature=${hmac(`${good}&recvWindow=soon`)}`, accessKey, 400, -1102],
    [`${good}&signature=${hmac(good)}`, null, 401, -2014],
    [`${good}&signature=${hmac(good)}`, 'not a key', 401, -2014],
    [`${good}&signature=${hmac(good)}`, 'another', 401, -2015],
  ])('%s with the key %s is answered with %d, %d', ([signedQuery, apiKey, status, code]) => {
    const answer = binance().send('GET', `/api/v3/account?${signedQuery}`, '', nowMs, apiKey)
    expect([answer?.status, JSON.parse(answer?.body ?? '').code]).toEqual([status, code])
  })

  test('a request is accepted from a second ahead, exclusive, to its window behind, inclusive', () => {
    const { send } = binance()
    const statusOf = (ageMs: number, recvWindow: string) => {
      const signedQuery = queryOf({ timestamp: nowMs - ageMs, recvWindow })
      const answer = send('GET', `/api/v3/account?${signedQuery}&signature=${hmac(signedQuery)}`, '')
      return answer?.status === 200 ? 'accepted' : JSON.parse(answer?.body ?? '').msg
    }
    const behind = 'Timestamp for this request is outside of the recvWindow.'
    const ahead = "Timestamp for this request was 1000ms ahead of the server's time."
    expect([-999, 0, 5000, 5001, -1000].map((ageMs) => statusOf(ageMs, '5000'))).toEqual([...Array(3).fill('accepted'), behind, ahead])
    expect(statusOf(1, '0.999')).toBe(behind)
  })
})

describe('orders', () => {
  test('a market order answers FULL: what it got, level by level', () => {
    const { order } = binance()
    const [status, placed] = order({ ...marketBuy, newClientOrderId: 'x-TKT5PX2F1' })
    expect([status, placed]).toEqual([
      200,
      {
        symbol: 'BTCUSDT',
        orderId: 1,
        orderListId: -1,
        clientOrderId: 'x-TKT5PX2F1',
        transactTime: nowMs,
        price: '0.00000000',
        origQty: '0.60000000',
        executedQty: '0.60000000',
        origQuoteOrderQty: '0.00000000',
        cummulativeQuoteQty: '54007.00000000',
        status: 'FILLED',
        timeInForce: 'GTC',
        type: 'MARKET',
        side: 'BUY',
        workingTime: nowMs,
        selfTradePreventionMode: 'EXPIRE_MAKER',
        fills: [
          { price: '90010.00000000', qty: '0.50000000', commission: '0.00050000', commissionAsset: 'BTC', tradeId: 1 },
          { price: '90020.00000000', qty: '0.10000000', commission: '0.00010000', commissionAsset: 'BTC', tradeId: 2 },
        ],
      },
    ])
  })

  test.for<[string, string[]]>([
    ['ACK', ['symbol', 'orderId', 'orderListId', 'clientOrderId', 'transactTime']],
    ['RESULT', ['status', 'executedQty']],
    ['FULL', ['status', 'fills']],
  ])('%s has what it is to have', ([newOrderRespType, keys]) => {
    const [, placed] = binance().order({ ...limitBuy, newOrderRespType })
    expect(Object.keys(placed)).toEqual(expect.arrayContaining(keys))
    expect(['status' in placed, 'fills' in placed]).toEqual([newOrderRespType !== 'ACK', newOrderRespType === 'FULL'])
  })

  test('a total buys what it can pay for', () => {
    const [, placed] = binance().order({ side: 'BUY', type: 'MARKET', quoteOrderQty: '900.1' })
    expect(placed).toMatchObject({ origQty: '0.01000000', origQuoteOrderQty: '900.10000000', cummulativeQuoteQty: '900.10000000' })
  })

  test('an order that may not rest expires, one that only makes is LIMIT_MAKER and answers ACK', () => {
    const { order, ask } = binance()
    expect(order({ ...limitBuy, timeInForce: 'IOC' })[1]).toMatchObject({ status: 'EXPIRED', timeInForce: 'IOC' })
    const [, maker] = order({ side: 'BUY', type: 'LIMIT_MAKER', quantity: '0.01', price: '80000' })
    expect(maker).not.toHaveProperty('status')
    const found = ask('GET', '/api/v3/order', { symbol: 'BTCUSDT', orderId: maker.orderId })
    expect(found).toMatchObject([200, { type: 'LIMIT_MAKER', status: 'NEW', timeInForce: 'GTC', time: nowMs, isWorking: true }])
  })

  const maker = { side: 'BUY', type: 'LIMIT_MAKER', quantity: '0.01', price: '80000' }
  test.for<[number, string, Params]>([
    [-1102, "Mandatory parameter 'side' was not sent, was empty/null, or malformed.", { type: 'MARKET', quantity: '1' }],
    [-1102, "Mandatory parameter 'price' was not sent, was empty/null, or malformed.", { ...limitBuy, price: '' }],
    [-1102, "Mandatory parameter 'quantity' was not sent, was empty/null, or malformed.", { side: 'BUY', type: 'MARKET' }],
    [-1106, "Parameter 'timeInForce' sent when not required.", { ...maker, timeInForce: 'GTC' }],
    [-1106, "Parameter 'price' sent when not required.", { ...marketBuy, price: '80000' }],
    [-1111, "Parameter 'quantity' has too much precision.", { ...limitBuy, quantity: '0.010000001' }],
    [-1115, 'Invalid timeInForce.', { ...limitBuy, timeInForce: 'GTX' }],
    [-1116, 'Invalid orderType.', { ...limitBuy, type: 'STOP_LOSS' }],
    [-1117, 'Invalid side.', { ...limitBuy, side: 'buy' }],
    [-1121, 'Invalid symbol.', { ...limitBuy, symbol: 'NONEUSDT' }],
    [-1128, 'Combination of optional parameters invalid.', { ...marketBuy, quoteOrderQty: '10' }],
    [-1013, 'Filter failure: PRICE_FILTER', { ...limitBuy, price: '80000.001' }],
    [-1013, 'Filter failure: PRICE_FILTER', { ...limitBuy, price: '0' }],
    [-1013, 'Filter failure: LOT_SIZE', { ...limitBuy, quantity: '0.010001' }],
    [-1013, 'Filter failure: LOT_SIZE', { ...limitBuy, quantity: '0' }],
    [-1013, 'Filter failure: NOTIONAL', { ...limitBuy, quantity: '0.00001' }],
    [-2010, 'Account has insufficient balance for requested action.', { ...limitBuy, quantity: '10' }],
    [-2010, 'Order would immediately match and take.', { ...maker, price: '90010' }],
  ])('%d %s', ([code, msg, params]) => {
    const { order, ask, desk } = binance()
    expect(order(params)).toEqual([400, { code, msg }])
    expect(ask('POST', '/api/v3/order/test', { symbol: 'BTCUSDT', ...params })).toEqual([400, { code, msg }])
    expect(desk.openOrders(null)).toEqual([])
  })

  test.for(['1e3', '-1', 'x', '1.', ' 1'])('the quantity "%s" is no number', (quantity) => {
    expect(binance().order({ ...limitBuy, quantity })).toMatchObject([400, { code: -1100 }])
  })

  test('a name is taken once, and a name that is none at all is refused', () => {
    const { order } = binance()
    order({ ...limitBuy, newClientOrderId: 'mine' })
    expect(order({ ...limitBuy, newClientOrderId: 'mine' })).toEqual([400, { code: -2010, msg: 'Duplicate order sent.' }])
    expect(order({ ...limitBuy, newClientOrderId: 'a b' })).toMatchObject([400, { code: -1100 }])
  })

  test('a tested order is not made', () => {
    const { ask, desk } = binance()
    expect(ask('POST', '/api/v3/order/test', { symbol: 'BTCUSDT', ...limitBuy })).toEqual([200, {}])
    expect(desk.openOrders(null)).toEqual([])
  })

  test('a form body makes an order', () => {
    const { send } = binance()
    const body = queryOf({ symbol: 'BTCUSDT', ...limitBuy, timestamp: nowMs, recvWindow: 10_000 })
    expect(send('POST', '/api/v3/order', `${body}&signature=${hmac(body)}`)?.status).toBe(200)
  })

  test('a cancellation has a name of its own, and is taken once', () => {
    const { order, ask } = binance()
    const [, { orderId, clientOrderId }] = order(limitBuy)
    const cancelled = { orderId, origClientOrderId: clientOrderId, clientOrderId: 'gone', status: 'CANCELED' }
    const name = { symbol: 'BTCUSDT', origClientOrderId: clientOrderId }
    expect(ask('DELETE', '/api/v3/order', { ...name, newClientOrderId: 'gone' })).toMatchObject([200, cancelled])
    expect(ask('DELETE', '/api/v3/order', name)).toEqual([400, { code: -2011, msg: 'Unknown order sent.' }])
    expect(ask('GET', '/api/v3/order', name)).toMatchObject([200, { clientOrderId, status: 'CANCELED' }])
    expect(ask('GET', '/api/v3/order', { symbol: 'ETHUSDT', orderId })).toMatchObject([400, { code: -2013 }])
  })

  test.for<[string, Params, number]>([
    ['GET', { symbol: 'BTCUSDT', orderId: 99 }, -2013],
    ['DELETE', { symbol: 'BTCUSDT', orderId: 99 }, -2011],
    ['GET', { symbol: 'BTCUSDT' }, -1102],
    ['GET', { orderId: 1 }, -1102],
    ['GET', { symbol: 'BTCUSDT', orderId: 'one' }, -1102],
    ['GET', { symbol: 'NONEUSDT', orderId: 1 }, -1121],
  ])('%s of %o is answered with %d', ([method, params, code]) => {
    expect(binance().ask(method, '/api/v3/order', params)).toMatchObject([400, { code }])
  })

  test('orders and trades are listed oldest first, and cut from a start or at the end', () => {
    const { order, ask, request } = binance()
    for (const price of ['80000', '80001', '80002']) order({ ...limitBuy, price })
    order(marketBuy)
    const list = (path: string, params: Params = {}) => ask('GET', path, { symbol: 'BTCUSDT', ...params })[1]
    const ids = (path: string, params: Params = {}) => (list(path, params) as Params[]).map(({ orderId }) => orderId)
    expect(ids('/api/v3/openOrders')).toEqual([1, 2, 3])
    expect(ids('/api/v3/allOrders')).toEqual([1, 2, 3, 4])
    expect(ids('/api/v3/allOrders', { limit: 2 })).toEqual([3, 4])
    expect(ids('/api/v3/allOrders', { limit: 2, orderId: 2 })).toEqual([2, 3])
    expect(ids('/api/v3/allOrders', { startTime: nowMs + 1 })).toEqual([])
    expect(list('/api/v3/allOrders', { limit: 'all' }).code).toBe(-1102)
    const trade = { orderId: 4, isBuyer: true, isMaker: false, quoteQty: '45005.00000000', commissionAsset: 'BTC', time: nowMs }
    expect(list('/api/v3/myTrades')).toMatchObject([
      { id: 1, ...trade },
      { id: 2, qty: '0.10000000' },
    ])
    expect(ids('/api/v3/myTrades', { fromId: 2 })).toEqual([4])
    expect(ids('/api/v3/myTrades', { orderId: 3 })).toEqual([])
    expect(request('DELETE', '/api/v3/openOrders', { symbol: 'BTCUSDT' })?.status).toBe(200)
    expect(ids('/api/v3/openOrders')).toEqual([])
    expect(ask('DELETE', '/api/v3/openOrders', { symbol: 'BTCUSDT' })).toMatchObject([400, { code: -2011 }])
  })
})

test('the account shows what is free and what is locked', () => {
  const { order, ask } = binance()
  order(limitBuy)
  const usdt = { asset: 'USDT', free: '99200.00000000', locked: '800.00000000' }
  const bnb = { asset: 'BNB', free: '0.00000000', locked: '0.00000000' }
  const btc = { asset: 'BTC', free: '1.00000000', locked: '0.00000000' }
  expect(ask('GET', '/api/v3/account')).toMatchObject([200, { balances: [usdt, btc, bnb], commissionRates: { taker: '0.00100000' } }])
  expect(ask('GET', '/api/v3/account', { omitZeroBalances: 'true' })[1].balances).toEqual([usdt, btc])
})

test('the fees of one market or of all', () => {
  const { ask } = binance()
  const rows = [{ symbol: 'BTCUSDT', makerCommission: '0.001', takerCommission: '0.001' }]
  expect(ask('GET', '/sapi/v1/asset/tradeFee', { symbol: 'BTCUSDT' })).toEqual([200, rows])
  expect(ask('GET', '/sapi/v1/asset/tradeFee')).toEqual([200, [...rows, { ...rows[0], symbol: 'ETHUSDT' }]])
})

test('an amount is written with eight digits, and reads back as it was', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 10n ** 24n }), (units) => {
      const amount = Decimal.parse(String(units)).divide(Decimal.parse('100000000'), 8, 'down')
      expect(amountText(amount)).toMatch(/^\d+\.\d{8}$/)
      expect(Decimal.parse(amountText(amount)).equals(amount)).toBe(true)
    }),
  )
})

test('whatever is asked is answered in JSON, and no account goes wrong', () => {
  const word = fc.constantFrom(
    'BTCUSDT',
    'BUY',
    'SELL',
    'LIMIT',
    'MARKET',
    'LIMIT_MAKER',
    'GTC',
    'IOC',
    'constructor',
    '1',
    '0.01',
    '90010',
  )
  const names = ['symbol', 'side', 'type', 'timeInForce', 'quantity', 'quoteOrderQty', 'price', 'newClientOrderId', 'newOrderRespType']
  const others = ['orderId', 'origClientOrderId', 'limit', 'fromId', 'startTime', 'endTime', 'recvWindow', 'omitZeroBalances']
  const name = fc.oneof(fc.constantFrom(...names, ...others), fc.string())
  const params = fc.dictionary(name, fc.oneof(word, fc.string({ unit: 'grapheme-ascii' })), { maxKeys: 8 })
  const gets = ['account', 'order', 'openOrders', 'allOrders', 'myTrades', 'rateLimit/order'].map((path) => `GET /api/v3/${path}`)
  const changes = ['POST /api/v3/order', 'POST /api/v3/order/test', 'DELETE /api/v3/order', 'DELETE /api/v3/openOrders']
  const route = fc.constantFrom(...gets, ...changes, 'GET /sapi/v1/asset/tradeFee')
  fc.assert(
    fc.property(fc.array(fc.tuple(route, params), { maxLength: 8 }), word, (requests, method) => {
      const { ask, connect } = binance()
      const { call } = connect()
      for (const [line, given] of requests) {
        const [verb = '', path = ''] = line.split(' ')
        expect([200, 400]).toContain(ask(verb, path, given)[0])
        expect(call(method, given)).toMatchObject({ status: 400 })
      }
    }),
  )
})

describe('limits', () => {
  test.for<[string, string, Params, string]>([
    ['GET', '/api/v3/account', {}, '20'],
    ['POST', '/api/v3/order', { symbol: 'BTCUSDT', ...limitBuy }, '0'],
    ['POST', '/api/v3/order', { symbol: 'BTCUSDT', side: 'BUY' }, '1'],
    ['POST', '/api/v3/order/test', { symbol: 'BTCUSDT', ...limitBuy }, '1'],
    ['GET', '/api/v3/order', { symbol: 'BTCUSDT', orderId: 1 }, '4'],
    ['GET', '/api/v3/openOrders', { symbol: 'BTCUSDT' }, '6'],
    ['GET', '/api/v3/openOrders', {}, '80'],
    ['GET', '/api/v3/allOrders', { symbol: 'BTCUSDT' }, '20'],
    ['GET', '/api/v3/myTrades', { symbol: 'BTCUSDT', orderId: 1 }, '5'],
    ['GET', '/api/v3/rateLimit/order', {}, '40'],
  ])('%s %s %o weighs %s', ([method, path, params, weight]) => {
    expect(binance().request(method, path, params)?.headers['x-mbx-used-weight-1m']).toBe(weight)
  })

  test('an address that asked for too much gets 429 here too', () => {
    const { weight, request } = binance()
    weight.use(5990, nowMs)
    expect(request('GET', '/api/v3/account')).toMatchObject({ status: 429, headers: { 'retry-after': '60' } })
  })

  test('a hundred orders rest in ten seconds and no more, but those that trade are not counted', () => {
    const { request, order, ask } = binance()
    const place = (params: Params, atMs = nowMs) => request('POST', '/api/v3/order', { symbol: 'BTCUSDT', ...params }, atMs)
    const counts = (tenSeconds: string, day: string) => ({ 'x-mbx-order-count-10s': tenSeconds, 'x-mbx-order-count-1d': day })
    expect(place({ ...marketBuy, quantity: '0.001' })?.headers).toMatchObject(counts('0', '0'))
    for (let i = 0; i < 100; i++) expect(place(limitBuy)?.headers).toMatchObject(counts(String(i + 1), String(i + 1)))
    const refusal = place(limitBuy)
    const msg = 'Too many new orders; current limit is 100 orders per 10 SECOND.'
    expect(refusal).toMatchObject({ status: 429, body: JSON.stringify({ code: -1015, msg }), headers: counts('100', '100') })
    expect(refusal?.headers).not.toHaveProperty('retry-after')
    expect(ask('GET', '/api/v3/rateLimit/order')[1]).toMatchObject([
      { interval: 'SECOND', count: 100 },
      { interval: 'DAY', count: 100 },
    ])
    expect(order(limitBuy, nowMs + 10_000)[0]).toBe(200)
  })
})

test('what is not of the account API is left to others, and an outage answers nothing but 503', () => {
  const { market, request, send, connect } = binance()
  expect(send('GET', '/api/v3/depth?symbol=BTCUSDT', '')).toBe(null)
  expect(request('PUT', '/api/v3/order')).toBe(null)
  market.outages.binance = 'maintenance'
  expect(request('GET', '/api/v3/account')?.status).toBe(503)
  expect(connect(false).session).toMatchObject({ status: 503 })
})

describe('the user data stream', () => {
  test('a signed subscription is answered with its id, once a connection', () => {
    const { connect } = binance()
    const { subscribe, call } = connect(false)
    const rateLimits = [{ rateLimitType: 'REQUEST_WEIGHT', interval: 'MINUTE', intervalNum: 1, limit: 6000, count: 4 }]
    expect(subscribe()).toEqual({ id: '1', status: 200, result: { subscriptionId: 0 }, rateLimits })
    expect(subscribe()).toMatchObject({ status: 400, error: { code: -2035 } })
    expect(call('userDataStream.unsubscribe', { subscriptionId: 1 })).toMatchObject({ status: 400, error: { code: -2036 } })
    expect(call('userDataStream.unsubscribe')).toMatchObject({ status: 200, result: {} })
    expect(subscribe()).toMatchObject({ result: { subscriptionId: 1 } })
  })

  test.for<[string, object, object]>([
    ['ping', {}, { id: 7, status: 200, result: {} }],
    ['time', {}, { id: 7, status: 200, result: { serverTime: nowMs } }],
    ['order.place', {}, { id: 7, status: 400, error: { code: -1020 } }],
    ['userDataStream.subscribe.signature', { apiKey: 'x' }, { id: 7, status: 401, error: { code: -2015 } }],
    [
      'userDataStream.subscribe.signature',
      { apiKey: accessKey, timestamp: nowMs, signature: 'x' },
      { status: 400, error: { code: -1022 } },
    ],
  ])('%s with %o', ([method, params, answer]) => {
    expect(binance().connect(false).call(method, params, 7)).toMatchObject(answer)
  })

  test('what is no JSON is told so', () => {
    const { socket, session } = binance().connect(false)
    session.received('hello', nowMs)
    expect(socket.frames).toMatchObject([{ id: null, status: 400, error: { code: -1135 } }])
  })

  test('an order is told from NEW to FILLED, and what it does to the balances', () => {
    const { connect, order } = binance()
    const { socket } = connect()
    order({ ...limitBuy, price: '90010', quantity: '0.6', newClientOrderId: 'mine' })
    const common = { e: 'executionReport', E: nowMs, s: 'BTCUSDT', c: 'mine', S: 'BUY', o: 'LIMIT', f: 'GTC', i: 1, C: '', Q: '0.00000000' }
    const trade = {
      x: 'TRADE',
      X: 'PARTIALLY_FILLED',
      l: '0.50000000',
      z: '0.50000000',
      L: '90010.00000000',
      n: '0.00050000',
      N: 'BTC',
      t: 1,
      Z: '45005.00000000',
      Y: '45005.00000000',
      w: true,
    }
    expect(socket.frames).toMatchObject([
      { subscriptionId: 0, event: { ...common, x: 'NEW', X: 'NEW', l: '0.00000000', n: '0', N: null, t: -1, w: true, m: false } },
      { event: { e: 'outboundAccountPosition', u: nowMs, B: [{ a: 'USDT', f: '45994.00000000', l: '54006.00000000' }] } },
      {
        event: {
          ...common,
          ...trade,
        },
      },
      {
        event: {
          B: [
            { a: 'BTC', f: '1.49950000', l: '0.00000000' },
            { a: 'USDT', f: '45994.00000000', l: '9001.00000000' },
          ],
        },
      },
    ])
    const report = (socket.frames[0] as { event: object }).event
    expect(Object.keys(report).join(' ')).toBe('e E s c S o f q p P F g C x X r i l z L n N T t I w m M O Z Y Q W V')
  })

  test('a cancellation is told under its own name, and an order that may not rest as expired', () => {
    const { connect, order, ask } = binance()
    const { socket } = connect()
    order({ ...limitBuy, newClientOrderId: 'mine' })
    ask('DELETE', '/api/v3/order', { symbol: 'BTCUSDT', origClientOrderId: 'mine', newClientOrderId: 'gone' })
    order({ ...limitBuy, timeInForce: 'IOC' })
    const reports = socket.frames
      .map((frame) => (frame as { event: Record<string, unknown> }).event)
      .filter(({ e }) => e === 'executionReport')
    expect(reports).toMatchObject([
      { x: 'NEW', c: 'mine', C: '' },
      { x: 'CANCELED', X: 'CANCELED', c: 'gone', C: 'mine', w: false },
      { x: 'NEW' },
      { x: 'EXPIRED', X: 'EXPIRED', t: -1 },
    ])
  })

  test('who is not subscribed hears nothing', () => {
    const { connect, order } = binance()
    const { socket } = connect(false)
    order(limitBuy)
    expect(socket.frames).toEqual([])
  })

  test('it pings every 20 s, and closes a connection that does not answer for a minute', () => {
    const { connect, face } = binance()
    const [lively, silent] = [connect(), connect()]
    for (let atMs = nowMs; atMs < nowMs + 80_000; atMs += 100) {
      face.advance(atMs)
      lively.session.ponged(lively.socket.pings.at(-1) ?? '', atMs)
      silent.session.ponged('unasked', atMs)
    }
    expect(silent.socket.pings).toEqual([20, 40, 60].map((seconds) => String(nowMs + 1000 * seconds)))
    face.advance(nowMs + 80_000)
    expect([lively.socket.end, silent.socket.end]).toEqual([null, [1008, 'Pong timeout']])
  })

  test('a connection ends after a day, and at once in an outage', () => {
    const { connect, face, market } = binance()
    const { socket } = connect()
    face.advance(nowMs + 86_400_000)
    expect(socket.end).toEqual([1001, ''])
    const later = connect()
    market.outages.binance = 'maintenance'
    face.advance(nowMs + 86_400_100)
    expect([socket.end, later.socket.end]).toEqual([[1001, ''], 'cut'])
  })
})
