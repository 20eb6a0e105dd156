import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Decimal } from '../base/decimal.ts'
import { SeededPrng } from '../base/prng.ts'
import { CountingClock } from '../clock/counting-clock.ts'
import { simulatedMarketSchema } from '../config/simulated-market-schema.ts'
import { quoteTrouble } from '../market-data/freshness.ts'
import { madeInstruments } from '../market/made-instruments.ts'
import { ScriptedMarket } from '../market/scripted-market.ts'
import { SimulatedMarket } from '../market/simulated-market.ts'
import type { Fault, FaultKind } from '../model/fault.ts'
import type { Instrument } from '../model/instrument.ts'
import { RestMarketDataProvider } from '../venues/rest-market-data-provider.ts'
import { SimulatedExchange } from '../venues/simulated/simulated-exchange.ts'
import { defaultLatency, SimulatedTransport } from '../venues/simulated/simulated-transport.ts'
import { StreamMarketDataProvider } from '../venues/stream-market-data-provider.ts'
import { FaultBoard } from './fault-board.ts'
import { FaultyExchange } from './faulty-exchange.ts'
import { FaultyMarket } from './faulty-market.ts'

const startMs = 1_767_571_200_000
const loopMs = 1000
const freshness = { maxQuoteAgeMs: 3000, maxUnchangedMs: 30_000 }
const facts = { lotSize: Decimal.parse('0.00001'), minNotional: Decimal.one, takerFee: Decimal.zero, feeAsset: 'quote' } as const
const instruments = madeInstruments('BTC', 'ETH').map((made): Instrument => ({ ...made, ...facts }))
const settings = simulatedMarketSchema.parse({})

type Source = 'rest' | 'ws'

/** From the tenth second to the fortieth. */
function fault(kind: FaultKind, changes: Partial<Fault> = {}): Fault {
  return { kind, fromMs: 10_000, untilMs: 40_000, venue: null, code: null, share: 1, strength: 0, ...changes }
}

/** The real clients, in a loop once a second, before an exchange that a plan strikes. */
class StruckWorld {
  readonly clock = new CountingClock({ startMs, pace: null })
  readonly provider: RestMarketDataProvider | StreamMarketDataProvider
  readonly exchange: FaultyExchange
  readonly strikes = new Map<FaultKind, number>()
  /** Codes of what `refresh` reported. */
  readonly failures = new Set<string>()
  /** What `quoteTrouble` said of any book. */
  readonly troubles = new Set<string>()
  longestRefreshMs = 0
  reconnects = 0
  gaps = 0
  resyncs = 0
  dropped = 0

  constructor(source: Source, faults: readonly Fault[], seed = 62) {
    const onStrike = (_index: number, { kind }: Fault, count: number): unknown => this.strikes.set(kind, count)
    const board = new FaultBoard({ plan: { runStartMs: startMs, seed, faults }, onStrike })
    const made = new SimulatedMarket(settings, new SeededPrng(seed), startMs, instruments)
    const market = new FaultyMarket({ market: made, board, instruments })
    this.exchange = new FaultyExchange({ exchange: new SimulatedExchange({ market, instruments, startMs }), board })
    const { clock, exchange } = this
    const transport = new SimulatedTransport({ clock, exchange, prng: new SeededPrng(seed), latency: defaultLatency })
    const parts = { transport, clock, instruments, depthLevels: 5, requestTimeoutMs: 800, loopIntervalMs: loopMs, freshness }
    this.provider =
      source === 'rest' ? new RestMarketDataProvider(parts) : new StreamMarketDataProvider({ ...parts, prng: new SeededPrng(seed) })
  }

  static async at(untilMs: number, source: Source, ...faults: Fault[]): Promise<StruckWorld> {
    const world = new StruckWorld(source, faults)
    await world.goTo(untilMs)
    return world
  }

