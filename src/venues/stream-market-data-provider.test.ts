import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Decimal } from '../base/decimal.ts'
import { OperatingError } from '../base/error.ts'
import { SeededPrng } from '../base/prng.ts'
import { CountingClock } from '../clock/counting-clock.ts'
import { SystemClock } from '../clock/system-clock.ts'
import type { InstrumentKey } from '../market-data/market-data-provider.ts'
import type { FeedCounts } from '../model/event.ts'
import type { Instrument, Venue } from '../model/instrument.ts'
import { NetworkTransport } from './network-transport.ts'
import { ScriptedMarket } from '../market/scripted-market.ts'
import { SimulatedExchange } from './simulated/simulated-exchange.ts'
import { SimulatedTransport } from './simulated/simulated-transport.ts'
import { VenueServer } from './simulated/venue-server.ts'
import { StreamMarketDataProvider, type StreamMarketDataProviderOptions } from './stream-market-data-provider.ts'
import type { HttpRequest, HttpResponse, SocketEvents, SocketRequest, Transport, VenueSocket } from './transport.ts'

const startMs = 1_767_571_200_000
const latency = { upbit: { minMs: 20, maxMs: 20 }, binance: { minMs: 60, maxMs: 60 } }
const bitcoinInWon: InstrumentKey = { venue: 'upbit', code: 'KRW-BTC' }
const wonRate: InstrumentKey = { venue: 'upbit', code: 'KRW-USDT' }
const bitcoin: InstrumentKey = { venue: 'binance', code: 'BTCUSDT' }
const ether: InstrumentKey = { venue: 'binance', code: 'ETHUSDT' }
const all = [bitcoinInWon, wonRate, bitcoin, ether]

/** Passes everything on but frames that the test keeps back, and knows what was asked and which sockets stand. */
class WatchedTransport implements Transport {
  readonly targets: string[] = []
  openRequests = 0
  maxOpenRequests = 0
  readonly sockets: { venue: Venue; socket: VenueSocket }[] = []
  /** Requests that are not answered. */
  loses: (target: string) => boolean = () => false
  /** The frames to hand over in place of this one. */
  pass: (venue: Venue, frame: string) => readonly string[] = (_venue, frame) => [frame]
  readonly #inner: Transport

  constructor(inner: Transport) {
    this.#inner = inner
  }

  async request(request: HttpRequest): Promise<HttpResponse> {
    this.targets.push(request.target)
    if (this.loses(request.target)) throw new OperatingError('VENUE_UNREACHABLE', `${request.venue}: lost`, { hint: '' })
    this.maxOpenRequests = Math.max(this.maxOpenRequests, ++this.openRequests)
    const response = await this.#inner.request(request)
    this.openRequests--
    return response
  }

  async connect(request: SocketRequest, events: SocketEvents): Promise<VenueSocket> {
    const socket = await this.#inner.connect(request, {
      onFrame: (frame) => {
        for (const passed of this.pass(request.venue, frame)) events.onFrame(passed)
      },
      onClose: (code, reason) => {
        this.sockets.splice(
          this.sockets.findIndex((each) => each.socket === socket),
          1,
        )
        events.onClose(code, reason)
      },
    })
    this.sockets.push({ venue: request.venue, socket })
    return socket
  }

  close(): Promise<void> {
    return this.#inner.close()
  }
}

function instrumentOf({ venue, code }: InstrumentKey): Instrument {
  const [base, quote] = venue === 'upbit' ? [code.split('-')[1]!, code.split('-')[0]!] : [code.replace('USDT', ''), 'USDT']
  const tickBands = [{ fromPrice: Decimal.zero, tickSize: Decimal.one }]
  const feeAsset = venue === 'upbit' ? 'quote' : 'received'
  return {
    venue,
    code,
    base,
    quote,
    tickBands,
    lotSize: Decimal.parse('0.0001'),
    minNotional: Decimal.one,
    takerFee: Decimal.zero,
    feeAsset,
  }
}

