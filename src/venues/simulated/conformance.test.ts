import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import ccxt, { type Exchange, type OrderBook as CcxtOrderBook } from 'ccxt'
import { SeededPrng } from '../../base/prng.ts'
import { SystemClock } from '../../clock/system-clock.ts'
import { simulatedMarketSchema } from '../../config/simulated-market-schema.ts'
import { tradingPlan } from '../../config/venue-rules.ts'
import { venuesSchema } from '../../config/venues-schema.ts'
import { FaultBoard } from '../../faults/fault-board.ts'
import { FaultyExchange } from '../../faults/faulty-exchange.ts'
import type { Fault, FaultKind } from '../../model/fault.ts'
import { instrumentOf, type Venue } from '../../model/instrument.ts'
import { NetworkTransport } from '../network-transport.ts'
import { RestMarketDataProvider } from '../rest-market-data-provider.ts'
import type { Market, MarketBook } from '../../market/market.ts'
import { SimulatedExchange } from './simulated-exchange.ts'
import { SimulatedMarket } from '../../market/simulated-market.ts'
import type { UpbitSwitches } from './upbit/session.ts'
import { VenueServer } from './venue-server.ts'

/** Moves with time, but where a test has to look at the same book twice. */
class PausableMarket implements Market {
  isPaused = false
  outageReason: string | null = null
  readonly #market: Market

  constructor(market: Market) {
    this.#market = market
  }

  advance(atMs: number): void {
    if (!this.isPaused) this.#market.advance(atMs)
  }

  book(venue: Venue, code: string, depth: number): MarketBook | null {
    return this.#market.book(venue, code, depth)
  }

  outage(): string | null {
    return this.outageReason
  }
}

const clock = new SystemClock()
const { instruments: facts, openingBalances } = tradingPlan(['KRW-BTC', 'KRW-ETH', 'BTCUSDT'], venuesSchema.parse({}))
const instruments = facts.map(instrumentOf)
const startMs = clock.nowMs()

function newMarket(): PausableMarket {
  return new PausableMarket(new SimulatedMarket(simulatedMarketSchema.parse({}), new SeededPrng(62), startMs, instruments))
}

/** Of the server that most tests ask. */
const market = newMarket()

const symbols: Record<Venue, string> = { upbit: 'BTC/KRW', binance: 'BTC/USDT' }
const keys = { apiKey: 'key', secret: 'secret' }
const account = (venue: Venue) => ({
  credentials: { accessKey: keys.apiKey, secretKey: keys.secret },
  openingBalances: openingBalances.filter((balance) => balance.venue === venue),
})

let server: VenueServer
let ours: RestMarketDataProvider
let clients: Record<Venue, Exchange>

/** Every address is overridden: any that is not leads to the real venue. */
async function clientsOf({ upbit, binance }: VenueServer['endpoints'], credentials = keys): Promise<Record<Venue, Exchange>> {
  const made = {
    upbit: new ccxt.pro.upbit({
      ...credentials,
      urls: { api: { public: upbit.restUrl, private: upbit.restUrl, ws: `${upbit.streamUrl}/websocket/v1` } },
    }),
    binance: new ccxt.pro.binance({
      ...credentials,
      // The tests stay far below Binance's limits, and CCXT's own pace would take most of their time.
      enableRateLimit: false,
      urls: {
        api: {
          public: `${binance.restUrl}/api/v3`,
          private: `${binance.restUrl}/api/v3`,
          sapi: `${binance.restUrl}/sapi/v1`,
          ws: { spot: `${binance.streamUrl}/stream/ws`, 'ws-api': { spot: `${binance.streamUrl}/ws-api/v3` } },
        },
      },
      options: { defaultType: 'spot', fetchMarkets: { types: ['spot'] }, fetchMargins: false, fetchCurrencies: false },
    }),
  }
  // Without it plain ws addresses are refused.
  await Promise.all([made.upbit.loadHttpProxyAgent(), made.binance.loadHttpProxyAgent()])
  return made
}

