/** A bounded first-in, first-out buffer that drops its oldest item when full and counts what it dropped. */

import { assert } from './assert.ts'

export class RingBuffer<T> {
  readonly capacity: number
  readonly #items: (T | undefined)[]
  #start = 0
  #count = 0
  #droppedCount = 0

  constructor(capacity: number) {
    assert(Number.isInteger(capacity) && capacity > 0, `capacity must be a positive integer, was ${capacity}`)
    this.capacity = capacity
    this.#items = Array.from<T | undefined>({ length: capacity })
  }

  get count(): number {
    return this.#count
  }

  get droppedCount(): number {
    return this.#droppedCount
  }

  push(item: T): void {
    this.#items[(this.#start + this.#count) % this.capacity] = item
    if (this.#count < this.capacity) {
      this.#count++
    } else {
      this.#start = (this.#start + 1) % this.capacity
      this.#droppedCount++
    }
  }

  shift(): T | undefined {
    if (this.#count === 0) return undefined
    const item = this.#items[this.#start]
    this.#items[this.#start] = undefined
    this.#start = (this.#start + 1) % this.capacity
    this.#count--
    return item
  }

  /** Oldest first. */
  *[Symbol.iterator](): Iterator<T> {
    for (let i = 0; i < this.#count; i++) yield this.#items[(this.#start + i) % this.capacity] as T
  }
}
