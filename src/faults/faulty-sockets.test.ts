import { get } from 'node:http'
import { afterEach, describe, expect, test } from 'vitest'
import { SeededPrng } from '../base/prng.ts'
import { SystemClock } from '../clock/system-clock.ts'
import { VirtualClock } from '../clock/virtual-clock.ts'
import { ScriptedMarket } from '../market/scripted-market.ts'
import type { Fault, FaultKind } from '../model/fault.ts'
import { NetworkTransport } from '../venues/network-transport.ts'
import type { Exchange, ExchangeAnswer } from '../venues/simulated/exchange.ts'
import type { FaceAnswer } from '../venues/simulated/face.ts'
import { SimulatedExchange } from '../venues/simulated/simulated-exchange.ts'
import { SimulatedTransport } from '../venues/simulated/simulated-transport.ts'
import { VenueServer } from '../venues/simulated/venue-server.ts'
import type { HttpResponse, Transport, VenueSocket } from '../venues/transport.ts'
import { FaultBoard } from './fault-board.ts'
import { FaultyExchange } from './faulty-exchange.ts'

const clock = new SystemClock()
const cleanUps: (() => Promise<unknown> | void)[] = []

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp()
})

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await clock.sleepUntil(clock.nowMs() + 5)
}

/** Real servers before the exchange, and the real transport to them. */
async function served(exchange: Exchange): Promise<NetworkTransport> {
  const server = await VenueServer.start({ exchange, clock, ports: { upbit: 0, binance: 0 } })
  const transport = new NetworkTransport({ clock, endpoints: server.endpoints })
  cleanUps.push(
    () => server.stop(),
    () => transport.close(),
  )
  return transport
}

describe('an answer that comes late, in part or not at all is the same to both transports', () => {
  const whole: FaceAnswer = { status: 200, headers: { 'content-type': 'application/json' }, body: '[1,2,3]' }

  /** Answers every request alike. */
  class AlikeExchange implements Exchange {
    readonly openCount = 0
    readonly #answer: ExchangeAnswer

    constructor(answer: ExchangeAnswer) {
      this.#answer = answer
    }

    nextStepMs(nowMs: number): number {
      return nowMs + 100
    }

    answer(): ExchangeAnswer {
      return this.#answer
    }

    open(): FaceAnswer {
      return whole
    }

    advance(): void {}
  }

  const latency = { minMs: 20, maxMs: 20 }

  function ask(transport: Transport, timeoutMs = 200): Promise<Pick<HttpResponse, 'status' | 'body'> | string> {
    return transport.request({ venue: 'upbit', target: '/v1/market/all', timeoutMs }).then(
      ({ status, body }) => ({ status, body }),
      (error: Error) => error.message,
    )
  }

  test.each([
    { what: 'late', answer: { ...whole, lateMs: 50 }, outcome: { status: 200, body: '[1,2,3]' }, minMs: 50, timeoutMs: 10_000 },
    { what: 'too late', answer: { ...whole, lateMs: 60_000 }, outcome: 'upbit: no answer within 200 ms', minMs: 200, timeoutMs: 200 },
    { what: 'lost', answer: { lost: 'no-answer' }, outcome: 'upbit: no answer within 200 ms', minMs: 200, timeoutMs: 200 },
    { what: 'reset', answer: { lost: 'reset' }, outcome: 'upbit: the connection was reset (ECONNRESET)', minMs: 0, timeoutMs: 10_000 },
    {
      what: 'truncated',
      answer: { ...whole, breaksAfter: 3 },
      outcome: 'upbit: the connection was closed before the answer was complete (UND_ERR_SOCKET)',
      minMs: 0,
      timeoutMs: 10_000,
    },
  ] as const)('$what', async ({ answer, outcome, minMs, timeoutMs }) => {
    const exchange = new AlikeExchange(answer)
    const virtual = new VirtualClock({ startMs: 0, pace: null })
    const prng = new SeededPrng(1)
    const simulated = new SimulatedTransport({ clock: virtual, exchange, prng, latency: { upbit: latency, binance: latency } })
    const network = await served(exchange)
    const beganAtMs = clock.nowMs()
    expect([await virtual.run(ask(simulated, timeoutMs)), await ask(network, timeoutMs)]).toEqual([outcome, outcome])
    expect(virtual.nowMs()).toBe(minMs === 200 ? 200 : minMs + 20)
    expect(clock.nowMs() - beganAtMs).toBeGreaterThan(minMs - 5)
  })

  test('no more than so many are kept without an answer, and the client of one more is cut', async () => {
    const server = await VenueServer.start({ exchange: new AlikeExchange({ lost: 'no-answer' }), clock, ports: { upbit: 0, binance: 0 } })
    cleanUps.push(() => server.stop())
    let brokenCount = 0
    for (let i = 0; i < 257; i++) get(`${server.endpoints.upbit.restUrl}/v1/market/all`).on('error', () => brokenCount++)
    await until(() => brokenCount > 0)
    expect([brokenCount, server.cutClients]).toEqual([1, 1])
  })

  test('the server stops though requests are kept without an answer, and one is late', async () => {
    for (const answer of [{ lost: 'no-answer' }, { ...whole, lateMs: 30_000 }] as const) {
      const transport = await served(new AlikeExchange(answer))
      const asked = ask(transport, 60_000)
      await clock.sleepUntil(clock.nowMs() + 50)
      for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp()
      expect(await asked).toBe('upbit: the transport is closed')
    }
  })
})

