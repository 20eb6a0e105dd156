/** Binance's order book kept up to date here, by the venue's own rule, from a snapshot and its depth stream. BinanceStream owns these. */

import type { PriceLevel } from '../../model/order-book.ts'

/** Price and size; the size is absolute, and 0 takes the level away. */
export type LevelUpdate = readonly [price: number, size: number]

/** A `depthUpdate`: everything that changed from update `firstId` to update `lastId`. */
export interface DepthUpdate {
  firstId: number
  lastId: number
  bids: readonly LevelUpdate[]
  asks: readonly LevelUpdate[]
}

/** An answer to `GET /api/v3/depth`: levels best first, as many as `limit` or all there are. */
export interface DepthSnapshot {
  lastId: number
  limit: number
  bids: readonly PriceLevel[]
  asks: readonly PriceLevel[]
}

/**
 * `waiting`: kept for the snapshot that is to come. `known`: it tells nothing new. `overflow`: more updates than are kept came before a
 * snapshot did; what was kept is dropped. `gap`, `crossed`: the book was wrong or would have become so, and is gone.
 */
export type UpdateOutcome = 'applied' | 'waiting' | 'known' | 'overflow' | 'gap' | 'crossed'

/** `too-old`: there are updates between it and the first one kept; another snapshot is needed. */
export type SnapshotOutcome = 'applied' | 'too-old' | 'crossed'

/**
 * The venue's rule ("How to manage a local order book correctly"): keep updates from the stream, fetch a snapshot, drop the updates that it
 * already holds, apply the others; each must go on where the one before it ended.
 *
 * Invariant: there is no book, or it is the venue's at update `lastId` as far as the last snapshot reached: a snapshot that was cut at its
 * limit says nothing of prices beyond its last one, so what the stream tells of those is left out.
 */
export class LocalBook {
  readonly #maxKept: number
  #book: Book | null = null
  /** Updates since a snapshot was last asked for, each of which goes on where the one before it ended; null where none is awaited. */
  #kept: DepthUpdate[] | null = []

  /** `maxKept`: how many updates are kept while a snapshot is on its way. */
  constructor(maxKept: number) {
    this.#maxKept = maxKept
  }

  /** The update that the book stands at, or null where there is no book. */
  get lastId(): number | null {
    return this.#book?.lastId ?? null
  }

