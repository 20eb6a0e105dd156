/** A run of guard blocks on one symbol: how long it lasts and why. For the rules that judge the guard. */

const maxReasons = 32

export class BlockRun {
  /** A longer pause between two blocks starts a new run. */
  readonly #maxGapMs: number
  readonly #countByReason = new Map<string, number>()
  #firstMs = 0
  #lastMs = Number.NEGATIVE_INFINITY

  constructor(maxGapMs: number) {
    this.#maxGapMs = maxGapMs
  }

  get firstMs(): number {
    return this.#firstMs
  }

  get lastMs(): number {
    return this.#lastMs
  }

  /** From the first block to the last; 0 for none or one. */
  get spanMs(): number {
    return this.#countByReason.size === 0 ? 0 : this.#lastMs - this.#firstMs
  }

  add(timeMs: number, reason: string, count: number): void {
    if (timeMs - this.#lastMs > this.#maxGapMs) this.clear()
    if (this.#countByReason.size === 0) this.#firstMs = timeMs
    this.#lastMs = timeMs
    const key = this.#countByReason.has(reason) || this.#countByReason.size < maxReasons ? reason : 'other'
    this.#countByReason.set(key, (this.#countByReason.get(key) ?? 0) + count)
  }

  clear(): void {
    this.#countByReason.clear()
    this.#lastMs = Number.NEGATIVE_INFINITY
  }

  /** Most frequent first; equal counts in the order of their first block. */
  reasons(): { reason: string; count: number }[] {
    return [...this.#countByReason].map(([reason, count]) => ({ reason, count })).sort((left, right) => right.count - left.count)
  }
}
