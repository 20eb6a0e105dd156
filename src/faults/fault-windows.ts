/** Whether any fault of some kinds can strike now, at the cost of one comparison: injectors ask it before they look any closer. */

import type { FaultKind } from '../model/fault.ts'
import type { FaultBoard } from './fault-board.ts'

export class FaultWindows {
  /** Disjoint, in the order of time: faults that overlap or follow at once are one window. */
  readonly #windows: readonly { fromMs: number; untilMs: number }[]
  #openSinceMs: number | null = null
  /** Until when the answer stands. */
  #nextChangeMs = -Infinity

  constructor(board: FaultBoard, kinds: readonly FaultKind[]) {
    const windows: { fromMs: number; untilMs: number }[] = []
    const faults = kinds.flatMap((kind) => board.scheduled(kind)).toSorted((left, right) => left.fromMs - right.fromMs)
    for (const { fromMs, untilMs } of faults) {
      const last = windows.at(-1)
      if (last !== undefined && fromMs <= last.untilMs) last.untilMs = Math.max(last.untilMs, untilMs)
      else windows.push({ fromMs, untilMs })
    }
    this.#windows = windows
  }

  isOpen(nowMs: number): boolean {
    return this.openSinceMs(nowMs) !== null
  }

  /** When the window began that is open now, or null where none is. Asked in the order of time. */
  openSinceMs(nowMs: number): number | null {
    if (nowMs >= this.#nextChangeMs) this.#look(nowMs)
    return this.#openSinceMs
  }

  #look(nowMs: number): void {
    const next = this.#windows.find(({ untilMs }) => untilMs > nowMs)
    this.#openSinceMs = next !== undefined && next.fromMs <= nowMs ? next.fromMs : null
    this.#nextChangeMs = (this.#openSinceMs === null ? next?.fromMs : next?.untilMs) ?? Infinity
  }
}
