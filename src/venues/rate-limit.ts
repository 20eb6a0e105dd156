/** Our own count of what a venue counts of us, kept so that no 429 is ever earned. One ledger a venue; the venue's gate owns it. */

import { assert } from '../base/assert.ts'

/** What a venue allows in each of its windows, such as 10 requests a second. */
export interface RateLimit {
  name: string
  windowMs: number
  max: number
}

/** What one request uses of each limit, by name; nothing of those that are left out. */
export type RateCost = Readonly<Partial<Record<string, number>>>

/** What the venue says has been used of a limit in its running window, by all that share the address. */
export interface RateUsage {
  limit: string
  used: number
}

/** `polling` leaves a reserve for `order`, which is one that an order waits for. */
export type RatePurpose = 'polling' | 'order'

/** A request that may leave, until it is settled. */
export interface RateCharge {
  readonly cost: RateCost
  readonly purpose: RatePurpose
}

/** What polling may use of a limit, and up to where others may have used it when a poll still leaves. */
const pollingShare = 0.8

/**
 * Invariant: wherever the venue's windows begin, none of them holds more than its limit, as long as nobody else uses the address. For a
 * request reaches the venue some time between leaving and being settled, and it counts here from the one until a whole window after the
 * other, and one per cent longer, for clocks that run at different speeds.
 */
export class RateLedger {
  readonly #counters: readonly WindowCounter[]

  constructor(limits: readonly RateLimit[]) {
    this.#counters = limits.map((limit) => new WindowCounter(limit))
  }

  /** The request's charge, to be settled whatever becomes of it, or null where it must not leave now. */
  take(cost: RateCost, purpose: RatePurpose, nowMs: number): RateCharge | null {
    for (const counter of this.#counters) if (!counter.hasRoom(cost[counter.name] ?? 0, purpose, nowMs)) return null
    for (const counter of this.#counters) counter.take(cost[counter.name] ?? 0, purpose)
    return { cost, purpose }
  }

  /** The request has been answered or given up. */
  settle({ cost, purpose }: RateCharge, nowMs: number): void {
    for (const counter of this.#counters) counter.settle(cost[counter.name] ?? 0, purpose, nowMs)
  }

  /** Heeds what an answer says; limits that are not kept here are passed over. */
  heed(usage: RateUsage, nowMs: number): void {
    for (const counter of this.#counters) if (counter.name === usage.limit) counter.heed(usage.used, nowMs)
  }

  /** The largest share of any limit that was in use since this was last asked, 0 to 1 and more where others use the address. */
  takeUsedShareMax(): number {
    return Math.max(0, ...this.#counters.map((counter) => counter.takeUsedShareMax()))
  }
}

/** Counts are kept by hundredths of the window, so there are never more than about a hundred of them. */
const slotsPerWindow = 100

interface Slot {
  untilMs: number
  total: number
  polling: number
}

class WindowCounter {
  readonly name: string
  readonly #windowMs: number
  readonly #max: number
  readonly #maxPolling: number
  /** What was settled, oldest first. */
  readonly #slots: Slot[] = []
  /** In the slots and under way. */
  #total = 0
  #polling = 0
  /** What the venue last said where others use the address too, and what we took since; it holds until that window must have ended. */
  #reading = { used: 0, untilMs: -Infinity }
  #usedShareMax = 0

  constructor({ name, windowMs, max }: RateLimit) {
    assert(windowMs > 0 && max >= 1, `${name} must have a window and a limit, was ${max} in ${windowMs} ms`)
    this.name = name
    this.#windowMs = windowMs
    this.#max = max
    this.#maxPolling = Math.max(1, Math.floor(max * pollingShare))
  }

  hasRoom(amount: number, purpose: RatePurpose, nowMs: number): boolean {
    assert(amount <= this.#maxPolling, `a request that uses ${amount} of ${this.name} could never leave`)
    this.#expire(nowMs)
    const used = this.#reading.used + amount
    if (this.#total + amount > this.#max || used > this.#max) return false
    return purpose === 'order' || (this.#polling + amount <= this.#maxPolling && used <= this.#maxPolling)
  }

  take(amount: number, purpose: RatePurpose): void {
    this.#total += amount
    this.#reading.used += amount
    if (purpose === 'polling') this.#polling += amount
    this.#usedShareMax = Math.max(this.#usedShareMax, this.#total / this.#max)
  }

  settle(amount: number, purpose: RatePurpose, nowMs: number): void {
    if (amount === 0) return
    const slotMs = this.#windowMs / slotsPerWindow
    const untilMs = (Math.floor(nowMs / slotMs) + 2) * slotMs + this.#windowMs
    let slot = this.#slots.at(-1)
    if (slot === undefined || slot.untilMs < untilMs) {
      slot = { untilMs, total: 0, polling: 0 }
      this.#slots.push(slot)
    }
    slot.total += amount
    if (purpose === 'polling') slot.polling += amount
  }

  heed(used: number, nowMs: number): void {
    this.#usedShareMax = Math.max(this.#usedShareMax, used / this.#max)
    // What is not more than our own count is our own use, which is counted more exactly here.
    const isUsedByOthers = used > this.#total
    this.#reading = isUsedByOthers ? { used, untilMs: nowMs + this.#windowMs * (1 + 1 / slotsPerWindow) } : { used: 0, untilMs: -Infinity }
  }

  takeUsedShareMax(): number {
    const share = this.#usedShareMax
    this.#usedShareMax = 0
    return share
  }

  #expire(nowMs: number): void {
    if (nowMs >= this.#reading.untilMs) this.#reading.used = 0
    for (let slot = this.#slots[0]; slot !== undefined && slot.untilMs <= nowMs; slot = this.#slots[0]) {
      this.#slots.shift()
      this.#total -= slot.total
      this.#polling -= slot.polling
    }
  }
}
