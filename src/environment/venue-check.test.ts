import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { OperatingError } from '../base/error.ts'
import type { Clock } from '../clock/clock.ts'
import { ShiftedClock } from '../clock/shifted-clock.ts'
import { SystemClock } from '../clock/system-clock.ts'
import { simulatedMarketSchema } from '../config/simulated-market-schema.ts'
import { tradingPlan } from '../config/venue-rules.ts'
import { venuesSchema } from '../config/venues-schema.ts'
import { instrumentOf, type InstrumentFacts, type Venue } from '../model/instrument.ts'
import type { VenueEndpoint } from '../venues/network-transport.ts'
import type { FaceAnswer, FaceRequest } from '../venues/simulated/face.ts'
import { makeMarket } from '../market/make-market.ts'
import type { Market } from '../market/market.ts'
import { ScriptedMarket } from '../market/scripted-market.ts'
import { SimulatedExchange } from '../venues/simulated/simulated-exchange.ts'
import { VenueServer } from '../venues/simulated/venue-server.ts'
import { checkVenues, type VenueCheckOptions } from './venue-check.ts'

const systemClock = new SystemClock()
const stops: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const stop of stops.splice(0)) await stop()
})

/** Says other things than its market has it, and knows what it answered. */
class EditedExchange extends SimulatedExchange {
  edit = (body: string): string => body
  readonly answered: { venue: Venue; target: string; status: number; headers: FaceAnswer['headers'] }[] = []

  override answer(venue: Venue, request: FaceRequest, nowMs: number): FaceAnswer {
    const answer = super.answer(venue, request, nowMs)
    this.answered.push({ venue, target: request.target, status: answer.status, headers: answer.headers })
    return { ...answer, body: this.edit(answer.body) }
  }
}

/** What a campaign on these symbols trades, with `overrides` for `venues.instruments`. */
function tradedWith(overrides: object = {}, symbols: readonly string[] = ['KRW-BTC', 'ETHUSDT']): InstrumentFacts[] {
  return tradingPlan(symbols, venuesSchema.parse({ instruments: overrides })).instruments
}

interface Served {
  instruments?: InstrumentFacts[]
  clock?: Clock
  market?: Market
}

async function serve({ instruments = tradedWith(), clock = systemClock, ...parts }: Served = {}) {
  const listed = instruments.map(instrumentOf)
  const startMs = Math.floor(clock.nowMs() / 1000) * 1000
  const market = parts.market ?? makeMarket({ kind: 'simulated', settings: simulatedMarketSchema.parse({}), startMs }, 62, listed)
  const exchange = new EditedExchange({ market, instruments: listed, startMs })
  const server = await VenueServer.start({ exchange, clock, ports: { upbit: 0, binance: 0 } })
  stops.push(() => server.stop())
  return { exchange, endpoints: server.endpoints }
}

/** One book for all. */
function bookMarket(bid: number, ask: number): ScriptedMarket {
  const market = new ScriptedMarket()
  for (const { venue, code } of tradedWith()) market.set(venue, code, { bids: [bid, 1], asks: [ask, 1], changedAtMs: 1, updateId: 1 })
  return market
}

