import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Decimal } from '../../base/decimal.ts'
import { SeededPrng } from '../../base/prng.ts'
import type { Clock, ScheduledCall } from '../../clock/clock.ts'
import { VirtualClock } from '../../clock/virtual-clock.ts'
import type { Instrument, Venue } from '../../model/instrument.ts'
import type { VenueSocket } from '../transport.ts'
import { madeInstruments } from '../../market/made-instruments.ts'
import type { Market, MarketBook } from '../../market/market.ts'
import { ScriptedMarket } from '../../market/scripted-market.ts'
import { SimulatedExchange } from './simulated-exchange.ts'
import { defaultLatency, type LatencySettings, SimulatedTransport } from './simulated-transport.ts'

const startMs = 1_767_571_200_000
const rules = {
  lotSize: Decimal.parse('0.00001'),
  minNotional: Decimal.parse('5'),
  takerFee: Decimal.parse('0.001'),
  feeAsset: 'quote',
} as const
const fixed = (ms: number) => ({ minMs: ms, maxMs: ms })

interface WorldOptions {
  latency?: Record<Venue, LatencySettings>
  market?: Market
  seed?: number
  startAtMs?: number
}

function world(options: WorldOptions = {}) {
  const { latency = { upbit: fixed(20), binance: fixed(20) }, market = new ScriptedMarket(), seed = 1, startAtMs = startMs } = options
  const clock = new VirtualClock({ startMs: startAtMs, pace: null })
  return { clock, transport: new SimulatedTransport({ clock, market, prng: new SeededPrng(seed), latency }) }
}

test('a request is answered at its arrival, and the answer takes the way back', async () => {
  const { clock, transport } = world({ latency: { upbit: fixed(20), binance: fixed(31) } })
  const response = await clock.run(transport.request({ venue: 'binance', target: '/api/v3/time', timeoutMs: 1000 }))
  expect(response).toMatchObject({ status: 200, body: `{"serverTime":${startMs + 15}}`, receivedAtMs: startMs + 31 })
})

test('the market is seen as it stands at the arrival', async () => {
  const market = new ScriptedMarket()
  const { clock, transport } = world({ market })
  await clock.run(transport.request({ venue: 'upbit', target: '/v1/market/all', timeoutMs: 1000 }))
  expect(market.nowMs).toBe(startMs + 10)
})

test('an answer after the deadline is a time-out at the deadline, and the venue has seen the request', async () => {
  const { clock, transport } = world({ latency: { upbit: fixed(20), binance: fixed(40) } })
  const late = transport.request({ venue: 'binance', target: '/api/v3/time', timeoutMs: 30 })
  await expect(clock.run(late)).rejects.toMatchObject({ code: 'VENUE_TIMEOUT', message: 'binance: no answer within 30 ms' })
  expect(clock.nowMs()).toBe(startMs + 30)
  const next = await clock.run(transport.request({ venue: 'binance', target: '/api/v3/time', timeoutMs: 40 }))
  expect(next.headers['x-mbx-used-weight-1m']).toBe('2')
})

test('a trip of no time at all is answered', async () => {
  const { clock, transport } = world({ latency: { upbit: fixed(0), binance: fixed(0) } })
  const response = await clock.run(transport.request({ venue: 'binance', target: '/api/v3/ping', timeoutMs: 1000 }))
  expect(response.receivedAtMs).toBe(startMs)
})

test('the trip depends on seed, time and target alone, not on what was asked before', async () => {
  const request = { venue: 'binance', target: '/api/v3/time', timeoutMs: 1000 } as const
  const first = world({ latency: defaultLatency })
  await first.clock.run(transportTwice(first, 5000))
  const afterOthers = await first.clock.run(first.transport.request(request))
  const second = world({ latency: defaultLatency, startAtMs: startMs + 5000 })
  const alone = await second.clock.run(second.transport.request(request))
  const reseeded = world({ latency: { upbit: fixed(0), binance: { minMs: 0, maxMs: 900 } }, seed: 2, startAtMs: startMs + 5000 })
  const other = await reseeded.clock.run(reseeded.transport.request(request))
  expect(afterOthers.receivedAtMs).toBe(alone.receivedAtMs)
  expect(other.receivedAtMs).not.toBe(alone.receivedAtMs)
})

async function transportTwice({ clock, transport }: ReturnType<typeof world>, untilMs: number): Promise<void> {
  await transport.request({ venue: 'upbit', target: '/v1/market/all', timeoutMs: 1000 })
  await transport.request({ venue: 'binance', target: '/api/v3/ping', timeoutMs: 1000 })
  await clock.sleepUntil(startMs + untilMs)
}

