/** Which faults strike now: the one place where a fault plan meets time and chance. Every injector asks it; it counts what it grants. */

import { SeededPrng, type Prng } from '../base/prng.ts'
import type { Fault, FaultKind, FaultPlan } from '../model/fault.ts'
import type { Venue } from '../model/instrument.ts'

/** Where an occasion is. What an injector leaves out matches any fault. */
export interface Occasion {
  venue?: Venue
  code?: string
  /** The one fault that is asked about, by its place in the plan, where several may strike at once. */
  index?: number
  /** A name that is this occasion's alone, such as `GET /v1/orderbook 1767571200000`: the draw goes by it, not by the order of asking. */
  name: string
}

export interface FaultBoardOptions {
  plan: FaultPlan
  /** Called at each strike, with how many there were of this fault. */
  onStrike: (index: number, fault: Fault, count: number) => void
}

/** A fault of the plan with its place in it and its bounds in event time. */
export interface PlannedFault {
  index: number
  fault: Fault
  fromMs: number
  untilMs: number
}

interface Entry extends PlannedFault {
  prng: Prng
}

export class FaultBoard {
  readonly #entries = new Map<FaultKind, Entry[]>()
  readonly #onStrike: FaultBoardOptions['onStrike']
  /** Strikes of each fault, by its place in the plan. */
  readonly #counts: number[]

  constructor({ plan, onStrike }: FaultBoardOptions) {
    this.#onStrike = onStrike
    this.#counts = plan.faults.map(() => 0)
    const prng = new SeededPrng(plan.seed).fork('faults')
    for (const [index, fault] of plan.faults.entries()) {
      const entry: Entry = {
        index,
        fault,
        fromMs: plan.runStartMs + fault.fromMs,
        untilMs: plan.runStartMs + fault.untilMs,
        // By what it is and not by its place: what is left of a plan strikes as it did in the whole.
        prng: prng.fork(JSON.stringify([fault.kind, fault.venue, fault.code, fault.fromMs, fault.untilMs])),
      }
      this.#entries.set(fault.kind, [...(this.#entries.get(fault.kind) ?? []), entry])
    }
  }

  /** The fault of this kind that strikes this occasion, or null. Counts it, so it is asked once an occasion, and what it says is done. */
  strike(kind: FaultKind, nowMs: number, occasion: Occasion): Fault | null {
    const planned = this.find(kind, nowMs, occasion)
    if (planned === null) return null
    this.count(planned)
    return planned.fault
  }

  /** The same, not counted: for an injector that has yet to see whether the fault changes anything. */
  find(kind: FaultKind, nowMs: number, occasion: Occasion): PlannedFault | null {
    const entries = this.#entries.get(kind)
    if (entries === undefined) return null
    for (const entry of entries) {
      const { fault, prng } = entry
      if (!isAt(entry, nowMs, occasion)) continue
      if (fault.share === 1 || prng.fork(occasion.name).next() < fault.share) return entry
    }
    return null
  }

  /** Counts a strike of a fault that was found, or that an injector has timed itself. */
  count({ index, fault }: PlannedFault): void {
    const count = (this.#counts[index] ?? 0) + 1
    this.#counts[index] = count
    this.#onStrike(index, fault, count)
  }

  /** The faults of a kind, for injectors that have to act when one begins or ends. */
  scheduled(kind: FaultKind): readonly PlannedFault[] {
    return this.#entries.get(kind) ?? []
  }
}

function isAt({ index, fault, fromMs, untilMs }: Entry, nowMs: number, { venue, code, index: askedIndex = index }: Occasion): boolean {
  if (nowMs < fromMs || nowMs >= untilMs || index !== askedIndex) return false
  if (fault.venue !== null && venue !== undefined && fault.venue !== venue) return false
  return fault.code === null || code === undefined || fault.code === code
}