function world(options: Partial<StreamMarketDataProviderOptions> = {}, listed: readonly InstrumentKey[] = all) {
  const clock = new CountingClock({ startMs, pace: null })
  const market = new ScriptedMarket()
  const exchange = new SimulatedExchange({ market, instruments: listed.map(instrumentOf) })
  const transport = new WatchedTransport(new SimulatedTransport({ clock, exchange, prng: new SeededPrng(1), latency }))
  const provider = new StreamMarketDataProvider({
    transport,
    clock,
    prng: new SeededPrng(2),
    instruments: all,
    depthLevels: 5,
    requestTimeoutMs: 1000,
    freshness: { maxQuoteAgeMs: 3000, maxUnchangedMs: 30_000 },
    ...options,
  })
  let updateId = 100
  /** The venue's book moves to this price, now. */
  const move = (instrument: InstrumentKey, price: number): void => {
    const bids = [price - 1, 1, price - 2, 2]
    const asks = [price + 1, 3, price + 2, 4]
    market.set(instrument.venue, instrument.code, { bids, asks, changedAtMs: clock.nowMs(), updateId: ++updateId })
  }
  for (const instrument of listed) move(instrument, 100)
  const advance = (byMs: number): Promise<void> => clock.advance(byMs)
  const bid = (instrument: InstrumentKey): number | undefined => provider.book(instrument)?.bids[0]?.price
  const ageMs = (instrument: InstrumentKey): number => clock.nowMs() - (provider.book(instrument)?.receivedAtMs ?? -Infinity)
  return { clock, market, exchange, transport, provider, move, advance, bid, ageMs, refresh: () => provider.refresh() }
}

async function opened(...parts: Parameters<typeof world>) {
  const w = world(...parts)
  await w.clock.run(w.provider.open())
  return w
}

function countsOf(provider: StreamMarketDataProvider, venue: Venue): FeedCounts {
  return provider.takeCounts().find((counts) => counts.venue === venue)!
}

test('open() waits for a book of every instrument', async () => {
  const { clock, provider, refresh } = await opened()
  expect(clock.nowMs() - startMs).toBeLessThan(300)
  expect(all.map((instrument) => provider.book(instrument)?.bids)).toEqual(
    Array.from({ length: 4 }, () => [
      { price: 99, size: 1 },
      { price: 98, size: 2 },
    ]),
  )
  expect(await refresh()).toEqual([])
})

test('a change reaches the book and the listener within a step and half a round trip', async () => {
  const { clock, provider, move, advance } = await opened()
  const changes: [string, number][] = []
  provider.onChange(({ code }, arrivedAtMs) => changes.push([code, arrivedAtMs]))
  await advance(500)
  const movedAtMs = clock.nowMs()
  move(bitcoinInWon, 110)
  move(bitcoin, 120)
  await advance(200)
  const stepMs = Math.ceil((movedAtMs + 1) / 100) * 100
  expect(changes.map(([code, atMs]) => [code, atMs - stepMs])).toEqual([
    ['KRW-BTC', 10],
    ['BTCUSDT', 30],
  ])
  const times = { exchangeTimeMs: movedAtMs, changedAtMs: movedAtMs, receivedAtMs: stepMs + 10 }
  expect(provider.book(bitcoinInWon)).toMatchObject({ bids: [{ price: 109 }, { price: 108 }], ...times })
  expect(provider.book(bitcoin)).toMatchObject({
    bids: [{ price: 119 }, { price: 118 }],
    exchangeTimeMs: stepMs,
    receivedAtMs: stepMs + 30,
  })
})

test('open() gives up on an instrument that is not listed, and refresh() names it', async () => {
  const { clock, refresh, provider, advance } = await opened({}, [bitcoinInWon, wonRate, bitcoin])
  expect(clock.nowMs() - startMs).toBe(5000)
  await advance(1000)
  expect(provider.book(bitcoin)).not.toBeNull()
  const messages = (await refresh()).map(({ venue, isVenueWide, message }) => `${venue} ${isVenueWide} ${message}`)
  expect(messages).toEqual([
    'binance false binance: status 400: Invalid symbol.',
    'binance false binance: the stream shows no book of ETHUSDT',
  ])
})

