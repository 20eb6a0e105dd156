import { createHash, createHmac } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Decimal, sumDecimals } from '../../../base/decimal.ts'
import { SeededPrng } from '../../../base/prng.ts'
import { instrumentOf } from '../../../model/instrument.ts'
import { upbitBitcoin } from '../../../model/sample-instruments.ts'
import type { FaceSession, FaceSocket } from '../face.ts'
import { numberedUuid, numberOfUuid } from '../numbered-uuid.ts'
import { OrderDesk } from '../order-desk.ts'
import { ScriptedMarket } from '../../../market/scripted-market.ts'
import { UpbitTokens } from './tokens.ts'
import { UpbitTradingFace, type UpbitTradingFaceOptions } from './trading-face.ts'

/** 2026-01-05 09:00:00 in Seoul. */
const nowMs = Date.UTC(2026, 0, 5)
const accessKey = 'access'
const secretKey = 'secret'
const anyUuid = expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/)

const bitcoin = instrumentOf(upbitBitcoin)

interface Token {
  algorithm?: 'HS256' | 'HS512' | 'none'
  nonce?: string
  accessKey?: string
  secretKey?: string
  hashed?: string
}

let nonceCount = 0

function tokenOf({ algorithm = 'HS256', hashed, ...given }: Token): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const hash = hashed === undefined ? {} : { query_hash: createHash('sha512').update(hashed).digest('hex'), query_hash_alg: 'SHA512' }
  const claims = { access_key: given.accessKey ?? accessKey, nonce: given.nonce ?? `nonce ${nonceCount++}`, ...hash }
  const text = `${part({ alg: algorithm, typ: 'JWT' })}.${part(claims)}`
  const hmac = createHmac(algorithm === 'HS512' ? 'sha512' : 'sha256', given.secretKey ?? secretKey)
  return `${text}.${hmac.update(text).digest('base64url')}`
}

class RecordingSocket implements FaceSocket {
  readonly frames: unknown[] = []
  end: unknown = null
  send(text: string): void {
    this.frames.push(JSON.parse(text))
  }
  ping(): void {
    this.end = 'pinged'
  }
  close(code: number, reason: string): void {
    this.end = [code, reason]
  }
  terminate(): void {
    this.end = 'cut'
  }
}

function upbit(options: Partial<UpbitTradingFaceOptions> = {}) {
  const market = new ScriptedMarket()
  const show = (bids: number[], asks: number[]): void => market.set('upbit', 'KRW-BTC', { bids, asks, changedAtMs: nowMs, updateId: 1 })
  show([139_000_000, 1], [140_000_000, 1])
  const instruments = [bitcoin]
  const openingBalances = [
    { asset: 'KRW', amount: '10000000' },
    { asset: 'BTC', amount: '0.5' },
  ]
  const desk = new OrderDesk({ venue: 'upbit', market, instruments, openingBalances })
  const prng = new SeededPrng(7).fork('upbit')
  const face = new UpbitTradingFace({ desk, credentials: [{ accessKey, secretKey }], instruments, prng, market, ...options })
  const request = (method: string, target: string, body = '', headers: Record<string, string> = {}, atMs = nowMs) =>
    face.answer({ method, target, headers, body }, atMs)
  const told = (answer: ReturnType<typeof request>) => [answer?.status, JSON.parse(answer?.body ?? 'null')]
  /** GET and DELETE, signed over the query. */
  const ask = (method: string, target: string, atMs = nowMs) => {
    const query = target.split('?')[1]
    const token = tokenOf(query === undefined ? {} : { hashed: query })
    return told(request(method, target, '', { authorization: `Bearer ${token}` }, atMs))
  }
  /** POST, signed over the body's keys as CCXT does it. */
  const post = (target: string, body: Record<string, string>, atMs = nowMs) => {
    const hashed = Object.entries(body)
      .map(([name, value]) => `${name}=${value}`)
      .join('&')
    const headers = {
      authorization: `Bearer ${tokenOf(hashed === '' ? {} : { hashed })}`,
      'content-type': 'application/json; charset=utf-8',
    }
    return told(request('POST', target, JSON.stringify(body), headers, atMs))
  }
  const connect = (subscription: object[] | null = [{ ticket: 'x' }, { type: 'myOrder' }, { type: 'myAsset' }], token = tokenOf({})) => {
    const socket = new RecordingSocket()
    const upgrade = { method: 'GET', target: '/websocket/v1/private', headers: { authorization: `Bearer ${token}` }, body: '' }
    const session = face.open(upgrade, socket, nowMs) as FaceSession
    if (subscription !== null) session.received(JSON.stringify(subscription), nowMs)
    return { socket, session }
  }
  return { face, desk, market, show, request, ask, post, connect }
}