/** What `checkVenues` refused, its message without addresses. */
async function refusal(endpoints: Record<Venue, VenueEndpoint>, change: Partial<VenueCheckOptions> = {}) {
  const options = { instruments: tradedWith(), requestTimeoutMs: 1000, maxClockOffsetMs: 1000, ...change }
  const checked = checkVenues(endpoints, options)
  const error = await checked.then(
    (words) => new Error(`nothing was refused: ${words}`),
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(OperatingError)
  const { code, message, hint } = error as OperatingError
  expect(code).toBe('ENVIRONMENT_NOT_READY')
  return { message: message.replaceAll(/127\.0\.0\.1:\d+/g, 'HOST'), hint }
}

function endpointOf(server: Server): VenueEndpoint {
  const { port } = server.address() as AddressInfo
  return { restUrl: `http://127.0.0.1:${port}`, streamUrl: `ws://127.0.0.1:${port}` }
}

test('venues that list all that is traded, by the same rules and at the same time, pass, in words', async () => {
  const { endpoints } = await serve()
  const words = await checkVenues(endpoints, { instruments: tradedWith(), requestTimeoutMs: 1000, maxClockOffsetMs: 1000 })
  const clock = String.raw`its clock -?\d+ ± \d+ ms from ours`
  expect(words).toMatch(
    new RegExp(`^upbit lists 3 instruments at http:[^ ]+, ${clock}; binance lists 2 instruments at http:[^ ]+, ${clock}$`),
  )
})

test('codes that a venue does not list are named, at both venues, and do not hide what else is wrong', async () => {
  const { endpoints } = await serve()
  const instruments = tradedWith({ 'binance:BTCUSDT': { tick: '0.1' } }, ['KRW-BTC', 'ETHUSDT', 'KRW-XRP'])
  const { message, hint } = await refusal(endpoints, { instruments })
  expect(message).toBe(
    'upbit does not list KRW-XRP; binance BTCUSDT has other rules at the venue: tick 0.01, not 0.1; binance does not list XRPUSDT',
  )
  expect(hint).toContain('venues.routes')
})

describe('rules that differ are told with both values, and with what to write into the config', () => {
  test.for<[string, object, string, string]>([
    ['a tick on Upbit', { 'upbit:KRW-BTC': { tick: '7' } }, 'upbit KRW-BTC has other rules at the venue: tick 1000, not 7', "tick: '1000'"],
    [
      'a tick on Binance',
      { 'binance:BTCUSDT': { tick: '0.1' } },
      'binance BTCUSDT has other rules at the venue: tick 0.01, not 0.1',
      "tick: '0.01'",
    ],
    [
      'a lot and a least notional',
      { 'binance:ETHUSDT': { lot: '0.1', minNotional: '10' } },
      'binance ETHUSDT has other rules at the venue: lot 0.0001, not 0.1, minNotional 5, not 10',
      "lot: '0.0001', minNotional: '5'",
    ],
  ])('%s', async ([, overrides, message, correction]) => {
    const { endpoints } = await serve()
    const [key] = Object.keys(overrides)
    expect(await refusal(endpoints, { instruments: tradedWith(overrides) })).toEqual({
      message,
      hint: `What the venues say, for the config: venues: { instruments: { '${key}': { ${correction} } } }`,
    })
  })

  test('where two bands of a tick table meet, the tick of either side is right', async () => {
    const { endpoints } = await serve({ market: bookMarket(999_500, 1_000_000) })
    const options = { instruments: tradedWith(), requestTimeoutMs: 1000, maxClockOffsetMs: 1000 }
    await expect(checkVenues(endpoints, options)).resolves.toContain('upbit lists 3 instruments')
  })

  test('and that makes the check pass', async () => {
    const { endpoints } = await serve({ instruments: tradedWith({ 'upbit:KRW-BTC': { tick: '500' }, 'binance:BTCUSDT': { lot: '0.01' } }) })
    const { hint } = await refusal(endpoints)
    const corrected = /instruments: (\{.*\}) \}$/.exec(hint)?.[1] ?? ''
    const overrides = JSON.parse(corrected.replaceAll("'", '"').replaceAll(/(tick|lot):/g, '"$1":')) as object
    const options = { instruments: tradedWith(overrides), requestTimeoutMs: 1000, maxClockOffsetMs: 1000 }
    await expect(checkVenues(endpoints, options)).resolves.toContain('upbit lists 3 instruments')
  })
})

describe('a market that cannot be traded', () => {
  test('is named with its status', async () => {
    const { endpoints, exchange } = await serve()
    exchange.edit = (body) => body.replace('"symbol":"ETHUSDT","status":"TRADING"', '"symbol":"ETHUSDT","status":"HALT"')
    const { message, hint } = await refusal(endpoints)
    expect(message).toBe('binance ETHUSDT cannot be traded now: its status is HALT')
    expect(hint).toContain('wait until the venue trades it again')
  })

  test('is named where it has no order book', async () => {
    const { endpoints, exchange } = await serve()
    exchange.edit = (body) => body.replace(/("symbol":"ETHUSDT","bidPrice":)"[^"]*"/, '$1"0.00000000"')
    expect((await refusal(endpoints)).message).toMatch(/^binance ETHUSDT cannot be traded now: it has no order book, /)
  })
})

