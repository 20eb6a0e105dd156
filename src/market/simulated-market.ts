/** The seeded market: a function of settings, seed, start and time alone, stepped on a fixed grid. Its model: docs/MARKET_MODEL.md. */

import { assert } from '../base/assert.ts'
import type { Prng } from '../base/prng.ts'
import type { Instrument, Venue } from '../model/instrument.ts'
import { profileOf } from './book-profile.ts'
import { Dislocations, type DislocationSettings, maxDislocationMs } from './dislocations.ts'
import { Halts, type HaltSettings } from './halts.ts'
import type { Market, MarketBook } from './market.ts'
import { PriceProcess, type PriceSettings } from './price-process.ts'
import { SimulatedBook } from './simulated-book.ts'
import { SpreadProcess } from './spread-process.ts'

export interface SimulatedMarketSettings extends PriceSettings {
  /** Of Upbit's instruments, by the currency that they are quoted in. */
  dislocations: { krw: DislocationSettings; usdt: DislocationSettings }
  /** Times of day, UTC, `HH:MM`: no large dislocation is felt and spreads are half as wide. */
  quietHoursUtc: readonly { from: string; to: string }[]
  halts: HaltSettings
}

export type MarketInstrument = Pick<Instrument, 'venue' | 'code' | 'base' | 'quote' | 'tickBands'>

const stepMs = 100
const stepsPerSecond = 1000 / stepMs
const dayMs = 86_400_000
const quietSpreadFactor = 0.5
const basisTimeSeconds = 40
const basisKept = Math.exp(-1 / basisTimeSeconds)
const basisShock = Math.sqrt(1 - basisKept ** 2)

/** One instrument's own state; what it shares with others is the price process. */
class InstrumentState {
  readonly book: SimulatedBook
  readonly spread: SpreadProcess
  readonly dislocations: Dislocations | null
  readonly assetIndex: number
  readonly isInKrw: boolean
  readonly #basisPrng: Prng
  readonly #basisDeviationBps: number
  basisBps: number

  constructor(
    instrument: MarketInstrument,
    assetIndex: number,
    settings: SimulatedMarketSettings,
    prng: Prng,
    dislocations: Dislocations | null,
  ) {
    const profile = profileOf(instrument)
    this.book = new SimulatedBook(instrument, profile, Math.floor(prng.fork('book').next() * 2 ** 32), settings.krwPerUsdt)
    this.spread = new SpreadProcess(profile, prng.fork('spread'))
    this.dislocations = dislocations
    this.assetIndex = assetIndex
    this.isInKrw = instrument.quote === 'KRW'
    this.#basisPrng = prng.fork('basis')
    this.#basisDeviationBps = profile.basisBps
    this.basisBps = profile.basisBps * this.#basisPrng.gaussian()
  }

  /** True while a dislocation is felt: prices on the move do not wait for the book's next turn. */
  stepSecond(nowMs: number): boolean {
    this.spread.stepSecond()
    if (this.#basisDeviationBps > 0) {
      this.basisBps = basisKept * this.basisBps + basisShock * this.#basisDeviationBps * this.#basisPrng.gaussian()
    }
    return this.dislocations?.step(nowMs) ?? false
  }
}

function timeOfDayMs(text: string): number {
  const [hours, minutes] = text.split(':').map(Number)
  assert(hours !== undefined && minutes !== undefined && hours <= 24 && minutes < 60, `expected HH:MM, was ${text}`)
  return (hours * 60 + minutes) * 60_000
}

function keyOf({ venue, code }: MarketInstrument): string {
  return `${venue}:${code}`
}

export class SimulatedMarket implements Market {
  readonly #startMs: number
  readonly #quiet: readonly { fromMs: number; toMs: number }[]
  readonly #prices: PriceProcess
  readonly #states: readonly InstrumentState[]
  readonly #byCode: Readonly<Record<Venue, ReadonlyMap<string, InstrumentState>>>
  readonly #halts: Halts
  /** The instruments that may halt: all but KRW per USDT, whose halt would stop every symbol at once. */
  readonly #haltable: readonly InstrumentState[]
  #halted: InstrumentState | null = null
  #step = 0

