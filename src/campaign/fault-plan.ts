/** The faults of a run: those that the config lists, and those that a swarm draws from the seed. Pure. */

import { SeededPrng, type Prng } from '../base/prng.ts'
import type { CampaignConfig } from '../config/schema.ts'
import { tradingPlan } from '../config/venue-rules.ts'
import { faultTraits, obstaclesTo } from '../faults/fault-traits.ts'
import { faultKinds, type Fault, type FaultKind } from '../model/fault.ts'
import type { InstrumentFacts } from '../model/instrument.ts'

/** All that config and seed decide; empty where nothing is to be injected. */
export function drawFaults(config: CampaignConfig): Fault[] {
  const { plan, swarm } = config.faults
  return swarm === 'off' ? plan : [...plan, ...new Swarm(config).draw()]
}

const minuteMs = 60_000
/** Left alone, so that quotes come and trades begin. */
const quietStartMs = minuteMs
/** Event time of one episode and of the calm before the next one: longer than any of what strikes briefly. */
const episodeMs = [90_000, 180_000] as const
const patternShare = 0.35
const patternFaultsMax = 4
const killsMax = 2

/** Each ends a stream that stood. */
const cuts: readonly FaultKind[] = ['stream-close', 'stream-reset', 'stream-half-open', 'maintenance']

/**
 * Swarm testing (Groce et al., ISSTA 2012): each seed leaves out about half of the kinds, so that what one kind hides another seed shows.
 * What a run has to exercise is always in: partial fills and, on streams, something that cuts them.
 */
class Swarm {
  readonly #prng: Prng
  readonly #instruments: readonly InstrumentFacts[]
  readonly #isStreamed: boolean
  readonly #kinds: readonly FaultKind[]
  readonly #endMs: number

  constructor(config: CampaignConfig) {
    this.#prng = new SeededPrng(config.seed).fork('swarm')
    this.#instruments = tradingPlan(config.symbols, config.venues).instruments
    this.#endMs = Math.floor((config.duration_minutes - config.faults.healedMinutes) * minuteMs)
    this.#isStreamed = config.data_source === 'ws'
    this.#kinds = this.#chooseKinds(possibleKinds(config))
  }

  draw(): Fault[] {
    const of = (...strikes: string[]): FaultKind[] => this.#kinds.filter((kind) => strikes.includes(faultTraits[kind].strikes))
    const faults = [
      ...this.#episodes(of('requests', 'streams', 'books', 'venue', 'store', 'disk')),
      ...of('orders').flatMap((kind) => this.#lasting(kind)),
      ...of('process').flatMap((kind) => this.#single(kind)),
    ]
    return faults.toSorted((left, right) => left.fromMs - right.fromMs)
  }

  #chooseKinds(possible: readonly FaultKind[]): FaultKind[] {
    const chosen = new Set(possible.filter(() => this.#prng.next() < 0.5))
    const picked = this.#pick(cuts)
    const cut = (this.#isStreamed ? [picked, ...cuts] : [picked]).find((kind) => possible.includes(kind))
    if (cut !== undefined) chosen.add(cut)
    if (possible.includes('partial-fill')) chosen.add('partial-fill')
    // A swarm of few kinds must not leave out every one of them.
    if (chosen.size === 0 && possible.length > 0) chosen.add(this.#pick(possible))
    return [...chosen]
  }

  /** One after the other, with calm in between, each a single fault or a pattern. */
  #episodes(kinds: readonly FaultKind[]): Fault[] {
    if (kinds.length === 0) return []
    const faults: Fault[] = []
    // Every kind has its turn before any has its second one.
    let queue: FaultKind[] = []
    for (let atMs = quietStartMs; ;) {
      const lengthMs = this.#between(episodeMs)
      if (atMs + lengthMs > this.#endMs) return faults
      const count = this.#prng.next() < patternShare ? 2 + Math.floor(this.#prng.next() * (patternFaultsMax - 1)) : 1
      const together: Fault[] = []
      while (together.length < count) {
        if (queue.length === 0) queue = this.#shuffled(kinds)
        const kind = queue.pop()
        if (kind !== undefined) together.push(this.#fault(kind, atMs))
      }
      const timed = count === 1 ? together : this.#pattern(together)
      faults.push(...timed.flatMap((fault) => [...this.#breakBefore(fault), fault]))
      atMs += lengthMs
    }
  }

  /** Streams ask by REST only where they begin: what strikes requests meets one where a stream has just been broken. */
  #breakBefore(fault: Fault): Fault[] {
    if (!this.#isStreamed || faultTraits[fault.kind].strikes !== 'requests') return []
    return [{ ...fault, kind: 'stream-reset', untilMs: fault.fromMs + 1000, share: 1, strength: 0 }]
  }

  /** Taken down one by one, and brought back in another order. */
  #pattern(faults: readonly Fault[]): Fault[] {
    const startMs = faults[0]?.fromMs ?? 0
    const stepMs = this.#between([2_000, 8_000])
    const ends = this.#shuffled(faults.map((_fault, index) => startMs + (faults.length + index + 1) * stepMs))
    return faults.map((fault, index) => ({ ...fault, fromMs: startMs + index * stepMs, untilMs: ends[index] ?? startMs }))
  }

  /** Spread over the run, since a single window may hold no order. */
  #lasting(kind: FaultKind): Fault[] {
    const count = 1 + Math.floor(this.#prng.next() * 3)
    return Array.from({ length: count }, () => this.#fault(kind, this.#somewhere(faultTraits[kind].durationMs[1])))
  }

  #single(kind: FaultKind): Fault[] {
    const count = kind === 'kill' ? 1 + Math.floor(this.#prng.next() * killsMax) : 1
    return Array.from({ length: count }, () => this.#fault(kind, this.#somewhere(faultTraits[kind].durationMs[1])))
  }

  #fault(kind: FaultKind, fromMs: number): Fault {
    const { durationMs, share, strength, aim } = faultTraits[kind]
    const target = aim === 'none' || this.#prng.next() < 0.3 ? null : this.#pick(this.#instruments)
    const scale = kind === 'partial-fill' ? 100 : 1
    return {
      kind,
      fromMs,
      untilMs: Math.min(fromMs + this.#between(durationMs), this.#endMs),
      venue: target?.venue ?? null,
      code: aim === 'instrument' ? (target?.code ?? null) : null,
      share: this.#between([share[0] * 1000, share[1] * 1000]) / 1000,
      strength: this.#between([strength[0] * scale, strength[1] * scale]) / scale,
    }
  }

  #somewhere(durationMs: number): number {
    return this.#between([quietStartMs, Math.max(quietStartMs, this.#endMs - durationMs)])
  }

  /** Whole, both ends included. */
  #between([min, max]: readonly [number, number]): number {
    return Math.round(min) + Math.floor(this.#prng.next() * (Math.round(max) - Math.round(min) + 1))
  }

  #pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.#prng.next() * items.length)] as T
  }

  #shuffled<T>(items: readonly T[]): T[] {
    return items
      .map((item) => ({ item, order: this.#prng.next() }))
      .toSorted((left, right) => left.order - right.order)
      .map(({ item }) => item)
  }
}

function possibleKinds({ market, data_source: dataSource, faults }: CampaignConfig): FaultKind[] {
  return (faults.swarmKinds ?? faultKinds).filter((kind) => obstaclesTo(kind, { market, dataSource }).length === 0)
}
