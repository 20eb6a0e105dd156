/** Writes the guard's decisions to trading.log: every allow, and equal blocks of one symbol only now and then, with a count of the rest. */

import type { BlockReason, GuardDecided } from '../model/event.ts'
import type { Direction } from '../model/route.ts'
import type { Journal } from './journal.ts'

/** Event time after which an equal block is logged again. */
const repeatAfterMs = 10_000

export interface Decision {
  symbol: string
  direction: Direction
  outcome: GuardDecided['outcome']
  reason: BlockReason | null
  tradeId: string | null
  seen: GuardDecided['seen']
}

export class DecisionLog {
  readonly #journal: Journal
  readonly #lastBlocks = new Map<string, { reason: BlockReason | null; loggedAtMs: number; suppressedCount: number }>()

  constructor(journal: Journal) {
    this.#journal = journal
  }

  record(decision: Decision, nowMs: number): void {
    const { symbol, outcome, reason } = decision
    const last = this.#lastBlocks.get(symbol)
    if (outcome === 'block' && last?.reason === reason && nowMs - last.loggedAtMs < repeatAfterMs) {
      last.suppressedCount++
      return
    }
    this.#journal.trading({ event: 'guard-decided', ...decision, suppressedCount: last?.suppressedCount ?? 0 })
    if (outcome === 'block') this.#lastBlocks.set(symbol, { reason, loggedAtMs: nowMs, suppressedCount: 0 })
    else this.#lastBlocks.delete(symbol)
  }
}
