import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runCheckers } from '../analyzer/run-checkers.ts'
import { OperatingError } from '../base/error.ts'
import { SeededPrng } from '../base/prng.ts'
import { planAttempt } from '../campaign/plan.ts'
import { noAdjustments } from '../campaign/recovery.ts'
import { composeEngine, type EnginePlan, type Swaps } from '../compose.ts'
import { campaignSchema } from '../config/schema.ts'
import type { MarketDataProvider } from '../market-data/market-data-provider.ts'
import type { ApplicationEvent, LogEvent, MetricsEvent, StopReason, TradingEvent } from '../model/event.ts'
import type { Venue } from '../model/instrument.ts'
import type { Strategy, StrategyView } from '../strategy/cross-venue-arbitrage.ts'
import type { Market, MarketBook } from '../market/market.ts'
import type { StateStore } from './state-store.ts'

const startMs = Date.UTC(2026, 0, 5)

let folder: string
let runCount = 0

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'longhaul-live-runner-'))
})

afterAll(() => rmSync(folder, { recursive: true }))

const markets: Readonly<Record<string, { mid: number; tickSize: number }>> = {
  'upbit:KRW-USDT': { mid: 1400, tickSize: 1 },
  'upbit:KRW-BTC': { mid: 140_000_000, tickSize: 1000 },
  'upbit:KRW-ETH': { mid: 4_200_000, tickSize: 1000 },
  'binance:BTCUSDT': { mid: 100_000, tickSize: 0.01 },
  'binance:ETHUSDT': { mid: 3000, tickSize: 0.01 },
}

/** How a market is at a time: as usual, a percent dearer, standing still since the start, or with its best prices crossed. */
type State = 'usual' | 'dear' | 'halted' | 'crossed'

/** Moves every 100 ms; each instrument is in the state that the test gives it. Times are from the start. */
class HandMarket implements Market {
  readonly #stateOf: (instrument: string, atMs: number) => State
  readonly #outageOf: (venue: Venue, atMs: number) => boolean
  #atMs = 0

  constructor(
    stateOf: (instrument: string, atMs: number) => State = () => 'usual',
    outageOf: (venue: Venue, atMs: number) => boolean = () => false,
  ) {
    this.#stateOf = stateOf
    this.#outageOf = outageOf
  }

  advance(atMs: number): void {
    this.#atMs = atMs - startMs
  }

