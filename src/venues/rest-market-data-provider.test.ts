import { describe, expect, test } from 'vitest'
import { OperatingError } from '../base/error.ts'
import { SeededPrng } from '../base/prng.ts'
import { VirtualClock } from '../clock/virtual-clock.ts'
import type { InstrumentKey } from '../market-data/market-data-provider.ts'
import type { Venue } from '../model/instrument.ts'
import { RestMarketDataProvider } from './rest-market-data-provider.ts'
import { ScriptedMarket } from '../market/scripted-market.ts'
import { SimulatedTransport } from './simulated/simulated-transport.ts'
import type { HttpRequest, HttpResponse, SocketEvents, SocketRequest, Transport, VenueSocket } from './transport.ts'

const startMs = 1_767_571_200_000
const latency = { upbit: { minMs: 20, maxMs: 20 }, binance: { minMs: 60, maxMs: 60 } }
const bitcoinInWon: InstrumentKey = { venue: 'upbit', code: 'KRW-BTC' }
const wonRate: InstrumentKey = { venue: 'upbit', code: 'KRW-USDT' }
const bitcoin: InstrumentKey = { venue: 'binance', code: 'BTCUSDT' }
const ether: InstrumentKey = { venue: 'binance', code: 'ETHUSDT' }

/** Passes everything on, and keeps what was asked; an answer on the list takes the place of the venue's. */
class RecordingTransport implements Transport {
  readonly targets: string[] = []
  readonly substitutes: ({ venue: Venue } & Partial<Pick<HttpResponse, 'status' | 'body' | 'headers'>>)[] = []
  /** Unreachable at once. */
  failsFast: string | null = null
  readonly #inner: Transport

  constructor(inner: Transport) {
    this.#inner = inner
  }

  async request(request: HttpRequest): Promise<HttpResponse> {
    this.targets.push(request.target)
    if (request.target === this.failsFast) throw new OperatingError('VENUE_UNREACHABLE', 'refused', { hint: 'none' })
    const response = await this.#inner.request(request)
    const index = this.substitutes.findIndex((substitute) => substitute.venue === request.venue)
    return index < 0 ? response : { ...response, ...this.substitutes.splice(index, 1)[0] }
  }

  connect(request: SocketRequest, events: SocketEvents): Promise<VenueSocket> {
    return this.#inner.connect(request, events)
  }

  close(): Promise<void> {
    return this.#inner.close()
  }
}

function world(
  instruments: readonly InstrumentKey[] = [bitcoinInWon, wonRate, bitcoin, ether],
  options: { loopIntervalMs?: number; requestTimeoutMs?: number; measuresClock?: boolean } = {},
) {
  const clock = new VirtualClock({ startMs, pace: null })
  const market = new ScriptedMarket()
  const list = (venue: Venue, code: string, updateId = 1) => {
    market.set(venue, code, { bids: [99, 1, 98, 2], asks: [101, 1, 102, 2], changedAtMs: clock.nowMs() - 500, updateId })
  }
  for (const { venue, code } of instruments) list(venue, code)
  const transport = new RecordingTransport(new SimulatedTransport({ clock, market, prng: new SeededPrng(1), latency }))
  const settings = { depthLevels: 5, requestTimeoutMs: 2000, loopIntervalMs: 1000, ...options }
  const provider = new RestMarketDataProvider({ transport, clock, instruments, ...settings })
  const refresh = () => clock.run(provider.refresh())
  return { clock, market, list, transport, provider, refresh }
}

test('a refresh is one request to Upbit and one an instrument to Binance, all at once', async () => {
  const { clock, transport, provider, refresh } = world()
  expect(provider.book(bitcoin)).toBeNull()
  expect(await refresh()).toEqual([])
  expect(transport.targets).toEqual([
    '/v1/orderbook?markets=KRW-BTC,KRW-USDT&count=5',
    '/api/v3/depth?symbol=BTCUSDT&limit=5',
    '/api/v3/depth?symbol=ETHUSDT&limit=5',
  ])
  expect(clock.nowMs()).toBe(startMs + 60)
  const bookTimes = { exchangeTimeMs: startMs - 500, changedAtMs: startMs - 500, receivedAtMs: startMs + 20 }
  expect(provider.book(bitcoinInWon)).toMatchObject(bookTimes)
  expect(provider.book(ether)).toMatchObject({ bids: [{ price: 99 }, { price: 98 }], exchangeTimeMs: null, receivedAtMs: startMs + 60 })
})

