/** A virtual clock that knows how many of its calls are neither run nor cancelled: for tests that nothing is left behind. */

import type { ScheduledCall } from './clock.ts'
import { VirtualClock } from './virtual-clock.ts'

export class CountingClock extends VirtualClock {
  #pendingCount = 0

  get pendingCount(): number {
    return this.#pendingCount
  }

  override schedule(atMs: number, callback: () => void): ScheduledCall {
    return this.#counted(callback, (counted) => super.schedule(atMs, counted))
  }

  override scheduleQuietly(atMs: number, callback: () => void): ScheduledCall {
    return this.#counted(callback, (counted) => super.scheduleQuietly(atMs, counted))
  }

  advance(byMs: number): Promise<void> {
    return this.run(this.sleepUntil(this.nowMs() + byMs))
  }

  #counted(callback: () => void, schedule: (counted: () => void) => ScheduledCall): ScheduledCall {
    let isPending = true
    this.#pendingCount++
    const settle = (): void => {
      if (isPending) this.#pendingCount--
      isPending = false
    }
    const call = schedule(() => {
      settle()
      callback()
    })
    return {
      cancel: () => {
        settle()
        call.cancel()
      },
    }
  }
}
