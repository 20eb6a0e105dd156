import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Decimal } from '../../base/decimal.ts'
import { SeededPrng } from '../../base/prng.ts'
import { simulatedMarketSchema } from '../../config/simulated-market-schema.ts'
import type { Instrument, Venue } from '../../model/instrument.ts'
import type { FaceRequest, FaceSession, FaceSocket } from './face.ts'
import { madeInstruments } from '../../market/made-instruments.ts'
import type { Market } from '../../market/market.ts'
import { ScriptedMarket } from '../../market/scripted-market.ts'
import { SimulatedExchange } from './simulated-exchange.ts'
import { SimulatedMarket } from '../../market/simulated-market.ts'

const startMs = 1_767_571_200_000
const rules = {
  lotSize: Decimal.parse('0.00001'),
  minNotional: Decimal.parse('5'),
  takerFee: Decimal.parse('0.001'),
  feeAsset: 'quote',
} as const
const instruments = madeInstruments('BTC').map((made): Instrument => ({ ...made, ...rules }))
const depth = '/api/v3/depth?symbol=BTCUSDT&limit=5'

function get(target: string): FaceRequest {
  return { method: 'GET', target, headers: {}, body: '' }
}

function seededMarket(): Market {
  return new SimulatedMarket(simulatedMarketSchema.parse({}), new SeededPrng(62), startMs, instruments)
}

function account(venue: Venue, asset: string) {
  return { credentials: { accessKey: `${venue} key`, secretKey: `${venue} secret` }, openingBalances: [{ asset, amount: '1000' }] }
}

function exchangeOver(market: Market, hasTrading = false): SimulatedExchange {
  const accounts = { upbit: account('upbit', 'KRW'), binance: account('binance', 'USDT') }
  return new SimulatedExchange({ market, instruments, startMs, ...(hasTrading ? { trading: { prng: new SeededPrng(1), accounts } } : {}) })
}

/** Follows BTCUSDT's changes; returns what it was sent. */
function follow(exchange: SimulatedExchange, nowMs: number): { session: FaceSession; frames: { e?: string; U: number; u: number }[] } {
  const frames: { e?: string; U: number; u: number }[] = []
  const socket: FaceSocket = {
    send: (text) => void frames.push(JSON.parse(text)),
    ping: () => undefined,
    close: () => undefined,
    terminate: () => undefined,
  }
  const session = exchange.open('binance', get('/ws/btcusdt@depth@100ms'), socket, nowMs)
  if ('status' in session) throw new Error(session.body)
  return { session, frames }
}

test('before its start the market is seen as it begins', () => {
  const early = exchangeOver(seededMarket())
  const answer = early.answer('binance', get(depth), startMs - 4000)
  expect(answer).toMatchObject({ status: 200, body: exchangeOver(seededMarket()).answer('binance', get(depth), startMs).body })
  expect(early.answer('binance', get('/api/v3/time'), startMs - 3000).body).toBe(`{"serverTime":${startMs - 3000}}`)
})

test('a stream is shown every step, however late the exchange is driven', () => {
  const exchange = exchangeOver(seededMarket())
  const { frames } = follow(exchange, startMs)
  exchange.advance(startMs + 5000)
  const updates = frames.filter((frame) => frame.e === 'depthUpdate')
  expect(updates.length).toBeGreaterThan(20)
  for (const [index, update] of updates.entries()) if (index > 0) expect(update.U).toBe(updates[index - 1]!.u + 1)
  expect(exchange.skippedSteps).toBe(0)
})

test('after a long pause the steps that nobody saw are counted, and the market is where it must be', () => {
  const exchange = exchangeOver(seededMarket())
  follow(exchange, startMs)
  exchange.advance(startMs + 60_000)
  expect(exchange.skippedSteps).toBe(500)
  const { body } = exchange.answer('binance', get(depth), startMs + 60_000)
  expect(body).toBe(exchangeOver(seededMarket()).answer('binance', get(depth), startMs + 60_000).body)
})

test('where nobody follows, nothing counts as missed', () => {
  const exchange = exchangeOver(seededMarket())
  exchange.advance(startMs)
  const { session } = follow(exchange, startMs)
  session.closed()
  exchange.advance(startMs + 3_600_000)
  expect([exchange.skippedSteps, exchange.openCount]).toEqual([0, 0])
})

test('books at an instant do not depend on who followed until then, nor on trades', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 900 }), { minLength: 1, maxLength: 10 }), fc.boolean(), (waits, hasTrading) => {
      const followed = exchangeOver(seededMarket(), hasTrading)
      follow(followed, startMs)
      let nowMs = startMs
      for (const waitMs of waits) followed.advance((nowMs += waitMs))
      const alone = exchangeOver(seededMarket()).answer('upbit', get('/v1/orderbook?markets=KRW-BTC'), nowMs)
      expect(followed.answer('upbit', get('/v1/orderbook?markets=KRW-BTC'), nowMs).body).toBe(alone.body)
    }),
    { numRuns: 50 },
  )
})

test('trades are made only where there is trading', () => {
  const lastTrades = (hasTrading: boolean): unknown => {
    const exchange = exchangeOver(seededMarket(), hasTrading)
    exchange.advance(startMs)
    return JSON.parse(exchange.answer('binance', get('/api/v3/aggTrades?symbol=BTCUSDT'), startMs + 9000).body)
  }
  expect(lastTrades(false)).toEqual([])
  expect(lastTrades(true)).not.toEqual([])
})

test('an account is asked for by its key, and does not exist where there is no trading', () => {
  const statusOf = (hasTrading: boolean): number =>
    exchangeOver(seededMarket(), hasTrading).answer('upbit', get('/v1/accounts'), startMs).status
  expect([statusOf(true), statusOf(false)]).toEqual([401, 404])
})

test('a venue that is away answers nothing, whatever is asked', () => {
  const market = new ScriptedMarket()
  market.outages.upbit = 'maintenance'
  const exchange = exchangeOver(market, true)
  const targets = ['/v1/accounts', '/v1/orderbook?markets=KRW-BTC']
  expect(targets.map((target) => exchange.answer('upbit', get(target), startMs).status)).toEqual([503, 503])
})

test('what is no GET and none of the account is not allowed', () => {
  const answer = exchangeOver(seededMarket()).answer('binance', { ...get(depth), method: 'PUT' }, startMs)
  expect(answer).toMatchObject({ status: 405, headers: { allow: 'GET' } })
})

test('the next step is the next tenth of a second, and the first one follows the start', () => {
  const exchange = exchangeOver(seededMarket())
  const steps = [-5000, 0, 1, 99, 100].map((atMs) => exchange.nextStepMs(startMs + atMs) - startMs)
  expect(steps).toEqual([100, 100, 100, 100, 200])
})