test('an instrument that Upbit does not list keeps no other from being confirmed, and makes nothing reconnect', async () => {
  const { provider, advance, ageMs, refresh } = await opened({}, [wonRate, bitcoin, ether])
  await advance(60_000)
  expect(ageMs(wonRate)).toBeLessThan(1500)
  expect(countsOf(provider, 'upbit')).toMatchObject({ connects: 1, liveSockets: 1 })
  expect((await refresh()).at(-1)?.message).toBe('upbit: the stream shows no book of KRW-BTC')
})

describe('a quiet market', () => {
  test('stays fresh by one batched request a venue, and nothing reconnects', async () => {
    const { transport, provider, advance, ageMs, bid, refresh } = await opened()
    transport.targets.length = 0
    const changed: string[] = []
    provider.onChange(({ code }) => changed.push(code))
    const changedAtMs = provider.book(bitcoinInWon)?.changedAtMs
    for (let second = 0; second < 60; second++) {
      await advance(1000)
      for (const instrument of all) expect(ageMs(instrument)).toBeLessThan(1500)
      expect(await refresh()).toEqual([])
    }
    expect(provider.book(bitcoinInWon)?.changedAtMs).toBe(changedAtMs)
    expect([...new Set(transport.targets)]).toEqual([
      '/v1/orderbook?markets=KRW-BTC,KRW-USDT&count=5',
      '/api/v3/ticker/bookTicker?symbols=%5B%22BTCUSDT%22%2C%22ETHUSDT%22%5D',
    ])
    expect(transport.targets.length).toBeLessThan(2 * 60)
    const counts = countsOf(provider, 'upbit')
    expect(counts).toMatchObject({ source: 'orderbook-stream', connects: 1, reconnects: 0, gaps: 0, rateLimited: 0, liveSockets: 1 })
    expect(counts.confirmations).toBe(2 * counts.requests)
    expect([changed, bid(ether)]).toEqual([[], 99])
  })

  test('keeps its sockets for an hour', async () => {
    const { provider, advance, refresh } = await opened()
    await advance(3_600_000)
    expect(await refresh()).toEqual([])
    for (const counts of provider.takeCounts()) expect(counts).toMatchObject({ connects: 1, liveSockets: 1 })
  })

  test('with an instrument that was delisted meanwhile still confirms the others', async () => {
    const { market, advance, ageMs } = await opened()
    market.delist('upbit', 'KRW-BTC')
    market.delist('binance', 'BTCUSDT')
    await advance(20_000)
    expect([wonRate, ether].map((instrument) => ageMs(instrument) < 1500)).toEqual([true, true])
    expect([bitcoinInWon, bitcoin].every((instrument) => ageMs(instrument) > 3000)).toBe(true)
  })
})

describe('a stream that leaves one instrument out', () => {
  test.for<[string, InstrumentKey, InstrumentKey]>([
    ['on Upbit', bitcoinInWon, wonRate],
    ['on Binance', bitcoin, ether],
  ])('%s is given up for a new connection, once REST has shown it twice', async ([_name, silent, other]) => {
    const { transport, provider, move, advance, bid, refresh } = await opened()
    await advance(500)
    const connectedBefore = transport.sockets.find(({ venue }) => venue === silent.venue)?.socket
    transport.pass = (_venue, frame) => {
      const isOfOld = transport.sockets.some(({ socket }) => socket === connectedBefore)
      return isOfOld && frame.includes(silent.code) ? [] : [frame]
    }
    move(silent, 200)
    const bids: (number | undefined)[] = []
    for (let tenth = 0; tenth < 40; tenth++) {
      move(other, 100 + tenth)
      await advance(100)
      if (bids.at(-1) !== bid(silent)) bids.push(bid(silent))
    }
    expect(bids[0]).toBe(99)
    expect(bids.at(-1)).toBe(199)
    expect(countsOf(provider, silent.venue)).toMatchObject({ connects: 2, reconnects: 1, liveSockets: 1 })
    expect(await refresh()).toEqual([])
  })

  test('for good is connected to anew only now and then, and its book is not shown', async () => {
    const { transport, provider, move, advance, bid } = await opened()
    transport.pass = (_venue, frame) => (frame.includes('KRW-BTC') ? [] : [frame])
    move(bitcoinInWon, 200)
    await advance(95_000)
    expect(bid(bitcoinInWon)).toBeUndefined()
    const { reconnects } = countsOf(provider, 'upbit')
    expect([3, 4]).toContain(reconnects)
  })

  test('but catches up within a second is left alone', async () => {
    const { transport, provider, move, advance, bid } = await opened()
    await advance(1500)
    const late: string[] = []
    transport.pass = (_venue, frame) => (frame.includes('KRW-BTC') ? (late.push(frame), []) : [frame])
    move(bitcoinInWon, 200)
    await advance(1200)
    expect(late).not.toEqual([])
    transport.pass = (_venue, frame) => [...late.splice(0), frame]
    move(wonRate, 101)
    await advance(10_000)
    expect(bid(bitcoinInWon)).toBe(199)
    expect(countsOf(provider, 'upbit')).toMatchObject({ reconnects: 0 })
  })
})