test('a Binance book has changed when its sequence number did', async () => {
  const { provider, list, refresh } = world()
  const changes: (number | undefined)[] = []
  for (const updateId of [1, 1, 2, 2]) {
    list('binance', 'BTCUSDT', updateId)
    await refresh()
    changes.push(provider.book(bitcoin)?.changedAtMs)
  }
  expect(changes.map((atMs) => (atMs ?? 0) - startMs)).toEqual([60, 60, 180, 180])
})

describe('Binance is asked for depth as long as its request weight allows', () => {
  const onBinance = (number: number): InstrumentKey => ({ venue: 'binance', code: `C${number}USDT` })
  const manyInstruments = (count: number) => Array.from({ length: count }, (_, i) => onBinance(i))

  test.for<[number, number, string]>([
    [10, 1000, 'depth'],
    [11, 1000, 'book-ticker'],
    [1, 100, 'depth'],
    [2, 100, 'book-ticker'],
    [1, 50, 'book-ticker'],
    [200, 60_000, 'depth'],
  ])('%d instruments every %d ms: %s', ([count, loopIntervalMs, source]) => {
    expect(world(manyInstruments(count), { loopIntervalMs }).provider.binanceSource).toBe(source)
  })

  test('else for the tops of all books in one request, and their content tells when they changed', async () => {
    const { transport, provider, market, refresh } = world(manyInstruments(11))
    await refresh()
    market.set('binance', 'C3USDT', { bids: [99, 1], asks: [101, 5], changedAtMs: 0, updateId: 1 })
    expect(await refresh()).toEqual([])
    expect(transport.targets).toHaveLength(2)
    expect(transport.targets[0]).toMatch(/^\/api\/v3\/ticker\/bookTicker\?symbols=%5B%22C0USDT%22%2C%22C1USDT%22/)
    expect(provider.book(onBinance(3))).toMatchObject({ asks: [{ price: 101, size: 5 }], changedAtMs: startMs + 120 })
    expect(provider.book(onBinance(4))).toMatchObject({ changedAtMs: startMs + 60, receivedAtMs: startMs + 120 })
  })

  test('an order at its arrival still gets depth', async () => {
    const { clock, provider } = world(manyInstruments(11))
    const book = await clock.run(provider.fetchBook(onBinance(3)))
    expect(book.bids).toHaveLength(2)
  })
})

describe('trouble of a venue is returned, and the books stay', () => {
  test('an outage', async () => {
    const { market, provider, refresh } = world()
    await refresh()
    const before = provider.book(bitcoinInWon)
    market.outages.upbit = 'maintenance'
    expect(await refresh()).toEqual([
      {
        venue: 'upbit',
        code: 'VENUE_STATUS',
        message: 'upbit: status 503: Service Unavailable: maintenance',
        isVenueWide: true,
        retryAfterMs: null,
      },
    ])
    expect(provider.book(bitcoinInWon)).toBe(before)
    expect(provider.book(bitcoin)?.receivedAtMs).toBe(startMs + 120)
  })

  test('a deadline missed', async () => {
    const { provider, refresh } = world(undefined, { requestTimeoutMs: 30 })
    expect((await refresh()).map(({ venue, code }) => `${venue} ${code}`)).toEqual(['binance VENUE_TIMEOUT', 'binance VENUE_TIMEOUT'])
    expect(provider.book(bitcoinInWon)).not.toBeNull()
    expect(provider.book(bitcoin)).toBeNull()
  })

  test('a crossed book among good ones', async () => {
    const { market, provider, refresh } = world()
    await refresh()
    market.set('upbit', 'KRW-BTC', { bids: [102, 1], asks: [101, 1], changedAtMs: startMs, updateId: 2 })
    expect(await refresh()).toMatchObject([
      { code: 'VENUE_MALFORMED', message: 'upbit: 1 of its books refused: KRW-BTC: it is crossed: bid 102, ask 101' },
    ])
    expect(provider.book(bitcoinInWon)?.bids[0]).toEqual({ price: 99, size: 1 })
    expect(provider.book(wonRate)?.receivedAtMs).toBe(startMs + 80)
  })

  test('a book that is missing from the answer', async () => {
    const { transport, refresh } = world()
    transport.substitutes.push({ venue: 'upbit', status: 200, body: '[]', headers: {} })
    const [failure] = await refresh()
    expect(failure?.message).toBe('upbit: 2 of its books refused: KRW-BTC: it is not in the answer; KRW-USDT: it is not in the answer')
  })

  test('a defect of ours is thrown', async () => {
    const { provider } = world()
    const fetch = provider.fetchBook({ venue: 'upbit', code: 'KRW-NONE' })
    await expect(fetch).rejects.toThrow("upbit KRW-NONE is not one of this provider's instruments")
  })
})

