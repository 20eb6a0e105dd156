/** Counts by name, for a bounded number of names: what comes after is counted under `other`. The analyzer's own. */

export class BoundedCount {
  readonly #counts = new Map<string, number>()
  readonly #maxNames: number

  constructor(maxNames = 100) {
    this.#maxNames = maxNames
  }

  add(name: string, count = 1): void {
    const isNew = !this.#counts.has(name)
    const key = isNew && this.#counts.size >= this.#maxNames ? 'other' : name
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + count)
  }

  /** Most frequent first. */
  toRecord(): Record<string, number> {
    return Object.fromEntries([...this.#counts].toSorted(([, left], [, right]) => right - left))
  }
}
