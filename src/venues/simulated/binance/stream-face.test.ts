import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SeededPrng } from '../../../base/prng.ts'
import { instrumentOf } from '../../../model/instrument.ts'
import { BinanceFace } from './face.ts'
import { BinanceStreamFace } from './stream-face.ts'
import type { FaceAnswer, FaceSession, FaceSocket } from '../face.ts'
import { madeInstruments } from '../../../market/made-instruments.ts'
import type { Market } from '../../../market/market.ts'
import { type ScriptedBook, ScriptedMarket } from '../../../market/scripted-market.ts'
import { SimulatedMarket } from '../../../market/simulated-market.ts'
import { TradeFlow } from '../trade-flow.ts'

const startMs = 1_767_571_200_000
const first: ScriptedBook = { bids: [100, 1, 99, 2], asks: [101, 3, 102, 4], changedAtMs: startMs, updateId: 10 }

/** The client's end of a connection: what came, and how it ended. */
class Client implements FaceSocket {
  readonly frames: string[] = []
  readonly pings: string[] = []
  end: string | null = null

  send(text: string): void {
    if (this.end === null) this.frames.push(text)
  }

  ping(payload: string): void {
    this.pings.push(payload)
  }

  close(code: number, reason: string): void {
    this.end ??= `${code} ${reason}`
  }

  terminate(): void {
    this.end ??= 'terminated'
  }

  /** What came since this was last asked. */
  take(): unknown[] {
    return this.frames.splice(0).map((text) => JSON.parse(text) as unknown)
  }
}

/** A venue of one market, driven step by step. */
class Venue {
  readonly market = new ScriptedMarket()
  readonly trades: TradeFlow
  readonly face: BinanceStreamFace
  readonly rest: BinanceFace
  nowMs = startMs

  constructor(options: { cutAfterMs?: number } = {}) {
    const facts = { base: 'BTC', quote: 'USDT', lotSize: '0.001', minNotional: '5', takerFee: '0.001', feeAsset: 'received' } as const
    const tickBands = [{ fromPrice: '0', tickSize: '0.01' }]
    const instrument = instrumentOf({ venue: 'binance', code: 'BTCUSDT', tickBands, ...facts })
    const { market } = this
    this.trades = new TradeFlow({ market, prng: new SeededPrng(1), instruments: [instrument] })
    this.face = new BinanceStreamFace({ market, trades: this.trades, ...options })
    this.rest = new BinanceFace({ market, listedCodes: [] })
    this.set({})
  }

  set(change: Partial<ScriptedBook>): void {
    this.market.set('binance', 'BTCUSDT', { ...first, ...change })
  }

  step(change?: Partial<ScriptedBook>): void {
    this.nowMs += 100
    if (change !== undefined) this.set(change)
    this.face.advance(this.nowMs)
  }

  /** On to the next whole second. */
  stepSecond(): void {
    do this.step()
    while (this.nowMs % 1000 !== 0)
  }

  upgrade(target: string, client = new Client()): FaceSession | FaceAnswer {
    return this.face.open({ method: 'GET', target, headers: {}, body: '' }, client, this.nowMs)
  }

  connect(target = '/ws'): { client: Client; session: FaceSession } {
    const client = new Client()
    const session = this.upgrade(target, client)
    if ('status' in session) throw new Error(`refused: ${session.status}`)
    return { client, session }
  }
}

