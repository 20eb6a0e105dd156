/** Whether any fault of some kinds can strike now, at the cost of one comparison: injectors ask it before they look any closer. */

import type { FaultKind } from '../model/fault.ts'
import type { FaultBoard } from './fault-board.ts'

export class FaultWindows {
  readonly #faults: readonly { fromMs: number; untilMs: number }[]
  #isOpen = false
  /** Until when the answer stands. */
  #nextChangeMs = -Infinity

  constructor(board: FaultBoard, kinds: readonly FaultKind[]) {
    this.#faults = kinds.flatMap((kind) => board.scheduled(kind))
  }

  /** Asked in the order of time. */
  isOpen(nowMs: number): boolean {
    if (nowMs >= this.#nextChangeMs) this.#look(nowMs)
    return this.#isOpen
  }

  #look(nowMs: number): void {
    this.#isOpen = this.#faults.some(({ fromMs, untilMs }) => nowMs >= fromMs && nowMs < untilMs)
    const changes = this.#faults.flatMap(({ fromMs, untilMs }) => [fromMs, untilMs])
    this.#nextChangeMs = Math.min(...changes.filter((atMs) => atMs > nowMs))
  }
}