test('a weight limit below the one that we count by is told with both', async () => {
  const { endpoints, exchange } = await serve()
  exchange.edit = (body) => body.replace('"intervalNum":1,"limit":6000', '"intervalNum":1,"limit":1200')
  const { message } = await refusal(endpoints)
  expect(message).toBe('binance allows a request weight of 1200 a minute, and we are made for 6000')
})

test('a venue that is not there is told with its address, together with what is wrong at the other', async () => {
  const { endpoints } = await serve()
  const gone = createServer().listen(0, '127.0.0.1')
  await once(gone, 'listening')
  const upbit = endpointOf(gone)
  gone.close()
  await once(gone, 'close')
  const { message, hint } = await refusal({ ...endpoints, upbit }, { instruments: tradedWith({ 'binance:BTCUSDT': { lot: '1' } }) })
  expect(message).toBe(
    'upbit: the connection was refused (ECONNREFUSED), at http://HOST; binance BTCUSDT has other rules at the venue: lot 0.00001, not 1',
  )
  expect(hint).toMatch(/^Look at the network .* market: loopback, without addresses, needs no network\. What the venues say/)
})

test('a venue that never answers is given up after the deadline', async () => {
  const { endpoints } = await serve()
  const silent = createServer(() => undefined).listen(0, '127.0.0.1')
  await once(silent, 'listening')
  stops.push(async () => {
    silent.closeAllConnections()
    silent.close()
  })
  const { message, hint } = await refusal({ ...endpoints, binance: endpointOf(silent) }, { requestTimeoutMs: 100 })
  expect(message).toBe('binance: no answer within 100 ms, at http://HOST')
  expect(hint).toContain('venues.requestTimeoutMs')
})

test('a venue that is away is told in its own words', async () => {
  const market = bookMarket(100, 101)
  market.outages.upbit = 'maintenance'
  const { endpoints } = await serve({ market })
  expect((await refusal(endpoints)).message).toMatch(/^upbit: status 50\d: .*, at http:\/\/HOST$/)
})

test('clocks that are further apart than allowed are told for both venues', async () => {
  const { endpoints } = await serve({ clock: new ShiftedClock(systemClock, systemClock.nowMs() - 60_000) })
  const { message, hint } = await refusal(endpoints)
  const isOff = String.raw`is -(59|60)\d{3} ± \d+ ms from ours, and may be 1000`
  expect(message).toMatch(new RegExp(`^the clock of upbit ${isOff}; the clock of binance ${isOff}$`))
  expect(hint).toBe('Set the clock of this machine (NTP), or raise venues.maxClockOffsetMs.')
})

describe('many instruments', () => {
  const symbols = Array.from({ length: 1000 }, (_, index) => `KRW-X${index}`)

  test('are asked for within the limits of both venues', async () => {
    const instruments = tradedWith({}, symbols)
    const { endpoints, exchange } = await serve({ instruments })
    await checkVenues(endpoints, { instruments, requestTimeoutMs: 2000, maxClockOffsetMs: 1000 })
    const { answered } = exchange
    expect(new Set(answered.map(({ status }) => status))).toEqual(new Set([200]))
    expect(answered.filter(({ target }) => target.length > 8000)).toEqual([])
    expect(answered.length).toBeLessThanOrEqual(14)
    const weight = Math.max(...answered.map(({ headers }) => Number(headers['x-mbx-used-weight-1m'] ?? 0)))
    expect(weight).toBeLessThanOrEqual(3 + 4 + 3 * 20)
  })

  test('that differ are counted after the first five of a venue, and all of them corrected', async () => {
    const some = symbols.slice(0, 100)
    const { endpoints } = await serve({ instruments: tradedWith({}, some) })
    const overrides = Object.fromEntries(some.map((symbol) => [`binance:${symbol.slice(4)}USDT`, { lot: '3' }]))
    const { message, hint } = await refusal(endpoints, { instruments: tradedWith(overrides, some) })
    expect(message.split('; ').slice(4)).toEqual([
      'binance X4USDT has other rules at the venue: lot 0.001, not 3',
      'and 95 more at binance',
    ])
    expect(hint.match(/lot: '0\.001'/g)).toHaveLength(100)
  })
})