describe('a connection', () => {
  test.for<[string, boolean]>([
    ['/ws/btcusdt@bookTicker', false],
    ['/ws/ethusdt@depth/btcusdt@bookTicker', false],
    ['/stream/ws/btcusdt@bookTicker', false],
    ['/stream?streams=btcusdt@bookTicker', true],
    ['/stream?streams=ethusdt%40depth%2Fbtcusdt%40bookTicker', true],
  ])('to %s: wrapped is %s', ([target, isWrapped]) => {
    const venue = new Venue()
    const { client } = venue.connect(target)
    venue.step({ updateId: 11, bids: [100, 5] })
    const payload = { u: 11, s: 'BTCUSDT', b: '100.00000000', B: '5.00000000', a: '101.00000000', A: '3.00000000' }
    expect(client.take()).toEqual([isWrapped ? { stream: 'btcusdt@bookTicker', data: payload } : payload])
  })

  test.for<[string, boolean]>([
    ['/ws', false],
    ['/ws/7', false],
    ['/stream/ws', false],
    ['/stream/ws/0', false],
    ['/stream', true],
  ])('to %s begins without streams; wrapped is %s', ([target, isWrapped]) => {
    const venue = new Venue()
    const { client, session } = venue.connect(target)
    session.received('{"method":"LIST_SUBSCRIPTIONS","id":1}', venue.nowMs)
    session.received('{"method":"GET_PROPERTY","params":["combined"],"id":2}', venue.nowMs)
    expect(client.take()).toEqual([
      { result: [], id: 1 },
      { result: isWrapped, id: 2 },
    ])
  })

  test.for<[string, number]>([
    ['/', 404],
    ['/ws-api/v3', 404],
    ['/streams', 404],
    ['/wss', 404],
    [`/stream?streams=${Array.from({ length: 1025 }, (_, i) => `a${i}@trade`).join('/')}`, 400],
  ])('to %.20s is refused with %d', ([target, status]) => {
    expect(new Venue().upgrade(target)).toMatchObject({ status })
  })

  test('is refused during an outage, and those that stand are cut', () => {
    const venue = new Venue()
    const { client } = venue.connect('/ws/btcusdt@depth5@100ms')
    venue.market.outages.binance = 'maintenance'
    expect(venue.upgrade('/ws')).toMatchObject({ status: 503 })
    venue.step()
    expect([client.end, client.take()]).toEqual(['terminated', []])
  })

  test('is refused after 300 attempts in five minutes, for as long', () => {
    const venue = new Venue()
    for (let i = 0; i < 300; i++) venue.connect()
    expect(venue.upgrade('/ws')).toMatchObject({ status: 429 })
    venue.nowMs += 300_000
    expect(venue.upgrade('/ws')).not.toHaveProperty('status')
  })
})

