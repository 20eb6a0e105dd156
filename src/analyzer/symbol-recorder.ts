/** Gathers one symbol's figures, or those of all of them together, from the events of a run. The analyzer's own. */

import { Decimal } from '../base/decimal.ts'
import type { Entry, EntryFailed, Exit, GuardDecided } from '../model/event.ts'
import type { Realised } from '../model/trade.ts'
import type { SymbolFigures } from './analysis.ts'
import { BoundedCount } from './bounded-count.ts'
import { HistogramRecorder } from './statistics.ts'

export class SymbolRecorder {
  readonly symbol: string
  entries = 0
  exits = 0
  entriesFailed = 0
  unwinds = 0
  errors = 0
  staleMs = 0
  /** Null for one symbol: the log tells them for all together. */
  missingSnapshots: number | null = null
  readonly ordersByStatus = new BoundedCount()
  readonly spreadABps = new HistogramRecorder()
  readonly spreadBBps = new HistogramRecorder()
  readonly grossEdgeBps = new HistogramRecorder()
  #wins = 0
  readonly #exitsByReason = new BoundedCount()
  readonly #guardBlocks = new BoundedCount()
  readonly #holdingMs = new HistogramRecorder()
  readonly #entryNetEdgeBps = new HistogramRecorder()
  #edgeKrw = Decimal.zero
  #feesKrw = Decimal.zero
  #fxKrw = Decimal.zero
  #totalKrw = Decimal.zero
  #lastBlockReason = 'unknown'

  constructor(symbol: string) {
    this.symbol = symbol
  }

  get totalKrw(): Decimal {
    return this.#totalKrw
  }

  entered(event: Entry): void {
    this.entries++
    if (Number.isFinite(event.netEdgeBps)) this.#entryNetEdgeBps.record(event.netEdgeBps)
  }

  exited(event: Exit): void {
    this.#realised(event.realised)
    this.exits++
    this.#exitsByReason.add(event.reason)
    if (Number.isFinite(event.holdingMs)) this.#holdingMs.record(event.holdingMs)
    if (Decimal.parse(event.realised.totalKrw).isPositive()) this.#wins++
  }

  entryFailed(event: EntryFailed): void {
    this.#realised(event.realised)
    this.entriesFailed++
  }

  #realised(realised: Realised): void {
    this.#edgeKrw = this.#edgeKrw.add(Decimal.parse(realised.edgeKrw))
    this.#feesKrw = this.#feesKrw.add(Decimal.parse(realised.feesKrw))
    this.#fxKrw = this.#fxKrw.add(Decimal.parse(realised.fxKrw))
    this.#totalKrw = this.#totalKrw.add(Decimal.parse(realised.totalKrw))
  }

  /** The number of blocks that the line stands for. Those left out since the last line had that line's reason. */
  guardDecided(event: GuardDecided): number {
    const suppressedCount = Number.isSafeInteger(event.suppressedCount) ? event.suppressedCount : 0
    if (suppressedCount > 0) this.#guardBlocks.add(this.#lastBlockReason, suppressedCount)
    if (event.outcome === 'allow') return suppressedCount
    this.#lastBlockReason = event.reason ?? 'unknown'
    this.#guardBlocks.add(this.#lastBlockReason)
    return suppressedCount + 1
  }

  figures(): SymbolFigures {
    return {
      symbol: this.symbol,
      entries: this.entries,
      exits: this.exits,
      entriesFailed: this.entriesFailed,
      wins: this.#wins,
      exitsByReason: this.#exitsByReason.toRecord(),
      guardBlocks: this.#guardBlocks.toRecord(),
      ordersByStatus: this.ordersByStatus.toRecord(),
      unwinds: this.unwinds,
      profit: {
        edgeKrw: this.#edgeKrw.toString(),
        feesKrw: this.#feesKrw.toString(),
        fxKrw: this.#fxKrw.toString(),
        totalKrw: this.#totalKrw.toString(),
      },
      holdingMs: this.#holdingMs.distribution(),
      entryNetEdgeBps: this.#entryNetEdgeBps.distribution(),
      spreadABps: this.spreadABps.distribution(),
      spreadBBps: this.spreadBBps.distribution(),
      grossEdgeBps: this.grossEdgeBps.distribution(),
      errors: this.errors,
      missingSnapshots: this.missingSnapshots,
      staleMs: this.staleMs,
    }
  }
}
