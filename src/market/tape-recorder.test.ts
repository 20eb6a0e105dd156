import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { SeededPrng } from '../base/prng.ts'
import { VirtualClock } from '../clock/virtual-clock.ts'
import { campaignSchema } from '../config/schema.ts'
import { tradingPlan } from '../config/venue-rules.ts'
import { instrumentOf } from '../model/instrument.ts'
import { StreamMarketDataProvider } from '../venues/stream-market-data-provider.ts'
import { BookTapeReader, BookTapeWriter, type TapeLine } from './book-tape.ts'
import { RecordedMarket } from './recorded-market.ts'
import { ScriptedMarket } from './scripted-market.ts'
import { SimulatedTransport } from '../venues/simulated/simulated-transport.ts'
import { TapeRecorder } from './tape-recorder.ts'

const startMs = Date.UTC(2026, 0, 5)
const { instruments } = tradingPlan(['KRW-BTC'], campaignSchema.parse({ scenario: 'T', symbols: ['KRW-BTC'], duration_minutes: 1 }).venues)

let folder = ''
beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'longhaul-recorder-')), 'tape')
})
afterEach(() => rmSync(join(folder, '..'), { recursive: true, force: true }))

/** Quotes that move every 700 ms, over both streams, at some distance. */
class Movement {
  readonly market = new ScriptedMarket()
  readonly clock = new VirtualClock({ startMs, pace: null })

  constructor() {
    for (const { venue, code } of instruments) {
      this.#show(venue, code, 0)
      for (let i = 1; i <= 20; i++) this.clock.schedule(startMs + i * 700, () => this.#show(venue, code, i))
    }
  }

  #show(venue: 'upbit' | 'binance', code: string, turn: number): void {
    const base = 1000 + turn
    const changedAtMs = startMs + turn * 700
    this.market.set(venue, code, { bids: [base, 1, base - 1, 2], asks: [base + 1, 1], changedAtMs, updateId: turn + 1 })
  }

  async record(untilMs: number): Promise<void> {
    const latency = { upbit: { minMs: 8, maxMs: 25 }, binance: { minMs: 30, maxMs: 90 } }
    const { clock, market } = this
    const transport = new SimulatedTransport({
      clock,
      market,
      prng: new SeededPrng(1),
      latency,
      instruments: instruments.map(instrumentOf),
    })
    const provider = new StreamMarketDataProvider({
      transport,
      clock,
      prng: new SeededPrng(2),
      instruments,
      depthLevels: 5,
      requestTimeoutMs: 2000,
      freshness: { maxQuoteAgeMs: 3000, maxUnchangedMs: 30_000 },
      measuresClock: false,
    })
    const writer = new BookTapeWriter(folder, { tape: 'longhaul-books', version: 1, market: 'simulated', instruments })
    await clock.run(new TapeRecorder({ provider, clock, writer, instruments, intervalMs: 1000 }).run(untilMs))
  }
}

function linesOf(): TapeLine[] {
  const reader = new BookTapeReader(folder)
  const lines: TapeLine[] = []
  for (let line = reader.next(); line !== null; line = reader.next()) lines.push(line)
  return lines
}

test('the replay shows what the market showed, from the instant of each change', async () => {
  const movement = new Movement()
  await movement.record(startMs + 12_000)
  const market = new RecordedMarket({ folder })
  for (let atMs = startMs + 2000; atMs <= startMs + 10_000; atMs += 100) {
    market.advance(atMs)
    const turn = Math.floor((atMs - startMs) / 700)
    for (const { venue, code } of instruments) {
      const book = market.book(venue, code, 1)
      // The streams tell of a change at the next step of 100 ms, which is when Binance dates it.
      expect([...(book?.bids ?? [])], `${venue} at ${atMs - startMs}`).toEqual([1000 + turn, 1])
    }
  }
})

test('an outage of a venue is on the tape, and its end', async () => {
  const movement = new Movement()
  movement.clock.schedule(startMs + 3000, () => (movement.market.outages.upbit = 'maintenance'))
  movement.clock.schedule(startMs + 6000, () => delete movement.market.outages.upbit)
  await movement.record(startMs + 12_000)
  const outages = linesOf().filter((line) => 'down' in line)
  expect(outages.map(({ v, down }) => [v, down === null])).toEqual([
    ['upbit', false],
    ['upbit', true],
    ['upbit', false],
    ['binance', false],
  ])
  expect(outages.slice(2).map(({ t, down }) => [t - startMs, down])).toEqual([
    [12_000, 'the recording ended'],
    [12_000, 'the recording ended'],
  ])
  const [from = 0, to = 0] = outages.map(({ t }) => t - startMs)
  expect(from).toBeGreaterThanOrEqual(3000)
  expect(from).toBeLessThan(6000)
  expect(to).toBeGreaterThanOrEqual(6000)
})
