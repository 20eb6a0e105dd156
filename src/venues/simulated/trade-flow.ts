/** The public's trades at the simulated venues: drawn from seed and step at the best prices, and joined by those of the desks' clients. */

import { assert } from '../../base/assert.ts'
import { mix32, type Prng } from '../../base/prng.ts'
import type { Instrument, Side, Venue } from '../../model/instrument.ts'
import { DayWindow } from './day-window.ts'
import type { Market } from '../../market/market.ts'
import type { DayStats, PublicTrade, PublicTrades } from './public-trades.ts'

export interface TradeFlowOptions {
  market: Market
  prng: Prng
  instruments: readonly Instrument[]
}

const stepMs = 100
/**
 * Chance of a trade in a step in which the book changed; with the share of such steps (docs/MARKET_MODEL.md) about 4 trades a second of
 * BTC and ETH on Binance, 2.4 in Upbit's KRW markets and 2 of USDT there; 0.6 and 0.4 of others. An assumption: busy hours, not peaks.
 */
const majorChance = 0.4
const otherChance = 0.06
const majors: ReadonlySet<string> = new Set(['BTC', 'ETH', 'USDT'])

/** The last trades of one instrument, flat: time, price and size of each, the size negative where a seller took. */
class TradeRing {
  static readonly capacity = 1000
  static readonly #width = 3
  readonly #values = new Float64Array(TradeRing.capacity * TradeRing.#width)
  /** Ids have no gap, so the newest one tells all others. */
  #lastId = 0

  get lastId(): number {
    return this.#lastId
  }

  add({ atMs, price, size, takerSide }: Omit<PublicTrade, 'id'>): number {
    this.#lastId++
    const offset = TradeRing.#offset(this.#lastId)
    this.#values[offset] = atMs
    this.#values[offset + 1] = price
    this.#values[offset + 2] = takerSide === 'buy' ? size : -size
    return this.#lastId
  }

  /** Those with a larger id, oldest first, as far back as they are remembered. */
  after(id: number): PublicTrade[] {
    const trades: PublicTrade[] = []
    const firstId = Math.max(id, this.#lastId - TradeRing.capacity, 0) + 1
    for (let each = firstId; each <= this.#lastId; each++) trades.push(this.#trade(each))
    return trades
  }

  #trade(id: number): PublicTrade {
    const offset = TradeRing.#offset(id)
    const [atMs = 0, price = 0, size = 0] = this.#values.subarray(offset, offset + TradeRing.#width)
    return { id, atMs, price, size: Math.abs(size), takerSide: size > 0 ? 'buy' : 'sell' }
  }

  static #offset(id: number): number {
    return (id % TradeRing.capacity) * TradeRing.#width
  }
}

interface Traded {
  readonly venue: Venue
  readonly code: string
  readonly lotSize: number
  readonly seed: number
  /** To be compared with a 32-bit hash. */
  readonly threshold: number
  readonly ring: TradeRing
  readonly day: DayWindow
}

export class TradeFlow implements PublicTrades {
  readonly #market: Market
  readonly #traded = new Map<string, Traded>()
  #nowMs = 0

  constructor({ market, prng, instruments }: TradeFlowOptions) {
    this.#market = market
    for (const { venue, code, base, lotSize } of instruments) {
      this.#traded.set(`${venue}:${code}`, {
        venue,
        code,
        lotSize: lotSize.toNumber(),
        seed: Math.floor(prng.fork(`${venue}:${code}`).next() * 2 ** 32),
        threshold: (majors.has(base) ? majorChance : otherChance) * 2 ** 32,
        ring: new TradeRing(),
        day: new DayWindow(),
      })
    }
  }

  /** The market stands at `nowMs`. Called once at each of its steps; at the same instant again it does nothing. */
  advance(nowMs: number): void {
    assert(nowMs >= this.#nowMs, `trades are at ${this.#nowMs} and cannot go back to ${nowMs}`)
    if (nowMs === this.#nowMs) return
    this.#nowMs = nowMs
    const step = Math.imul(Math.floor(nowMs / stepMs), 0x9e3779b1)
    for (const traded of this.#traded.values()) {
      const draw = mix32(traded.seed ^ step)
      if (draw < traded.threshold) this.#trade(traded, mix32(draw + 0x9e3779b9), nowMs)
    }
  }

  /** A trade of a desk's client; returns its id. */
  record(venue: Venue, code: string, trade: Omit<PublicTrade, 'id'>): number {
    const traded = this.#find(venue, code)
    assert(traded, `a trade in ${venue} ${code}, which is not traded here`)
    return this.#add(traded, trade)
  }

  recent(venue: Venue, code: string, count: number): readonly PublicTrade[] {
    const ring = this.#find(venue, code)?.ring
    return ring === undefined ? [] : ring.after(ring.lastId - count)
  }

  after(venue: Venue, code: string, id: number): readonly PublicTrade[] {
    return this.#find(venue, code)?.ring.after(id) ?? []
  }

  stats(venue: Venue, code: string): DayStats | null {
    return this.#find(venue, code)?.day.stats(this.#nowMs) ?? null
  }

  #find(venue: Venue, code: string): Traded | undefined {
    return this.#traded.get(`${venue}:${code}`)
  }

  #trade(traded: Traded, hash: number, nowMs: number): void {
    const { venue, code, lotSize } = traded
    const book = this.#market.book(venue, code, 1)
    // A trade changes the book: where it stands still, as in a halt, there was none.
    if (book === null || nowMs - book.changedAtMs >= stepMs) return
    const takerSide: Side = hash & 1 ? 'buy' : 'sell'
    const [price, displayedSize] = takerSide === 'buy' ? book.asks : book.bids
    if (price === undefined || displayedSize === undefined || displayedSize < lotSize) return
    // Squared, since most trades are small beside the level that they take from.
    const share = (mix32(hash) * 2 ** -32) ** 2
    const lots = Math.max(1, Math.floor((share * displayedSize) / lotSize))
    // Fifteen digits: the shortest decimal that is a whole number of lots.
    this.#add(traded, { atMs: nowMs, price, size: Number((lots * lotSize).toPrecision(15)), takerSide })
  }

  #add({ ring, day }: Traded, trade: Omit<PublicTrade, 'id'>): number {
    const id = ring.add(trade)
    day.add({ id, ...trade })
    return id
  }
}