async function serve(served: Market = newMarket(), upbit: UpbitSwitches = {}): Promise<VenueServer> {
  const accounts = { upbit: account('upbit'), binance: account('binance') }
  const trading = { prng: new SeededPrng(62), accounts }
  const exchange = new SimulatedExchange({ market: served, instruments, startMs, trading, upbit })
  return VenueServer.start({ exchange, clock, ports: { upbit: 0, binance: 0 } })
}

beforeAll(async () => {
  server = await serve(market)
  const transport = new NetworkTransport({ clock, endpoints: server.endpoints })
  ours = new RestMarketDataProvider({
    transport,
    clock,
    instruments,
    depthLevels: 30,
    requestTimeoutMs: 2000,
    loopIntervalMs: 1000,
    measuresClock: false,
  })
  clients = await clientsOf(server.endpoints)
})

afterAll(async () => {
  await Promise.all([clients.upbit.close(), clients.binance.close(), ours.close()])
  await server.stop()
})

beforeEach(() => {
  market.isPaused = false
})

/** CCXT's types leave open what every order has. */
function idOf({ id }: { id?: string | undefined }): string {
  return id ?? ''
}

/** Each try waits by itself. */
async function eventually<T>(tried: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const outcome = await tried()
    if (outcome !== undefined) return outcome
  }
}

/** CCXT does not say when its subscription to an account stands: orders are made and taken back until they are told. */
async function followAccount(client: Exchange, symbol: string, price: number): Promise<void> {
  const told = Promise.all([client.watchOrders(symbol), client.watchBalance()])
  await eventually(async () => {
    await client.cancelOrder(idOf(await client.createOrder(symbol, 'limit', 'buy', 0.001, price)), symbol)
    return Promise.race([told.then(() => true), clock.sleepUntil(clock.nowMs() + 200)])
  })
}

type Levels = { price: number; size: number }[]

function levels(side: CcxtOrderBook['bids'], count: number): Levels {
  return side.slice(0, count).map(([price = 0, size = 0]) => ({ price, size }))
}

const venues: Venue[] = ['upbit', 'binance']