describe('a lost connection', () => {
  test('is told for the whole venue as long as it lasts, while its books age', async () => {
    const { market, exchange, clock, provider, move, advance, bid, ageMs, refresh } = await opened()
    await advance(15_000)
    exchange.streams.binance.shutDown(clock.nowMs())
    market.outages.binance = 'maintenance'
    await advance(12_000)
    const [failure, ...others] = await refresh()
    expect(failure).toMatchObject({ venue: 'binance', code: 'VENUE_STATUS', isVenueWide: true })
    expect(others.every(({ venue, isVenueWide }) => venue === 'binance' && !isVenueWide)).toBe(true)
    expect([bid(bitcoin), ageMs(bitcoin) > 3000, ageMs(bitcoinInWon) < 1500]).toEqual([99, true, true])
    await expect(clock.run(provider.fetchBook(bitcoin))).rejects.toMatchObject({ code: 'VENUE_STATUS' })
    delete market.outages.binance
    for (let tick = 0; tick < 800; tick++) {
      move(bitcoin, 200 + (tick % 7))
      await advance(50)
    }
    await advance(200)
    expect(await refresh()).toEqual([])
    expect(bid(bitcoin)).toBe(200)
    expect(countsOf(provider, 'binance')).toMatchObject({ connects: 2, reconnects: 1, gaps: 0, liveSockets: 1 })
  })

  test('leaves no snapshot that was on its way to its successor', async () => {
    const { exchange, transport, provider, move, advance, bid } = await opened()
    const moveFor = async (durationMs: number): Promise<void> => {
      for (let atMs = 0; atMs < durationMs; atMs += 20) {
        move(bitcoin, 100 + ((atMs / 20) % 3))
        await advance(20)
      }
    }
    await moveFor(12_000)
    const binanceSocket = () => transport.sockets.find(({ venue }) => venue === 'binance')?.socket
    const first = binanceSocket()
    transport.loses = (target) => {
      if (target.includes('/depth') && binanceSocket() === first) first?.close()
      return false
    }
    exchange.streams.binance.skipNextUpdate('BTCUSDT')
    await moveFor(1000)
    await advance(200)
    expect(bid(bitcoin)).toBe(100)
    expect(countsOf(provider, 'binance')).toMatchObject({ connects: 2, gaps: 1 })
  })

  test('after the venue announced it is replaced at once, and the books go on', async () => {
    const { clock, exchange, transport, provider, move, advance, bid } = await opened()
    for (let tick = 0; tick < 150; tick++) {
      move(bitcoin, 100 + (tick % 3))
      await advance(100)
    }
    const before = transport.sockets.find(({ venue }) => venue === 'binance')?.socket
    exchange.streams.binance.shutDown(clock.nowMs())
    move(bitcoin, 300)
    await advance(600)
    const now = transport.sockets.filter(({ venue }) => venue === 'binance')
    expect(now).toHaveLength(1)
    expect(now[0]?.socket).not.toBe(before)
    expect(bid(bitcoin)).toBe(299)
    expect(countsOf(provider, 'binance')).toMatchObject({ connects: 2, reconnects: 1, gaps: 0 })
  })
})