  book(venue: Venue, code: string): MarketBook | null {
    const key = `${venue}:${code}`
    const market = markets[key]
    if (market === undefined) return null
    const state = this.#stateOf(key, this.#atMs)
    const price = state === 'dear' ? market.mid * 1.01 : market.mid
    const half = state === 'crossed' ? -0.0005 : 0.0005
    const onTick = (exact: number): number => Number((Math.round(exact / market.tickSize) * market.tickSize).toFixed(2))
    const side = (sign: number): Float64Array =>
      Float64Array.of(onTick(price * (1 + sign * half)), 50, onTick(price * (1 + sign * 0.002)), 50)
    const movedAtMs = state === 'halted' ? 0 : 100 * Math.floor(this.#atMs / 100)
    return { bids: side(-1), asks: side(1), changedAtMs: startMs + movedAtMs, updateId: 1 + movedAtMs / 100 }
  }

  outage(venue: Venue): string | null {
    return this.#outageOf(venue, this.#atMs) ? 'as the test has it' : null
  }
}

/** Trades open at the seconds 0 to 4 and 30 to 34: leg A is dear then. */
const dearLegsA = (instrument: string, atMs: number): State =>
  instrument !== 'upbit:KRW-USDT' && instrument.startsWith('upbit') && atMs % 30_000 < 5000 ? 'dear' : 'usual'

/** Requests that take no time, where a test counts to the millisecond. */
const instant = { venues: { latencyMs: { upbit: { minMs: 0, maxMs: 0 }, binance: { minMs: 0, maxMs: 0 } } } }

function planOf(
  config: object = {},
  changes: Partial<EnginePlan['settings']> = {},
  runFolder = join(folder, `run-${++runCount}`),
): EnginePlan {
  const campaign = campaignSchema.parse({
    scenario: 'T1',
    symbols: ['KRW-BTC', 'KRW-ETH'],
    duration_minutes: 1,
    execution: { rejectProbability: 0, timeoutProbability: 0 },
    // Trades are closed after their time, and by nothing else.
    strategy: { maxHoldingMs: 20_000, takeProfitBps: 1000, stopLossBps: 1000, reversalGrossEdgeBps: -1000 },
    ...config,
  })
  const logsFolder = join(runFolder, 'logs')
  mkdirSync(logsFolder, { recursive: true })
  const plan = planAttempt({
    config: campaign,
    attempt: 1,
    runStartMs: startMs,
    startAtMs: startMs,
    endAtMs: startMs + campaign.duration_minutes * 60_000,
    adjustments: noAdjustments,
    store: { kind: 'embedded', folder: join(runFolder, 'state') },
    endpoints: null,
    logsFolder,
  })
  return { ...plan, settings: { ...plan.settings, ...changes } }
}

interface Run {
  reason: StopReason
  logsFolder: string
  application: ApplicationEvent[]
  trading: TradingEvent[]
  metrics: MetricsEvent[]
}

/** The whole engine on a market of our own, from start to close. */
async function run(plan: EnginePlan, swaps: Swaps & { hand?: HandMarket } = {}): Promise<Run> {
  const market = swaps.hand ?? new HandMarket()
  const { clock, engine, journal } = composeEngine(plan, { market: () => market, ...swaps })
  const virtual = clock as unknown as { run<T>(main: Promise<T>): Promise<T> }
  const reason = await virtual.run(engine.run())
  await virtual.run(engine.close(reason))
  journal.close()
  return { reason, logsFolder: plan.logsFolder, ...logsOf(plan.logsFolder) }
}

function logsOf(logsFolder: string): Pick<Run, 'application' | 'trading' | 'metrics'> {
  const read = <E extends LogEvent>(name: string): E[] =>
    readFileSync(join(logsFolder, `${name}.log`), 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as E)
  return { application: read('application'), trading: read('trading'), metrics: read('metrics') }
}

function named<E extends LogEvent, Name extends E['event']>(events: readonly E[], name: Name): Extract<E, { event: Name }>[] {
  return events.filter((event): event is Extract<E, { event: Name }> => event.event === name)
}

/** By the checkers that judge campaigns. */
async function expectSound({ logsFolder, trading }: Run): Promise<void> {
  expect(trading.map(({ seq }) => seq)).toEqual(trading.map((_event, index) => index + 1))
  const results = await runCheckers(join(logsFolder, 'trading.log'))
  expect(results.filter(({ verdict }) => verdict !== 'pass')).toEqual([])
}

/** A provider that takes `delayMs` longer at some loops. */
function slowProvider(delayMsAt: (loop: number) => number): NonNullable<Swaps['provider']> {
  return (part, { clock }): MarketDataProvider => {
    let loop = 0
    return {
      ...passedOn(part),
      async refresh() {
        await clock.sleepUntil(clock.nowMs() + delayMsAt(++loop))
        return part.refresh()
      },
    }
  }
}

function passedOn(part: MarketDataProvider): MarketDataProvider {
  return {
    open: () => part.open(),
    refresh: () => part.refresh(),
    book: (instrument) => part.book(instrument),
    fetchBook: (instrument) => part.fetchBook(instrument),
    onChange: (listener) => part.onChange(listener),
    takeCounts: () => part.takeCounts(),
    close: () => part.close(),
  }
}

/** Quotes that change at times from the start: all books are fetched anew, and these instruments are said to have moved. */
type Change = [atMs: number, ...instruments: `${Venue}:${string}`[]]

function changingProvider(changes: readonly Change[]): NonNullable<Swaps['provider']> {
  return (part, { clock }): MarketDataProvider => ({
    ...passedOn(part),
    onChange(listener) {
      for (const [atMs, ...instruments] of changes) {
        clock.schedule(startMs + atMs, () => {
          void part.refresh().then(() => {
            for (const instrument of instruments) {
              const [venue, code = ''] = instrument.split(':')
              listener({ venue: venue === 'upbit' ? 'upbit' : 'binance', code }, clock.preciseMs())
            }
          })
        })
      }
    },
  })
}

/** Each order takes this long to be answered, and no more. */
const orderTakes = (delayMs: number): object => ({
  execution: { rejectProbability: 0, timeoutProbability: 0, minOrderDelayMs: delayMs, maxOrderDelayMs: delayMs, orderTimeoutMs: 5000 },
})

/** The strategy, with what it sees written down. */
function watched(views: StrategyView[]): NonNullable<Swaps['strategy']> {
  return (part): Strategy => ({
    decide(view) {
      views.push(view)
      return part.decide(view)
    },
  })
}

function secondsOf(views: readonly StrategyView[], symbol: string): number[] {
  return views.filter(({ route }) => route.symbol === symbol).map(({ nowMs }) => Math.floor((nowMs - startMs) / 1000))
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index)
}