  /** Quotes of KRW and USDT only. A market built anew with the same arguments reaches the same state at the same instant. */
  constructor(settings: SimulatedMarketSettings, prng: Prng, startMs: number, instruments: readonly MarketInstrument[]) {
    const isSupported = (quote: string): boolean => quote === 'KRW' || quote === 'USDT'
    for (const { code, quote } of instruments) assert(isSupported(quote), `${code} is quoted in ${quote}, expected KRW or USDT`)
    this.#startMs = startMs
    this.#quiet = settings.quietHoursUtc.map(({ from, to }) => ({ fromMs: timeOfDayMs(from), toMs: timeOfDayMs(to) }))
    const assets = [...new Set(instruments.map(({ base }) => base))].filter((base) => base !== 'USDT')
    const indexOfAsset = new Map(assets.map((asset, index) => [asset, index]))
    this.#prices = new PriceProcess(assets, settings, prng.fork('prices'), stepMs)
    // Sorted, so that the order in which instruments are listed does not matter.
    const sorted = instruments.toSorted((left, right) => (keyOf(left) < keyOf(right) ? -1 : 1))
    const isFeltInQuiet = (atMs: number): boolean => this.#isQuiet(atMs) || this.#isQuiet(atMs + maxDislocationMs)
    const byCode: Record<Venue, Map<string, InstrumentState>> = { upbit: new Map(), binance: new Map() }
    for (const instrument of sorted) {
      const own = prng.fork(keyOf(instrument))
      const assetIndex = indexOfAsset.get(instrument.base) ?? -1
      const isDislocated = instrument.venue === 'upbit' && assetIndex >= 0
      const ranges = instrument.quote === 'KRW' ? settings.dislocations.krw : settings.dislocations.usdt
      const dislocations = isDislocated ? new Dislocations(ranges, own.fork('dislocations'), startMs, isFeltInQuiet) : null
      byCode[instrument.venue].set(instrument.code, new InstrumentState(instrument, assetIndex, settings, own, dislocations))
    }
    this.#byCode = byCode
    this.#states = [...byCode.binance.values(), ...byCode.upbit.values()]
    this.#haltable = this.#states.filter((state) => state.assetIndex >= 0)
    this.#halts = new Halts(settings.halts, prng.fork('halts'), startMs, this.#haltable.length)
    for (const state of this.#states) this.#requote(state)
  }

  advance(atMs: number): void {
    const lastStep = Math.floor((atMs - this.#startMs) / stepMs)
    assert(lastStep >= this.#step, `the market is at step ${this.#step} and cannot go back to ${lastStep}`)
    while (this.#step < lastStep) {
      this.#step++
      this.#takeStep()
    }
  }

  book(venue: Venue, code: string, depth: number): MarketBook | null {
    const state = this.#byCode[venue].get(code)
    return state ? state.book.view(depth, this.#startMs, stepMs) : null
  }

  /** Simulated venues always answer; their faults are made where their answers are. */
  outage(): null {
    return null
  }

  #takeStep(): void {
    const step = this.#step
    const nowMs = this.#startMs + step * stepMs
    const isWholeSecond = step % stepsPerSecond === 0
    this.#prices.step()
    const resumed = this.#stepHalts(nowMs)
    for (const state of this.#states) {
      const isOnTheMove = isWholeSecond && state.stepSecond(nowMs)
      if (state === this.#halted) continue
      const isDue = state.book.step(step)
      if (isDue || isOnTheMove || state === resumed) this.#requote(state)
    }
  }

  /** Returns the instrument whose halt ends now. */
  #stepHalts(nowMs: number): InstrumentState | null {
    const before = this.#halted
    this.#halted = this.#haltable[this.#halts.step(nowMs)] ?? null
    return before !== this.#halted ? before : null
  }

  #requote(state: InstrumentState): void {
    const nowMs = this.#startMs + this.#step * stepMs
    const usdt = state.assetIndex < 0 ? 0 : (this.#prices.logUsdt[state.assetIndex] as number)
    const fx = state.isInKrw ? this.#prices.logKrwPerUsdt : 0
    const distanceBps = state.basisBps + (state.dislocations?.bpsAt(nowMs) ?? 0)
    const spreadBps = state.spread.bps() * (this.#isQuiet(nowMs) ? quietSpreadFactor : 1)
    state.book.requote(Math.exp(usdt + fx + distanceBps * 1e-4), spreadBps, this.#step)
  }

  #isQuiet(atMs: number): boolean {
    const timeMs = atMs % dayMs
    return this.#quiet.some(({ fromMs, toMs }) => (fromMs <= toMs ? timeMs >= fromMs && timeMs < toMs : timeMs >= fromMs || timeMs < toMs))
  }
}