describe('Binance', () => {
  test('a gap takes the book away at once, and another is fetched', async () => {
    const { exchange, provider, move, advance, bid } = await opened()
    await advance(500)
    exchange.streams.binance.skipNextUpdate('BTCUSDT')
    move(bitcoin, 110)
    await advance(100)
    move(bitcoin, 120)
    const bids: (number | undefined)[] = []
    for (let tick = 0; tick < 20; tick++) {
      await advance(10)
      if (bids.length === 0 || bids.at(-1) !== bid(bitcoin)) bids.push(bid(bitcoin))
    }
    expect(bids).toEqual([99, undefined, 119])
    expect(countsOf(provider, 'binance')).toMatchObject({ gaps: 1, resyncs: 1, reconnects: 0 })
  })

  test('a subscription that is not acknowledged in time is made again on another connection', async () => {
    const { transport, provider, advance, bid, refresh } = world()
    transport.pass = (_venue, frame) => (frame.includes('"result"') ? [] : [frame])
    void provider.open()
    await advance(1400)
    expect(bid(bitcoin)).toBeUndefined()
    expect((await refresh())[0]?.message).toBe('binance: a subscription was not acknowledged')
    transport.pass = (_venue, frame) => [frame]
    await advance(1000)
    expect(bid(bitcoin)).toBe(99)
    expect(countsOf(provider, 'binance')).toMatchObject({ connects: 2, reconnects: 1, liveSockets: 1 })
  })

  test('while no snapshot comes there is no book, the wait is bounded and told, and the first one that comes is used', async () => {
    const { transport, provider, move, advance, bid, refresh } = world()
    transport.loses = (target) => target.includes('/depth')
    void provider.open()
    for (let tick = 0; tick < 700; tick++) {
      move(bitcoin, 100 + (tick % 7))
      await advance(100)
    }
    expect(bid(bitcoin)).toBeUndefined()
    expect((await refresh()).map(({ message, isVenueWide }) => [message, isVenueWide])).toEqual([
      ['binance: lost', false],
      ['binance: the stream shows no book of BTCUSDT, ETHUSDT', false],
    ])
    expect(transport.targets.filter((target) => target.includes('symbol=BTCUSDT')).length).toBeLessThan(141)
    transport.loses = () => false
    move(bitcoin, 500)
    await advance(1000)
    expect(bid(bitcoin)).toBe(499)
    expect(countsOf(provider, 'binance')).toMatchObject({ dropped: 600, gaps: 0, connects: 1 })
  })

  test('a book of which the snapshot covers too little is fetched anew, and shown meanwhile', async () => {
    const instruments = Array.from({ length: 61 }, (_, i): InstrumentKey => ({ venue: 'binance', code: `C${i}USDT` }))
    const { clock, transport, provider, market, advance } = world({ instruments }, instruments)
    const list = (best: number, updateId: number): void => {
      const bids = Array.from({ length: best }, (_, i) => [best - i, 1]).flat()
      market.set('binance', 'C0USDT', { bids, asks: [1000, 1], changedAtMs: clock.nowMs(), updateId })
    }
    const shown = (): number[] | undefined => provider.book({ venue: 'binance', code: 'C0USDT' })?.bids.map(({ price }) => price)
    const snapshots = (): string[] => transport.targets.filter((target) => target.includes('depth'))
    list(300, 10_000)
    await clock.run(provider.open())
    transport.targets.length = 0
    list(205, 10_001)
    await advance(200)
    expect([shown(), snapshots()]).toEqual([[205, 204, 203, 202, 201], []])
    list(203, 10_002)
    const sequence = [shown()]
    for (let tick = 0; tick < 60; tick++) {
      await advance(5)
      if (shown()?.join() !== sequence.at(-1)?.join()) sequence.push(shown())
    }
    expect(sequence.slice(1)).toEqual([
      [203, 202, 201],
      [203, 202, 201, 200, 199],
    ])
    expect(snapshots()).toEqual(['/api/v3/depth?symbol=C0USDT&limit=100'])
    expect(countsOf(provider, 'binance')).toMatchObject({ gaps: 0, resyncs: 0 })
  })

  test.for<[number, number]>([
    [2, 1000],
    [60, 1000],
    [61, 100],
  ])('with %d instruments snapshots have %d levels, four on their way at once', async ([count, limit]) => {
    const instruments = Array.from({ length: count }, (_, i): InstrumentKey => ({ venue: 'binance', code: `C${i}USDT` }))
    const { transport, provider } = await opened({ instruments }, instruments)
    expect(new Set(transport.targets.map((target) => target.replace(/.*&/, '')))).toEqual(new Set([`limit=${limit}`]))
    expect(transport.targets).toHaveLength(count)
    expect(transport.maxOpenRequests).toBe(Math.min(4, count))
    expect(instruments.every((instrument) => provider.book(instrument) !== null)).toBe(true)
    expect(countsOf(provider, 'binance')).toMatchObject({ gaps: 0, rateLimited: 0, heldBack: 0 })
  })

  test('a thousand instruments are subscribed to in batches that the venue allows, and fetched within its weight', async () => {
    const instruments = Array.from({ length: 1000 }, (_, i): InstrumentKey => ({ venue: 'binance', code: `C${i}USDT` }))
    const { provider, advance } = await opened({ instruments }, instruments)
    await advance(90_000)
    expect(instruments.filter((instrument) => provider.book(instrument) === null)).toEqual([])
    expect(countsOf(provider, 'binance')).toMatchObject({ connects: 1, rateLimited: 0, bans: 0 })
  })
})