describe('the cadence', () => {
  test('is the interval from the first start, without drift, whatever a loop takes', async () => {
    const { reason, metrics, application } = await run(planOf(), { provider: slowProvider((loop) => (loop * 37) % 900) })
    const loops = named(metrics, 'loops')
    expect(reason).toBe('completed')
    expect(loops.flatMap(({ periodsMs }) => periodsMs)).toEqual([null, ...range(1, 60).map(() => 1000)])
    expect(named(application, 'engine-stopped')).toMatchObject([{ loops: 60, overruns: 0, time: startMs + 60_000 }])
  })

  test('skips the starts that a loop runs over, and counts them', async () => {
    const { metrics, application } = await run(planOf(), { provider: slowProvider((loop) => (loop === 5 ? 2500 : 0)) })
    const loops = named(metrics, 'loops')
    const periodsMs = loops.flatMap((line) => line.periodsMs)
    expect(periodsMs.filter((periodMs) => periodMs !== 1000)).toEqual([null, 3000])
    expect(periodsMs).toHaveLength(58)
    expect(loops.reduce((sum, { overruns }) => sum + overruns, 0)).toBe(2)
    expect(named(application, 'engine-stopped')).toMatchObject([{ loops: 58, overruns: 2 }])
  })

  test('a loop that ends at the next start has missed nothing', async () => {
    const { metrics } = await run(planOf(instant), { provider: slowProvider((loop) => (loop === 5 ? 1000 : 0)) })
    expect(new Set(named(metrics, 'loops').flatMap(({ periodsMs }) => periodsMs))).toEqual(new Set([null, 1000]))
  })

  test('is kept while an order takes longer than a loop: its symbol is left out, and nobody else', async () => {
    const dear = new HandMarket((instrument, atMs) => (instrument === 'upbit:KRW-BTC' && atMs >= 10_000 ? 'dear' : 'usual'))
    const views: StrategyView[] = []
    const ended = await run(planOf({ ...instant, ...orderTakes(2500) }), { hand: dear, strategy: watched(views) })
    const loops = named(ended.metrics, 'loops')
    expect(loops.flatMap(({ periodsMs }) => periodsMs)).toEqual([null, ...range(1, 60).map(() => 1000)])
    expect(loops.slice(10, 13).map(({ loopTimesMs, busySymbols }) => [...loopTimesMs, busySymbols])).toEqual([
      [1000, 0],
      [0, 1],
      [0, 1],
    ])
    const seconds = (symbol: string): number[] =>
      views.filter(({ route }) => route.symbol === symbol).map(({ nowMs }) => (nowMs - startMs) / 1000)
    expect(seconds('KRW-BTC').slice(9, 12)).toEqual([9, 10, 13])
    expect(seconds('KRW-ETH')).toEqual(range(0, 60))
    expect(named(ended.application, 'engine-stopped')).toMatchObject([{ loops: 60, overruns: 0 }])
    await expectSound(ended)
  })

  test('ends at once when it is told to, in the middle of a wait', async () => {
    const { clock, engine } = composeEngine(planOf(), { market: () => new HandMarket() })
    clock.schedule(startMs + 10_500, () => engine.stop('aborted'))
    clock.schedule(startMs + 10_600, () => engine.stop('interrupted'))
    const virtual = clock as unknown as { run<T>(main: Promise<T>): Promise<T> }
    expect(await virtual.run(engine.run())).toBe('aborted')
    expect(clock.nowMs()).toBe(startMs + 10_500)
  })
})

describe('what a loop counts', () => {
  test('what the first loop missed is not counted again in every later one', async () => {
    const hand = new HandMarket(undefined, (venue, atMs) => venue === 'binance' && atMs < 500)
    const { metrics } = await run(planOf(), { hand })
    expect(named(metrics, 'loops').map(({ missingSnapshots }) => missingSnapshots)).toEqual([2, ...range(1, 60).map(() => 0)])
  })

  test('intents and blocks are those of the line’s last loop', async () => {
    const hand = new HandMarket((instrument, atMs) => (instrument === 'upbit:KRW-BTC' && atMs < 3000 ? 'dear' : 'usual'))
    const { metrics } = await run(planOf({ risk: { global: { maxNotionalKrw: 1000 } } }), { hand })
    const counted = named(metrics, 'loops').map(({ intents, blockedSymbols }) => [intents, blockedSymbols])
    expect(counted.slice(0, 3)).toEqual([
      [1, 1],
      [1, 1],
      [1, 1],
    ])
    expect(new Set(counted.slice(3).flat())).toEqual(new Set([0]))
  })
})

describe('the start', () => {
  test('waits for first quotes; loops that were due before them are no overruns', async () => {
    const late: NonNullable<Swaps['provider']> = (part, { clock }) => ({
      ...passedOn(part),
      open: () => clock.sleepUntil(startMs + 2300),
    })
    const { application, metrics } = await run(planOf(instant), { provider: late })
    expect(named(metrics, 'loops').flatMap(({ periodsMs }) => periodsMs)).toEqual([null, ...range(4, 60).map(() => 1000)])
    expect(named(application, 'feed-opened')).toMatchObject([
      { venue: 'upbit', source: 'orderbook', time: startMs + 2300 },
      { venue: 'binance', source: 'depth' },
    ])
    expect(named(application, 'engine-stopped')).toMatchObject([{ loops: 57, overruns: 0 }])
  })

  test('does not wait where the engine is told to stop', async () => {
    const never: NonNullable<Swaps['provider']> = (part) => ({ ...passedOn(part), open: () => new Promise(() => undefined) })
    const { clock, engine } = composeEngine(planOf(), { market: () => new HandMarket(), provider: never })
    clock.schedule(startMs + 500, () => engine.stop('interrupted'))
    // What a real engine always has: a checkpoint that is due.
    clock.schedule(startMs + 10_000, () => undefined)
    const virtual = clock as unknown as { run<T>(main: Promise<T>): Promise<T> }
    expect(await virtual.run(engine.run())).toBe('interrupted')
    expect(clock.nowMs()).toBe(startMs + 500)
  })
})

/** Another engine has the lease from so many ms after the start. */
function fencedFrom(atMs: number): NonNullable<Swaps['store']> {
  return (part, { clock }): StateStore => ({
    kind: part.kind,
    open: () => part.open(),
    close: () => part.close(),
    commit: (changes) =>
      clock.nowMs() < startMs + atMs
        ? part.commit(changes)
        : Promise.reject(new OperatingError('STORE_FENCED', 'another engine has the lease', { hint: 'none' })),
  })
}