  /** The best levels of each side, or null where there is no book or a side of it is empty. */
  levels(maxCount: number): { bids: PriceLevel[]; asks: PriceLevel[] } | null {
    if (this.#book === null) return null
    const bids = this.#book.bids.levels(maxCount)
    const asks = this.#book.asks.levels(maxCount)
    return bids.length === 0 || asks.length === 0 ? null : { bids, asks }
  }

  /** False where the market has moved so far that fewer than `count` of the levels that the snapshot reached are left on a side. */
  covers(count: number): boolean {
    return this.#book !== null && this.#book.bids.covers(count) && this.#book.asks.covers(count)
  }

  /** A snapshot is about to be asked for: keeps updates from now on, and the book as long as it stays right. */
  awaitSnapshot(): void {
    this.#kept ??= []
  }

  /** Forgets book and updates: the stream breaks off here. */
  reset(): void {
    this.#book = null
    this.#kept = []
  }

  update(update: DepthUpdate): UpdateOutcome {
    const keptAs = this.#keep(update)
    if (this.#book === null) return keptAs
    const outcome = this.#apply(this.#book, update)
    if (outcome === 'gap') this.#kept ??= [update]
    return outcome
  }

  snapshot(snapshot: DepthSnapshot): SnapshotOutcome {
    const news = (this.#kept ?? []).filter((update) => update.lastId > snapshot.lastId)
    const [first] = news
    if (first !== undefined && first.firstId > snapshot.lastId + 1) return 'too-old'
    if (this.#book !== null && (news.at(-1) ?? snapshot).lastId < this.#book.lastId) return 'too-old'
    const book = {
      lastId: snapshot.lastId,
      bids: new BookSide(1, snapshot.bids, snapshot.limit),
      asks: new BookSide(-1, snapshot.asks, snapshot.limit),
    }
    if (isCrossed(book)) {
      this.reset()
      return 'crossed'
    }
    this.#book = book
    this.#kept = null
    for (const update of news) if (this.#apply(book, update) === 'crossed') return 'crossed'
    return 'applied'
  }

  #keep(update: DepthUpdate): 'waiting' | 'known' | 'gap' | 'overflow' {
    if (this.#kept === null) return 'known'
    const last = this.#kept.at(-1)
    if (last !== undefined && update.lastId <= last.lastId) return 'known'
    // What was kept before a gap can never be joined with what comes after it.
    const isGap = last !== undefined && update.firstId > last.lastId + 1
    const isFull = this.#kept.length >= this.#maxKept
    if (isGap || isFull) this.#kept = []
    this.#kept.push(update)
    if (isGap) return 'gap'
    return isFull ? 'overflow' : 'waiting'
  }

  #apply(book: Book, update: DepthUpdate): 'applied' | 'known' | 'gap' | 'crossed' {
    if (update.lastId <= book.lastId) return 'known'
    if (update.firstId > book.lastId + 1) {
      this.#book = null
      return 'gap'
    }
    for (const [price, size] of update.bids) book.bids.set(price, size)
    for (const [price, size] of update.asks) book.asks.set(price, size)
    book.lastId = update.lastId
    if (!isCrossed(book)) return 'applied'
    this.reset()
    return 'crossed'
  }
}

interface Book {
  lastId: number
  bids: BookSide
  asks: BookSide
}

function isCrossed({ bids, asks }: Book): boolean {
  return bids.bestPrice >= asks.bestPrice
}

/** One side, worst level first: most changes are near the best price, where an insertion then moves few others. */
class BookSide {
  /** 1 for bids, -1 for asks: price times sign rises towards the best level. */
  readonly #sign: 1 | -1
  readonly #keys: number[] = []
  readonly #sizes: number[] = []
  /** Of the last level that the snapshot reached; nothing is known below it. */
  readonly #worstKey: number

  constructor(sign: 1 | -1, levels: readonly PriceLevel[], limit: number) {
    this.#sign = sign
    for (const { price, size } of levels.toReversed()) {
      this.#keys.push(price * sign)
      this.#sizes.push(size)
    }
    this.#worstKey = levels.length < limit ? -Infinity : (this.#keys[0] ?? -Infinity)
  }

  /** Where the side is empty, a price that crosses nothing. */
  get bestPrice(): number {
    return (this.#keys.at(-1) ?? -Infinity) * this.#sign
  }

  set(price: number, size: number): void {
    const key = price * this.#sign
    if (key < this.#worstKey) return
    const index = this.#indexOf(key)
    const isThere = this.#keys[index] === key
    if (size > 0) {
      this.#keys.splice(index, isThere ? 1 : 0, key)
      this.#sizes.splice(index, isThere ? 1 : 0, size)
    } else if (isThere) {
      this.#keys.splice(index, 1)
      this.#sizes.splice(index, 1)
    }
  }

  levels(maxCount: number): PriceLevel[] {
    const levels: PriceLevel[] = []
    for (let i = this.#keys.length - 1; i >= 0 && levels.length < maxCount; i--) {
      levels.push({ price: (this.#keys[i] ?? 0) * this.#sign, size: this.#sizes[i] ?? 0 })
    }
    return levels
  }

  covers(count: number): boolean {
    return this.#worstKey === -Infinity || this.#keys.length >= count
  }

  /** Of the first key that is not below this one. */
  #indexOf(key: number): number {
    let low = 0
    let high = this.#keys.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#keys[middle] ?? 0) < key) low = middle + 1
      else high = middle
    }
    return low
  }
}
