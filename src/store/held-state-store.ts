/** A StateStore on which virtual time stands still while it works. The composition root puts it around the real one. */

import type { Clock } from '../clock/clock.ts'
import type { Changes, StateStore } from '../engine/state-store.ts'

/** Directly around the store: what stands further out, such as a store that is made slow, may then wait in event time. */
export class HeldStateStore implements StateStore {
  readonly kind: StateStore['kind']
  readonly #store: StateStore
  readonly #clock: Clock

  constructor(store: StateStore, clock: Clock) {
    this.kind = store.kind
    this.#store = store
    this.#clock = clock
  }

  open(): Promise<ReadonlyMap<string, string>> {
    return this.#clock.hold(() => this.#store.open())
  }

  commit(changes: Changes): Promise<void> {
    return this.#clock.hold(() => this.#store.commit(changes))
  }

  close(): Promise<void> {
    return this.#clock.hold(() => this.#store.close())
  }
}