describe.for(venues)('%s through CCXT', (venue) => {
  const symbol = symbols[venue]
  const [base, quote] = symbol.split('/') as [string, string]
  const code = venue === 'upbit' ? 'KRW-BTC' : 'BTCUSDT'
  const all = instruments.filter((instrument) => instrument.venue === venue).map((listed) => `${listed.base}/${listed.quote}`)
  const client = (): Exchange => clients[venue]
  const bestBid = (): number => market.book(venue, code, 1)!.bids[0]!
  /** Rests: far below the market, on every tick. */
  const restingPrice = (): number => Math.floor((bestBid() * 0.9) / 1000) * 1000

  test('lists its markets', async () => {
    expect(Object.keys(await client().loadMarkets()).toSorted()).toEqual(all.toSorted())
  })

  test('gives the order books that our own client reads, level by level', async () => {
    market.isPaused = true
    for (const symbolOf of all) {
      const ownCode = String(client().market(symbolOf).id)
      const [theirs, own] = await Promise.all([client().fetchOrderBook(symbolOf, 30), ours.fetchBook({ venue, code: ownCode })])
      expect(levels(theirs.bids, 30)).toEqual(own.bids)
      expect(levels(theirs.asks, 30)).toEqual(own.asks)
      expect(own.bids).toHaveLength(30)
    }
  })

  test('streams the order book that our own client reads, level by level', async () => {
    await client().watchOrderBook(symbol)
    for (let update = 0; update < 3; update++) await client().watchOrderBook(symbol)
    market.isPaused = true
    const own = await ours.fetchBook({ venue, code })
    const theirs = (client() as unknown as { orderbooks: Record<string, CcxtOrderBook> }).orderbooks[symbol]!
    // What was under way when the market stood still comes later. CCXT cuts Upbit's to 15.
    await expect.poll(() => levels(theirs.bids, 15)).toEqual(own.bids.slice(0, 15))
    await expect.poll(() => levels(theirs.asks, 15)).toEqual(own.asks.slice(0, 15))
  })

  test('tells what was traded: the last price, the day, and every trade', async () => {
    const streamed = await client().watchTrades(symbol)
    market.isPaused = true
    const [trades, ticker, tickers] = await Promise.all([
      client().fetchTrades(symbol),
      client().fetchTicker(symbol),
      client().fetchTickers([symbol]),
    ])
    const last = trades.at(-1)!
    expect(streamed[0]).toMatchObject({ symbol, side: expect.stringMatching(/^(buy|sell)$/) as string })
    expect(streamed[0]!.price! * streamed[0]!.amount!).toBeGreaterThan(0)
    expect([ticker.last, tickers[symbol]!.last]).toEqual([last.price, last.price])
    expect(ticker.high).toBeGreaterThanOrEqual(ticker.low!)
    expect(ticker.baseVolume).toBeGreaterThan(0)
  })

  test('streams the ticker', async () => {
    const ticker = await client().watchTicker(symbol)
    expect(ticker.symbol).toBe(symbol)
    expect(ticker.last).toBeGreaterThan(0)
  })

  test('an account begins with its opening balances', async () => {
    const balance = await client().fetchBalance()
    const opening = account(venue).openingBalances.map(({ asset, amount }) => [asset, Number(amount)])
    expect(opening.map(([asset]) => [asset, balance[asset as string]?.free])).toEqual(opening)
  })

  test('an order that rests is found, is told on the stream, holds its money, and is cancelled', async () => {
    const price = restingPrice()
    await followAccount(client(), symbol, price)
    const id = idOf(await client().createOrder(symbol, 'limit', 'buy', 0.001, price))
    expect(await client().fetchOrder(id, symbol)).toMatchObject({
      id,
      symbol,
      status: 'open',
      side: 'buy',
      type: 'limit',
      price,
      amount: 0.001,
      filled: 0,
    })
    expect((await client().fetchOpenOrders(symbol)).map((order) => order.id)).toEqual([id])
    const told = (): unknown => (client().orders as unknown as { id: string }[]).find((order) => order.id === id)
    await expect.poll(told).toMatchObject({ id, symbol, status: 'open', price })
    const used = price * 0.001 * (venue === 'upbit' ? 1.0005 : 1)
    expect((await client().fetchBalance())[quote]!.used).toBeCloseTo(used, 6)
    const held = client().watchBalance()
    await client().cancelOrder(id, symbol)
    expect((await held)[quote]).toMatchObject({ used: 0 })
    expect(await client().fetchOpenOrders(symbol)).toEqual([])
    expect(await client().fetchOrder(id, symbol)).toMatchObject({ id, status: 'canceled', filled: 0 })
    expect((await client().fetchBalance())[quote]!.used).toBe(0)
  })

  test('a market order fills at what the book shows, for a fee, and moves the balances', async () => {
    const before = await client().fetchBalance()
    market.isPaused = true
    const book = await ours.fetchBook({ venue, code })
    const id = idOf(await client().createOrder(symbol, 'market', 'sell', 0.001))
    const order = await client().fetchOrder(id, symbol)
    expect(order).toMatchObject({ id, type: 'market', side: 'sell', filled: 0.001 })
    expect(order.average).toBeCloseTo(book.bids[0]!.price, 6)
    const after = await client().fetchBalance()
    const received = after[quote]!.total! - before[quote]!.total!
    expect(after[base]!.total! - before[base]!.total!).toBeCloseTo(-0.001, 9)
    expect(received / (book.bids[0]!.price * 0.001)).toBeCloseTo(venue === 'upbit' ? 0.9995 : 0.999, 6)
  })

  test('a market buy spends a total', async () => {
    const cost = venue === 'upbit' ? 100_000 : 100
    const before = await client().fetchBalance()
    const id = idOf(await client().createMarketBuyOrderWithCost(symbol, cost))
    const order = await client().fetchOrder(id, symbol)
    const after = await client().fetchBalance()
    expect(order.filled).toBeGreaterThan(0)
    expect(order.cost).toBeLessThanOrEqual(cost)
    expect(order.cost).toBeGreaterThan(cost * 0.98)
    expect(after[base]!.total!).toBeGreaterThan(before[base]!.total!)
  })

  test('an order for a test is checked, and is none', async () => {
    await client().createOrder(symbol, 'limit', 'buy', 0.001, restingPrice(), { test: true })
    expect(await client().fetchOpenOrders(symbol)).toEqual([])
  })
})