describe('with the trigger quote', () => {
  const quote = { trigger: 'quote' } as const

  /** When each symbol was looked at off the cadence, in ms from the start. */
  async function looksOffCadence(changes: readonly Change[], config: object = instant): Promise<[symbol: string, atMs: number][]> {
    const views: StrategyView[] = []
    await run(planOf(config, quote), { provider: changingProvider(changes), strategy: watched(views) })
    const all = views.map(({ route, nowMs }): [string, number] => [route.symbol, nowMs - startMs])
    expect(all.filter(([, atMs]) => atMs % 1000 === 0)).toHaveLength(120)
    return all.filter(([, atMs]) => atMs % 1000 !== 0)
  }

  test('a symbol is looked at the moment a quote of either leg changes, besides the cadence', async () => {
    expect(
      await looksOffCadence([
        [1250, 'upbit:KRW-BTC'],
        [1250, 'binance:ETHUSDT'],
        [1251, 'binance:BTCUSDT'],
      ]),
    ).toEqual([
      ['KRW-BTC', 1250],
      ['KRW-ETH', 1250],
      ['KRW-BTC', 1251],
    ])
  })

  test('symbols are looked at in order of arrival, each once for all that arrived together', async () => {
    const changes: Change[] = [[1250, 'upbit:KRW-ETH', 'upbit:KRW-BTC', 'binance:ETHUSDT', 'upbit:KRW-ETH']]
    expect(await looksOffCadence(changes)).toEqual([
      ['KRW-ETH', 1250],
      ['KRW-BTC', 1250],
    ])
  })

  test('the rate of exchange sets nothing off, and the newest is used', async () => {
    const views: StrategyView[] = []
    const hand = new HandMarket((instrument, atMs) => (instrument === 'upbit:KRW-USDT' && atMs >= 1200 ? 'dear' : 'usual'))
    const provider = changingProvider([
      [1250, 'upbit:KRW-USDT'],
      [1260, 'upbit:KRW-BTC'],
    ])
    await run(planOf(instant, quote), { hand, provider, strategy: watched(views) })
    const off = views.filter(({ nowMs }) => nowMs % 1000 !== 0).map(({ nowMs, krwPerUsdt }) => [nowMs - startMs, krwPerUsdt])
    expect(off).toEqual([[1260, 1414]])
    expect(views.find(({ nowMs }) => nowMs === startMs + 1000)?.krwPerUsdt).toBe(1400)
  })

  test('quotes before the first loop set nothing off', async () => {
    const views: StrategyView[] = []
    const changing = changingProvider([
      [2500, 'upbit:KRW-BTC'],
      [3500, 'upbit:KRW-BTC'],
    ])
    const late: NonNullable<Swaps['provider']> = (part, context) => ({
      ...changing(part, context),
      open: () => context.clock.sleepUntil(startMs + 2300),
    })
    await run(planOf(instant, quote), { provider: late, strategy: watched(views) })
    expect(views.slice(0, 3).map(({ nowMs }) => nowMs - startMs)).toEqual([3000, 3000, 3500])
  })

  test('quotes after a stop set nothing off, though the loop is still waiting for its own', async () => {
    const views: StrategyView[] = []
    const slow = slowProvider((loop) => (loop === 2 ? 500 : 0))
    const changing = changingProvider([
      [1100, 'upbit:KRW-BTC'],
      [1300, 'upbit:KRW-BTC'],
    ])
    const { clock, engine } = composeEngine(planOf(instant, quote), {
      market: () => new HandMarket(),
      provider: (part, context) => changing(slow(part, context), context),
      strategy: watched(views),
    })
    clock.schedule(startMs + 1200, () => engine.stop('aborted'))
    const virtual = clock as unknown as { run<T>(main: Promise<T>): Promise<T> }
    await virtual.run(engine.run())
    expect(views.map(({ nowMs }) => nowMs - startMs)).toEqual([0, 0, 1100, 1500, 1500])
  })

  test('with the trigger interval the same quotes set nothing off', async () => {
    const views: StrategyView[] = []
    await run(planOf(instant), { provider: changingProvider([[1250, 'upbit:KRW-BTC']]), strategy: watched(views) })
    expect(views.every(({ nowMs }) => nowMs % 1000 === 0)).toBe(true)
  })

  test('a symbol whose order is under way is looked at again when it is done, once', async () => {
    const dear = new HandMarket((instrument, atMs) => (instrument === 'upbit:KRW-BTC' && atMs >= 1200 && atMs < 5000 ? 'dear' : 'usual'))
    const changes = [1250, 1300, 1350, 1400].map((atMs): Change => [atMs, 'upbit:KRW-BTC', 'upbit:KRW-ETH'])
    const views: StrategyView[] = []
    const plan = planOf({ ...instant, ...orderTakes(300) }, quote)
    const ended = await run(plan, { hand: dear, provider: changingProvider(changes), strategy: watched(views) })
    const looks = (symbol: string): number[] =>
      views.filter(({ route, nowMs }) => route.symbol === symbol && nowMs % 1000 !== 0).map(({ nowMs }) => nowMs - startMs)
    expect(looks('KRW-BTC')).toEqual([1250, 1550])
    // One symbol's order holds up no other symbol.
    expect(looks('KRW-ETH')).toEqual([1250, 1300, 1350, 1400])
    await expectSound(ended)
  })

  test('the loop leaves out a symbol whose order is under way, and what waits for it is looked at when that is done', async () => {
    const dear = new HandMarket((instrument, atMs) => (instrument === 'upbit:KRW-BTC' && atMs >= 1200 && atMs < 5000 ? 'dear' : 'usual'))
    const changes = [1850, 1900, 2050].map((atMs): Change => [atMs, 'upbit:KRW-BTC'])
    const views: StrategyView[] = []
    const plan = planOf({ ...instant, ...orderTakes(300) }, quote)
    const ended = await run(plan, { hand: dear, provider: changingProvider(changes), strategy: watched(views) })
    const looks = views.filter(({ route }) => route.symbol === 'KRW-BTC').map(({ nowMs }) => nowMs - startMs)
    expect(looks.slice(0, 5)).toEqual([0, 1000, 1850, 2150, 3000])
    expect(named(ended.metrics, 'loops')[2]).toMatchObject({ loopTimesMs: [0], busySymbols: 1 })
    await expectSound(ended)
  })

  test('what it sees is not counted as the loop’s', async () => {
    const hand = new HandMarket((instrument, atMs) => (instrument === 'upbit:KRW-BTC' && atMs > 0 ? 'crossed' : 'usual'))
    const changes = range(0, 40).map((index): Change => [5010 + index, 'upbit:KRW-BTC'])
    const { metrics } = await run(planOf(instant, quote), { hand, provider: changingProvider(changes) })
    expect(named(metrics, 'loops').reduce((sum, { missingSnapshots }) => sum + missingSnapshots, 0)).toBe(56)
  })

  test('a stop lets the order under way be booked first', async () => {
    const dear = new HandMarket((instrument, atMs) => (instrument === 'upbit:KRW-BTC' && atMs >= 1200 ? 'dear' : 'usual'))
    const plan = planOf({ ...instant, ...orderTakes(300) }, quote)
    const { clock, engine, journal } = composeEngine(plan, { market: () => dear, provider: changingProvider([[1250, 'upbit:KRW-BTC']]) })
    clock.schedule(startMs + 1400, () => engine.stop('aborted'))
    const virtual = clock as unknown as { run<T>(main: Promise<T>): Promise<T> }
    const reason = await virtual.run(engine.run())
    expect(clock.nowMs()).toBe(startMs + 1550)
    await virtual.run(engine.close(reason))
    journal.close()
    const ended = { reason, logsFolder: plan.logsFolder, ...logsOf(plan.logsFolder) }
    expect(named(ended.trading, 'session-closed')[0]?.openTrades).toHaveLength(1)
    await expectSound(ended)
  })

  test('a lost lease ends the engine, whoever finds it', async () => {
    const hand = new HandMarket((instrument, atMs) => (instrument === 'upbit:KRW-BTC' && atMs >= 1200 ? 'dear' : 'usual'))
    const plan = planOf(instant, quote)
    const { clock, engine } = composeEngine(plan, {
      market: () => hand,
      provider: changingProvider([[1250, 'upbit:KRW-BTC']]),
      store: fencedFrom(1000),
    })
    const virtual = clock as unknown as { run<T>(main: Promise<T>): Promise<T> }
    await expect(virtual.run(engine.run())).rejects.toMatchObject({ code: 'STORE_FENCED' })
    expect(clock.nowMs()).toBe(startMs + 1250)
  })

  test('a lost lease that is found when the engine has been told to stop is told all the same', async () => {
    const dear = new HandMarket((instrument, atMs) => (instrument === 'upbit:KRW-BTC' && atMs >= 1200 ? 'dear' : 'usual'))
    const plan = planOf({ ...instant, ...orderTakes(300) }, quote)
    const provider = changingProvider([[1250, 'upbit:KRW-BTC']])
    const { clock, engine } = composeEngine(plan, { market: () => dear, provider, store: fencedFrom(1500) })
    clock.schedule(startMs + 1400, () => engine.stop('aborted'))
    const virtual = clock as unknown as { run<T>(main: Promise<T>): Promise<T> }
    await expect(virtual.run(engine.run())).rejects.toMatchObject({ code: 'STORE_FENCED' })
    expect(clock.nowMs()).toBe(startMs + 1550)
  })

  test('a storm of quotes trades soundly, and twice the same', async () => {
    const prng = new SeededPrng(7)
    const instruments = ['upbit:KRW-BTC', 'upbit:KRW-ETH', 'binance:BTCUSDT', 'binance:ETHUSDT', 'upbit:KRW-USDT'] as const
    const changes = range(0, 1500).map((): Change => {
      const atMs = Math.floor(prng.next() * 60_000)
      return [atMs, instruments[Math.floor(prng.next() * instruments.length)]!, instruments[Math.floor(prng.next() * instruments.length)]!]
    })
    const logs: string[] = []
    for (let i = 0; i < 2; i++) {
      const plan = planOf({ execution: { rejectProbability: 0.1, timeoutProbability: 0.1, orderTimeoutMs: 700 } }, quote)
      const ended = await run(plan, { hand: new HandMarket(dearLegsA), provider: changingProvider(changes) })
      await expectSound(ended)
      expect(named(ended.trading, 'exit').length).toBeGreaterThan(0)
      expectOneRunAtATime(ended.trading)
      logs.push(readFileSync(join(ended.logsFolder, 'trading.log'), 'utf8'))
    }
    expect(logs[1]).toBe(logs[0])
  })
})