describe('a stream', () => {
  const empty = '0.00000000'

  test('@depth@100ms tells what changed: sizes, new levels, and levels that left the view', () => {
    const venue = new Venue()
    const { client } = venue.connect('/ws/btcusdt@depth@100ms')
    venue.step()
    venue.step({ updateId: 12, bids: [100, 1.5, 98, 7], asks: [101, 3, 101.5, 0.25, 102, 4] })
    const b = [
      ['100.00000000', '1.50000000'],
      ['99.00000000', empty],
      ['98.00000000', '7.00000000'],
    ]
    const a = [['101.50000000', '0.25000000']]
    expect(client.take()).toEqual([{ e: 'depthUpdate', E: startMs + 200, s: 'BTCUSDT', U: 11, u: 12, b, a }])
  })

  test('@depth@100ms tells of an update id that moved alone', () => {
    const venue = new Venue()
    const { client } = venue.connect('/ws/btcusdt@depth@100ms')
    venue.step({ updateId: 11 })
    expect(client.take()).toEqual([{ e: 'depthUpdate', E: startMs + 100, s: 'BTCUSDT', U: 11, u: 11, b: [], a: [] }])
  })

  test('@depth tells once a second, also of a level that is back where it was', () => {
    const venue = new Venue()
    const { client } = venue.connect('/ws/btcusdt@depth')
    venue.stepSecond()
    venue.step({ updateId: 11, asks: [101, 9, 102, 4] })
    venue.step({ updateId: 12 })
    expect(client.take()).toEqual([])
    venue.stepSecond()
    const a = [['101.00000000', '3.00000000']]
    expect(client.take()).toEqual([{ e: 'depthUpdate', E: startMs + 2000, s: 'BTCUSDT', U: 11, u: 12, b: [], a }])
  })

  test('of a second listener goes on from the same update id; the first after a pause begins with the book as it stands', () => {
    const venue = new Venue()
    const one = venue.connect('/ws/btcusdt@depth@100ms')
    venue.step({ updateId: 11, bids: [100, 2] })
    const two = venue.connect('/ws/btcusdt@depth@100ms')
    venue.step({ updateId: 12, bids: [100, 3] })
    expect(one.client.take()).toHaveLength(2)
    expect(two.client.take()).toMatchObject([{ U: 12, u: 12 }])
    one.session.closed()
    two.session.closed()
    venue.set({ updateId: 20, bids: [100, 4] })
    const three = venue.connect('/ws/btcusdt@depth@100ms')
    venue.step({ updateId: 21, bids: [100, 5] })
    expect(three.client.take()).toMatchObject([{ U: 21, u: 21, b: [['100.00000000', '5.00000000']] }])
    expect([one.client.take(), two.client.take()]).toEqual([[], []])
  })

  test('@bookTicker tells of the best prices and quantities only', () => {
    const venue = new Venue()
    const { client } = venue.connect('/ws/btcusdt@bookTicker')
    venue.step({ updateId: 11, bids: [100, 1, 99, 9] })
    expect(client.take()).toEqual([])
    venue.step({ updateId: 12, bids: [] })
    expect(client.take()).toEqual([{ u: 12, s: 'BTCUSDT', b: empty, B: empty, a: '101.00000000', A: '3.00000000' }])
  })

  test.for<[string, number, number]>([
    ['depth5', 5, 1],
    ['depth10', 10, 1],
    ['depth20@100ms', 20, 10],
  ])('@%s tells %d levels, %d times a second', ([kind, levels, times]) => {
    const venue = new Venue()
    const asks = Array.from({ length: 30 }, (_, i) => [101 + i, 1]).flat()
    venue.set({ asks })
    venue.stepSecond()
    const { client } = venue.connect(`/ws/btcusdt@${kind}`)
    venue.set({ asks })
    for (let i = 0; i < 10; i++) venue.step()
    const frames = client.take()
    const bids = [
      ['100.00000000', '1.00000000'],
      ['99.00000000', '2.00000000'],
    ]
    expect(frames).toHaveLength(times)
    expect(frames[0]).toEqual({ lastUpdateId: 10, bids, asks: expect.objectContaining({ length: levels }) as unknown })
  })

  test('@trade and @aggTrade tell every trade from now on, once', () => {
    const venue = new Venue()
    venue.trades.record('binance', 'BTCUSDT', { atMs: startMs, price: 101, size: 1, takerSide: 'buy' })
    const { client } = venue.connect('/ws/btcusdt@trade/btcusdt@aggTrade')
    venue.trades.record('binance', 'BTCUSDT', { atMs: startMs + 60, price: 100.5, size: 0.25, takerSide: 'sell' })
    venue.step()
    venue.step()
    const common = { E: startMs + 100, s: 'BTCUSDT', p: '100.50000000', q: '0.25000000', T: startMs + 60, m: true, M: true }
    expect(client.take()).toEqual([
      { e: 'trade', t: 2, ...common },
      { e: 'aggTrade', a: 2, f: 2, l: 2, ...common },
    ])
  })

  test("@miniTicker and @ticker tell the day's figures once a second, from the first trade on", () => {
    const venue = new Venue()
    const { client } = venue.connect('/ws/btcusdt@miniTicker/btcusdt@ticker')
    venue.stepSecond()
    expect(client.take()).toEqual([])
    venue.trades.record('binance', 'BTCUSDT', { atMs: venue.nowMs, price: 100, size: 1, takerSide: 'buy' })
    venue.trades.record('binance', 'BTCUSDT', { atMs: venue.nowMs, price: 104, size: 3, takerSide: 'buy' })
    venue.stepSecond()
    const prices = { c: '104.00000000', o: '100.00000000', h: '104.00000000', l: '100.00000000' }
    const common = { E: startMs + 2000, s: 'BTCUSDT', ...prices, v: '4.00000000', q: '412.00000000' }
    const top = { b: '100.00000000', B: '1.00000000', a: '101.00000000', A: '3.00000000' }
    const times = { O: startMs + 2000 - 86_400_000, C: startMs + 2000, F: 1, L: 2, n: 2 }
    const change = { p: '4.00000000', P: '4.000', w: '103.00000000', x: '100.00000000', Q: '3.00000000' }
    expect(client.take()).toEqual([
      { e: '24hrMiniTicker', ...common },
      { e: '24hrTicker', ...common, ...change, ...top, ...times },
    ])
  })

  test.for(['none', 'noneusdt@depth', 'BTCUSDT@depth', 'btcusdt@depth7', 'btcusdt@', '@depth', 'btcusdt@depth@250ms'])(
    'that does not exist is silent: %s',
    (stream) => {
      const venue = new Venue()
      const { client, session } = venue.connect()
      session.received(JSON.stringify({ method: 'SUBSCRIBE', params: [stream], id: 1 }), venue.nowMs)
      venue.step({ updateId: 11, bids: [] })
      venue.stepSecond()
      expect(client.take()).toEqual([{ result: null, id: 1 }])
    },
  )

  test('loses the update that it is told to lose', () => {
    const venue = new Venue()
    const { client } = venue.connect('/ws/btcusdt@depth@100ms')
    venue.face.skipNextUpdate('BTCUSDT')
    venue.step()
    venue.step({ updateId: 11, bids: [100, 2] })
    venue.step({ updateId: 13, bids: [100, 3] })
    expect(client.take()).toMatchObject([{ U: 12, u: 13 }])
  })
})