test("Binance's clock and best prices through CCXT", async () => {
  expect(Math.abs((await clients.binance.fetchTime())! - clock.nowMs())).toBeLessThan(1000)
  const streamed = await clients.binance.watchBidsAsks(['BTC/USDT'])
  expect(streamed['BTC/USDT']!.bid).toBeGreaterThan(0)
  market.isPaused = true
  const [asks, own] = await Promise.all([
    clients.binance.fetchBidsAsks(['BTC/USDT', 'ETH/USDT']),
    ours.fetchBook({ venue: 'binance', code: 'BTCUSDT' }),
  ])
  expect(asks['BTC/USDT']).toMatchObject({ bid: own.bids[0]!.price, bidVolume: own.bids[0]!.size, ask: own.asks[0]!.price })
})

test("Upbit's many order books in one request through CCXT", async () => {
  market.isPaused = true
  const books = await clients.upbit.fetchOrderBooks(['BTC/KRW', 'USDT/KRW'])
  const own = await ours.fetchBook({ venue: 'upbit', code: 'KRW-USDT' })
  expect(levels(books['USDT/KRW']!.bids, 30)).toEqual(own.bids)
})

type Call = (client: Exchange, symbol: string) => Promise<unknown>

interface Refusal {
  venue: Venue
  what: string
  call: Call
  /** Exactly this class, by its name. */
  expected: string
  message: string
}

/** The venue's own parameters, past what CCXT would round or refuse by itself. */
function raw(method: string, params: Record<string, unknown>): Call {
  return (client) => (client as unknown as Record<string, (params: object) => Promise<unknown>>)[method]!(params)
}

const upbitOrder = { market: 'KRW-BTC', side: 'bid', ord_type: 'limit', volume: '0.001', price: '1000000' }
const binanceOrder = { symbol: 'BTCUSDT', side: 'BUY', type: 'LIMIT', timeInForce: 'GTC', quantity: '0.001', price: '80000' }
const upbit = (what: string, call: Call, expected: string, message: string): Refusal => ({ venue: 'upbit', what, call, expected, message })
const binance = (what: string, call: Call, expected: string, message: string): Refusal => ({
  venue: 'binance',
  what,
  call,
  expected,
  message,
})

const refusals: Refusal[] = [
  upbit('too little KRW', raw('privatePostOrders', { ...upbitOrder, volume: '900' }), 'InsufficientFunds', 'insufficient_funds_bid'),
  upbit(
    'too few BTC',
    (client, symbol) => client.createOrder(symbol, 'market', 'sell', 900),
    'InsufficientFunds',
    'insufficient_funds_ask',
  ),
  upbit('an order that is none', (client, symbol) => client.fetchOrder('no-such-order', symbol), 'OrderNotFound', 'order_not_found'),
  upbit('a total below 5,000 KRW', raw('privatePostOrders', { ...upbitOrder, volume: '0.004' }), 'ExchangeError', 'under_min_total_bid'),
  upbit(
    'a price off the tick',
    raw('privatePostOrders', { ...upbitOrder, volume: '1', price: '1000001' }),
    'ExchangeError',
    'invalid_price_bid',
  ),
  upbit('a code that is none', raw('publicGetOrderbook', { markets: 'KRW-NONE' }), 'ExchangeError', 'Code not found'),
  binance('too little USDT', raw('privatePostOrder', { ...binanceOrder, quantity: '900' }), 'InsufficientFunds', 'insufficient balance'),
  binance('a price off the tick', raw('privatePostOrder', { ...binanceOrder, price: '80000.001' }), 'InvalidOrder', 'PRICE_FILTER'),
  binance('a quantity off the lot', raw('privatePostOrder', { ...binanceOrder, quantity: '0.0000101' }), 'InvalidOrder', 'LOT_SIZE'),
  binance('a total below 5 USDT', raw('privatePostOrder', { ...binanceOrder, quantity: '0.00002' }), 'BadRequest', 'NOTIONAL'),
  binance('an order that is none', (client, symbol) => client.fetchOrder('999999', symbol), 'OrderNotFound', '-2013'),
  binance('a cancel of none', (client, symbol) => client.cancelOrder('999999', symbol), 'OrderNotFound', '-2011'),
  binance('a code that is none', raw('publicGetDepth', { symbol: 'NONE' }), 'BadSymbol', '-1121'),
]

