import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SeededPrng } from '../../base/prng.ts'
import { VirtualClock } from '../../clock/virtual-clock.ts'
import type { Venue } from '../../model/instrument.ts'
import type { Market, MarketBook } from './market.ts'
import { ScriptedMarket } from './scripted-market.ts'
import { defaultLatency, type LatencySettings, SimulatedTransport } from './simulated-transport.ts'

const startMs = 1_767_571_200_000
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