describe('a command', () => {
  const place = (text: string) => `at line 1 column ${text.length}`
  const expected = '`SUBSCRIBE`, `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`, `SET_PROPERTY`, `GET_PROPERTY`'

  test.for<[string, object]>([
    ['{"method":"SUBSCRIBE","params":["btcusdt@depth"],"id":7}', { result: null, id: 7 }],
    ['{"method":"SUBSCRIBE","params":[],"id":"a1"}', { result: null, id: 'a1' }],
    ['{"method":"UNSUBSCRIBE","params":["btcusdt@depth"],"id":null}', { result: null, id: null }],
    ['{"method":"LIST_SUBSCRIPTIONS","id":-3}', { result: ['ethusdt@trade'], id: -3 }],
    ['{"method":"GET_PROPERTY","params":["combined"],"id":1}', { result: false, id: 1 }],
    ['{"method":"SET_PROPERTY","params":["combined",true],"id":1}', { result: null, id: 1 }],
    ['{"method":"SET_PROPERTY","params":["other",true],"id":1}', { code: 0, msg: 'Unknown property', id: 1 }],
    ['{"method":"SET_PROPERTY","params":["combined",1],"id":1}', { code: 1, msg: 'Invalid value type: expected Boolean', id: 1 }],
    ['{"method":"SET_PROPERTY","params":[],"id":1}', { code: 2, msg: 'Invalid request: property name must be a string', id: 1 }],
    ['{"method":"GET_PROPERTY","params":["combined",true],"id":1}', { code: 2, msg: 'Invalid request: too many parameters', id: 1 }],
    ['{"method":"LIST_SUBSCRIPTIONS","params":["x"],"id":1}', { code: 2, msg: 'Invalid request: too many parameters', id: 1 }],
    ['{"method":"SUBSCRIBE","params":[1],"id":1}', { code: 2, msg: 'Invalid request: stream names must be strings', id: 1 }],
    ['{"method":"SUBSCRIBE","params":"x","id":1}', { code: 2, msg: 'Invalid request: params must be an array', id: 1 }],
    ['{"method":"SUBSCRIBE","params":[]}', { code: 2, msg: 'Invalid request: request ID must be an unsigned integer' }],
    ['{"method":"SUBSCRIBE","params":[],"id":1.5}', { code: 2, msg: 'Invalid request: request ID must be an unsigned integer' }],
    ['{"id":1}', { code: 2, msg: `Invalid request: missing field \`method\` ${place('{"id":1}')}`, id: 1 }],
    [
      '{"method":"X","id":1}',
      { code: 2, msg: `Invalid request: unknown variant X, expected one of ${expected} ${place('{"method":"X","id":1}')}`, id: 1 },
    ],
    ['subscribe', { code: 3, msg: 'Invalid JSON: expected value at line 1 column 1' }],
  ])('%s is answered', ([text, reply]) => {
    const venue = new Venue()
    const { client, session } = venue.connect('/ws/ethusdt@trade')
    session.received(text, venue.nowMs)
    expect(client.take()).toEqual([reply])
  })

  test('that subscribes is acknowledged before the first event; what is unsubscribed falls silent', () => {
    const venue = new Venue()
    const { client, session } = venue.connect('/stream/ws/0')
    session.received('{"method":"SUBSCRIBE","params":["btcusdt@depth@100ms"],"id":1}', venue.nowMs)
    venue.step({ updateId: 11 })
    expect(client.take()).toEqual([{ result: null, id: 1 }, expect.objectContaining({ e: 'depthUpdate' })])
    session.received('{"method":"UNSUBSCRIBE","params":["btcusdt@depth@100ms"],"id":2}', venue.nowMs)
    venue.step({ updateId: 12 })
    expect(client.take()).toEqual([{ result: null, id: 2 }])
  })

  test('that sets `combined` wraps what comes next', () => {
    const venue = new Venue()
    const { client, session } = venue.connect('/ws/btcusdt@depth@100ms')
    session.received('{"method":"SET_PROPERTY","params":["combined",true],"id":1}', venue.nowMs)
    venue.step({ updateId: 11 })
    expect(client.take()[1]).toMatchObject({ stream: 'btcusdt@depth@100ms', data: { u: 11 } })
  })

  test('that asks for more than 1024 streams in all subscribes to none of them', () => {
    const venue = new Venue()
    const { client, session } = venue.connect('/ws/btcusdt@trade')
    const names = (count: number) => Array.from({ length: count }, (_, i) => `a${i}@trade`)
    session.received(JSON.stringify({ method: 'SUBSCRIBE', params: names(1024), id: 1 }), venue.nowMs)
    session.received(JSON.stringify({ method: 'SUBSCRIBE', params: names(1023), id: 2 }), venue.nowMs)
    expect(client.take()).toEqual([expect.objectContaining({ code: 2, id: 1 }), { result: null, id: 2 }])
  })
})

