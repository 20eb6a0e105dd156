/** What the monitor knows of one symbol since it last traded: the wait for an entry, and all that may explain it. For `no-entry`. */

import type { SampledQuote } from '../model/event.ts'
import { BlockRun } from './block-run.ts'
import type { NoEntryCause } from './finding.ts'
import { bestNetEdgeBps, type Opportunity, OpportunityOracle, type SymbolPricing } from './opportunity-oracle.ts'

/** Equal blocks are logged every ten seconds, so a decision speaks for the ten seconds after it, and one loop. */
const decisionSpeaksForMs = 11_000
/** A failed entry is bad luck, and so are two; so many in a row, with none that succeeds, are a defect. */
const minVainEntries = 4
/** An allowed entry has been made or has failed by then, its orders' deadlines and its unwind included. */
const maxEntryMs = 30_000
/** Guard blocks explain a wait when they span this share of the window. */
const minBlockedShare = 0.2
const minStaleShare = 0.5

export interface Explanation {
  cause: NoEntryCause
  message: string
  evidence: string[]
}

export interface EntryWaitOptions {
  symbol: string
  windowMs: number
  startAtMs: number
  pricing: SymbolPricing
  /** Time between two sampled quotes of this symbol, while it has quotes. */
  sampleCycleMs: number
}

export class EntryWait {
  readonly symbol: string
  /** Causes that were raised during this wait. */
  readonly raisedCauses = new Set<NoEntryCause>()
  readonly #windowMs: number
  readonly #sampleCycleMs: number
  readonly #pricing: SymbolPricing
  readonly #oracle: OpportunityOracle
  /** Without those of a cooldown: a cooldown is no reason to be concerned. */
  readonly #blocks: BlockRun
  readonly #openTradeIds = new Set<string>()
  #sinceMs: number
  #excusedMs = 0
  #cooldownFromMs: number | null = null
  #lastDecisionMs = Number.NEGATIVE_INFINITY
  #vainCount = 0
  /** When the entry was allowed that is not known to be in vain. */
  #allowedAtMs: number | null = null
  #missed: Opportunity | null = null
  #maxNetEdgeBps = Number.NEGATIVE_INFINITY
  #sampleCount = 0
  #staleMs = 0
  #staleFromMs: number | null = null
  #staleReason = ''

  constructor(options: EntryWaitOptions) {
    this.symbol = options.symbol
    this.#windowMs = options.windowMs
    this.#sampleCycleMs = options.sampleCycleMs
    this.#sinceMs = options.startAtMs
    this.#pricing = options.pricing
    this.#oracle = new OpportunityOracle(options.pricing, options.sampleCycleMs)
    this.#blocks = new BlockRun(options.windowMs)
  }

  get sinceMs(): number {
    return this.#sinceMs
  }

  has(tradeId: string): boolean {
    return this.#openTradeIds.has(tradeId)
  }

  get isTradeOpen(): boolean {
    return this.#openTradeIds.size > 0
  }

  /** When the wait has lasted a window, time in cooldown not counted; never while a trade is open. */
  get dueMs(): number {
    return this.isTradeOpen ? Number.POSITIVE_INFINITY : this.#sinceMs + this.#excusedMs + this.#windowMs
  }

  opened(tradeId: string, nowMs: number): void {
    this.#openTradeIds.add(tradeId)
    this.#restart(nowMs)
  }

  closed(tradeId: string, nowMs: number): void {
    this.#openTradeIds.delete(tradeId)
    this.#restart(nowMs)
    this.#cooldownFromMs = nowMs
  }

  failed(nowMs: number): void {
    this.#cooldownFromMs = nowMs
    this.#countVain()
  }

  allowed(nowMs: number): void {
    this.#decided(nowMs)
    this.#countVain()
    this.#allowedAtMs = nowMs
    this.#blocks.clear()
  }

  blocked(nowMs: number, reason: string, count: number): void {
    this.#decided(nowMs)
    if (reason !== 'cooldown') {
      this.#blocks.add(nowMs, reason, count)
    } else if (this.#cooldownFromMs !== null) {
      this.#excusedMs += nowMs - this.#cooldownFromMs
      this.#cooldownFromMs = nowMs
    }
  }

  wentStale(nowMs: number, reason: string): void {
    this.#staleFromMs ??= nowMs
    this.#staleReason = reason
  }

