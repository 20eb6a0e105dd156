import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SeededPrng } from '../../../base/prng.ts'
import { instrumentOf } from '../../../model/instrument.ts'
import { parseOrderBook } from '../../upbit/parse.ts'
import type { FaceAnswer, FaceSession, FaceSocket } from '../face.ts'
import { ScriptedMarket } from '../../../market/scripted-market.ts'
import { TradeFlow } from '../trade-flow.ts'
import { UpbitStreamFace, type UpbitStreamFaceOptions } from './stream-face.ts'

const startMs = 1_767_571_200_000
const codes = ['KRW-BTC', 'KRW-ETH', 'KRW-USDT']

const instruments = codes.map((code) =>
  instrumentOf({
    venue: 'upbit',
    code,
    base: code.slice(4),
    quote: 'KRW',
    tickBands: [{ fromPrice: '0', tickSize: '1' }],
    lotSize: '0.00000001',
    minNotional: '5000',
    takerFee: '0.0005',
    feeAsset: 'quote',
  }),
)

/** The client's end of a socket: what reached it, and how it ended. */
class Client implements FaceSocket {
  readonly frames: string[] = []
  end: string | null = null

  send(text: string): void {
    this.frames.push(text)
  }

  ping(): void {
    this.frames.push('ping')
  }

  close(code: number, reason: string): void {
    this.end = `${code} ${reason}`.trim()
  }

  terminate(): void {
    this.end = '1006'
  }

  /** What came since the last call. */
  take(): unknown[] {
    return this.frames.splice(0).map((text): unknown => JSON.parse(text))
  }
}

/** Counts how often it is asked for a book. */
class WatchedMarket extends ScriptedMarket {
  askedCount = 0

  override book(...args: Parameters<ScriptedMarket['book']>): ReturnType<ScriptedMarket['book']> {
    this.askedCount++
    return super.book(...args)
  }
}

/** Three codes with books 30 levels deep, and a venue that clients can connect to. */
class Venue {
  readonly market = new WatchedMarket()
  readonly trades = new TradeFlow({ market: this.market, prng: new SeededPrng(1), instruments })
  readonly face: UpbitStreamFace
  nowMs = startMs
  #updateId = 1

  constructor(options: Partial<UpbitStreamFaceOptions> = {}) {
    for (const code of codes) this.move(code, 100)
    this.face = new UpbitStreamFace({ market: this.market, listedCodes: [...codes, 'KRW-NONE'], trades: this.trades, ...options })
  }