/** No symbol sends orders of one kind while it waits for others: two legs at a time, then both are done. */
function expectOneRunAtATime(trading: readonly TradingEvent[]): void {
  const underWay = new Map<string, string[]>()
  for (const event of trading) {
    if (event.event === 'order-sent') {
      const orders = [...(underWay.get(event.symbol) ?? []), `${event.tradeId} ${event.purpose} ${event.leg}`]
      underWay.set(event.symbol, orders)
      expect(new Set(orders.map((order) => order.slice(0, -2))).size, `${event.symbol}: ${orders.join()}`).toBe(1)
      expect(orders.length, `${event.symbol}: ${orders.join()}`).toBeLessThanOrEqual(2)
    } else if (event.event === 'order-done') {
      underWay.set(event.symbol, (underWay.get(event.symbol) ?? []).slice(1))
    }
  }
}

describe('one symbol’s trouble', () => {
  test('stops no other symbol, and is logged with its stack', async () => {
    const defect = (part: Strategy): Strategy => ({
      decide(view) {
        if (view.route.symbol === 'KRW-ETH') throw new TypeError('a planted defect')
        return part.decide(view)
      },
    })
    const ended = await run(planOf(), { hand: new HandMarket(dearLegsA), strategy: defect })
    const failures = named(ended.application, 'symbol-failed')
    expect(failures).toHaveLength(60)
    expect(failures[0]).toMatchObject({ level: 'error', symbol: 'KRW-ETH', message: 'a planted defect' })
    expect(failures[0]?.stack).toContain('live-runner.test.ts')
    expect(new Set(named(ended.trading, 'entry').map(({ symbol }) => symbol))).toEqual(new Set(['KRW-BTC']))
    await expectSound(ended)
  })

  test('a strategy that reckons with a rate of its own opens nothing', async () => {
    const defect = (part: Strategy): Strategy => ({ decide: (view) => part.decide({ ...view, krwPerUsdt: 1 }) })
    const ended = await run(planOf(), { hand: new HandMarket(dearLegsA), strategy: defect })
    const [failure] = named(ended.application, 'symbol-failed')
    expect(failure?.message).toMatch(/^the strategy reckons with 1 KRW per USDT, the rate is \d{4}/)
    expect(named(ended.trading, 'guard-decided')).toEqual([])
  })

  test('a lost lease is everybody’s: the engine ends', async () => {
    const fenced = (part: StateStore): StateStore => ({
      kind: part.kind,
      open: () => part.open(),
      close: () => part.close(),
      commit: (changes) =>
        changes.set['trade:T1'] === undefined
          ? part.commit(changes)
          : Promise.reject(new OperatingError('STORE_FENCED', 'another engine has the lease', { hint: 'none' })),
    })
    await expect(run(planOf(), { hand: new HandMarket(dearLegsA), store: fenced })).rejects.toMatchObject({ code: 'STORE_FENCED' })
  })
})