describe('Upbit', () => {
  test('a frame that is older than the book is dropped', async () => {
    const { transport, provider, move, advance, bid } = await opened()
    const frames: string[] = []
    transport.pass = (_venue, frame) => (frames.push(frame), [frame])
    move(bitcoinInWon, 110)
    await advance(100)
    const [old] = frames
    transport.pass = (_venue, frame) => [frame, old ?? '']
    await advance(100)
    move(bitcoinInWon, 120)
    await advance(100)
    expect(bid(bitcoinInWon)).toBe(119)
    expect(countsOf(provider, 'upbit')).toMatchObject({ dropped: 1 })
  })

  test('after the clock was set back frames are late for a second, and then count again', async () => {
    const { market, clock, advance, bid } = await opened()
    const hourMs = 3_600_000
    const quote = async (price: number, changedAtMs: number): Promise<number | undefined> => {
      market.set('upbit', 'KRW-BTC', { bids: [price, 1], asks: [price + 1, 1], changedAtMs, updateId: clock.nowMs() })
      await advance(500)
      return bid(bitcoinInWon)
    }
    const bids = [await quote(120, clock.nowMs() + hourMs), await quote(130, clock.nowMs()), await quote(140, clock.nowMs())]
    expect([...bids, await quote(150, clock.nowMs())]).toEqual([120, 120, 140, 150])
  })

  test('a stream that stands still is not taken for one that is ahead where the clock was set back', async () => {
    const { market, clock, transport, provider, advance, bid } = await opened()
    const book = { bids: [120, 1], asks: [121, 1] }
    market.set('upbit', 'KRW-BTC', { ...book, changedAtMs: clock.nowMs() + 3_600_000, updateId: 201 })
    await advance(500)
    const { socket: still } = transport.sockets.find(({ venue }) => venue === 'upbit')!
    transport.pass = (venue, frame) => (venue === 'upbit' && transport.sockets.some(({ socket }) => socket === still) ? [] : [frame])
    market.set('upbit', 'KRW-BTC', { bids: [130, 1], asks: [131, 1], changedAtMs: clock.nowMs(), updateId: 202 })
    await advance(5000)
    expect([bid(bitcoinInWon), countsOf(provider, 'upbit').reconnects]).toEqual([130, 1])
  })

  test('a book that cannot be one is no quote', async () => {
    const { market, clock, advance, bid, refresh } = await opened()
    await advance(100)
    market.set('upbit', 'KRW-BTC', { bids: [102, 1], asks: [101, 1], changedAtMs: clock.nowMs(), updateId: 999 })
    await advance(200)
    expect(bid(bitcoinInWon)).toBeUndefined()
    expect(await refresh()).toMatchObject([{ venue: 'upbit', code: 'VENUE_MALFORMED', isVenueWide: false }])
  })
})