test.for(refusals)('$venue: $what is a $expected', async ({ venue, call, expected, message }) => {
  await clients[venue].loadMarkets()
  const error = await call(clients[venue], symbols[venue]).catch((reason: unknown) => reason)
  expect([(error as Error).constructor.name, (error as Error).message]).toEqual([expected, expect.stringContaining(message)])
})

describe('what is wrong with the credentials', () => {
  const outcomeOf = (call: Promise<unknown>): Promise<[string, string]> =>
    call.then(
      () => ['', ''],
      (error: Error) => [error.constructor.name, error.message],
    )

  test('another secret', async () => {
    const { upbit: ofUpbit, binance: ofBinance } = await clientsOf(server.endpoints, { ...keys, secret: 'another' })
    expect(await outcomeOf(ofUpbit.fetchBalance())).toEqual(['AuthenticationError', expect.stringContaining('jwt_verification')])
    expect(await outcomeOf(ofBinance.fetchBalance())).toEqual(['AuthenticationError', expect.stringContaining('-1022')])
  })

  test('a key that is none, which Binance tells apart from one that worked before', async () => {
    const another = 'a'.repeat(64)
    const { binance: client } = await clientsOf(server.endpoints, { ...keys, apiKey: another })
    expect((await outcomeOf(client.fetchBalance()))[0]).toBe('AuthenticationError')
    client.apiKey = keys.apiKey
    await client.fetchBalance()
    client.apiKey = another
    expect(await outcomeOf(client.fetchBalance())).toEqual(['DDoSProtection', expect.stringContaining('-2015')])
  })

  test('a nonce that was used', async () => {
    const { upbit: client } = await clientsOf(server.endpoints)
    client.uuid = () => '0d4f5b2e-7c3a-4e0e-9a51-1a2b3c4d5e6f'
    await client.fetchBalance()
    expect(await outcomeOf(client.fetchBalance())).toEqual(['ExchangeError', expect.stringContaining('nonce_used')])
  })

  test('a clock that is behind', async () => {
    const { binance: client } = await clientsOf(server.endpoints)
    client.options['timeDifference'] = 60_000
    expect(await outcomeOf(client.fetchBalance())).toEqual(['InvalidNonce', expect.stringContaining('-1021')])
  })
})