const limitBid = { market: 'KRW-BTC', side: 'bid', ord_type: 'limit', price: '138000000', volume: '0.001' }

describe('tokens', () => {
  const query = 'market=KRW-BTC&states%5B%5D=wait'
  const orders = `/v1/orders/open?${query}`

  test.for<[string, Token, number, string | undefined]>([
    ['HS256 over the query as it is', { hashed: query }, 200, undefined],
    ['HS512', { hashed: query, algorithm: 'HS512' }, 200, undefined],
    ['the decoded query', { hashed: 'market=KRW-BTC&states[]=wait' }, 200, undefined],
    ['no hash of the query', {}, 401, 'invalid_query_payload'],
    ['the hash of another query', { hashed: 'market=KRW-ETH' }, 401, 'invalid_query_payload'],
    ['another secret', { hashed: query, secretKey: 'other' }, 401, 'jwt_verification'],
    ['no algorithm', { hashed: query, algorithm: 'none' }, 401, 'jwt_verification'],
    ['no nonce', { hashed: query, nonce: '' }, 401, 'jwt_verification'],
    ['an unknown key', { hashed: query, accessKey: 'other' }, 401, 'invalid_access_key'],
  ])('%s', ([, token, status, name]) => {
    const answer = upbit().request('GET', orders, '', { authorization: `Bearer ${tokenOf(token)}` })
    expect([answer?.status, JSON.parse(answer?.body ?? '').error?.name]).toEqual([status, name])
  })

  test.for(['', 'Bearer', 'Bearer a.b', 'Bearer a.b.c.d', 'Basic eA=='])('"%s" is refused', (authorization) => {
    expect(upbit().request('GET', '/v1/accounts', '', { authorization })?.status).toBe(401)
  })

  test('a nonce is taken once', () => {
    const { request } = upbit()
    const headers = { authorization: `Bearer ${tokenOf({})}` }
    expect(request('GET', '/v1/accounts', '', headers)?.status).toBe(200)
    const again = request('GET', '/v1/accounts', '', headers)
    expect([again?.status, JSON.parse(again?.body ?? '').error.name]).toEqual([401, 'nonce_used'])
  })

  test('the last 10,000 nonces are remembered, and the others are counted', () => {
    const tokens = new UpbitTokens([{ accessKey, secretKey }])
    const use = (nonce: number) => tokens.faultOfRequest(`Bearer ${tokenOf({ nonce: String(nonce) })}`, [])
    for (let nonce = 0; nonce <= 10_000; nonce++) expect(use(nonce)).toBe(null)
    expect([tokens.forgottenNonceCount, use(1), use(0)]).toEqual([1, 'nonce_used', null])
  })

  test('the values of a body are hashed as they are, in its order', () => {
    const { request } = upbit()
    const body = JSON.stringify({
      volume: '0.001',
      identifier: 'my order/1',
      market: 'KRW-BTC',
      side: 'bid',
      ord_type: 'limit',
      price: '138000000',
    })
    const headers = { 'content-type': 'application/json' }
    const signed = (hashed: string) => request('POST', '/v1/orders', body, { ...headers, authorization: `Bearer ${tokenOf({ hashed })}` })
    const tail = 'market=KRW-BTC&side=bid&ord_type=limit&price=138000000'
    expect(signed(`identifier=my order/1&volume=0.001&${tail}`)?.status).toBe(401)
    expect(signed(`volume=0.001&identifier=my order/1&${tail}`)?.status).toBe(201)
  })

  test('a form body is refused', () => {
    const headers = {
      authorization: `Bearer ${tokenOf({ hashed: 'market=KRW-BTC' })}`,
      'content-type': 'application/x-www-form-urlencoded',
    }
    expect(upbit().request('POST', '/v1/orders', 'market=KRW-BTC', headers)?.status).toBe(400)
  })
})

