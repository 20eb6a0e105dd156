/** The recorded market: a tape's prices behind the same port, with what a tape lacks modelled from the seed. See docs/MARKET_MODEL.md. */

import { assert } from '../base/assert.ts'
import type { Prng } from '../base/prng.ts'
import type { Venue } from '../model/instrument.ts'
import { profileOf } from './book-profile.ts'
import type { Market, MarketBook } from './market.ts'
import { minuteShape, pathInside, quotedPath, shapeOf } from './minute-path.ts'
import type { MarketInstrument } from './simulated-market.ts'
import { SimulatedBook } from './simulated-book.ts'
import { SpreadProcess } from './spread-process.ts'
import type { Bars, Quotes, TapeData } from './tape.ts'

const stepMs = 100
const stepsPerSecond = 1000 / stepMs
const minuteMs = 60_000
/** Time constant of the average that KRW per USDT is modelled by. */
const averageMinutes = 30
/** Sizes in KRW are scaled by this; the rate itself is modelled below. */
const sizeKrwPerUsdt = 1_100

class TapeBook {
  readonly book: SimulatedBook
  readonly spread: SpreadProcess

  constructor(instruments: readonly MarketInstrument[], venue: Venue, code: string, prng: Prng) {
    const instrument = instruments.find((candidate) => candidate.venue === venue && candidate.code === code)
    assert(instrument, `the tape needs ${code} of ${venue} among the instruments`)
    const own = prng.fork(`${venue}:${code}`)
    const profile = profileOf(instrument)
    this.book = new SimulatedBook(instrument, profile, Math.floor(own.fork('book').next() * 2 ** 32), sizeKrwPerUsdt)
    this.spread = new SpreadProcess(profile, own.fork('spread'))
  }
}

function isQuotes(upbit: Bars | Quotes): upbit is Quotes {
  return 'bid' in upbit
}

/** Whether the recording shows that nothing moved: a candle without range and without volume. */
function isStill(bars: Bars, minute: number): boolean {
  return bars.volume[minute] === 0 && bars.high[minute] === bars.low[minute]
}

/** Upbit's mid price at the end of each minute. */
function upbitCloses(upbit: Bars | Quotes, minutes: number): Float64Array {
  if (!isQuotes(upbit)) return upbit.close
  return Float64Array.from({ length: minutes }, (_, minute) => {
    const second = minute * 60 + 59
    return ((upbit.bid[second] ?? NaN) + (upbit.ask[second] ?? NaN)) / 2
  })
}

/**
 * KRW per USDT during each minute, from the minutes before it: bank rate x (1 + slow average of the premium), which is the slow average
 * of the rate that both venues' prices imply; in that form the bank rate's own daily steps cancel out.
 */
function modelledRate(closes: Float64Array, binance: Bars): Float64Array {
  const kept = Math.exp(-1 / averageMinutes)
  let average = NaN
  const rates = new Float64Array(closes.length)
  for (let minute = 0; minute < closes.length; minute++) {
    const implied = (closes[minute] as number) / (binance.close[minute] as number)
    // The very first rate has no past; without its own minute there would be none to begin with.
    if (Number.isNaN(average)) average = implied
    rates[minute] = average
    if (!Number.isNaN(implied) && !isStill(binance, minute)) average = kept * average + (1 - kept) * implied
  }
  return rates
}

export class TapeMarket implements Market {
  /** What is not recorded, in words, for reports. */
  readonly modelledParts: readonly string[]
  readonly #tape: TapeData
  readonly #prng: Prng
  readonly #upbit: TapeBook
  readonly #binance: TapeBook
  readonly #fx: TapeBook
  readonly #krwPerUsdt: Float64Array
  #step = -1
  #minute = -1
  #upbitPath: Float64Array | null = null
  #binancePath: Float64Array | null = null
  #isBinanceStill = false
  #isUpbitStill = false

  /** `instruments` must hold KRW-BTC and KRW-USDT of Upbit and BTCUSDT of Binance; a tape lists no others. */
  constructor(tape: TapeData, prng: Prng, instruments: readonly MarketInstrument[]) {
    this.#tape = tape
    this.#prng = prng.fork('paths')
    this.#upbit = new TapeBook(instruments, 'upbit', 'KRW-BTC', prng)
    this.#binance = new TapeBook(instruments, 'binance', 'BTCUSDT', prng)
    this.#fx = new TapeBook(instruments, 'upbit', 'KRW-USDT', prng)
    const closes = upbitCloses(tape.upbit, tape.binance.close.length)
    this.#krwPerUsdt = tape.usdKrw === null ? modelledRate(closes, tape.binance) : closes.map(() => tape.usdKrw ?? NaN)
    this.modelledParts = [
      isQuotes(tape.upbit)
        ? "Binance prices inside a minute follow the shape of Upbit's recorded seconds, between the candle's low and high"
        : "prices inside a minute: a Brownian bridge between the candle's low and high, of the same shape on both venues",
      isQuotes(tape.upbit)
        ? 'the spread of Binance BTCUSDT'
        : 'the spreads of Upbit KRW-BTC and Binance BTCUSDT, as they were on a recorded day of 2024',
      'the sizes of all levels, and the prices of all levels but the best',
      tape.usdKrw === null
        ? `KRW-USDT: the bank rate times one plus the premium's average over ${averageMinutes} minutes, one tick wide`
        : `KRW-USDT: ${tape.usdKrw}, as the config sets it`,
    ]
    this.advance(tape.fromMs)
  }