  /** `untilMs`: since the start. */
  goTo(untilMs: number): Promise<void> {
    return this.clock.run(this.#loop(startMs + untilMs))
  }

  get staleCodes(): string[] {
    const isStale = (instrument: Instrument): boolean =>
      quoteTrouble(this.provider.book(instrument), this.clock.nowMs(), freshness) !== null
    return instruments.filter(isStale).map(({ code }) => code)
  }

  /** No call is left behind but the exchange's own next step. */
  async close(): Promise<number> {
    await this.clock.run(this.provider.close())
    await this.clock.advance(10_000)
    return this.clock.pendingCount + this.exchange.openCount
  }

  async #loop(untilMs: number): Promise<void> {
    const { clock, provider } = this
    if (clock.nowMs() === startMs) await provider.open()
    while (clock.nowMs() < untilMs) {
      const beganAtMs = clock.nowMs()
      for (const { code } of await provider.refresh()) this.failures.add(code)
      this.longestRefreshMs = Math.max(this.longestRefreshMs, clock.nowMs() - beganAtMs)
      this.#look()
      await clock.sleepUntil(Math.max(clock.nowMs(), Math.floor(beganAtMs / loopMs) * loopMs + loopMs))
    }
  }

  #look(): void {
    for (const instrument of instruments) {
      const book = this.provider.book(instrument)
      const trouble = quoteTrouble(book, this.clock.nowMs(), freshness)
      if (trouble !== null) this.troubles.add(trouble)
      const levels = [...(book?.bids ?? []), ...(book?.asks ?? [])]
      if (book === null) continue
      if (!levels.every(({ price, size }) => price > 0 && size > 0)) throw new Error(`${instrument.code} shows a level that is none`)
      if (!(book.bids[0]!.price < book.asks[0]!.price)) throw new Error(`${instrument.code} is crossed`)
    }
    for (const counts of this.provider.takeCounts()) {
      this.reconnects += counts.reconnects
      this.gaps += counts.gaps
      this.resyncs += counts.resyncs
      this.dropped += counts.dropped
    }
  }
}

test('without a fault nothing is reported, and every book is fresh', async () => {
  for (const source of ['rest', 'ws'] as const) {
    const world = await StruckWorld.at(60_000, source)
    expect([world.failures.size, world.troubles.size, world.reconnects, world.staleCodes]).toEqual([0, 0, 0, []])
    expect(await world.close()).toBe(0)
  }
})

describe('over REST', () => {
  test.each([
    { kind: 'latency', strength: 3000, failure: 'VENUE_TIMEOUT' },
    { kind: 'no-answer', strength: 0, failure: 'VENUE_TIMEOUT' },
    { kind: 'server-error', strength: 0, failure: 'VENUE_STATUS' },
    { kind: 'rate-limited', strength: 0, failure: 'VENUE_RATE_LIMITED' },
    { kind: 'banned', strength: 0, failure: 'VENUE_RATE_LIMITED' },
    { kind: 'malformed-body', strength: 0, failure: 'VENUE_MALFORMED' },
    { kind: 'truncated-body', strength: 0, failure: 'VENUE_UNREACHABLE' },
    { kind: 'maintenance', strength: 0, failure: 'VENUE_STATUS' },
    { kind: 'crossed-book', strength: 50, failure: 'VENUE_MALFORMED' },
  ] as const)('$kind is reported as $failure, books age, and are fresh afterwards', async ({ kind, strength, failure }) => {
    const world = await StruckWorld.at(40_000, 'rest', fault(kind, { strength }))
    expect([...world.failures]).toEqual([failure])
    expect([...world.troubles]).toContain('stale')
    expect(world.strikes.get(kind)).toBeGreaterThan(1)
    await world.goTo(180_000)
    expect(world.staleCodes).toEqual([])
  })
})

test('latency makes answers come later, by up to its strength, and quotes with them', async () => {
  const world = await StruckWorld.at(40_000, 'rest', fault('latency', { strength: 600 }))
  expect(world.longestRefreshMs).toBeGreaterThan(300)
  expect(world.longestRefreshMs).toBeLessThanOrEqual(690)
  expect(world.failures.size).toBe(0)
})

test('levels of price 0 or size 0 reach nobody over REST, and take no book away', async () => {
  const world = await StruckWorld.at(41_000, 'rest', fault('zero-padded-book'))
  expect([world.failures.size, world.troubles.size]).toEqual([0, 0])
  // Once a step in which somebody saw it: one round of requests a second.
  expect(world.strikes.get('zero-padded-book')).toBe(30)
})