  recovered(nowMs: number): void {
    this.#staleMs += this.#staleForMs(nowMs)
    this.#staleFromMs = null
  }

  sampled(quote: SampledQuote, nowMs: number): void {
    if (this.isTradeOpen) return
    this.#sampleCount++
    this.#maxNetEdgeBps = Math.max(this.#maxNetEdgeBps, bestNetEdgeBps(quote, this.#pricing))
    if (nowMs - this.#lastDecisionMs <= decisionSpeaksForMs) this.#oracle.dismiss()
    else this.#missed = this.#oracle.sample(quote, nowMs) ?? this.#missed
  }

  /** Why there was no entry since `sinceMs`, at the latest. */
  explain(sinceMs: number, nowMs: number): Explanation {
    const blocks = this.#blocks.reasons().map(({ reason, count }) => `${count} x block ${reason}`)
    const mostFrequent = this.#blocks.reasons()[0]
    const best = Number.isFinite(this.#maxNetEdgeBps) ? `${this.#maxNetEdgeBps.toFixed(1)} bps` : 'none'
    const evidence = [
      `best net edge at the top of the books ${best} in ${this.#sampleCount} samples, ${this.#pricing.minEntryNetEdgeBps} bps asked`,
      ...blocks.slice(0, 9),
    ]
    if (this.#staleMs + this.#staleForMs(nowMs) > minStaleShare * (nowMs - this.#sinceMs)) {
      return { cause: 'stale-feed', message: `most of the time it had no usable quotes (${this.#staleReason})`, evidence }
    }
    const areBlocksRecent = nowMs - this.#blocks.lastMs <= this.#windowMs
    if (mostFrequent && areBlocksRecent && this.#blocks.spanMs >= minBlockedShare * this.#windowMs) {
      return { cause: 'guard-blocking', message: `the guard blocks, mostly: ${mostFrequent.reason}`, evidence }
    }
    if (this.#missed && this.#missed.sinceMs >= sinceMs) {
      const { sinceMs: fromMs, untilMs, maxNetEdgeBps, sampleCount } = this.#missed
      evidence.push(`${new Date(fromMs).toISOString()} to ${new Date(untilMs).toISOString()}: ${sampleCount} samples`)
      return { cause: 'missed-opportunity', message: `${maxNetEdgeBps.toFixed(1)} bps net were there and nothing was tried`, evidence }
    }
    const isLastInVain = this.#allowedAtMs !== null && nowMs - this.#allowedAtMs > maxEntryMs
    const vainCount = this.#vainCount + (isLastInVain ? 1 : 0)
    if (vainCount >= minVainEntries) {
      return { cause: 'missed-opportunity', message: `${vainCount} entries were allowed and none was made`, evidence }
    }
    if (this.#sampleCount === 0 && nowMs - this.#sinceMs > 2 * this.#sampleCycleMs) {
      return { cause: 'stale-feed', message: 'no quote of it was sampled', evidence }
    }
    if (vainCount > 0) evidence.push(`${vainCount} x entry allowed and not made`)
    const isTempting = this.#maxNetEdgeBps >= this.#pricing.minEntryNetEdgeBps
    const message = isTempting ? 'what the sampled quotes offered was brief, tried or blocked' : 'the sampled quotes offered none'
    return { cause: 'no-opportunity', message, evidence }
  }

  /** The last allowed entry has failed, or another is tried with no word of it. */
  #countVain(): void {
    if (this.#allowedAtMs !== null) this.#vainCount++
    this.#allowedAtMs = null
  }

  #decided(nowMs: number): void {
    this.#lastDecisionMs = nowMs
    this.#oracle.dismiss()
  }

  #staleForMs(nowMs: number): number {
    return this.#staleFromMs === null ? 0 : nowMs - Math.max(this.#staleFromMs, this.#sinceMs)
  }

  #restart(nowMs: number): void {
    this.#sinceMs = nowMs
    this.#excusedMs = 0
    this.#cooldownFromMs = null
    this.#vainCount = 0
    this.#allowedAtMs = null
    this.#maxNetEdgeBps = Number.NEGATIVE_INFINITY
    this.#sampleCount = 0
    this.#staleMs = 0
    this.#blocks.clear()
    this.#oracle.dismiss()
    this.raisedCauses.clear()
  }
}