test('a frame that cannot be read is dropped and told, and the stream goes on', async () => {
  const { transport, provider, move, advance, bid, refresh } = await opened()
  transport.pass = (_venue, frame) => ['{"broken', frame]
  move(bitcoinInWon, 110)
  move(bitcoin, 120)
  await advance(200)
  expect([bid(bitcoinInWon), bid(bitcoin)]).toEqual([109, 119])
  expect((await refresh()).map(({ venue, code, isVenueWide }) => [venue, code, isVenueWide])).toEqual([
    ['upbit', 'VENUE_MALFORMED', false],
    ['binance', 'VENUE_MALFORMED', false],
  ])
  expect(await refresh()).toEqual([])
  expect(countsOf(provider, 'upbit')).toMatchObject({ dropped: 1, reconnects: 0 })
})

describe('a book for an order', () => {
  test('comes from the stream while it follows the venue', async () => {
    const { clock, transport, provider } = await opened()
    transport.targets.length = 0
    const before = clock.nowMs()
    for (const instrument of all) expect(await clock.run(provider.fetchBook(instrument))).toBe(provider.book(instrument))
    expect([transport.targets, clock.nowMs()]).toEqual([[], before])
  })

  test('comes from REST where the stream has lost it', async () => {
    const { clock, exchange, transport, provider, move, advance } = await opened()
    exchange.streams.binance.skipNextUpdate('BTCUSDT')
    await advance(100)
    move(bitcoin, 110)
    await advance(100)
    move(bitcoin, 120)
    await advance(70)
    transport.targets.length = 0
    expect(provider.book(bitcoin)).toBeNull()
    expect((await clock.run(provider.fetchBook(bitcoin))).bids[0]).toEqual({ price: 119, size: 1 })
    expect(transport.targets).toContain('/api/v3/depth?symbol=BTCUSDT&limit=5')
  })

  test('of an instrument that is none of ours is a defect', async () => {
    const { provider } = await opened()
    await expect(provider.fetchBook({ venue: 'upbit', code: 'KRW-NONE' })).rejects.toThrow("is not one of this provider's instruments")
  })
})

describe('close()', () => {
  test('leaves no socket, no request and no timer behind', async () => {
    const { clock, exchange, transport, provider, advance } = await opened()
    await clock.run(provider.close())
    await advance(100)
    transport.targets.length = 0
    expect([transport.sockets, exchange.openCount]).toEqual([[], 0])
    await advance(100_000)
    expect([transport.sockets, transport.targets, clock.pendingCount]).toEqual([[], [], 0])
    expect(countsOf(provider, 'upbit')).toMatchObject({ liveSockets: 0 })
  })

  test('ends an open() that still waits', async () => {
    const { clock, provider } = world({}, [bitcoin])
    const open = provider.open()
    await clock.run(clock.sleepUntil(startMs + 1000))
    await clock.run(provider.close())
    await clock.run(open)
    expect(clock.nowMs()).toBe(startMs + 1000)
  })
})

/** Prices and sizes that no other book has, so that a book tells when it was the venue's. */
function randomBook(prng: SeededPrng, number: number) {
  const mid = 100 + Math.floor(prng.next() * 40)
  const level = (sign: 1 | -1, i: number) => [mid + sign * (i + 1), Number((1 + number / 1e4 + i / 1e6).toFixed(6))]
  const side = (sign: 1 | -1) => Array.from({ length: 1 + Math.floor(prng.next() * 8) }, (_, i) => level(sign, i)).flat()
  return { bids: side(-1), asks: side(1) }
}