test('trips are whole milliseconds, and reach both bounds', async () => {
  const { clock, transport } = world({ latency: { upbit: { minMs: 8, maxMs: 12 }, binance: fixed(20) } })
  const trips = new Set<number>()
  for (let i = 0; i < 100; i++) {
    const leftAtMs = clock.nowMs()
    const response = await clock.run(transport.request({ venue: 'upbit', target: '/v1/none', timeoutMs: 1000 }))
    trips.add(response.receivedAtMs - leftAtMs)
  }
  expect([...trips].toSorted((left, right) => left - right)).toEqual([8, 9, 10, 11, 12])
})

test('any latency and deadline end in an answer in time or in a time-out at the deadline', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(50), fc.nat(50), fc.integer({ min: 1, max: 100 }), async (minMs, spreadMs, timeoutMs) => {
      const { clock, transport } = world({ latency: { upbit: fixed(0), binance: { minMs, maxMs: minMs + spreadMs } } })
      const outcome = await clock.run(
        transport.request({ venue: 'binance', target: '/api/v3/ping', timeoutMs }).then(
          () => 'answer',
          (error: { code: string }) => error.code,
        ),
      )
      const tookMs = clock.nowMs() - startMs
      if (outcome === 'answer') expect(tookMs >= minMs && tookMs <= Math.min(minMs + spreadMs, timeoutMs)).toBe(true)
      else expect([outcome, tookMs]).toEqual(['VENUE_TIMEOUT', timeoutMs])
    }),
    { numRuns: 50 },
  )
})

test('a defect of the market reaches who asked', async () => {
  class BrokenMarket extends ScriptedMarket {
    override book(): MarketBook | null {
      throw new TypeError('broken')
    }
  }
  const { clock, transport } = world({ market: new BrokenMarket() })
  const request = transport.request({ venue: 'upbit', target: '/v1/orderbook?markets=KRW-BTC', timeoutMs: 1000 })
  await expect(clock.run(request)).rejects.toThrow(TypeError)
})

test('a closed transport sends nothing', async () => {
  const { transport } = world()
  await transport.close()
  await expect(transport.request({ venue: 'upbit', target: '/', timeoutMs: 1 })).rejects.toMatchObject({ code: 'VENUE_UNREACHABLE' })
})

const instruments = madeInstruments('BTC').map((made): Instrument => ({ ...made, ...rules }))

/** Books of both venues that a test can change, an exchange over them, and what a client sees of its sockets. */
function streamWorld(options: Pick<WorldOptions, 'latency' | 'seed'> = {}) {
  const { latency = { upbit: fixed(20), binance: fixed(30) }, seed = 1 } = options
  const clock = new VirtualClock({ startMs, pace: null })
  const market = new ScriptedMarket()
  const exchange = new SimulatedExchange({ market, instruments })
  const counting = new CountingClock(clock)
  const transport = new SimulatedTransport({ clock: counting, exchange, prng: new SeededPrng(seed), latency })
  const seen: [atMs: number, what: string][] = []
  const see = (what: string): void => void seen.push([clock.nowMs() - startMs, what])
  const connect = (venue: Venue, target: string, timeoutMs = 1000): Promise<VenueSocket> =>
    transport.connect(
      { venue, target, timeoutMs },
      { onFrame: (text) => see(text), onClose: (code, reason) => see(`closed ${code} ${reason}`.trim()) },
    )
  let updateId = 0
  const quote = (bid: number): void => {
    const changedAtMs = clock.nowMs()
    updateId++
    for (const [venue, code] of [
      ['upbit', 'KRW-BTC'],
      ['binance', 'BTCUSDT'],
    ] as const) {
      market.set(venue, code, { bids: [bid, 1], asks: [bid + 1, 1], changedAtMs, updateId })
    }
  }
  quote(100)
  return {
    clock,
    waiting: counting.waiting,
    market,
    exchange,
    transport,
    seen,
    connect,
    quote,
    until: (atMs: number) => clock.run(clock.sleepUntil(startMs + atMs)),
  }
}

/** Knows what has still to be called. */
class CountingClock implements Clock {
  readonly waiting = new Set<object>()
  readonly #clock: VirtualClock

  constructor(clock: VirtualClock) {
    this.#clock = clock
  }