describe('over the limits, on servers that no other test asks', () => {
  /** The classes of the errors of so many calls at once, and their messages. */
  async function errorsOf(client: Exchange, count: number, call: Call): Promise<{ names: Set<string>; text: string }> {
    client.enableRateLimit = false
    const outcomes = await Promise.allSettled(Array.from({ length: count }, () => call(client, symbols[client.id as Venue])))
    const errors = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as Error] : []))
    return { names: new Set(errors.map((error) => error.constructor.name)), text: errors.map(({ message }) => message).join('\n') }
  }

  test.for([
    { rateLimitBody: 'json', expected: ['ExchangeError'] },
    { rateLimitBody: 'text', expected: ['DDoSProtection', 'RateLimitExceeded'] },
  ] as const)('Upbit refuses in $rateLimitBody: $expected', async ({ rateLimitBody, expected }) => {
    const own = await serve(newMarket(), { wire: { rateLimitBody } })
    const { upbit: client } = await clientsOf(own.endpoints)
    // So many that a new second in the midst of them does not matter.
    const { names } = await errorsOf(client, 100, raw('publicGetOrderbook', { markets: 'KRW-BTC' }))
    expect([...names].toSorted()).toEqual(expected)
    await own.stop()
  })

  test('Binance refuses, then bans: DDoSProtection', async () => {
    const own = await serve()
    const { binance: client } = await clientsOf(own.endpoints)
    const { names, text } = await errorsOf(client, 80, raw('publicGetDepth', { symbol: 'BTCUSDT', limit: 5000 }))
    expect([...names]).toEqual(['DDoSProtection'])
    expect(text).toMatch(/Too much request weight used[^]*IP banned until/)
    await own.stop()
  })

  test('Binance refuses orders with 429, as documented, which CCXT looks at before the code: DDoSProtection', async () => {
    const own = await serve()
    const { binance: client } = await clientsOf(own.endpoints)
    // The count begins anew every ten seconds.
    const leftMs = 10_000 - (clock.nowMs() % 10_000)
    if (leftMs < 3000) await clock.sleepUntil(clock.nowMs() + leftMs)
    const { names, text } = await errorsOf(client, 120, raw('privatePostOrder', { ...binanceOrder, quantity: '0.0001' }))
    expect([...names]).toEqual(['DDoSProtection'])
    expect(text).toContain('-1015')
    await own.stop()
  })

  test('a venue that is away: ExchangeNotAvailable', async () => {
    const away = newMarket()
    away.outageReason = 'maintenance'
    const own = await serve(away)
    const both = await clientsOf(own.endpoints)
    for (const venue of venues) {
      const { names } = await errorsOf(both[venue], 1, raw(venue === 'upbit' ? 'publicGetMarketAll' : 'publicGetTime', {}))
      expect([...names]).toEqual(['ExchangeNotAvailable'])
    }
    await own.stop()
  })
})

describe('a venue in trouble, as a fault plan has it', () => {
  async function struck(kind: FaultKind): Promise<{ own: VenueServer; both: Record<Venue, Exchange> }> {
    const fault: Fault = { kind, fromMs: 0, untilMs: 600_000, venue: null, code: null, share: 1, strength: 0 }
    const board = new FaultBoard({ plan: { runStartMs: clock.nowMs(), seed: 62, faults: [fault] }, onStrike: () => undefined })
    const exchange = new FaultyExchange({ exchange: new SimulatedExchange({ market: newMarket(), instruments, startMs }), board })
    const own = await VenueServer.start({ exchange, clock, ports: { upbit: 0, binance: 0 } })
    const both = await clientsOf(own.endpoints)
    for (const client of Object.values(both)) client.enableRateLimit = false
    return { own, both }
  }

  /** Class and words of the error, by what identifies it in the words. */
  async function outcomesOf(client: Exchange, count: number): Promise<Set<string>> {
    const ask = raw(client.id === 'upbit' ? 'publicGetOrderbook' : 'publicGetDepth', { markets: 'KRW-BTC', symbol: 'BTCUSDT' })
    const outcomes = new Set<string>()
    for (let i = 0; i < count; i++) {
      const error = await ask(client, '').catch((reason: unknown) => reason as Error)
      const [words] = /-1007|-1003|\b5\d\d \w+|too_many_requests|blocked|Internal server error/.exec((error as Error).message) ?? ['']
      outcomes.add(`${(error as Error).constructor.name}: ${words}`)
    }
    return outcomes
  }

  test.for<[FaultKind, Record<Venue, string[]>]>([
    [
      'server-error',
      { upbit: ['ExchangeError: Internal server error'], binance: ['ExchangeNotAvailable: 502 Bad', 'RequestTimeout: -1007'] },
    ],
    ['rate-limited', { upbit: ['ExchangeError: too_many_requests'], binance: ['DDoSProtection: -1003'] }],
    ['banned', { upbit: ['ExchangeError: blocked'], binance: ['DDoSProtection: -1003'] }],
    ['maintenance', { upbit: ['ExchangeNotAvailable: 503 Service'], binance: ['ExchangeNotAvailable: 503 Service'] }],
  ])('%s: what CCXT makes of it', async ([kind, expected]) => {
    const { own, both } = await struck(kind)
    // So often that each of Binance's two server errors comes.
    for (const venue of venues) expect([...(await outcomesOf(both[venue], 20))].toSorted()).toEqual(expected[venue])
    await own.stop()
  })
})