describe('orders', () => {
  test('a limit order rests, as the documentation shows it: total and fee are locked', () => {
    const { ask, post } = upbit()
    const [status, order] = post('/v1/orders', { ...limitBid, price: '135772000', volume: '0.0001', identifier: 'mine' })
    expect([status, order]).toEqual([
      201,
      {
        market: 'KRW-BTC',
        uuid: anyUuid,
        side: 'bid',
        ord_type: 'limit',
        price: '135772000',
        state: 'wait',
        created_at: '2026-01-05T09:00:00+09:00',
        volume: '0.0001',
        remaining_volume: '0.0001',
        executed_volume: '0',
        reserved_fee: '6.7886',
        remaining_fee: '6.7886',
        paid_fee: '0',
        locked: '13583.9886',
        prevented_volume: '0',
        prevented_locked: '0',
        trades_count: 0,
        identifier: 'mine',
      },
    ])
    expect(ask('GET', '/v1/order?identifier=mine')).toEqual([200, { ...order, trades: [] }])
    expect(ask('GET', '/v1/orders/open?market=KRW-BTC')).toEqual([200, [{ ...order, executed_funds: '0' }]])
    expect(ask('GET', '/v1/accounts')[1][0]).toMatchObject({ currency: 'KRW', balance: '9986416.0114', locked: '13583.9886' })
  })

  test('a market buy that spent all that it could ends in cancel, with what is left of its total still locked in it', () => {
    const { ask, post, show } = upbit()
    show([], [3333, 10_000])
    const [, taken] = post('/v1/orders', { market: 'KRW-BTC', side: 'bid', ord_type: 'price', price: '6000' })
    expect(taken).toMatchObject({ state: 'wait', price: '6000', executed_volume: '0', reserved_fee: '3', locked: '6003', trades_count: 0 })
    expect(Object.keys(taken)).not.toContain('volume')
    const [, order] = ask('GET', `/v1/order?uuid=${taken.uuid}`)
    expect(order).toMatchObject({ state: 'cancel', executed_volume: '1.80018001', trades_count: 1 })
    expect(Number(order.locked)).toBeCloseTo(6003 - 1.80018001 * 3333 * 1.0005, 6)
    expect(order.trades).toEqual([
      {
        market: 'KRW-BTC',
        uuid: anyUuid,
        price: '3333',
        volume: '1.80018001',
        funds: '5999.99997333',
        trend: 'up',
        created_at: '2026-01-05T09:00:00.000000+09:00',
        side: 'bid',
      },
    ])
  })

  test('a market sell ends in done and shows no price', () => {
    const { ask, post } = upbit()
    const [, taken] = post('/v1/orders', { market: 'KRW-BTC', side: 'ask', ord_type: 'market', volume: '0.1' })
    const [, order] = ask('GET', `/v1/order?uuid=${taken.uuid}`)
    expect(order).toMatchObject({ state: 'done', executed_volume: '0.1', paid_fee: '6950', reserved_fee: '0', locked: '0' })
    expect(Object.keys(order)).not.toContain('price')
    expect(ask('GET', '/v1/orders/closed?state=done&market=KRW-BTC')[1]).toMatchObject([{ uuid: taken.uuid, executed_funds: '13900000' }])
    expect(ask('GET', '/v1/orders/closed?state=cancel')).toEqual([200, []])
    expect(ask('GET', `/v1/orders/closed?start_time=${nowMs + 1}`)).toEqual([200, []])
  })

  test('a best order says when it must trade, and is told apart from a market order', () => {
    const { ask, post } = upbit()
    const best = { market: 'KRW-BTC', side: 'ask', ord_type: 'best', volume: '0.1', time_in_force: 'ioc' }
    const [, taken] = post('/v1/orders', best)
    expect(ask('GET', `/v1/order?uuid=${taken.uuid}`)[1]).toMatchObject({ ord_type: 'best', time_in_force: 'ioc', state: 'done' })
  })

  const sell = { market: 'KRW-BTC', side: 'ask', ord_type: 'limit', price: '150000000', volume: '0.001' }
  test.for<[string, Record<string, string>]>([
    ['validation_error', { ...limitBid, side: 'buy' }],
    ['validation_error', { ...limitBid, ord_type: 'stop' }],
    ['validation_error', { ...limitBid, ord_type: 'market' }],
    ['validation_error', { ...limitBid, ord_type: 'price' }],
    ['validation_error', { market: 'KRW-BTC', side: 'bid', ord_type: 'limit', price: '1000' }],
    ['notfoundmarket', { ...limitBid, market: 'KRW-NONE' }],
    ['create_bid_error', { ...limitBid, volume: '-1' }],
    ['create_bid_error', { ...limitBid, price: '1e6' }],
    ['create_ask_error', { ...sell, volume: '0.000000001' }],
    ['invalid_price_bid', { ...limitBid, price: '138000500' }],
    ['invalid_price_ask', { ...sell, price: '150000001' }],
    ['under_min_total_bid', { ...limitBid, volume: '0.00001' }],
    ['under_min_total_ask', { ...sell, volume: '0.00001' }],
    ['over_krw_funds_bid', { ...limitBid, volume: '10' }],
    ['insufficient_funds_bid', { ...limitBid, volume: '1' }],
    ['insufficient_funds_ask', { ...sell, volume: '1' }],
    ['invalid_time_in_force', { ...limitBid, time_in_force: 'gtc' }],
    ['invalid_time_in_force', { market: 'KRW-BTC', side: 'bid', ord_type: 'price', price: '6000', time_in_force: 'ioc' }],
    ['invalid_time_in_force', { market: 'KRW-BTC', side: 'bid', ord_type: 'best', price: '6000' }],
    ['invalid_post_only', { market: 'KRW-BTC', side: 'bid', ord_type: 'best', price: '6000', time_in_force: 'post_only' }],
    ['invalid_post_only', { ...limitBid, time_in_force: 'post_only', smp_type: 'reduce' }],
    ['invalid_post_only', { ...limitBid, price: '140000000', time_in_force: 'post_only' }],
    ['invalid_parameter', { ...limitBid, smp_type: 'other' }],
  ])('%s: %o', ([name, body]) => {
    const exchange = upbit()
    const refused = [400, { error: { name, message: expect.any(String) } }]
    expect(exchange.post('/v1/orders/test', body)).toEqual(refused)
    expect(exchange.post('/v1/orders', body)).toEqual(refused)
    expect(exchange.desk.openOrders(null)).toEqual([])
  })

  test('an identifier is taken once', () => {
    const { post } = upbit()
    post('/v1/orders', { ...limitBid, identifier: 'mine' })
    expect(post('/v1/orders', { ...limitBid, identifier: 'mine' })).toMatchObject([400, { error: { name: 'duplicated_identifier' } }])
  })

  test('a tested order is answered like a real one and cannot be found', () => {
    const { ask, desk, post } = upbit()
    const [status, order] = post('/v1/orders/test', limitBid)
    expect([status, order.state]).toEqual([201, 'wait'])
    expect(desk.openOrders(null)).toEqual([])
    expect(ask('GET', `/v1/order?uuid=${order.uuid}`)[0]).toBe(404)
  })

  test('a cancellation is answered with the order still waiting, and taken once', () => {
    const { ask, post } = upbit()
    const [, { uuid }] = post('/v1/orders', limitBid)
    expect(ask('DELETE', `/v1/order?uuid=${uuid}`)).toMatchObject([200, { uuid, state: 'wait' }])
    expect(ask('GET', `/v1/order?uuid=${uuid}`)).toMatchObject([200, { state: 'cancel', remaining_volume: '0.001' }])
    expect(ask('DELETE', `/v1/order?uuid=${uuid}`)).toMatchObject([404, { error: { name: 'order_not_found' } }])
    expect(ask('DELETE', '/v1/order')).toMatchObject([400, { error: { name: 'validation_error' } }])
  })

  test('an order is replaced by what is left of it at another price', () => {
    const { ask, post } = upbit()
    const [, { uuid }] = post('/v1/orders', limitBid)
    const change = { prev_order_uuid: uuid, new_ord_type: 'limit', new_price: '137000000', new_volume: 'remain_only', new_identifier: 'b' }
    const [status, answer] = post('/v1/orders/cancel_and_new', change)
    expect([status, answer]).toMatchObject([201, { uuid, new_order_uuid: anyUuid, new_order_identifier: 'b' }])
    const open = { uuid: answer.new_order_uuid, price: '137000000', volume: '0.001', side: 'bid' }
    expect(ask('GET', '/v1/orders/open')).toMatchObject([200, [open]])
  })

  test('orders are listed and cancelled by name and by kind', () => {
    const { ask, post } = upbit()
    const uuids = ['137000000', '136000000', '135000000'].map((price) => post('/v1/orders', { ...limitBid, price })[1].uuid as string)
    post('/v1/orders', sell)
    const listed = (answer: unknown[]): unknown => (answer[1] as { price: string }[]).map(({ price }) => price)
    expect(listed(ask('GET', `/v1/orders/uuids?uuids[]=${uuids[0]}&uuids[]=${uuids[2]}`))).toEqual(['135000000', '137000000'])
    expect(listed(ask('GET', '/v1/orders/open?order_by=asc&limit=2&page=2'))).toEqual(['135000000', '150000000'])
    const byName = ask('DELETE', `/v1/orders/uuids?uuids[]=${uuids[0]}&uuids[]=none`)
    expect(byName).toMatchObject([200, { success: { count: 1, orders: [{ uuid: uuids[0], market: 'KRW-BTC' }] }, failed: { count: 0 } }])
    expect(ask('DELETE', '/v1/orders/open?cancel_side=bid')).toMatchObject([200, { success: { count: 2 } }])
    expect(listed(ask('GET', '/v1/orders/open'))).toEqual(['150000000'])
  })

  test('the chance of an order tells fees, least total and both accounts', () => {
    expect(upbit().ask('GET', '/v1/orders/chance?market=KRW-BTC')).toMatchObject([
      200,
      {
        bid_fee: '0.0005',
        market: { id: 'KRW-BTC', name: 'BTC/KRW', bid: { currency: 'KRW', min_total: '5000' }, state: 'active' },
        bid_account: { currency: 'KRW', balance: '10000000', locked: '0' },
        ask_account: { currency: 'BTC', balance: '0.5' },
      },
    ])
  })
})