describe('a venue that asks to be left alone is left alone', () => {
  test('until its Retry-After has passed, while the other goes on', async () => {
    const { clock, transport, provider, refresh } = world()
    transport.substitutes.push({ venue: 'binance', status: 429, body: '{"code":-1003,"msg":"Too much"}', headers: { 'retry-after': '2' } })
    expect(await refresh()).toEqual([
      {
        venue: 'binance',
        code: 'VENUE_RATE_LIMITED',
        message: 'binance: status 429: Too much',
        isVenueWide: true,
        retryAfterMs: 2000,
        untilMs: startMs + 2060,
        isBan: false,
      },
    ])
    const askedBefore = transport.targets.length
    await clock.run(clock.sleepUntil(startMs + 1000))
    expect(await refresh()).toMatchObject([{ venue: 'binance', code: 'VENUE_RATE_LIMITED', retryAfterMs: 1060 }])
    expect(transport.targets.slice(askedBefore)).toEqual(['/v1/orderbook?markets=KRW-BTC,KRW-USDT&count=5'])
    await expect(provider.fetchBook(bitcoin)).rejects.toMatchObject({ code: 'VENUE_RATE_LIMITED' })
    await clock.run(clock.sleepUntil(startMs + 2060))
    expect(await refresh()).toEqual([])
  })

  test('after a fetch for an order too', async () => {
    const { clock, transport, provider, refresh } = world()
    transport.substitutes.push({ venue: 'upbit', status: 418, body: '', headers: {} })
    await expect(clock.run(provider.fetchBook(bitcoinInWon))).rejects.toMatchObject({ code: 'VENUE_RATE_LIMITED' })
    expect(await refresh()).toMatchObject([{ venue: 'upbit', retryAfterMs: 60_000, isBan: true, untilMs: startMs + 60_020 }])
  })
})

test('an unknown code is isolated in a few loops, and every other one gets its book', async () => {
  const listed = Array.from({ length: 6 }, (_, i): InstrumentKey => ({ venue: 'upbit', code: `KRW-C${i}` }))
  const { clock, market, transport, provider, refresh } = world([...listed, { venue: 'upbit', code: 'KRW-GONE' }])
  market.delist('upbit', 'KRW-GONE')
  const failureCounts: number[] = []
  for (let loop = 0; loop < 4; loop++) {
    failureCounts.push((await refresh()).length)
    await clock.run(clock.sleepUntil(startMs + (loop + 1) * 1000))
  }
  expect(failureCounts).toEqual([1, 1, 1, 1])
  expect(listed.every((instrument) => provider.book(instrument) !== null)).toBe(true)
  expect(transport.targets.slice(-3).map((target) => target.slice('/v1/orderbook?markets='.length))).toEqual([
    'KRW-C0,KRW-C1,KRW-C2,KRW-C3&count=5',
    'KRW-C4,KRW-C5&count=5',
    'KRW-GONE&count=5',
  ])
})