function textOf(bids: readonly number[], asks: readonly number[]): string {
  return JSON.stringify([bids.slice(0, 10), asks.slice(0, 10)])
}

test('whatever frames are lost, repeated or late, no book was never the venue’s, and in the end all are', async () => {
  const property = fc.asyncProperty(fc.integer({ min: 1, max: 1e9 }), async (seed) => {
    const { clock, market, transport, provider, advance } = await opened()
    const prng = new SeededPrng(seed)
    const shown = new Map(all.map(({ code }) => [code, new Set<string>([textOf([99, 1, 98, 2], [101, 3, 102, 4])])]))
    const bookOf = (instrument: InstrumentKey): string | null => {
      const book = provider.book(instrument)
      const flat = (levels: readonly { price: number; size: number }[]) => levels.flatMap(({ price, size }) => [price, size])
      return book && textOf(flat(book.bids), flat(book.asks))
    }
    const late: string[] = []
    transport.pass = (_venue, frame) => {
      const fate = prng.next()
      if (fate < 0.1) return []
      if (fate < 0.2) return [frame, frame]
      if (fate < 0.3) {
        late.push(frame)
        return []
      }
      return [frame, ...late.splice(0)]
    }
    for (let step = 1; step <= 80; step++) {
      for (const { venue, code } of all) {
        if (prng.next() < 0.5) continue
        const book = randomBook(prng, step)
        shown.get(code)!.add(textOf(book.bids, book.asks))
        market.set(venue, code, { ...book, changedAtMs: clock.nowMs(), updateId: 1000 + 3 * step })
      }
      await advance(100)
      for (const instrument of all) {
        const book = bookOf(instrument)
        if (book !== null) expect(shown.get(instrument.code)).toContain(book)
      }
    }
    transport.pass = (_venue, frame) => [frame]
    await advance(40_000)
    for (const { venue, code } of all) {
      const { bids, asks } = market.book(venue, code, 5)!
      expect(bookOf({ venue, code })).toBe(textOf([...bids], [...asks]))
    }
    for (const counts of provider.takeCounts()) expect(counts).toMatchObject({ liveSockets: 1, rateLimited: 0 })
  })
  await fc.assert(property, { numRuns: 15 })
})

test('over real sockets the books come, move, and come back on new connections', async () => {
  const clock = new SystemClock()
  const market = new ScriptedMarket()
  const quote = (price: number, updateId: number): void => {
    const book = { bids: [price - 1, 1], asks: [price + 1, 1], changedAtMs: clock.nowMs(), updateId }
    for (const { venue, code } of all) market.set(venue, code, book)
  }
  quote(100, 1)
  const exchange = new SimulatedExchange({ market, instruments: all.map(instrumentOf) })
  const server = await VenueServer.start({ exchange, clock, ports: { upbit: 0, binance: 0 } })
  const transport = new WatchedTransport(new NetworkTransport({ clock, endpoints: server.endpoints }))
  const freshness = { maxQuoteAgeMs: 3000, maxUnchangedMs: 30_000 }
  const parts = { transport, clock, prng: new SeededPrng(1), instruments: all, depthLevels: 5, requestTimeoutMs: 1000, freshness }
  const provider = new StreamMarketDataProvider(parts)
  const haveAll = (price: number): Promise<void> =>
    new Promise((resolve) => {
      provider.onChange(() => {
        if (all.every((instrument) => provider.book(instrument)?.bids[0]?.price === price - 1)) resolve()
      })
    })
  await provider.open()
  expect(await provider.refresh()).toEqual([])
  quote(110, 2)
  await haveAll(110)
  for (const { socket } of transport.sockets) socket.close()
  quote(120, 3)
  await haveAll(120)
  for (const counts of provider.takeCounts()) expect(counts).toMatchObject({ connects: 2, reconnects: 1, liveSockets: 1, gaps: 0 })
  await provider.close()
  await server.stop()
  expect(transport.sockets).toEqual([])
})