describe('a connection ends', () => {
  function idleUntil(venue: Venue, atMs: number, onStep: () => void = () => undefined): void {
    while (venue.nowMs < startMs + atMs) {
      venue.step()
      onStep()
    }
  }

  test('when no pong came within a minute of a ping; pings come every 20 s', () => {
    const venue = new Venue()
    const { client } = venue.connect()
    idleUntil(venue, 79_900)
    expect([client.pings.length, client.end]).toEqual([3, null])
    idleUntil(venue, 80_000)
    expect(client.end).toBe('1008 Pong timeout')
  })

  test('never while each ping is answered with its payload', () => {
    const venue = new Venue()
    const { client, session } = venue.connect()
    idleUntil(venue, 200_000, () => client.pings.splice(0).forEach((payload) => session.ponged(payload, venue.nowMs)))
    expect(client.end).toBe(null)
  })

  test('in spite of pongs that nobody asked for', () => {
    const venue = new Venue()
    const { client, session } = venue.connect()
    idleUntil(venue, 80_000, () => {
      if (venue.nowMs % 1000 === 0) session.ponged('', venue.nowMs)
    })
    expect(client.end).toBe('1008 Pong timeout')
  })

  test('at the sixth message of a second, whatever the messages are', () => {
    const venue = new Venue()
    const { client, session } = venue.connect()
    const text = '{"method":"LIST_SUBSCRIPTIONS","id":1}'
    for (let i = 0; i < 5; i++) session.received(text, venue.nowMs)
    session.pinged(venue.nowMs + 1000)
    session.ponged('', venue.nowMs + 1000)
    for (let i = 0; i < 3; i++) session.received(text, venue.nowMs + 1000)
    expect([client.take().length, client.end]).toEqual([8, null])
    session.ponged('', venue.nowMs + 1999)
    expect(client.end).toBe('1008 Too many requests')
  })

  test('when its time is up', () => {
    const venue = new Venue({ cutAfterMs: 1000 })
    const { client } = venue.connect('/ws/btcusdt@depth20@100ms')
    idleUntil(venue, 900)
    expect(client.end).toBe(null)
    idleUntil(venue, 1500)
    expect([client.end, client.take().length]).toEqual(['1001 ', 10])
  })

  test('ten seconds after the server said that it shuts down; a new one does not', () => {
    const venue = new Venue()
    const [raw, wrapped] = [venue.connect('/ws'), venue.connect('/stream')]
    venue.face.shutDown(venue.nowMs)
    const late = venue.connect()
    const event = { e: 'serverShutdown', E: startMs }
    expect(raw.client.take()).toEqual([event])
    expect(wrapped.client.take()).toEqual([{ stream: '!serverShutdown', data: event }])
    idleUntil(venue, 9_900)
    expect(raw.client.end).toBe(null)
    idleUntil(venue, 10_000)
    expect([raw.client.end, wrapped.client.end, late.client.end]).toEqual(['1001 ', '1001 ', null])
  })
})