describe('a quarantined symbol', () => {
  test('has what is open on it closed, and opens nothing', async () => {
    const hand = new HandMarket(dearLegsA)
    const runFolder = join(folder, 'quarantine')
    const half = startMs + 10_000
    const first = await run(planOf({}, { endAtMs: half }, runFolder), { hand })
    expect(named(first.trading, 'session-closed')[0]?.openTrades.map(({ symbol }) => symbol)).toEqual(['KRW-BTC', 'KRW-ETH'])
    const second = await run(planOf({}, { attempt: 2, startAtMs: half, quarantinedSymbols: ['KRW-ETH'] }, runFolder), { hand })
    const later = second.trading.filter(({ time }) => time >= half)
    expect(named(later, 'exit').map(({ symbol }) => symbol)).toContain('KRW-ETH')
    expect(new Set(named(later, 'guard-decided').map(({ symbol }) => symbol))).toEqual(new Set(['KRW-BTC']))
    await expectSound(second)
  })
})

describe('quotes that are not to be used', () => {
  test('of a market that stands still reach the strategy only for as long as it may', async () => {
    const views: StrategyView[] = []
    const hand = new HandMarket((instrument) => (instrument === 'upbit:KRW-ETH' ? 'halted' : 'usual'))
    const { application, metrics } = await run(planOf(instant), { hand, strategy: watched(views) })
    expect(secondsOf(views, 'KRW-BTC')).toEqual(range(0, 60))
    expect(secondsOf(views, 'KRW-ETH')).toEqual(range(0, 31))
    expect(named(application, 'feed-stale')).toMatchObject([{ symbol: 'KRW-ETH', reason: 'frozen' }])
    // A halted market is quoted: no snapshot is missing.
    expect(named(metrics, 'loops').every(({ missingSnapshots }) => missingSnapshots === 0)).toBe(true)
  })

  test.each(['upbit:KRW-ETH', 'binance:ETHUSDT'])('crossed on %s: that symbol pauses, the other does not', async (crossed) => {
    const views: StrategyView[] = []
    const hand = new HandMarket((instrument, atMs) => (instrument === crossed && atMs >= 10_000 && atMs < 20_000 ? 'crossed' : 'usual'))
    const { metrics } = await run(planOf(instant), { hand, strategy: watched(views) })
    expect(secondsOf(views, 'KRW-BTC')).toEqual(range(0, 60))
    // Until the last sound book is older than 3 seconds it may be used.
    expect(secondsOf(views, 'KRW-ETH')).toEqual([...range(0, 13), ...range(20, 60)])
    expect(
      views.every(({ quotes }) => quotes.a.bids[0]!.price < quotes.a.asks[0]!.price && quotes.b.bids[0]!.price < quotes.b.asks[0]!.price),
    ).toBe(true)
    expect(named(metrics, 'loops').reduce((sum, { missingSnapshots }) => sum + missingSnapshots, 0)).toBe(7)
  })

  test('of a venue that is away go stale on every symbol', async () => {
    const views: StrategyView[] = []
    const hand = new HandMarket(undefined, (venue, atMs) => venue === 'binance' && atMs >= 10_000 && atMs < 20_000)
    const { application } = await run(planOf(instant), { hand, strategy: watched(views) })
    for (const symbol of ['KRW-BTC', 'KRW-ETH']) expect(secondsOf(views, symbol)).toEqual([...range(0, 13), ...range(20, 60)])
    expect(Math.max(...views.map(({ quoteAgeMs }) => quoteAgeMs))).toBeLessThanOrEqual(3000)
    expect(named(application, 'feed-recovered')).toHaveLength(2)
    expect(named(application, 'circuit-opened')).toHaveLength(1)
  })

  test('KRW per USDT stands still: no symbol can be priced', async () => {
    const views: StrategyView[] = []
    const hand = new HandMarket((instrument) => (instrument === 'upbit:KRW-USDT' ? 'halted' : 'usual'))
    const { application } = await run(planOf(instant), { hand, strategy: watched(views) })
    for (const symbol of ['KRW-BTC', 'KRW-ETH']) expect(secondsOf(views, symbol)).toEqual(range(0, 31))
    expect(named(application, 'feed-stale')).toMatchObject([{ reason: 'fx-stale' }, { reason: 'fx-stale' }])
  })
})