  advance(atMs: number): void {
    const lastStep = Math.floor((atMs - this.#tape.fromMs) / stepMs)
    assert(lastStep >= this.#step, `the tape is at step ${this.#step} and cannot go back to ${lastStep}`)
    const endStep = Math.min(lastStep, Math.ceil((this.#tape.toMs - this.#tape.fromMs) / stepMs) - 1)
    while (this.#step < endStep) {
      this.#step++
      this.#takeStep()
    }
    this.#step = lastStep
  }

  book(venue: Venue, code: string, depth: number): MarketBook | null {
    const listed = venue === 'binance' ? (code === 'BTCUSDT' ? this.#binance : null) : this.#upbitBook(code)
    return listed ? listed.book.view(depth, this.#tape.fromMs, stepMs) : null
  }

  outage(venue: Venue): string | null {
    const atMs = this.#tape.fromMs + this.#step * stepMs
    if (atMs >= this.#tape.toMs) return `the tape ended at ${new Date(this.#tape.toMs).toISOString()}`
    const path = venue === 'upbit' ? this.#upbitPath : this.#binancePath
    return path ? null : `the recording of ${venue} has no minute ${new Date(atMs - (atMs % minuteMs)).toISOString()}`
  }

  #upbitBook(code: string): TapeBook | null {
    return code === 'KRW-BTC' ? this.#upbit : code === 'KRW-USDT' ? this.#fx : null
  }

  #takeStep(): void {
    const atMs = this.#tape.fromMs + this.#step * stepMs
    const minute = Math.floor((atMs - this.#tape.firstMs) / minuteMs)
    const isNewMinute = minute !== this.#minute
    const wasUpbitDown = this.#upbitPath === null
    const wasBinanceDown = this.#binancePath === null
    if (isNewMinute) this.#enterMinute(minute)
    const place = Math.floor((atMs - this.#tape.firstMs - minute * minuteMs) / stepMs)
    if (this.#step % stepsPerSecond === 0) {
      for (const { spread } of [this.#upbit, this.#binance, this.#fx]) spread.stepSecond()
    }
    if (this.#binancePath && !this.#isBinanceStill) this.#stepBook(this.#binance, this.#binancePath[place] as number, wasBinanceDown)
    if (!this.#upbitPath) return
    this.#stepBook(this.#fx, this.#krwPerUsdt[minute] as number, wasUpbitDown)
    if (isQuotes(this.#tape.upbit)) this.#showQuote(this.#tape.upbit, minute * 60 + Math.floor(place / stepsPerSecond))
    else if (!this.#isUpbitStill) this.#stepBook(this.#upbit, this.#upbitPath[place] as number, wasUpbitDown)
  }

  #stepBook({ book, spread }: TapeBook, fairPrice: number, isDue: boolean): void {
    if (book.step(this.#step) || isDue) book.requote(fairPrice, spread.bps(), this.#step)
  }

  #showQuote({ bid, ask }: Quotes, second: number): void {
    this.#upbit.book.step(this.#step)
    const best = bid[second] as number
    if (!Number.isNaN(best)) this.#upbit.book.quote(best, ask[second] as number, this.#step)
  }

  #enterMinute(minute: number): void {
    this.#minute = minute
    const { upbit, binance } = this.#tape
    const drawn = minuteShape(this.#prng.fork(`minute:${this.#tape.firstMs / minuteMs + minute}`))
    // Both venues share one shape, so that the model itself never opens an edge between them.
    this.#upbitPath = isQuotes(upbit) ? quotedPath(upbit, minute) : pathInside(upbit, minute, drawn)
    const shape = isQuotes(upbit) && this.#upbitPath ? shapeOf(this.#upbitPath) : drawn
    this.#binancePath = pathInside(binance, minute, shape)
    this.#isUpbitStill = !isQuotes(upbit) && isStill(upbit, minute)
    this.#isBinanceStill = isStill(binance, minute)
  }
}