  nowMs = (): number => this.#clock.nowMs()
  preciseMs = (): number => this.#clock.preciseMs()
  cpuMs = (): number => this.#clock.cpuMs()
  sleepUntil = (atMs: number): Promise<void> => this.#clock.sleepUntil(atMs)
  schedule = (atMs: number, callback: () => void): ScheduledCall => this.#count((counted) => this.#clock.schedule(atMs, counted), callback)
  scheduleQuietly = (atMs: number, callback: () => void): ScheduledCall =>
    this.#count((counted) => this.#clock.scheduleQuietly(atMs, counted), callback)
  hold = <T>(io: () => Promise<T>): Promise<T> => this.#clock.hold(io)

  #count(schedule: (counted: () => void) => ScheduledCall, callback: () => void): ScheduledCall {
    const call = {}
    this.waiting.add(call)
    const scheduled = schedule(() => {
      this.waiting.delete(call)
      callback()
    })
    return {
      cancel: () => {
        this.waiting.delete(call)
        scheduled.cancel()
      },
    }
  }
}

const never = new Promise<never>(() => undefined)

test('a connection stands after a round trip; frames take the way there and back, and the market is seen step by step', async () => {
  const { clock, connect, until, seen, quote } = streamWorld()
  await clock.run(connect('binance', '/ws/btcusdt@bookTicker'))
  expect(clock.nowMs()).toBe(startMs + 30)
  await until(190)
  quote(200)
  await until(320)
  expect(seen.filter(([, text]) => text.includes('"b":"200.00000000"')).map(([atMs]) => atMs)).toEqual([215])
})

test('every frame of a connection takes the same way, which another connection does not', async () => {
  const { clock, connect, until, seen } = streamWorld({ latency: { upbit: fixed(0), binance: { minMs: 10, maxMs: 400 } } })
  const socket = await clock.run(connect('binance', '/ws'))
  const roundTripMs = clock.nowMs() - startMs
  for (const atMs of [500, 1500, 2500]) {
    await until(atMs)
    socket.send('{"method":"LIST_SUBSCRIPTIONS","id":1}')
  }
  await until(4000)
  expect(seen.map(([atMs]) => atMs)).toEqual([500 + roundTripMs, 1500 + roundTripMs, 2500 + roundTripMs])
  await clock.run(connect('binance', '/ws'))
  expect(clock.nowMs() - startMs - 4000).not.toBe(roundTripMs)
})

test('a refused upgrade is an error when the refusal has come back, and leaves no session', async () => {
  const { clock, connect, exchange } = streamWorld()
  await expect(clock.run(connect('binance', '/nowhere'))).rejects.toMatchObject({
    code: 'VENUE_STATUS',
    message: expect.stringContaining('404') as string,
  })
  expect([clock.nowMs() - startMs, exchange.openCount]).toEqual([30, 0])
  const many = Promise.allSettled(Array.from({ length: 6 }, () => connect('upbit', '/websocket/v1')))
  const refusals = (await clock.run(many)).flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []))
  expect(refusals).toMatchObject([{ code: 'VENUE_RATE_LIMITED', retryAfterMs: 1000 }])
})

test('a connection that does not stand in time is a time-out, and the venue keeps no session of it', async () => {
  const { clock, connect, exchange, until, seen } = streamWorld()
  await expect(clock.run(connect('binance', '/ws/btcusdt@bookTicker', 29))).rejects.toMatchObject({ code: 'VENUE_TIMEOUT' })
  expect([clock.nowMs() - startMs, exchange.openCount]).toEqual([29, 0])
  await until(1000)
  expect(seen).toEqual([])
})

test('a client that closes hears 1000 after a round trip and nothing afterwards, whatever it still asks for', async () => {
  const { clock, connect, exchange, until, seen, quote } = streamWorld()
  const socket = await clock.run(connect('upbit', '/websocket/v1'))
  socket.close()
  socket.close()
  socket.send('[{"ticket":"x"},{"type":"orderbook","codes":["KRW-BTC"]}]')
  socket.ping()
  quote(300)
  await until(1000)
  expect(seen).toEqual([[40, 'closed 1000']])
  expect(exchange.openCount).toBe(0)
})

test('what the venue says before it closes comes first, and its code comes through', async () => {
  const { clock, connect, exchange, until, seen } = streamWorld()
  const socket = await clock.run(connect('upbit', '/websocket/v1'))
  socket.send('[{"type":"orderbook","codes":["KRW-BTC"]}]')
  await until(1000)
  expect(seen.map(([, text]) => text)).toEqual([expect.stringContaining('NO_TICKET'), 'closed 1000'])
  expect(exchange.openCount).toBe(0)
})