test('what open orders lock is what the accounts lock, to the last digit', () => {
  const order = fc.record({
    side: fc.constantFrom('buy' as const, 'sell' as const),
    ticks: fc.integer({ min: 1, max: 40 }),
    lots: fc.integer({ min: 5_000_000, max: 50_000_000 }),
  })
  fc.assert(
    fc.property(
      fc.array(order, { maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 100_000_000 }), { maxLength: 4 }),
      (orders, sizes) => {
        const { ask, desk, show } = upbit()
        const levels = (best: number, step: number) => sizes.flatMap((size, index) => [best + step * index, size / 1e8])
        show(levels(20_000, -1000), levels(21_000, 1000))
        for (const { side, ticks, lots } of orders) {
          const [quantity, limitPrice] = [Decimal.parse(String(lots / 1e8)), Decimal.parse(String(1000 * ticks))]
          desk.place({ code: 'KRW-BTC', side, quantity, limitPrice, quoteTotal: null, timeInForce: 'gtc', clientOrderId: null }, nowMs)
        }
        const open = ask('GET', '/v1/orders/open')[1] as { side: string; locked: string }[]
        const sumOf = (side: string) => sumDecimals(open.filter((row) => row.side === side).map(({ locked }) => Decimal.parse(locked)))
        const [won, coins] = ask('GET', '/v1/accounts')[1] as { locked: string }[]
        expect([sumOf('bid').toString(), sumOf('ask').toString()]).toEqual([won!.locked, coins!.locked])
      },
    ),
  )
})