describe('the guard', () => {
  test('gives the last slot to one symbol only, in one loop', async () => {
    const plan = planOf({ risk: { global: { maxOpenTrades: 1 } } })
    const ended = await run(plan, { hand: new HandMarket(dearLegsA) })
    const [first, second] = named(ended.trading, 'guard-decided')
    expect(first?.time).toBe(second?.time)
    expect([first, second]).toMatchObject([
      { symbol: 'KRW-BTC', outcome: 'allow', tradeId: 'T1' },
      { symbol: 'KRW-ETH', outcome: 'block', reason: 'max-open-trades', tradeId: null },
    ])
    await expectSound(ended)
  })

  test('that stops the session ends the engine with that word', async () => {
    const plan = planOf()
    const ended = await run(plan, {
      hand: new HandMarket(dearLegsA),
      guard: (part) => ({
        decide(request) {
          const decision = part.decide(request)
          return decision.outcome === 'allow' ? { outcome: 'stop-session', reason: 'max-daily-loss', seen: decision.seen } : decision
        },
      }),
    })
    expect(ended.reason).toBe('guard-stopped-session')
    expect(named(ended.trading, 'guard-decided')).toMatchObject([{ outcome: 'stop-session' }])
    expect(named(ended.trading, 'order-sent')).toEqual([])
    expect(named(ended.trading, 'session-closed')).toMatchObject([{ reason: 'guard-stopped-session' }])
  })

  test('is drilled before the first loop, and only application.log tells of it', async () => {
    const { application, trading } = await run(planOf(), { hand: new HandMarket(dearLegsA) })
    expect(named(application, 'guard-drilled')).toMatchObject([{ time: startMs, refused: ['max-notional', 'stale-quote'], allowed: [] }])
    expect(named(trading, 'guard-decided')[0]).toMatchObject({ outcome: 'allow', tradeId: 'T1', seen: { openTrades: 0, exposureKrw: 0 } })
  })

  test('that would allow anything keeps the engine from starting', async () => {
    const plan = planOf()
    const ended = run(plan, {
      hand: new HandMarket(dearLegsA),
      riskSettings: (risk) => ({ ...risk, global: { ...risk.global, maxQuoteAgeMs: Infinity } }),
    })
    await expect(ended).rejects.toThrow('the risk guard allowed, in a drill, a quote 3001 ms old on KRW-BTC')
    expect(named(logsOf(plan.logsFolder).metrics, 'loops')).toEqual([])
  })

  test('that finds the day over, in a state that it took over, ends the session before the first loop', async () => {
    const ended = await run(planOf(), {
      hand: new HandMarket(dearLegsA),
      riskSettings: (risk) => ({ ...risk, global: { ...risk.global, maxDailyLossKrw: 0 } }),
    })
    expect(ended.reason).toBe('guard-stopped-session')
    expect(named(ended.metrics, 'loops')).toEqual([])
  })

  test('is told again of what it blocked only now and then, and says how often', async () => {
    const plan = planOf({ ...instant, risk: { global: { maxNotionalKrw: 1000 } } })
    const { trading } = await run(plan, { hand: new HandMarket((instrument) => (instrument === 'upbit:KRW-BTC' ? 'dear' : 'usual')) })
    expect(named(trading, 'guard-decided').map(({ suppressedCount }) => suppressedCount)).toEqual([0, 9, 9, 9, 9, 9])
  })
})