test('a connection that the venue cuts ends with 1006', async () => {
  const { clock, connect, market, until, seen } = streamWorld()
  await clock.run(connect('binance', '/ws'))
  market.outages.binance = 'down'
  await until(1000)
  expect(seen).toEqual([[115, 'closed 1006']])
})

test("the venue's pings are answered, so that a connection outlives its patience", async () => {
  const { clock, connect, until, seen, exchange } = streamWorld()
  await clock.run(connect('binance', '/ws'))
  await until(300_000)
  expect([seen, exchange.openCount]).toEqual([[], 1])
})

test('steps are taken only while a connection is open: after the last one time has nowhere to go', async () => {
  const { clock, connect, market } = streamWorld()
  const socket = await clock.run(connect('binance', '/ws'))
  socket.close()
  await expect(clock.run(never)).rejects.toThrow('stands still')
  expect(market.nowMs).toBeLessThanOrEqual(startMs + 200)
})

test('closing the transport breaks what stands, refuses what is under way, and leaves nothing scheduled', async () => {
  const { clock, waiting, connect, transport, exchange, market, seen } = streamWorld()
  const socket = await clock.run(connect('binance', '/ws/btcusdt@bookTicker'))
  const underWay = [connect('upbit', '/websocket/v1'), connect('upbit', '/websocket/v1', 5)]
  socket.send('{"method":"LIST_SUBSCRIPTIONS","id":1}')
  await transport.close()
  expect(waiting.size).toBe(0)
  for (const each of underWay) await expect(each).rejects.toMatchObject({ code: 'VENUE_UNREACHABLE' })
  await expect(connect('upbit', '/websocket/v1')).rejects.toMatchObject({ code: 'VENUE_UNREACHABLE' })
  expect(seen.at(-1)).toEqual([30, 'closed 1006 binance: the transport is closed'])
  expect([exchange.openCount, market.nowMs]).toEqual([0, startMs + 15])
})

test('a defect of the market reaches who connects', async () => {
  class BrokenMarket extends ScriptedMarket {
    override outage(): null {
      throw new TypeError('broken')
    }
  }
  const { clock, transport } = world({ market: new BrokenMarket() })
  const request = { venue: 'upbit', target: '/websocket/v1', timeoutMs: 1000 } as const
  const connecting = transport.connect(request, { onFrame: () => undefined, onClose: () => undefined })
  await expect(clock.run(connecting)).rejects.toThrow(TypeError)
})

test('whatever client and venue do, a socket closes once, says nothing afterwards, and leaves no session', async () => {
  const act = fc.constantFrom('send', 'nonsense', 'ping', 'close', 'quote', 'outage', 'wait')
  const latency = fc.record({ minMs: fc.nat(60), spreadMs: fc.nat(60) })
  await fc.assert(
    fc.asyncProperty(fc.constantFrom<Venue>('upbit', 'binance'), latency, fc.array(act, { maxLength: 12 }), async (venue, way, acts) => {
      const range = { minMs: way.minMs, maxMs: way.minMs + way.spreadMs }
      const { clock, connect, transport, exchange, market, seen, quote } = streamWorld({ latency: { upbit: range, binance: range } })
      const isUpbit = venue === 'upbit'
      const subscribe = isUpbit
        ? '[{"ticket":"x"},{"type":"orderbook","codes":["KRW-BTC"]}]'
        : '{"method":"SUBSCRIBE","params":["btcusdt@depth@100ms"],"id":1}'
      const socket = await clock.run(connect(venue, isUpbit ? '/websocket/v1' : '/ws'))
      for (const [index, each] of acts.entries()) {
        if (each === 'send') socket.send(subscribe)
        else if (each === 'nonsense') socket.send('{')
        else if (each === 'ping') socket.ping()
        else if (each === 'close') socket.close()
        else if (each === 'quote') quote(100 + index)
        else if (each === 'outage') market.outages[venue] = 'down'
        else await clock.run(clock.sleepUntil(clock.nowMs() + 70))
      }
      socket.close()
      await clock.run(clock.sleepUntil(clock.nowMs() + 1000))
      expect(seen.filter(([, what]) => what.startsWith('closed'))).toEqual(seen.slice(-1))
      expect(seen.map(([atMs]) => atMs)).toEqual(seen.map(([atMs]) => atMs).toSorted((left, right) => left - right))
      expect(exchange.openCount).toBe(0)
      await transport.close()
    }),
    { numRuns: 200 },
  )
})