test('whatever is asked is answered in JSON, and no account goes wrong', () => {
  const word = fc.constantFrom(
    'KRW-BTC',
    'bid',
    'ask',
    'limit',
    'price',
    'market',
    'best',
    'ioc',
    'post_only',
    '1',
    '20000',
    'constructor',
    'all',
  )
  const value = fc.oneof(word, fc.string())
  const names = ['market', 'side', 'ord_type', 'price', 'volume', 'time_in_force', 'identifier', 'uuid', 'uuids', 'prev_order_identifier']
  const others = ['new_ord_type', 'new_price', 'new_volume', 'smp_type', 'state', 'limit', 'page', 'count', 'start_time', 'cancel_side']
  const params = fc.dictionary(fc.oneof(fc.constantFrom(...names, ...others), fc.string()), value, { maxKeys: 8 })
  const gets = ['accounts', 'orders/chance', 'order', 'orders/open', 'orders/closed', 'orders/uuids'].map((path) => `GET /v1/${path}`)
  const deletes = ['order', 'orders/uuids', 'orders/open'].map((path) => `DELETE /v1/${path}`)
  const posts = ['orders', 'orders/test', 'orders/cancel_and_new'].map((path) => `POST /v1/${path}`)
  const route = fc.constantFrom(...gets, ...deletes, ...posts)
  fc.assert(
    fc.property(fc.array(fc.tuple(route, params), { maxLength: 8 }), fc.string(), (requests, frame) => {
      const { ask, connect, face, post, show } = upbit()
      show([19_000, 1], [20_000, 1])
      connect().session.received(frame, nowMs)
      for (const [[method = '', target = ''], given] of requests.map(([line, each]) => [line.split(' '), each] as const)) {
        const query = new URLSearchParams(given).toString()
        const [status] = method === 'POST' ? post(target, given) : ask(method, query === '' ? target : `${target}?${query}`)
        expect([200, 201, 400, 404, 429]).toContain(status)
      }
      face.advance(nowMs + 100)
    }),
  )
})