test('a book that stands still is frozen, however often it is asked for', async () => {
  const world = await StruckWorld.at(45_000, 'rest', fault('stale-book', { venue: 'binance', code: 'BTCUSDT', untilMs: 50_000 }))
  expect([...world.troubles]).toEqual(['frozen'])
  expect(world.staleCodes).toEqual(['BTCUSDT'])
  await world.goTo(60_000)
  expect(world.staleCodes).toEqual([])
})

test('a skewed clock shows in what the venue writes, and in nothing that it does', () => {
  const market = new ScriptedMarket()
  const plan = { runStartMs: startMs, seed: 62, faults: [fault('clock-skew', { fromMs: 0, strength: -4000 })] }
  const board = new FaultBoard({ plan, onStrike: () => undefined })
  const exchange = new FaultyExchange({ exchange: new SimulatedExchange({ market, instruments }), board })
  const answer = exchange.answer('binance', { method: 'GET', target: '/api/v3/time', headers: {}, body: '' }, startMs + 500)
  expect(answer).toMatchObject({ body: `{"serverTime":${startMs - 3500}}`, headers: { date: new Date(startMs - 3500).toUTCString() } })
  expect(market.nowMs).toBe(startMs + 500)
})

describe('over streams', () => {
  test.each(['stream-close', 'stream-reset', 'stream-half-open', 'maintenance'] as const)(
    '%s is followed by new connections, and books that are fresh',
    async (kind) => {
      const world = await StruckWorld.at(40_000, 'ws', fault(kind))
      expect(world.strikes.get(kind)).toBeGreaterThanOrEqual(2)
      await world.goTo(120_000)
      expect(world.reconnects).toBeGreaterThanOrEqual(2)
      expect(world.staleCodes).toEqual([])
      expect(world.exchange.openCount).toBe(2)
      expect(await world.close()).toBe(0)
    },
  )

  test('a half-open socket is found by REST, closed though nobody answers, and replaced', async () => {
    const world = await StruckWorld.at(16_000, 'ws', fault('stream-half-open', { untilMs: 11_000 }))
    expect(world.failures).toEqual(new Set(['VENUE_UNREACHABLE']))
    expect(world.reconnects).toBe(2)
    expect(world.provider.takeCounts().map(({ liveSockets }) => liveSockets)).toEqual([1, 1])
  })

  test('what goes through a half-open socket is struck by nothing else', async () => {
    const world = await StruckWorld.at(
      14_000,
      'ws',
      fault('stream-half-open', { untilMs: 11_000 }),
      fault('stream-stall', { fromMs: 10_200, untilMs: 11_000 }),
    )
    expect(world.strikes).toEqual(new Map([['stream-half-open', 2]]))
  })

  test('a stall is that of one instrument, and the others go on', async () => {
    for (const [venue, code] of [
      ['upbit', 'KRW-ETH'],
      ['binance', 'ETHUSDT'],
    ] as const) {
      const world = await StruckWorld.at(18_000, 'ws', fault('stream-stall', { venue, code }))
      expect(world.staleCodes).toEqual([code])
      await world.goTo(120_000)
      expect(world.staleCodes).toEqual([])
    }
  })

  test('a gap in the sequence is seen, and the book is fetched anew', async () => {
    const world = await StruckWorld.at(60_000, 'ws', fault('sequence-gap', { venue: 'binance', share: 0.02 }))
    expect([world.gaps, world.resyncs]).toSatisfy(([gaps, resyncs]: number[]) => gaps! > 0 && resyncs! > 0)
    expect(world.staleCodes).toEqual([])
  })

  test('a frame that comes after the next one is dropped, or is a gap', async () => {
    const world = await StruckWorld.at(60_000, 'ws', fault('out-of-order', { share: 0.05 }))
    expect(world.dropped).toBeGreaterThan(0)
    expect(world.gaps).toBeGreaterThan(0)
    expect(world.staleCodes).toEqual([])
  })

  test.each([
    { kind: 'crossed-book', strength: 20 },
    { kind: 'zero-padded-book', strength: 0 },
    { kind: 'stale-book', strength: 0 },
  ] as const)('$kind never reaches the engine as a book that can be priced, and is over when it ends', async ({ kind, strength }) => {
    const world = await StruckWorld.at(120_000, 'ws', fault(kind, { strength, untilMs: 50_000 }))
    expect(world.strikes.get(kind)).toBe(400)
    expect(world.staleCodes).toEqual([])
  })

  test.each([-3_600_000, -4000, 4000, 3_600_000])(
    'a venue whose clock is off by %d ms, and then right again, is followed',
    async (strength) => {
      const world = await StruckWorld.at(39_000, 'ws', fault('clock-skew', { strength }))
      for (const { venue, code } of instruments.filter((instrument) => instrument.base === 'BTC')) {
        const { exchangeTimeMs, receivedAtMs } = world.provider.book({ venue, code })!
        expect(Math.abs(exchangeTimeMs! - receivedAtMs - strength)).toBeLessThan(2000)
      }
      await world.goTo(120_000)
      expect(world.strikes.get('clock-skew')).toBeGreaterThan(100)
      expect(world.staleCodes).toEqual([])
    },
  )
})

