/** A StateStore that is away, read-only, slow or restarted as the fault plan says. The composition root puts it around the held one. */

import { OperatingError } from '../base/error.ts'
import type { Clock } from '../clock/clock.ts'
import type { Changes, StateStore } from '../engine/state-store.ts'
import type { Fault, FaultKind } from '../model/fault.ts'
import type { FaultBoard } from './fault-board.ts'

export interface FaultyStateStoreOptions {
  store: StateStore
  clock: Clock
  board: FaultBoard
}

/** Redis 7's and ioredis's own words. */
const refusals = {
  'store-down': 'connect ECONNREFUSED',
  'store-restart': 'connect ECONNREFUSED',
  'store-read-only': "READONLY You can't write against a read only replica.",
} as const satisfies Partial<Record<FaultKind, string>>

export class FaultyStateStore implements StateStore {
  readonly kind: StateStore['kind']
  readonly #options: FaultyStateStoreOptions
  /** Restarts whose lost answer is behind us. */
  readonly #restarts = new Set<Fault>()

  constructor(options: FaultyStateStoreOptions) {
    this.kind = options.store.kind
    this.#options = options
  }

  async open(): Promise<ReadonlyMap<string, string>> {
    for (const kind of ['store-down', 'store-restart', 'store-read-only'] as const) {
      if (this.#strike(kind, 'open')) throw unavailable(refusals[kind])
    }
    return this.#options.store.open()
  }

  async commit(changes: Changes): Promise<void> {
    const { store, clock } = this.#options
    const slow = this.#strike('store-slow', 'commit')
    if (slow) await clock.sleepUntil(clock.nowMs() + slow.strength)
    for (const kind of ['store-down', 'store-read-only'] as const) {
      if (this.#strike(kind, 'commit')) throw unavailable(refusals[kind])
    }
    const restart = this.#strike('store-restart', 'commit')
    if (restart === null) return store.commit(changes)
    if (this.#restarts.has(restart)) throw unavailable(refusals['store-restart'])
    this.#restarts.add(restart)
    await store.commit(changes)
    throw unavailable('Connection is closed.')
  }

  /** A lease that cannot be given back ends by itself: there is nothing to be learnt from a fault here. */
  close(): Promise<void> {
    return this.#options.store.close()
  }

  #strike(kind: FaultKind, verb: 'open' | 'commit'): Fault | null {
    const nowMs = this.#options.clock.nowMs()
    return this.#options.board.strike(kind, nowMs, { name: `${verb} ${nowMs}` })
  }
}

function unavailable(reason: string): OperatingError {
  return new OperatingError('STORE_UNAVAILABLE', `the store does not serve: ${reason}`, {
    hint: 'The fault plan of this run injects it; faults.log says when.',
  })
}