describe('limits', () => {
  test('every answer says what is left of its group', () => {
    const { request } = upbit()
    const headers = () => ({ authorization: `Bearer ${tokenOf({})}` })
    expect(request('GET', '/v1/accounts', '', headers())?.headers['remaining-req']).toBe('group=default; min=1800; sec=29')
    expect(request('POST', '/v1/orders', '{}', headers())?.headers['remaining-req']).toBe('group=order; min=720; sec=11')
    expect(request('DELETE', '/v1/orders/open', '', headers())?.headers['remaining-req']).toBe('group=order-cancel-all; min=30; sec=0')
  })

  test.for(['json', 'text'] as const)('too many orders get 429 as %s, those who go on 418, for longer each time', (limitBody) => {
    const { request } = upbit({ wire: { rateLimitBody: limitBody } })
    const statusAt = (atMs: number) => request('POST', '/v1/orders', '', {}, atMs)?.status
    for (let i = 0; i < 12; i++) expect(statusAt(nowMs)).toBe(400)
    expect(Array.from({ length: 11 }, () => statusAt(nowMs))).toEqual([...Array<number>(10).fill(429), 418])
    expect(statusAt(nowMs + 59_999)).toBe(418)
    for (let i = 0; i < 12; i++) expect(statusAt(nowMs + 60_000)).toBe(400)
    for (let i = 0; i < 10; i++) expect(statusAt(nowMs + 60_000)).toBe(429)
    const blocked = request('POST', '/v1/orders', '', {}, nowMs + 60_000)
    const text = 'Blocked for 120 seconds.'
    expect(blocked).toMatchObject({ status: 418, body: limitBody === 'text' ? text : `{"error":{"name":"blocked","message":"${text}"}}` })
  })

  test('a new second is a new count', () => {
    const { request } = upbit()
    for (let i = 0; i < 13; i++) request('POST', '/v1/orders', '', {}, nowMs)
    expect(request('POST', '/v1/orders', '', {}, nowMs + 1000)?.headers['remaining-req']).toBe('group=order; min=720; sec=11')
  })
})