test('a book fetched for an order does not change what the loop saw', async () => {
  const { clock, provider, list, refresh } = world()
  await refresh()
  const before = provider.book(bitcoin)
  list('binance', 'BTCUSDT', 2)
  const fetched = await clock.run(provider.fetchBook(bitcoin))
  expect(fetched).toMatchObject({ changedAtMs: startMs + 120, receivedAtMs: startMs + 120 })
  expect(provider.book(bitcoin)).toBe(before)
})

test('the listener is told of each book that changed, and when it reached us', async () => {
  const { provider, list, refresh } = world()
  const told: string[] = []
  provider.onChange(({ venue, code }, atMs) => told.push(`${venue} ${code} ${atMs - startMs}`))
  await refresh()
  expect(told.splice(0)).toEqual(['upbit KRW-BTC 20', 'upbit KRW-USDT 20', 'binance BTCUSDT 60', 'binance ETHUSDT 60'])
  list('binance', 'ETHUSDT', 2)
  list('upbit', 'KRW-BTC')
  await refresh()
  expect(told).toEqual(['upbit KRW-BTC 80', 'binance ETHUSDT 120'])
})

describe('no limit of a venue is ever passed', () => {
  test('by a loop that is too fast: some refreshes leave Upbit out, its books keep their age, and nothing fails', async () => {
    const { clock, transport, provider, refresh } = world(undefined, { loopIntervalMs: 50 })
    let oldestMs = 0
    for (let loop = 1; loop <= 200; loop++) {
      expect(await refresh()).toEqual([])
      await clock.run(clock.sleepUntil(startMs + loop * 70))
      oldestMs = Math.max(oldestMs, clock.nowMs() - (provider.book(bitcoinInWon)?.receivedAtMs ?? 0))
    }
    const [upbit] = provider.takeCounts()
    const asked = transport.targets.filter((target) => target.startsWith('/v1/')).length
    expect(upbit).toMatchObject({ venue: 'upbit', source: 'orderbook', requests: asked, heldBack: 200 - asked, rateLimited: 0, bans: 0 })
    expect(upbit?.heldBack).toBeGreaterThan(50)
    expect(asked / 14).toBeGreaterThan(7)
    expect(upbit?.usedShareMax).toBe(0.8)
    expect(oldestMs).toBeLessThan(1000)
  })

  test('by many orders at once: those for which there is no room wait', async () => {
    const { clock, provider } = world(undefined, { requestTimeoutMs: 3000 })
    const books = await clock.run(Promise.all(Array.from({ length: 25 }, () => provider.fetchBook(bitcoinInWon))))
    expect(books.map(({ receivedAtMs }) => Math.floor((receivedAtMs - startMs) / 1000)).toSorted((x, y) => x - y)).toEqual([
      ...Array.from({ length: 10 }, () => 0),
      ...Array.from({ length: 10 }, () => 1),
      ...Array.from({ length: 5 }, () => 2),
    ])
    expect(provider.takeCounts()[0]).toMatchObject({ requests: 25, heldBack: 15, rateLimited: 0 })
  })

  test('and an order that would wait beyond its deadline is told so, without the venue being asked', async () => {
    const { clock, provider, refresh } = world(undefined, { requestTimeoutMs: 500 })
    const books = await clock.run(Promise.allSettled(Array.from({ length: 12 }, () => provider.fetchBook(bitcoinInWon))))
    const refusals = books.flatMap((book) => (book.status === 'rejected' ? [book.reason as unknown] : []))
    expect(refusals).toMatchObject([
      { code: 'VENUE_RATE_LIMITED', message: 'upbit: no room within its rate limits in 500 ms' },
      { code: 'VENUE_RATE_LIMITED' },
    ])
    expect(clock.nowMs()).toBe(startMs + 500)
    expect(provider.takeCounts()[0]).toMatchObject({ requests: 10 })
    expect(await refresh()).toEqual([])
  })

  test('where others use the address, and an order still has its reserve', async () => {
    const { clock, transport, provider, refresh } = world()
    transport.substitutes.push({ venue: 'upbit', headers: { 'remaining-req': 'group=orderbook; min=600; sec=1' } })
    await refresh()
    expect(await refresh()).toEqual([])
    expect(provider.takeCounts()[0]).toMatchObject({ requests: 1, heldBack: 1, usedShareMax: 0.9 })
    await clock.run(provider.fetchBook(bitcoinInWon))
    expect(provider.takeCounts()[0]).toMatchObject({ requests: 1, heldBack: 0, usedShareMax: 0.2 })
  })

  test('and a small budget goes round: every batch has its turn', async () => {
    const listed = Array.from({ length: 4000 }, (_, i): InstrumentKey => ({ venue: 'upbit', code: `KRW-C${i}` }))
    const { clock, provider, refresh } = world(listed)
    for (let loop = 1; loop <= 3; loop++) {
      await refresh()
      await clock.run(clock.sleepUntil(startMs + loop * 1100))
    }
    expect(listed.every((instrument) => provider.book(instrument) !== null)).toBe(true)
    expect(provider.takeCounts()[0]).toMatchObject({ rateLimited: 0, heldBack: 6 })
  })
})