  move(code: string, price: number): void {
    const side = (direction: number) => Array.from({ length: 30 }, (_, i) => [price + direction * (i + 1), i + 1]).flat()
    this.market.set('upbit', code, { bids: side(-1), asks: side(1), changedAtMs: this.nowMs, updateId: this.#updateId++ })
  }

  trade(price: number): void {
    this.trades.record('upbit', 'KRW-BTC', { atMs: this.nowMs, price, size: 0.5, takerSide: 'sell' })
  }

  open(target = '/websocket/v1', headers: Record<string, string> = {}, client = new Client()): FaceSession | FaceAnswer {
    return this.face.open({ method: 'GET', target, headers, body: '' }, client, this.nowMs)
  }

  connect(): { client: Client; session: FaceSession } {
    const client = new Client()
    const opened = this.open('/websocket/v1', {}, client)
    if ('status' in opened) throw new Error(`refused: ${opened.status}`)
    return { client, session: opened }
  }

  /** Connects and says this. */
  say(...parts: unknown[]): { client: Client; session: FaceSession } {
    const connected = this.connect()
    connected.session.received(JSON.stringify(parts), this.nowMs)
    return connected
  }

  /** Goes on by steps of 100 ms. */
  step(count = 1): void {
    for (let i = 0; i < count; i++) {
      this.nowMs += 100
      this.face.advance(this.nowMs)
    }
  }
}

/** One a line, as they are spelled. */
function fieldsOf(frame: string): string {
  return frame.replaceAll(',"', ',\n"')
}

const ticket = { ticket: 'a' }
const books = (...names: string[]) => ({ type: 'orderbook', codes: names })

describe('order books', () => {
  test('a snapshot of each code comes first, then whole books at the steps where they changed, then silence', () => {
    const venue = new Venue()
    const { client } = venue.say(ticket, books('KRW-BTC', 'KRW-ETH'))
    expect(client.take()).toMatchObject([
      { type: 'orderbook', code: 'KRW-BTC', stream_type: 'SNAPSHOT', timestamp: startMs, level: 0 },
      { code: 'KRW-ETH', stream_type: 'SNAPSHOT' },
    ])
    venue.step()
    expect(client.take()).toEqual([])
    venue.move('KRW-ETH', 200)
    venue.step()
    const frames = client.take() as { orderbook_units: unknown[] }[]
    expect(frames).toMatchObject([{ code: 'KRW-ETH', stream_type: 'REALTIME', timestamp: startMs + 100, total_ask_size: 465 }])
    expect(frames[0]!.orderbook_units).toHaveLength(30)
    expect(frames[0]!.orderbook_units[0]).toEqual({ ask_price: 201, bid_price: 199, ask_size: 1, bid_size: 1 })
    venue.step(5)
    expect(client.take()).toEqual([])
  })

  test.for([
    ['KRW-BTC.1', 1],
    ['KRW-BTC.5', 5],
    ['KRW-BTC.15', 15],
    ['KRW-BTC.30', 30],
    ['KRW-BTC.7', 30],
    ['KRW-BTC', 30],
  ] as const)('%s shows %d levels, with totals over these, under the code alone', ([name, depth]) => {
    const venue = new Venue()
    const { client } = venue.say(ticket, books(name))
    venue.move('KRW-BTC', 300)
    venue.step()
    const frames = client.take() as { stream_type: string; code: string; total_bid_size: number; orderbook_units: unknown[] }[]
    expect(frames.map((frame) => [frame.stream_type, frame.code, frame.total_bid_size, frame.orderbook_units.length])).toEqual(
      ['SNAPSHOT', 'REALTIME'].map((streamType) => [streamType, 'KRW-BTC', (depth * (depth + 1)) / 2, depth]),
    )
  })

  test('all sessions of one depth and format get the same text', () => {
    const venue = new Venue()
    const clients = [
      venue.say(ticket, books('KRW-BTC')),
      venue.say(ticket, books('KRW-BTC.30')),
      venue.say(ticket, books('KRW-BTC.5')),
      venue.say(ticket, books('KRW-BTC'), { format: 'SIMPLE' }),
    ]
    for (const { client } of clients) client.take()
    venue.move('KRW-BTC', 300)
    venue.step()
    const [whole, same, ...others] = clients.map(({ client }) => client.frames.join())
    expect(same).toBe(whole)
    expect(new Set([whole, ...others]).size).toBe(3)
  })

  test.for<[string, unknown[], string]>([
    ['a code that is not listed', [books('KRW-NEW')], ''],
    ['a code that is listed and has no book', [books('KRW-NONE')], ''],
    ['a lower-case code', [books('krw-btc')], ''],
    ['a level that the market does not have', [{ ...books('KRW-BTC'), level: 10 }], ''],
    ['snapshots only', [{ ...books('KRW-BTC'), is_only_snapshot: true }], 'SNAPSHOT'],
    ['snapshots only, in camel case', [{ ...books('KRW-BTC'), isOnlySnapshot: true }], 'SNAPSHOT'],
    ['changes only', [{ ...books('KRW-BTC'), is_only_realtime: true }], 'REALTIME'],
    ['changes only, in camel case', [{ ...books('KRW-BTC'), isOnlyRealtime: true }], 'REALTIME'],
    ['both spelled out', [{ ...books('KRW-BTC'), is_only_snapshot: false, is_only_realtime: false }], 'SNAPSHOT REALTIME'],
  ])('%s', ([, parts, expected]) => {
    const venue = new Venue()
    const { client } = venue.say(ticket, ...parts)
    venue.move('KRW-BTC', 300)
    venue.move('KRW-NEW', 300)
    venue.step(3)
    expect((client.take() as { stream_type: string }[]).map((frame) => frame.stream_type).join(' ')).toBe(expected)
    expect(client.end).toBeNull()
  })

  test('zero slots pad both sides to the full depth', () => {
    const venue = new Venue({ wire: { hasZeroSlots: true } })
    venue.market.set('upbit', 'KRW-BTC', { bids: [99, 1], asks: [], changedAtMs: startMs, updateId: 99 })
    const { client } = venue.say(ticket, books('KRW-BTC.5'))
    const none = { ask_price: 0, bid_price: 0, ask_size: 0, bid_size: 0 }
    expect(client.take()).toMatchObject([{ orderbook_units: [{ ...none, bid_price: 99, bid_size: 1 }, none, none, none, none] }])
  })
})

describe('formats', () => {
  const text = (parts: unknown[], exponentNumbers = true) => {
    const venue = new Venue({ wire: { exponentNumbers } })
    venue.market.set('upbit', 'KRW-BTC', { bids: [116_538_000, 0.0005], asks: [116_539_000, 0.0007772], changedAtMs: startMs, updateId: 9 })
    return venue.say(ticket, ...parts).client.frames.join('\n')
  }

  const long =
    '{"type":"orderbook","code":"KRW-BTC","timestamp":1767571200000,"total_ask_size":0.00077720,"total_bid_size":0.00050000,' +
    '"orderbook_units":[{"ask_price":1.16539E8,"bid_price":1.16538E8,"ask_size":0.00077720,"bid_size":0.00050000}],' +
    '"stream_type":"SNAPSHOT","level":0}'
  const short =
    '{"ty":"orderbook","cd":"KRW-BTC","tms":1767571200000,"tas":7.772E-4,"tbs":5.0E-4,' +
    '"obu":[{"ap":116539000,"bp":116538000,"as":7.772E-4,"bs":5.0E-4}],"st":"SNAPSHOT","lv":0}'

  test.for<[string, unknown[], string]>([
    ['none is DEFAULT', [books('KRW-BTC')], long],
    ['DEFAULT, last', [books('KRW-BTC'), { format: 'DEFAULT' }], long],
    ['SIMPLE, second', [{ format: 'SIMPLE' }, books('KRW-BTC')], short],
    ['JSON_LIST', [books('KRW-BTC'), { format: 'JSON_LIST' }], `[${long}]`],
    ['SIMPLE_LIST', [books('KRW-BTC'), { format: 'SIMPLE_LIST' }], `[${short}]`],
  ])('%s', ([, parts, expected]) => {
    expect(text(parts)).toBe(expected)
  })

  test('without exponents all digits are plain', () => {
    expect(text([books('KRW-BTC')], false)).toContain('{"ask_price":116539000,"bid_price":116538000,')
    expect(text([books('KRW-BTC'), { format: 'SIMPLE' }], false)).toContain('"as":0.00077720,"bs":0.00050000}')
  })
})

describe('what a client may ask for', () => {
  test('a new subscription replaces the old one on that socket, and on no other', () => {
    const venue = new Venue()
    const changed = venue.say(ticket, books('KRW-BTC'))
    const other = venue.say(ticket, books('KRW-BTC'))
    changed.session.received(JSON.stringify([ticket, books('KRW-ETH')]), venue.nowMs)
    changed.client.take()
    other.client.take()
    venue.move('KRW-BTC', 300)
    venue.move('KRW-ETH', 300)
    venue.step()
    expect(changed.client.take()).toMatchObject([{ code: 'KRW-ETH' }])
    expect(other.client.take()).toMatchObject([{ code: 'KRW-BTC' }])
  })

  test('the list of its subscriptions, as it asked for them', () => {
    const venue = new Venue()
    const { client, session } = venue.say(ticket, books('KRW-BTC.5'), { type: 'trade', codes: ['KRW-ETH'] })
    client.take()
    session.received('[{"ticket":"b"},{"method":"LIST_SUBSCRIPTIONS"}]', venue.nowMs)
    const result = [
      { type: 'orderbook', codes: ['KRW-BTC.5'], level: 0 },
      { type: 'trade', codes: ['KRW-ETH'] },
    ]
    expect(client.take()).toEqual([{ method: 'LIST_SUBSCRIPTIONS', result, ticket: 'b' }])
  })

  test('nothing where the first frame shows that it is gone', () => {
    const venue = new Venue()
    const client = new (class extends Client {
      session: FaceSession | null = null
      override send(text: string): void {
        super.send(text)
        this.session?.closed()
      }
    })()
    client.session = venue.open('/websocket/v1', {}, client) as FaceSession
    client.session.received(JSON.stringify([ticket, books('KRW-BTC')]), venue.nowMs)
    venue.move('KRW-BTC', 300)
    venue.step()
    expect(client.take()).toHaveLength(1)
  })

  test('nothing more once it is gone', () => {
    const venue = new Venue()
    const { client, session } = venue.say(ticket, books('KRW-BTC'))
    client.take()
    session.closed()
    session.received(JSON.stringify([ticket, books('KRW-ETH')]), venue.nowMs)
    venue.move('KRW-BTC', 300)
    venue.move('KRW-ETH', 300)
    venue.step(2000)
    expect([client.take(), client.end]).toEqual([[], null])
  })

  test('and what nobody listens to is not looked at', () => {
    const venue = new Venue()
    const { session } = venue.say(ticket, books('KRW-BTC'))
    session.received(JSON.stringify([ticket, { ...books('KRW-ETH'), is_only_snapshot: true }]), venue.nowMs)
    venue.market.askedCount = 0
    venue.step(10)
    expect(venue.market.askedCount).toBe(0)
  })
})

describe('trades and tickers', () => {
  test('the last trade is the snapshot, and each further one a frame', () => {
    const venue = new Venue()
    venue.trade(100)
    const { client } = venue.say(ticket, { type: 'trade', codes: ['KRW-BTC', 'KRW-ETH'] })
    expect(client.frames.map(fieldsOf).join()).toMatchInlineSnapshot(`
      "{"type":"trade",
      "code":"KRW-BTC",
      "timestamp":1767571200000,
      "trade_date":"2026-01-05",
      "trade_time":"00:00:00",
      "trade_timestamp":1767571200000,
      "trade_price":100,
      "trade_volume":0.50000000,
      "ask_bid":"ASK",
      "prev_closing_price":100,
      "change":"EVEN",
      "change_price":0,
      "sequential_id":17510687993360001,
      "best_ask_price":101,
      "best_ask_size":1.00000000,
      "best_bid_price":99,
      "best_bid_size":1.00000000,
      "stream_type":"SNAPSHOT"}"
    `)
    client.take()
    venue.step()
    venue.trade(101)
    venue.trade(99)
    venue.step(2)
    const facts = { type: 'trade', code: 'KRW-BTC', stream_type: 'REALTIME', prev_closing_price: 100 }
    expect(client.take()).toMatchObject([
      { ...facts, trade_price: 101, change: 'RISE', change_price: 1 },
      { ...facts, trade_price: 99, change: 'FALL', change_price: 1 },
    ])
  })

  test('ids of neighbours differ, though no double holds them', () => {
    const venue = new Venue()
    const { client } = venue.say(ticket, { type: 'trade', codes: ['KRW-BTC'] })
    for (let i = 0; i < 4; i++) venue.trade(100)
    venue.step()
    const ids = client.frames.map((text) => /"sequential_id":(\d+)/.exec(text)?.[1])
    expect(new Set(ids).size).toBe(4)
    expect(new Set(ids.map(Number)).size).toBeLessThan(4)
  })

  test('SIMPLE shortens the names of trades', () => {
    const venue = new Venue()
    venue.trade(100)
    const { client } = venue.say(ticket, { type: 'trade', codes: ['KRW-BTC'] }, { format: 'SIMPLE' })
    expect(client.take()).toMatchObject([
      { ty: 'trade', cd: 'KRW-BTC', tp: 100, tv: 0.5, ab: 'ASK', td: '2026-01-05', ttm: '00:00:00', st: 'SNAPSHOT' },
    ])
  })

  test('a ticker comes with each step in which something was traded', () => {
    const venue = new Venue()
    venue.trade(100)
    const { client } = venue.say(ticket, { type: 'ticker', codes: ['KRW-BTC', 'KRW-ETH'] })
    expect(client.frames.map(fieldsOf).join()).toMatchInlineSnapshot(`
      "{"type":"ticker",
      "code":"KRW-BTC",
      "opening_price":100,
      "high_price":100,
      "low_price":100,
      "trade_price":100,
      "prev_closing_price":100,
      "change":"EVEN",
      "change_price":0,
      "change_rate":0.0000000000,
      "signed_change_price":0,
      "signed_change_rate":0.0000000000,
      "trade_volume":0.50000000,
      "acc_trade_price":50.00000000,
      "acc_trade_price_24h":50.00000000,
      "acc_trade_volume":0.50000000,
      "acc_trade_volume_24h":0.50000000,
      "highest_52_week_price":100,
      "highest_52_week_date":"2026-01-05",
      "lowest_52_week_price":100,
      "lowest_52_week_date":"2026-01-05",
      "ask_bid":"ASK",
      "trade_date":"20260105",
      "trade_time":"000000",
      "trade_timestamp":1767571200000,
      "acc_ask_volume":0.50000000,
      "acc_bid_volume":0.00000000,
      "market_state":"ACTIVE",
      "is_trading_suspended":false,
      "delisting_date":null,
      "market_warning":"NONE",
      "timestamp":1767571200000,
      "stream_type":"SNAPSHOT"}"
    `)
    client.take()
    venue.step()
    venue.trade(101)
    venue.trade(99)
    venue.step(2)
    expect(client.take()).toMatchObject([
      { stream_type: 'REALTIME', trade_price: 99, high_price: 101, acc_trade_volume: 1.5, signed_change_price: -1 },
    ])
  })

  test('nothing traded, nothing told', () => {
    const venue = new Venue()
    const { client } = venue.say(ticket, { type: 'ticker', codes: ['KRW-BTC'] }, { type: 'trade', codes: ['KRW-BTC'] })
    venue.step(5)
    expect(client.take()).toEqual([])
  })
})

describe('keepalive', () => {
  test('a socket on which nothing went either way is cut without a close frame', () => {
    const venue = new Venue({ idleCloseMs: 60_000 })
    const { client } = venue.say(ticket, books('KRW-BTC'))
    venue.step(599)
    expect(client.end).toBeNull()
    venue.step()
    expect(client.end).toBe('1006')
  })

  test('by default after 120 s', () => {
    const venue = new Venue()
    const { client } = venue.connect()
    venue.step(1199)
    expect(client.end).toBeNull()
    venue.step()
    expect(client.end).toBe('1006')
  })

  test.for<[string, (venue: Venue, session: FaceSession) => void]>([
    ['a frame to the client', (venue) => venue.move('KRW-BTC', venue.nowMs % 1000)],
    ['a message from the client', (venue, session) => session.received('PING', venue.nowMs)],
    ['a ping of the client', (venue, session) => session.pinged(venue.nowMs)],
  ])('%s keeps it open', ([, act]) => {
    const venue = new Venue({ idleCloseMs: 1000 })
    const { client, session } = venue.say(ticket, books('KRW-BTC'))
    for (let i = 0; i < 4; i++) {
      venue.step(9)
      act(venue, session)
    }
    venue.step(9)
    expect(client.end).toBeNull()
    venue.step(2)
    expect(client.end).toBe('1006')
  })

  test('the text PING brings a sign of life every ten seconds for as long as the socket is open', () => {
    const venue = new Venue({ idleCloseMs: 15_000 })
    const { client, session } = venue.connect()
    session.received('PING', venue.nowMs)
    session.received('PING', venue.nowMs)
    venue.step(99)
    expect(client.frames).toEqual([])
    venue.step(1)
    expect(client.frames).toEqual(['{"status":"UP"}'])
    venue.step(300)
    expect(client.frames).toHaveLength(4)
    expect(client.end).toBeNull()
  })
})

describe('complaints, with a close 150 ms later', () => {
  test.for<[string, string, string]>([
    ['hello', 'WRONG_FORMAT', 'Format 이 맞지 않습니다.'],
    ['{"ticket":"a"}', 'WRONG_FORMAT', 'Format 이 맞지 않습니다.'],
    ['[null]', 'WRONG_FORMAT', 'Format 이 맞지 않습니다.'],
    ['[{"ticket":"a"},{"type":"trade","codes":["KRW-BTC"]},{"format":"XML"}]', 'WRONG_FORMAT', 'Format 이 맞지 않습니다.'],
    ['[{"ticket":"a"},{"type":"trade","codes":"KRW-BTC"}]', 'WRONG_FORMAT', 'Format 이 맞지 않습니다.'],
    ['[]', 'NO_TICKET', '티켓이 존재하지 않거나, 유효하지 않습니다.'],
    ['[{"type":"trade","codes":["KRW-BTC"]}]', 'NO_TICKET', '티켓이 존재하지 않거나, 유효하지 않습니다.'],
    ['[{"ticket":""},{"type":"trade","codes":["KRW-BTC"]}]', 'NO_TICKET', '티켓이 존재하지 않거나, 유효하지 않습니다.'],
    ['[{"ticket":"a"}]', 'NO_TYPE', 'type 필드가 존재하지 않습니다.'],
    ['[{"ticket":"a"},{"codes":["KRW-BTC"]}]', 'NO_TYPE', 'type 필드가 존재하지 않습니다.'],
    ['[{"ticket":"a"},{"type":"trade"}]', 'NO_CODES', 'codes 필드가 존재하지 않습니다.'],
    ['[{"ticket":"a"},{"type":"trade","codes":[]}]', 'INVALID_PARAM', 'codes 필드가 비어 있습니다.'],
    ['[{"ticket":"a"},{"type":"nope","codes":["KRW-BTC"]}]', 'INVALID_PARAM', 'nope 은 지원하지 않는 타입입니다.'],
    ['[{"ticket":"a"},{"type":"myOrder"}]', 'INVALID_AUTH', '인증 정보가 올바르지 않습니다.'],
  ])('%s', ([text, name, message]) => {
    const venue = new Venue()
    const { client, session } = venue.connect()
    session.received(text, venue.nowMs)
    expect(client.take()).toEqual([{ error: { name, message } }])
    session.received(JSON.stringify([ticket, books('KRW-BTC')]), venue.nowMs)
    venue.step()
    expect([client.take(), client.end]).toEqual([[], null])
    venue.step()
    expect([client.take(), client.end]).toEqual([[], '1000'])
  })

  test('the sixth message in a second, after which no more books come', () => {
    const venue = new Venue()
    const { client, session } = venue.say(ticket, books('KRW-BTC'))
    for (let i = 0; i < 4; i++) session.received('PING', venue.nowMs)
    expect(client.take()).toHaveLength(1)
    session.received('PING', venue.nowMs)
    venue.move('KRW-BTC', 101)
    venue.step(2)
    expect(client.take()).toMatchObject([{ error: { name: 'Too Many Requests' } }])
    expect(client.end).toBe('1000')
  })

  test('the hundred and first message in a minute', () => {
    const venue = new Venue()
    const { client, session } = venue.connect()
    for (let i = 0; i < 100; i++) session.received('PING', venue.nowMs + 500 * i)
    expect(client.take()).toEqual([])
    session.received('PING', venue.nowMs + 50_000)
    expect(client.take()).toMatchObject([{ error: { name: 'Too Many Requests' } }])
  })
})

describe('connecting', () => {
  test('any other path has no route', () => {
    for (const target of ['/websocket/v2', '/', '/websocket/v1/private']) expect(new Venue().open(target)).toMatchObject({ status: 404 })
    expect(new Venue().open('/websocket/v1?x=1')).not.toHaveProperty('status')
  })

  test('five times a second, and no more', () => {
    const venue = new Venue()
    for (let i = 0; i < 5; i++) venue.connect()
    expect(venue.open()).toMatchObject({ status: 429, headers: { 'remaining-req': 'group=websocket; min=300; sec=0' } })
    venue.step(10)
    expect(venue.open()).not.toHaveProperty('status')
  })

  test('with an Origin header once in ten seconds', () => {
    const venue = new Venue()
    const open = () => venue.open('/websocket/v1', { origin: 'https://example.com' })
    expect(open()).not.toHaveProperty('status')
    expect(open()).toMatchObject({ status: 429 })
    venue.connect()
  })

  test('an outage refuses upgrades and breaks what is open', () => {
    const venue = new Venue()
    const { client } = venue.say(ticket, books('KRW-BTC'))
    client.take()
    venue.market.outages.upbit = 'maintenance'
    expect(venue.open()).toMatchObject({ status: 503 })
    venue.move('KRW-BTC', 300)
    venue.step()
    expect([client.take(), client.end]).toEqual([[], '1006'])
  })
})

test('whoever subscribes, leaves and comes back: at each step every listener gets each change that it asked for, once', () => {
  const act = fc.oneof(
    fc.record({
      kind: fc.constant('subscribe' as const),
      who: fc.nat(2),
      names: fc.subarray(['KRW-BTC', 'KRW-ETH.5', 'KRW-USDT.1'], { minLength: 1 }),
    }),
    fc.record({ kind: fc.constant('leave' as const), who: fc.nat(2) }),
    fc.record({ kind: fc.constant('move' as const), code: fc.constantFrom(...codes) }),
    fc.record({ kind: fc.constant('step' as const) }),
  )
  fc.assert(
    fc.property(fc.array(act, { maxLength: 40 }), (acts) => {
      const venue = new Venue()
      const people = [0, 1, 2].map(() => ({ ...venue.connect(), wants: new Set<string>(), isGone: false }))
      const moved = new Set<string>()
      const step = () => {
        for (const { client } of people) client.take()
        venue.step(10)
        for (const { client, wants } of people) {
          const got = (client.take() as { code: string }[]).map((frame) => frame.code)
          expect(got.toSorted()).toEqual([...moved].filter((code) => wants.has(code)).toSorted())
        }
        moved.clear()
      }
      for (const each of acts) {
        if (each.kind === 'move') {
          venue.move(each.code, venue.nowMs % 977)
          moved.add(each.code)
          continue
        }
        // What has moved is told first: a snapshot taken in between already shows it.
        step()
        if (each.kind === 'step') continue
        const person = people[each.who]!
        if (each.kind === 'leave') {
          person.session.closed()
          person.wants.clear()
          person.isGone = true
        } else {
          if (person.isGone) Object.assign(person, venue.connect(), { isGone: false })
          person.session.received(JSON.stringify([ticket, books(...each.names)]), venue.nowMs)
          person.wants = new Set(each.names.map((name) => name.replace(/\..*/, '')))
        }
      }
      step()
    }),
  )
})

const samples = join(import.meta.dirname, '../../../../../shared/venue-samples/upbit')

describe.skipIf(!existsSync(samples))(
  'captured frames are written byte for byte, but for totals (skipped where ../shared is absent)',
  () => {
    test.for([
      ['ws-orderbook-default.real-2026-09-23.ndjson', 'DEFAULT'],
      ['ws-orderbook-simple.real-2026-09-23.ndjson', 'SIMPLE'],
    ])('%s', ([name, format]) => {
      const [line = ''] = readFileSync(join(samples, name!), 'utf8').split('\n')
      const captured = JSON.parse(line) as Record<string, unknown>
      const units = (captured['orderbook_units'] ?? captured['obu']) as Record<string, number>[]
      const side = (price: string, size: string) => units.flatMap((unit) => [unit[price]!, unit[size]!])
      const [bids, asks] =
        format === 'SIMPLE' ? [side('bp', 'bs'), side('ap', 'as')] : [side('bid_price', 'bid_size'), side('ask_price', 'ask_size')]
      const venue = new Venue()
      venue.market.set('upbit', 'KRW-BTC', { bids, asks, changedAtMs: Number(captured['timestamp'] ?? captured['tms']), updateId: 9 })
      const { client } = venue.say(ticket, books('KRW-BTC'), { format })
      const withoutTotals = (text: string) => text.replaceAll(/("(?:total_\w+|tas|tbs)":)[^,]+/g, '$1…')
      expect(client.frames.map(withoutTotals)).toEqual([withoutTotals(line)])
      if (format === 'DEFAULT')
        expect(parseOrderBook(JSON.parse(client.frames[0]!) as object, 0)).toMatchObject({ bids: [{}, {}], asks: [{}, {}] })
    })
  },
)
