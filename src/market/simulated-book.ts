/** The visible book of one instrument: prices on the tick grid, sizes by stateless hashing, so that a book costs only when asked for. */

import { assert } from '../base/assert.ts'
import { mix32, SeededPrng } from '../base/prng.ts'
import type { Instrument } from '../model/instrument.ts'
import type { BookProfile } from './book-profile.ts'
import { cutLevels } from './level-arrays.ts'
import type { MarketBook } from './market.ts'

/** What Upbit shows; a side has fewer levels only where it would reach a price of zero. */
const maxLevels = 30
/** A level's size stands for 2 to this power updates of its book. */
const updatesPerSizeLog2 = 4
const turnMask = 2 ** updatesPerSizeLog2 - 1
/** Gaps between levels are a squared uniform draw times three times their mean. */
const gapSpan = 3

const sizeTables = new Map<number, Float64Array>()

/** Lognormal factors around a median of 1, to be picked by hash: `exp` once instead of once a level. */
function sizeTable(sigma: number): Float64Array {
  let table = sizeTables.get(sigma)
  if (!table) {
    const prng = new SeededPrng(1)
    table = Float64Array.from({ length: 4096 }, () => Math.exp(sigma * prng.gaussian()))
    sizeTables.set(sigma, table)
  }
  return table
}

/** Chances are compared with a 32-bit hash. */
function thresholdOf(chance: number): number {
  return Math.round(chance * 2 ** 32)
}

export class SimulatedBook {
  readonly #seed: number
  readonly #bands: readonly { fromPrice: number; tickSize: number }[]
  readonly #requoteThreshold: number
  readonly #updateThreshold: number
  readonly #sizeFactors: Float64Array
  readonly #levelGapBps: number
  readonly #levelNotional: number
  /** Sizes are whole multiples of 1 / this. */
  readonly #sizeUnits: number
  #tick = 1
  #bestBid = 1
  #bestAsk = 2
  #gapTicks = 0
  #levelSize = 1
  #requoteCount = 0
  #updateCount = 0
  #changedAtStep = 0

  /** `krwPerUsdt` only scales the sizes of books in KRW. */
  constructor(instrument: Pick<Instrument, 'venue' | 'quote' | 'tickBands'>, profile: BookProfile, seed: number, krwPerUsdt: number) {
    this.#seed = seed
    this.#bands = instrument.tickBands.map((band) => ({ fromPrice: band.fromPrice.toNumber(), tickSize: band.tickSize.toNumber() }))
    this.#requoteThreshold = thresholdOf(profile.requoteChance)
    this.#updateThreshold = thresholdOf(profile.updateChance)
    this.#sizeFactors = sizeTable(profile.levelSigma)
    this.#levelGapBps = profile.levelGapBps
    this.#levelNotional = profile.levelUsdt * (instrument.quote === 'KRW' ? krwPerUsdt : 1)
    this.#sizeUnits = instrument.venue === 'binance' ? 1e5 : 1e8
  }

  /** Lets the book live through one step of the grid; true where its prices are due to be set anew. */
  step(step: number): boolean {
    const draw = mix32(this.#seed ^ Math.imul(step, 0x9e3779b1))
    if (draw >= this.#updateThreshold) return false
    this.#updateCount++
    this.#changedAtStep = step
    return draw < this.#requoteThreshold
  }

  /** Sets the best prices around a fair price. */
  requote(fairPrice: number, spreadBps: number, step: number): void {
    let tick = this.#tickSizeAt(fairPrice)
    // One tick has to fit all levels: beyond a band's upper end the coarser tick is valid on both sides.
    tick = this.#tickSizeAt(fairPrice + fairPrice * spreadBps * 1e-4 + maxLevels * (tick + gapSpan * this.#levelGapBps * 1e-4 * fairPrice))
    const spreadTicks = Math.max(1, Math.round((fairPrice * spreadBps * 1e-4) / tick))
    const bestBid = Math.max(1, Math.round(fairPrice / tick - spreadTicks / 2))
    this.#set(tick, bestBid, bestBid + spreadTicks, step)
  }

  /** Sets the best prices to recorded ones. */
  quote(bid: number, ask: number, step: number): void {
    const tick = this.#tickSizeAt(ask)
    const bestBid = Math.round(bid / tick)
    this.#set(tick, bestBid, Math.max(bestBid + 1, Math.round(ask / tick)), step)
  }

  /** The book as a market hands it out. */
  view(depth: number, startMs: number, stepMs: number): MarketBook {
    const levels = Math.min(depth, maxLevels)
    return {
      bids: this.#side(0x5bd1e995, -1, this.#bestBid, levels),
      asks: this.#side(0x1b873593, 1, this.#bestAsk, levels),
      changedAtMs: startMs + this.#changedAtStep * stepMs,
      updateId: this.#updateCount + 1,
    }
  }

  #set(tick: number, bestBid: number, bestAsk: number, step: number): void {
    if (tick === this.#tick && bestBid === this.#bestBid && bestAsk === this.#bestAsk) return
    const price = bestBid * tick
    this.#tick = tick
    this.#bestBid = bestBid
    this.#bestAsk = bestAsk
    this.#gapTicks = (gapSpan * price * this.#levelGapBps * 1e-4) / tick
    this.#levelSize = (this.#levelNotional / price) * this.#sizeUnits
    this.#requoteCount++
    this.#updateCount++
    this.#changedAtStep = step
  }

  #tickSizeAt(price: number): number {
    const band = this.#bands.find(({ fromPrice }) => price >= fromPrice)
    assert(band, `no tick for the price ${price}`)
    return band.tickSize
  }

  /** Prices change when the book is requoted; a size stands by its price until that level's own turn comes. */
  #side(salt: number, direction: number, best: number, count: number): Float64Array {
    const levels = cutLevels(2 * count)
    // Dividing by a whole number gives the double next to the decimal price; multiplying by 0.01 would not.
    const ticksPerUnit = this.#tick < 1 ? Math.round(1 / this.#tick) : 0
    let gapHash = mix32(this.#seed ^ salt ^ Math.imul(this.#requoteCount, 0x85ebca6b))
    let ticks = best
    for (let level = 0; level < count; level++) {
      if (ticks <= 0) return levels.subarray(0, 2 * level)
      const levelHash = mix32(this.#seed ^ salt ^ Math.imul(ticks, 0x9e3779b1))
      const epoch = (this.#updateCount + (levelHash & turnMask)) >>> updatesPerSizeLog2
      const sizeHash = mix32(levelHash ^ Math.imul(epoch, 0xc2b2ae35))
      // The lower bits spread the table's values, so that equal sizes stay rare.
      const factor = (this.#sizeFactors[sizeHash >>> 20] ?? 1) * (1 + (sizeHash & 0xfffff) * 2 ** -22)
      levels[2 * level] = ticksPerUnit > 0 ? ticks / ticksPerUnit : ticks * this.#tick
      levels[2 * level + 1] = Math.max(1, Math.round(this.#levelSize * factor)) / this.#sizeUnits
      gapHash = mix32(gapHash + 0x9e3779b9)
      const uniform = gapHash * 2 ** -32
      ticks += direction * (1 + Math.floor(uniform * uniform * this.#gapTicks))
    }
    return levels
  }
}