describe('over real sockets', () => {
  const codes = ['BTCUSDT', 'ETHUSDT']

  /** One stream of two instruments that move all the time, under a fault that has struck once. */
  async function stream(kind: FaultKind, changes: Partial<Fault> = {}) {
    const market = new ScriptedMarket()
    let updateId = 0
    const move = (): void => {
      updateId++
      for (const code of codes) {
        market.set('binance', code, { bids: [100, updateId], asks: [101, 1], changedAtMs: clock.nowMs(), updateId })
      }
    }
    const mover = setInterval(move, 20)
    cleanUps.push(() => clearInterval(mover))
    move()
    const runStartMs = clock.nowMs()
    const faults: Fault[] = [{ kind, fromMs: 0, untilMs: 600_000, venue: null, code: null, share: 1, strength: 0, ...changes }]
    let strikes = 0
    const board = new FaultBoard({ plan: { runStartMs, seed: 1, faults }, onStrike: () => strikes++ })
    const exchange = new FaultyExchange({ exchange: new SimulatedExchange({ market, instruments: [] }), board })
    const transport = await served(exchange)
    const frames: string[] = []
    const closes: number[] = []
    const socket: VenueSocket = await transport.connect(
      { venue: 'binance', target: '/ws/btcusdt@bookTicker/ethusdt@bookTicker', timeoutMs: 5000 },
      { onFrame: (text) => frames.push(text), onClose: (code) => closes.push(code) },
    )
    await until(() => strikes > 0)
    return { socket, frames, closes, exchange }
  }

  test('a stream is closed with a close frame', async () => {
    const { closes, exchange } = await stream('stream-close')
    await until(() => closes.length > 0 && exchange.openCount === 0)
    expect(closes).toEqual([1001])
  })

  test('a stream is broken without one', async () => {
    const { closes, exchange } = await stream('stream-reset')
    await until(() => closes.length > 0 && exchange.openCount === 0)
    expect(closes).toEqual([1006])
  })

  test('a half-open stream brings nothing, answers no close, and is gone at the server when its client goes', async () => {
    const { socket, frames, closes, exchange } = await stream('stream-half-open')
    frames.length = 0
    socket.ping()
    socket.send('{"method":"LIST_SUBSCRIPTIONS","id":1}')
    await clock.sleepUntil(clock.nowMs() + 250)
    expect([frames.length, closes.length, exchange.openCount]).toEqual([0, 0, 1])
    const closedAtMs = clock.nowMs()
    socket.close()
    await until(() => closes.length > 0 && exchange.openCount === 0)
    expect(closes).toEqual([1006])
    expect(clock.nowMs() - closedAtMs).toBeGreaterThan(900)
  })

  test('a stall is that of one instrument', async () => {
    const { frames } = await stream('stream-stall', { venue: 'binance', code: 'ETHUSDT' })
    frames.length = 0
    await until(() => frames.length >= 3)
    expect(frames.filter((text) => text.includes('ETHUSDT'))).toEqual([])
  })
})
