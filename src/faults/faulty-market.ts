/** A market whose books a fault plan strikes, as the venues' faces show them. Composition root and loopback servers make it. */

import type { FaultKind } from '../model/fault.ts'
import type { Instrument, Venue } from '../model/instrument.ts'
import type { Market, MarketBook } from '../market/market.ts'
import type { FaultBoard, PlannedFault } from './fault-board.ts'
import { FaultWindows } from './fault-windows.ts'

export interface FaultyMarketOptions {
  market: Market
  board: FaultBoard
  /** Those whose books are asked for. */
  instruments: readonly Pick<Instrument, 'venue' | 'code'>[]
}

const bookFaults = ['stale-book', 'crossed-book', 'zero-padded-book'] as const satisfies readonly FaultKind[]
/** The simulated market's own step: a fault strikes for a whole one, so that all who look in it see the same. */
const stepMs = 100
/** More than any face shows. */
const maxDepth = 5000
/** A level of size 0 stands so far inside the spread that whoever takes it for real sees a profit. */
const baitShare = 0.01

export class FaultyMarket implements Market {
  readonly #options: FaultyMarketOptions
  readonly #windows: FaultWindows
  #lastStepMs: number | null = null
  /** What strikes in this step. */
  #struck: readonly PlannedFault[] = []
  /** Those of them that somebody has been shown: they are counted. */
  readonly #shown = new Set<PlannedFault>()
  /** Books that stand still, by venue and code. */
  readonly #still = new Map<string, MarketBook>()

  constructor(options: FaultyMarketOptions) {
    this.#options = options
    this.#windows = new FaultWindows(options.board, bookFaults)
  }

  advance(atMs: number): void {
    const { market } = this.#options
    const lastStepMs = Math.floor(atMs / stepMs) * stepMs
    const openSinceMs = this.#windows.openSinceMs(atMs)
    if (openSinceMs !== null) {
      // Who looks for the first time, such as an engine after one that was killed, sees what has stood still since before.
      const fromMs = this.#lastStepMs === null ? Math.ceil(openSinceMs / stepMs) * stepMs : this.#lastStepMs + stepMs
      for (let at = fromMs; at <= lastStepMs; at += stepMs) this.#takeStep(at)
    } else if (this.#struck.length > 0) {
      this.#struck = []
      this.#still.clear()
    }
    this.#lastStepMs = lastStepMs
    market.advance(atMs)
  }

  book(venue: Venue, code: string, depth: number): MarketBook | null {
    const { market } = this.#options
    if (this.#struck.length === 0) return market.book(venue, code, depth)
    const still = this.#still.get(keyOf({ venue, code }))
    let book = still === undefined ? market.book(venue, code, depth) : cut(still, depth)
    for (const planned of this.#struck) {
      const { kind, strength } = planned.fault
      if (book === null || !isAimedAt(planned, { venue, code })) continue
      if (kind === 'crossed-book') book = crossed(book, strength)
      if (kind === 'zero-padded-book') book = padded(book, depth)
      this.#count(planned)
    }
    return book
  }

  outage(venue: Venue): string | null {
    return this.#options.market.outage(venue)
  }

  /** Once a step, however many books it strikes and however often they are read. */
  #count(planned: PlannedFault): void {
    if (this.#shown.has(planned)) return
    this.#shown.add(planned)
    this.#options.board.count(planned)
  }

  /** Each fault draws once a step. A book stands as it was at the first of the steps in a row in which it is to stand still. */
  #takeStep(atMs: number): void {
    const { market, board, instruments } = this.#options
    const struck = bookFaults.flatMap((kind) =>
      board.scheduled(kind).flatMap(({ index }) => board.find(kind, atMs, { index, name: String(atMs) }) ?? []),
    )
    this.#struck = struck
    this.#shown.clear()
    const stale = struck.filter(({ fault }) => fault.kind === 'stale-book')
    if (stale.length > 0) market.advance(atMs)
    for (const instrument of instruments) {
      const key = keyOf(instrument)
      if (!stale.some((planned) => isAimedAt(planned, instrument))) this.#still.delete(key)
      else if (!this.#still.has(key)) {
        const book = market.book(instrument.venue, instrument.code, maxDepth)
        if (book !== null) this.#still.set(key, book)
      }
    }
  }
}

function keyOf({ venue, code }: Pick<Instrument, 'venue' | 'code'>): string {
  return `${venue}:${code}`
}

function isAimedAt({ fault }: PlannedFault, { venue, code }: Pick<Instrument, 'venue' | 'code'>): boolean {
  return (fault.venue === null || fault.venue === venue) && (fault.code === null || fault.code === code)
}

function cut(book: MarketBook, depth: number): MarketBook {
  return { ...book, bids: book.bids.slice(0, 2 * depth), asks: book.asks.slice(0, 2 * depth) }
}

function crossed(book: MarketBook, byBps: number): MarketBook {
  const bids = book.bids.slice()
  const [bestAsk] = book.asks
  if (bestAsk !== undefined && bids.length > 0) bids[0] = bestAsk * (1 + byBps / 10_000)
  return { ...book, bids }
}

function padded(book: MarketBook, depth: number): MarketBook {
  const side = (levels: Float64Array, baitFactor: number): Float64Array =>
    Float64Array.from([0, 0, (levels[0] ?? 0) * baitFactor, 0, ...levels]).slice(0, 2 * depth)
  return { ...book, bids: side(book.bids, 1 + baitShare), asks: side(book.asks, 1 - baitShare) }
}