test('a ban is told as one until it ends, and counted once', async () => {
  const { clock, transport, provider, refresh } = world()
  transport.substitutes.push({ venue: 'binance', status: 418, body: '{"code":-1003,"msg":"banned"}', headers: { 'retry-after': '120' } })
  const untilMs = startMs + 120_060
  expect((await refresh())[0]).toMatchObject({ code: 'VENUE_RATE_LIMITED', isBan: true, untilMs })
  await clock.run(clock.sleepUntil(untilMs - 1))
  expect(await refresh()).toMatchObject([{ isBan: true, untilMs, retryAfterMs: 1 }])
  await clock.run(clock.sleepUntil(untilMs))
  expect(await refresh()).toEqual([])
  expect(provider.takeCounts()[1]).toMatchObject({ bans: 1, rateLimited: 0 })
})

describe('the venues’ clocks', () => {
  test('are not measured where nobody asks for it', async () => {
    const { transport, provider, refresh } = world()
    await refresh()
    expect(transport.targets).not.toContain('/api/v3/time')
    expect(provider.takeCounts()).toMatchObject([{ clockOffsetMs: null }, { clockOffsetMs: null, clockErrorMs: null }])
  })

  test('are measured once a minute: Binance by its time, Upbit by the date of its answers', async () => {
    const { clock, transport, provider, refresh } = world(undefined, { measuresClock: true })
    for (let loop = 0; loop < 90; loop++) {
      const date = new Date(clock.nowMs() + 5000).toUTCString()
      transport.substitutes.push({ venue: 'upbit', headers: { date } })
      expect(await refresh()).toEqual([])
      await clock.run(clock.sleepUntil(startMs + (loop + 1) * 1000))
    }
    expect(transport.targets.filter((target) => target === '/api/v3/time')).toHaveLength(2)
    const [upbit, binance] = provider.takeCounts()
    expect(binance).toMatchObject({ clockOffsetMs: 0.5, clockErrorMs: 30.5 })
    expect(Math.abs((upbit?.clockOffsetMs ?? 0) - 5000)).toBeLessThanOrEqual(upbit?.clockErrorMs ?? 0)
    expect(upbit?.clockErrorMs).toBeLessThanOrEqual(510)
  })

  test('cost no books where they cannot be measured', async () => {
    const { clock, transport, provider, refresh } = world(undefined, { measuresClock: true })
    transport.failsFast = '/api/v3/time'
    expect(await refresh()).toMatchObject([{ venue: 'binance', code: 'VENUE_UNREACHABLE', isVenueWide: false }])
    expect(provider.book(bitcoin)).not.toBeNull()
    await clock.run(clock.sleepUntil(startMs + 60_000))
    transport.failsFast = null
    expect(await refresh()).toEqual([])
  })

  test('are a reason to leave a venue alone where it says so', async () => {
    const { transport, provider, refresh } = world([bitcoinInWon], { measuresClock: true })
    transport.substitutes.push({ venue: 'binance', status: 429, body: '', headers: { 'retry-after': '2' } })
    expect(await refresh()).toMatchObject([{ venue: 'binance', code: 'VENUE_RATE_LIMITED' }])
    expect(provider.takeCounts()).toMatchObject([{ requests: 1 }, { requests: 1, rateLimited: 1 }])
  })
})