test('what is not of the exchange API is left to others, and an outage answers nothing but 503', () => {
  const { market, request, connect } = upbit()
  expect(request('GET', '/v1/orderbook?markets=KRW-BTC')).toBe(null)
  expect(request('GET', '/v1/orders')).toBe(null)
  market.outages.upbit = 'maintenance'
  expect(request('GET', '/v1/accounts')?.status).toBe(503)
  expect(connect(null).session).toMatchObject({ status: 503 })
})

describe('the private stream', () => {
  test('an order that fills is told step by step, with the assets that it moved', () => {
    const { connect, post } = upbit()
    const { socket } = connect()
    const [, { uuid }] = post('/v1/orders', { ...limitBid, price: '140000000' })
    expect(socket.frames).toMatchObject([
      { type: 'myOrder', state: 'wait', uuid, ask_bid: 'BID', price: 140_000_000, volume: 0.001, trade_uuid: null, locked: 140_070 },
      { type: 'myAsset', assets: [{ currency: 'KRW', balance: 9_859_930, locked: 140_070 }], stream_type: 'REALTIME' },
      { type: 'myOrder', state: 'trade', trade_uuid: anyUuid, volume: 0.001, remaining_volume: 0, trade_fee: 70, is_maker: false },
      { type: 'myOrder', state: 'done', trade_uuid: null, trades_count: 1, paid_fee: 70, executed_funds: 140_000, avg_price: 140_000_000 },
      {
        type: 'myAsset',
        assets: [
          { currency: 'BTC', balance: 0.501, locked: 0 },
          { currency: 'KRW', balance: 9_859_930, locked: 0 },
        ],
      },
    ])
    const keys = 'type code uuid ask_bid order_type state trade_uuid price avg_price volume remaining_volume executed_volume trades_count'
    const others = 'reserved_fee remaining_fee paid_fee locked executed_funds time_in_force trade_fee is_maker identifier smp_type'
    const last = 'prevented_volume prevented_locked trade_timestamp order_timestamp timestamp stream_type'
    expect(Object.keys(socket.frames[0] as object)).toEqual(`${keys} ${others} ${last}`.split(' '))
  })

  test('a cancellation is told, and only what was subscribed to', () => {
    const { connect, post, ask } = upbit()
    const orders = connect([{ ticket: 'x' }, { type: 'myOrder', codes: [] }])
    const others = connect([{ ticket: 'x' }, { type: 'myOrder', codes: ['KRW-ETH'] }])
    const short = connect([{ ticket: 'x' }, { type: 'myOrder' }, { format: 'SIMPLE_LIST' }])
    const [, { uuid }] = post('/v1/orders', limitBid)
    ask('DELETE', `/v1/order?uuid=${uuid}`)
    expect(orders.socket.frames).toMatchObject([{ state: 'wait' }, { state: 'cancel', remaining_volume: 0.001 }])
    expect(others.socket.frames).toEqual([])
    expect(short.socket.frames).toMatchObject([[{ ty: 'myOrder', s: 'wait', uid: uuid }], [{ s: 'cancel', rv: 0.001 }]])
    const keys = 'ty cd uid ab ot s tuid p ap v rv ev tc rsf rmf pf l ef tif tf im id smpt pv pl ttms otms tms st'
    expect(Object.keys((short.socket.frames as object[][])[0]![0]!).join(' ')).toBe(keys)
  })

  test('a new subscription replaces the old one', () => {
    const { connect, post } = upbit()
    const { socket, session } = connect()
    session.received('[{"ticket":"y"},{"type":"myAsset"}]', nowMs)
    post('/v1/orders', limitBid)
    expect(socket.frames).toMatchObject([{ type: 'myAsset' }])
  })

  test('nothing is done with a connection that is gone', () => {
    const { connect, face, post } = upbit()
    const { socket, session } = connect()
    session.closed()
    post('/v1/orders', limitBid)
    face.advance(nowMs + 200_000)
    expect([socket.frames, socket.end]).toEqual([[], null])
  })

  test('a token opens it again and again, another one does not', () => {
    const { connect } = upbit()
    const token = tokenOf({})
    expect([connect(null, token), connect(null, token)].map(({ session }) => 'received' in session)).toEqual([true, true])
    expect(connect(null, tokenOf({ secretKey: 'other' })).session).toMatchObject({ status: 401 })
  })

  test('connecting six times in a second gets 429', () => {
    const { connect } = upbit()
    const opened = Array.from({ length: 6 }, () => connect(null).session as { status?: number })
    expect(opened.map(({ status }) => status)).toEqual([...Array<undefined>(5).fill(undefined), 429])
  })

  test.for<[string, string]>([
    ['hello', 'WRONG_FORMAT'],
    ['{}', 'WRONG_FORMAT'],
    ['[{"type":"myOrder"}]', 'NO_TICKET'],
    ['[{"ticket":"x"}]', 'NO_TYPE'],
    ['[{"ticket":"x"},{"type":"orderbook","codes":["KRW-BTC"]}]', 'INVALID_PARAM'],
    ['[{"ticket":"x"},{"type":"announcement"}]', 'INVALID_PARAM'],
  ])('%s is answered with %s and the close', ([text, name]) => {
    const { connect, face } = upbit()
    const { socket, session } = connect(null)
    session.received(text, nowMs)
    session.received('[{"ticket":"x"},{"type":"myOrder"}]', nowMs)
    expect(socket.frames).toMatchObject([{ error: { name } }])
    face.advance(nowMs + 100)
    expect(socket.end).toBe(null)
    face.advance(nowMs + 200)
    expect(socket.end).toEqual([1000, ''])
  })

  test('a client that sends too much is closed, and told nothing more', () => {
    const { connect, post } = upbit()
    const { socket, session } = connect()
    for (let i = 0; i < 5; i++) session.received('PING', nowMs)
    post('/v1/orders', limitBid)
    expect(socket.frames).toMatchObject([{ error: { name: 'Too Many Requests' } }])
  })

  test('subscriptions are listed, the last ones only', () => {
    const { connect } = upbit()
    const { socket, session } = connect()
    session.received('[{"ticket":"y"},{"type":"myOrder","codes":["KRW-BTC"]}]', nowMs)
    session.received('[{"ticket":"z"},{"method":"LIST_SUBSCRIPTIONS"}]', nowMs)
    session.received('[{"ticket":"y"},{"type":"myAsset"}]', nowMs)
    session.received('[{"ticket":"z"},{"method":"LIST_SUBSCRIPTIONS"}]', nowMs + 1000)
    expect(socket.frames).toEqual([
      { method: 'LIST_SUBSCRIPTIONS', result: [{ type: 'myOrder', codes: ['KRW-BTC'] }], ticket: 'z' },
      { method: 'LIST_SUBSCRIPTIONS', result: [{ type: 'myAsset' }], ticket: 'z' },
    ])
  })

  test('a silent connection is cut, one that asked for the status is not', () => {
    const { connect, face } = upbit({ idleCloseMs: 60_000 })
    const silent = connect()
    const asking = connect()
    asking.session.received('PING', nowMs)
    for (let atMs = nowMs; atMs < nowMs + 60_000; atMs += 100) face.advance(atMs)
    expect([silent.socket.end, asking.socket.end, asking.socket.frames.length]).toEqual([null, null, 5])
    face.advance(nowMs + 60_000)
    expect([silent.socket.end, asking.socket.end]).toEqual(['cut', null])
    expect(asking.socket.frames.at(-1)).toEqual({ status: 'UP' })
  })

  test('an outage cuts it', () => {
    const { connect, face, market } = upbit()
    const { socket } = connect()
    market.outages.upbit = 'maintenance'
    face.advance(nowMs + 100)
    expect(socket.end).toBe('cut')
  })
})

test('a UUID is read back as the number that it was made from, and no other is', () => {
  const prng = new SeededPrng(3)
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 48 - 1 }), fc.uuid(), (number, other) => {
      const uuid = numberedUuid(prng, 'order', number)
      expect(numberOfUuid(prng, 'order', uuid)).toBe(number)
      expect(numberOfUuid(prng, 'trade', uuid)).toBe(null)
      expect(numberOfUuid(prng, 'order', other)).toBe(null)
    }),
  )
})