const healedMs = 600_000
const kinds: readonly FaultKind[] = [
  ...(['latency', 'no-answer', 'server-error', 'rate-limited', 'banned', 'malformed-body', 'truncated-body'] as const),
  ...(['stream-close', 'stream-reset', 'stream-half-open', 'stream-stall', 'sequence-gap', 'out-of-order'] as const),
  ...(['stale-book', 'crossed-book', 'zero-padded-book', 'clock-skew', 'maintenance'] as const),
]
const anyFault = fc
  .record({
    kind: fc.constantFrom(...kinds),
    fromMs: fc.integer({ min: 0, max: 20_000 }),
    durationMs: fc.integer({ min: 100, max: 30_000 }),
    aim: fc.oneof(
      fc.constant({ venue: null, code: null }),
      fc.constantFrom('upbit' as const, 'binance' as const).map((venue) => ({ venue, code: null })),
      fc.constantFrom(...instruments.map(({ venue, code }) => ({ venue, code }))),
    ),
    share: fc.oneof(fc.constant(1), fc.double({ min: 0.01, max: 1, noNaN: true })),
    strength: fc.integer({ min: 1, max: 5000 }),
    skewMs: fc.integer({ min: -7_200_000, max: 7_200_000 }),
  })
  .map(({ durationMs, aim, skewMs, ...drawn }): Fault => {
    const strength = drawn.kind === 'clock-skew' ? skewMs : drawn.strength
    return { ...drawn, ...aim, strength, untilMs: drawn.fromMs + durationMs }
  })

test('the same plan strikes the same way again', async () => {
  const faults = kinds.map((kind, index) => fault(kind, { fromMs: 2000 * index, untilMs: 2000 * index + 3000, share: 0.7, strength: 300 }))
  const history = async (source: Source): Promise<unknown> => {
    const world = await StruckWorld.at(45_000, source, ...faults)
    const books = instruments.map((instrument) => world.provider.book(instrument))
    return { books, strikes: world.strikes, failures: world.failures, gaps: world.gaps, dropped: world.dropped, end: world.clock.nowMs() }
  }
  for (const source of ['rest', 'ws'] as const) expect(await history(source)).toEqual(await history(source))
})

test('whatever went wrong, every book is fresh within ten minutes of its end, and nothing is left behind', async () => {
  const plans = fc.record({
    source: fc.constantFrom<Source>('rest', 'ws'),
    faults: fc.array(anyFault, { minLength: 1, maxLength: 5 }),
    seed: fc.nat(),
  })
  await fc.assert(
    fc.asyncProperty(plans, async ({ source, faults, seed }) => {
      const world = new StruckWorld(source, faults, seed)
      const endMs = Math.max(...faults.map(({ untilMs }) => untilMs))
      for (let atMs = endMs; atMs <= endMs + healedMs; atMs += 20_000) {
        await world.goTo(atMs)
        if (world.staleCodes.length === 0 && atMs > endMs) break
      }
      expect(world.staleCodes).toEqual([])
      expect(await world.close()).toBe(0)
    }),
    { numRuns: 20 },
  )
}, 60_000)
