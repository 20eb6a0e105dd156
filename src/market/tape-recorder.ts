/** Records what a market data provider sees onto a tape: every book at each change, and every outage. `longhaul record` runs it. */

import type { Clock } from '../clock/clock.ts'
import type { InstrumentKey, MarketDataProvider } from '../market-data/market-data-provider.ts'
import type { Venue } from '../model/instrument.ts'
import type { OrderBook, PriceLevel } from '../model/order-book.ts'
import type { BookTapeWriter, TapeLevels } from './book-tape.ts'

export interface TapeRecorderOptions {
  provider: MarketDataProvider
  clock: Clock
  writer: BookTapeWriter
  instruments: readonly InstrumentKey[]
  /** Between two refreshes of the provider. */
  intervalMs: number
}

/** What a kill costs, and how much is held in memory. */
const flushIntervalMs = 1000

export class TapeRecorder {
  readonly #options: TapeRecorderOptions
  readonly #down: Record<Venue, string | null> = { upbit: null, binance: null }
  #isStopped = false

  constructor(options: TapeRecorderOptions) {
    this.#options = options
  }

  /** Records until `endAtMs`, or until it is stopped. Throws TAPE_INVALID where the disk takes no more; the provider is closed then too. */
  async run(endAtMs: number): Promise<void> {
    const { provider, writer } = this.#options
    writer.beginFile()
    provider.onChange((instrument) => this.#record(instrument))
    try {
      await provider.open()
      await this.#recordUntil(endAtMs)
    } finally {
      await provider.close()
    }
    // Without them a replay would take the last change for the end.
    for (const venue of venues) this.#write(venue, 'the recording ended')
    writer.flush()
  }

  stop(): void {
    this.#isStopped = true
  }

  async #recordUntil(endAtMs: number): Promise<void> {
    const { provider, clock, writer } = this.#options
    const intervalMs = Math.min(this.#options.intervalMs, flushIntervalMs)
    const startMs = clock.nowMs()
    let flushedAtMs = startMs
    while (!this.#isStopped) {
      const failures = await provider.refresh()
      const nowMs = clock.nowMs()
      for (const venue of venues) {
        const failure = failures.find((candidate) => candidate.venue === venue && candidate.isVenueWide)
        this.#note(venue, failure?.message ?? null)
      }
      // What arrives between two rounds is only held; the disk is touched here, where its trouble can be thrown.
      if (writer.isFileDue) this.#beginFile()
      if (nowMs - flushedAtMs >= flushIntervalMs) {
        flushedAtMs = nowMs
        writer.flush()
      }
      const nextMs = startMs + (Math.floor((nowMs - startMs) / intervalMs) + 1) * intervalMs
      if (nowMs >= endAtMs) return
      await clock.sleepUntil(Math.min(nextMs, endAtMs))
    }
  }

  #record(instrument: InstrumentKey): void {
    const book = this.#options.provider.book(instrument)
    if (book !== null) this.#options.writer.write(lineOf(instrument, book))
  }

  /** Each file begins with every book, so that it can be read alone. */
  #beginFile(): void {
    this.#options.writer.beginFile()
    for (const instrument of this.#options.instruments) this.#record(instrument)
  }

  #note(venue: Venue, down: string | null): void {
    if ((this.#down[venue] === null) === (down === null)) return
    this.#down[venue] = down
    this.#write(venue, down)
  }

  #write(venue: Venue, down: string | null): void {
    const nowMs = this.#options.clock.nowMs()
    this.#options.writer.write({ t: nowMs, r: nowMs, v: venue, down })
  }
}

const venues: readonly Venue[] = ['upbit', 'binance']

function lineOf({ venue, code }: InstrumentKey, book: OrderBook) {
  return { t: book.changedAtMs, r: book.receivedAtMs, v: venue, c: code, b: levelsOf(book.bids), a: levelsOf(book.asks) }
}

function levelsOf(levels: readonly PriceLevel[]): TapeLevels {
  return levels.map(({ price, size }) => [price, size] as const)
}
