/** A set of ids such as `T12` at one bit each, so that a checker can remember every id of a year-long run. */

import { assert } from '../base/assert.ts'

const maxNumber = 2 ** 30
const maxOthers = 100_000

export class IdSet {
  readonly #bitsByPrefix = new Map<string, Uint8Array>()
  readonly #others = new Set<string>()

  has(id: string): boolean {
    const numbered = split(id)
    if (numbered === null) return this.#others.has(id)
    const byte = this.#bitsByPrefix.get(numbered.prefix)?.[numbered.number >> 3] ?? 0
    return (byte & (1 << (numbered.number & 7))) !== 0
  }

  /** False where it was in the set already. */
  add(id: string): boolean {
    if (this.has(id)) return false
    const numbered = split(id)
    if (numbered === null) {
      assert(this.#others.size < maxOthers, `more than ${maxOthers} ids that are no letter and number, such as ${JSON.stringify(id)}`)
      this.#others.add(id)
    } else {
      const bits = this.#bitsFor(numbered.prefix, numbered.number)
      bits[numbered.number >> 3] = (bits[numbered.number >> 3] ?? 0) | (1 << (numbered.number & 7))
    }
    return true
  }

  #bitsFor(prefix: string, number: number): Uint8Array {
    const bits = this.#bitsByPrefix.get(prefix) ?? new Uint8Array(128)
    const needed = (number >> 3) + 1
    const wide = needed <= bits.length ? bits : new Uint8Array(Math.max(needed, 2 * bits.length))
    if (wide !== bits) wide.set(bits)
    this.#bitsByPrefix.set(prefix, wide)
    return wide
  }
}

/** Null for an id that is not one or two letters and a plain number. */
function split(id: string): { prefix: string; number: number } | null {
  const match = /^([A-Za-z]{1,2})(0|[1-9]\d{0,9})$/.exec(id)
  const number = Number(match?.[2])
  return match?.[1] !== undefined && number < maxNumber ? { prefix: match[1], number } : null
}
