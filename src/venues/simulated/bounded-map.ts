/** A map that forgets its oldest entries beyond a capacity, and counts them: the memory of simulated venues. */

export class BoundedMap<Key, Value> {
  readonly #capacity: number
  readonly #entries = new Map<Key, Value>()
  #forgottenCount = 0

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  get forgottenCount(): number {
    return this.#forgottenCount
  }

  get(key: Key): Value | undefined {
    return this.#entries.get(key)
  }

  has(key: Key): boolean {
    return this.#entries.has(key)
  }

  /** Oldest first. */
  values(): Value[] {
    return [...this.#entries.values()]
  }

  /** The entry becomes the newest one. */
  set(key: Key, value: Value): void {
    this.#entries.delete(key)
    this.#entries.set(key, value)
    if (this.#entries.size <= this.#capacity) return
    for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest)
      this.#forgottenCount++
      return
    }
  }
}
