/** Remembers which stored keys have changed since they were last asked for. Parts of the engine that keep state own one. */

import { OperatingError } from '../base/error.ts'

/** Values are JSON text. The same shape as the state store's, which lies further up. */
export interface StateChanges {
  set: Record<string, string>
  remove: string[]
}

export class ChangeTracker {
  readonly #changed = new Set<string>()

  mark(key: string): void {
    this.#changed.add(key)
  }

  /** Everything marked since the last take, as it stands now: `valueOf` gives what is to be stored, or null for what is gone. */
  take(valueOf: (key: string) => unknown): StateChanges {
    const changes: StateChanges = { set: {}, remove: [] }
    for (const key of this.#changed) {
      const value = valueOf(key)
      if (value === null) changes.remove.push(key)
      else changes.set[key] = JSON.stringify(value)
    }
    this.#changed.clear()
    return changes
  }
}

/** Turns whatever `read` throws over stored text into STORE_CORRUPT: the store answered, but not with what was put there. */
export function readStored<T>(what: string, read: () => T): T {
  try {
    return read()
  } catch (cause) {
    throw new OperatingError('STORE_CORRUPT', `the stored ${what} cannot be read`, {
      hint: 'Reset the state (a campaign does so when it prepares), or restore the store from a copy.',
      cause,
    })
  }
}