interface DepthUpdate {
  U: number
  u: number
  b: [string, string][]
  a: [string, string][]
}

type Level = readonly [string, string]

/** A book kept by the venue's rule: snapshot, what was buffered, then every event without a gap. */
class KeptBook {
  updateId = 0
  #bids = new Map<string, string>()
  #asks = new Map<string, string>()
  #buffer: DepthUpdate[] = []
  #state: 'buffering' | 'first' | 'following' = 'buffering'

  get isKept(): boolean {
    return this.#state !== 'buffering'
  }

  snapshot(body: string): void {
    const depth = JSON.parse(body) as { lastUpdateId: number; bids: Level[]; asks: Level[] }
    const firstId = this.#buffer[0]?.U ?? 0
    if (depth.lastUpdateId + 1 < firstId) return
    this.#bids = new Map(depth.bids)
    this.#asks = new Map(depth.asks)
    this.updateId = depth.lastUpdateId
    this.#state = 'first'
    for (const event of this.#buffer) this.apply(event)
  }

  apply(event: DepthUpdate): void {
    if (this.#state === 'buffering') {
      this.#buffer.push(event)
      return
    }
    if (this.#state === 'first') {
      if (event.u <= this.updateId) return
      expect(event.U).toBeLessThanOrEqual(this.updateId + 1)
    } else expect(event.U).toBe(this.updateId + 1)
    this.#state = 'following'
    this.updateId = event.u
    for (const [price, quantity] of event.b) put(this.#bids, price, quantity)
    for (const [price, quantity] of event.a) put(this.#asks, price, quantity)
  }

  levels(): { bids: Level[]; asks: Level[] } {
    const sorted = (side: Map<string, string>) => [...side].toSorted(([left], [right]) => Number(left) - Number(right))
    return { bids: sorted(this.#bids).toReversed(), asks: sorted(this.#asks) }
  }
}

function put(side: Map<string, string>, price: string, quantity: string): void {
  if (Number(quantity) === 0) side.delete(price)
  else side.set(price, quantity)
}

/** The market's own book, spelled as the venue does, without asking the venue. */
function shownLevels(market: Market): { bids: Level[]; asks: Level[] } {
  const { bids, asks } = market.book('binance', 'BTCUSDT', 5000)!
  const rowsOf = (side: Float64Array): Level[] =>
    Array.from({ length: side.length / 2 }, (_, i) => [side[2 * i]!.toFixed(8), side[2 * i + 1]!.toFixed(8)])
  return { bids: rowsOf(bids), asks: rowsOf(asks) }
}

const sideOf = (from: number, direction: number) =>
  fc
    .array(fc.integer({ min: 0, max: 3 }), { maxLength: 6 })
    .map((sizes) => sizes.flatMap((size, i) => (size === 0 ? [] : [from + direction * i, size])))
const stepOf = fc.record({
  change: fc.option(fc.record({ bids: sideOf(100, -1), asks: sideOf(101, 1), idsUsed: fc.integer({ min: 1, max: 3 }) }), { freq: 4 }),
  snapshotFirst: fc.boolean(),
  snapshotLast: fc.boolean(),
})

test.for(['btcusdt@depth', 'btcusdt@depth@100ms'])('%s: a snapshot at any instant and the events make the market’s book', (stream) => {
  let keptCount = 0
  fc.assert(
    fc.property(fc.array(stepOf, { minLength: 12, maxLength: 40 }), fc.nat(11), (steps, joinedAt) => {
      const venue = new Venue()
      const kept = new KeptBook()
      const target = '/api/v3/depth?symbol=BTCUSDT&limit=5000'
      const take = (): void => kept.snapshot(venue.rest.answer(target, venue.nowMs).body)
      let client: Client | null = null
      let updateId = 10
      let book: Partial<ScriptedBook> = {}
      // Another listener, so that the client may join a stream that runs already.
      if (joinedAt % 2 === 0) venue.connect(`/ws/${stream}`)
      for (const [index, { change, snapshotFirst, snapshotLast }] of steps.entries()) {
        if (change !== null) {
          updateId += change.idsUsed
          book = { bids: change.bids, asks: change.asks, updateId }
        }
        venue.set(book)
        if (index === joinedAt) client = venue.connect(`/ws/${stream}`).client
        if (client !== null && snapshotFirst && !kept.isKept) take()
        venue.step()
        for (const event of (client?.take() ?? []) as DepthUpdate[]) kept.apply(event)
        if (client !== null && snapshotLast && !kept.isKept) take()
        if (!kept.isKept || kept.updateId !== updateId) continue
        keptCount++
        expect(kept.levels()).toEqual(shownLevels(venue.market))
      }
    }),
  )
  expect(keptCount).toBeGreaterThan(100)
})

test('a minute of the simulated market is kept as well', () => {
  const dislocations = { minIntervalMs: 10_000, maxIntervalMs: 20_000, minAmplitudeBps: 66, maxAmplitudeBps: 96 }
  const settings = {
    startPricesUsdt: { BTC: 92_000 },
    krwPerUsdt: 1_460,
    volatilityBps: 1,
    dislocations: { krw: dislocations, usdt: dislocations },
    quietHoursUtc: [],
    halts: { minIntervalMs: 20_000, maxIntervalMs: 30_000, minDurationMs: 5000, maxDurationMs: 6000 },
  }
  const market = new SimulatedMarket(settings, new SeededPrng(7), startMs, madeInstruments('BTC'))
  const face = new BinanceStreamFace({ market })
  const client = new Client()
  face.open({ method: 'GET', target: '/ws/btcusdt@depth@100ms', headers: {}, body: '' }, client, startMs)
  const kept = new KeptBook()
  kept.snapshot(new BinanceFace({ market, listedCodes: [] }).answer('/api/v3/depth?symbol=BTCUSDT&limit=5000', startMs).body)
  let eventCount = 0
  for (let nowMs = startMs + 100; nowMs <= startMs + 60_000; nowMs += 100) {
    market.advance(nowMs)
    face.advance(nowMs)
    for (const event of client.take() as DepthUpdate[]) {
      eventCount++
      kept.apply(event)
    }
    expect(kept.levels()).toEqual(shownLevels(market))
  }
  expect(eventCount).toBeGreaterThan(300)
})