describe('what the venues state', () => {
  /** A minute about the first full hour, at which the market makes both symbols trade. */
  const aboutTheHour = { startAtMs: startMs + 3_576_000, endAtMs: startMs + 3_636_000 }

  /** Seconds after the hour. */
  function statedAt({ trading }: Run, ...names: TradingEvent['event'][]): [name: string, second: number][] {
    return trading
      .filter(({ event }) => names.includes(event))
      .map(({ event, time }) => [event, Math.floor((time - startMs) / 1000) - 3600])
  }

  test('stands in the log after the balances of each hour, and before the session’s end', async () => {
    const ended = await run(planOf({ ...instant, ...orderTakes(0) }, aboutTheHour), { hand: new HandMarket(dearLegsA) })
    expect(statedAt(ended, 'balances-stated', 'venue-stated', 'session-closed')).toEqual([
      ['balances-stated', 0],
      ['venue-stated', 0],
      ['venue-stated', 36],
      ['session-closed', 36],
    ])
    const orders = named(ended.trading, 'order-done').length
    expect(orders).toBeGreaterThan(4)
    expect(named(ended.trading, 'venue-stated').at(-1)).toMatchObject({ orders })
    await expectSound(ended)
  })

  test('waits for a loop at which no order is under way', async () => {
    const ended = await run(planOf({ ...instant, ...orderTakes(2500) }, aboutTheHour), { hand: new HandMarket(dearLegsA) })
    expect(statedAt(ended, 'balances-stated', 'venue-stated').slice(0, 2)).toEqual([
      ['balances-stated', 1],
      ['venue-stated', 3],
    ])
    await expectSound(ended)
  })

  test('is not asked for while an order is in doubt', async () => {
    const gateway: NonNullable<Swaps['gateway']> = (part) => ({
      send: async (order) => (await part.send(order)) && null,
      lookUp: () => Promise.resolve(null),
      statement: () => part.statement(),
    })
    const ended = await run(planOf({ ...instant, ...orderTakes(0) }, aboutTheHour), { hand: new HandMarket(dearLegsA), gateway })
    expect(statedAt(ended, 'balances-stated', 'venue-stated')).toEqual([['balances-stated', 0]])
    expect(named(ended.trading, 'order-sent')).toHaveLength(4)
    expect(named(ended.trading, 'session-closed')).toMatchObject([{ openTrades: [{ phase: 'opening' }, { phase: 'opening' }] }])
    expect(named(ended.application, 'order-in-doubt')).toMatchObject(
      ['O1', 'O2', 'O3', 'O4'].map((orderId) => ({ level: 'warn', orderId, askCount: 1 })),
    )
    await expectSound(ended)
  })
})

/** Does not answer between these seconds. */
function troubledStore(fromSecond: number, toSecond: number): NonNullable<Swaps['store']> {
  return (part, { clock }): StateStore => ({
    kind: part.kind,
    open: () => part.open(),
    close: () => part.close(),
    commit(changes) {
      const second = (clock.nowMs() - startMs) / 1000
      if (second < fromSecond || second >= toSecond) return part.commit(changes)
      return Promise.reject(new OperatingError('STORE_UNAVAILABLE', 'no answer', { hint: 'none' }))
    },
  })
}

describe('a store that does not answer', () => {
  test('lets nothing open, nothing close and nothing pile up; then all goes on', async () => {
    // Open since the first second, due to be closed at the twentieth: that is the one try which finds the store away.
    const ended = await run(planOf(), { hand: new HandMarket(dearLegsA), store: troubledStore(15, 50) })
    const during = ended.trading.filter(({ time }) => time >= startMs + 15_000 && time < startMs + 50_000)
    expect(named(during, 'order-done').map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected', 'rejected'])
    expect(during).toHaveLength(8)
    expect(named(ended.application, 'store-troubled')).toMatchObject([{ level: 'warn', code: 'STORE_UNAVAILABLE' }])
    expect(named(ended.trading, 'exit').map(({ time }) => time >= startMs + 50_000)).toEqual([true, true])
    await expectSound(ended)
  })

  test('in the middle of a trade leaves it where it is until the store answers', async () => {
    const ended = await run(planOf(), { hand: new HandMarket(dearLegsA), store: troubledStore(0.11, 40) })
    await expectSound(ended)
    expect(named(ended.trading, 'entry').length + named(ended.trading, 'entry-failed').length).toBeGreaterThanOrEqual(2)
    expect(ended.trading.length).toBeLessThan(60)
  })
})

test('the same plan gives the same trading.log, at any pace', async () => {
  const logs: string[] = []
  for (const pace of ['max', 'max', '600x']) {
    const { logsFolder } = await run(planOf({ pace }), { hand: new HandMarket(dearLegsA) })
    logs.push(readFileSync(join(logsFolder, 'trading.log'), 'utf8'))
  }
  expect(logs[0]).toContain('"event":"exit"')
  expect(logs[1]).toBe(logs[0])
  expect(logs[2]).toBe(logs[0])
})
