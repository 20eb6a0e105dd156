/** Rule `no-entry`: no entry for a whole window, on a symbol and over all, and why. For the monitor. */

import { assert } from '../../base/assert.ts'
import type { LogEvent } from '../../model/event.ts'
import { EntryWait, type Explanation } from '../entry-wait.ts'
import type { NoEntryCause } from '../finding.ts'
import type { OraclePricing } from '../opportunity-oracle.ts'
import { inSeconds, type Rule, type RuleContext } from '../rule.ts'

/** When several symbols wait for different reasons, the first of these speaks for all. */
const causesByWeight: readonly NoEntryCause[] = ['missed-opportunity', 'guard-blocking', 'stale-feed', 'no-opportunity']

/** The schema's `loops` line: at most four symbols each, once a second or once a loop where loops are longer. */
const quotesPerLine = 4
const minLoopsLineMs = 1000

export interface NoEntryOptions {
  pricing: OraclePricing
  /** Without `loops` lines for so long, the engine is stuck. */
  stuckAfterMs: number
}

/**
 * A quiet market is no trouble: its finding is harmless, and the wait goes on being judged, so that an opportunity which is missed
 * hours later is still raised, once a cause and wait. Entries and exits start the wait anew.
 */
export class NoEntryRule implements Rule {
  readonly #context: RuleContext
  readonly #stuckAfterMs: number
  readonly #waits: Map<string, EntryWait>
  #lastLoopsMs: number
  /** The last entry or exit on any symbol. */
  #overallSinceMs: number
  #isOverallRaised = false
  /** No wait is due before. */
  #nextDueMs = 0

  constructor(context: RuleContext, { pricing, stuckAfterMs }: NoEntryOptions) {
    this.#context = context
    this.#stuckAfterMs = stuckAfterMs
    this.#lastLoopsMs = context.startAtMs
    this.#overallSinceMs = context.startAtMs
    const { symbols, startAtMs, settings } = context
    const sampleCycleMs = Math.ceil(symbols.length / quotesPerLine) * Math.max(minLoopsLineMs, context.loopIntervalMs)
    this.#waits = new Map(
      symbols.map((symbol) => {
        const priced = pricing[symbol]
        assert(priced, `the oracle has no fees for ${symbol}`)
        return [symbol, new EntryWait({ symbol, windowMs: settings.windowMs, startAtMs, pricing: priced, sampleCycleMs })]
      }),
    )
  }

  observe(event: LogEvent, nowMs: number): void {
    if (event.event === 'loops') {
      this.#lastLoopsMs = nowMs
      for (const quote of event.quotes) {
        const wait = this.#waits.get(quote.symbol)
        wait?.sampled(quote, nowMs)
        this.#judgeAgain(wait, nowMs)
      }
    } else if (event.event === 'session-opened') {
      for (const trade of event.openTrades) this.#waits.get(trade.symbol)?.opened(trade.tradeId, nowMs)
    } else {
      this.#observeSymbol(event, nowMs)
    }
  }

  advance(toMs: number): void {
    if (toMs < this.#nextDueMs) return
    this.#nextDueMs = Number.POSITIVE_INFINITY
    let isTradeOpen = false
    for (const wait of this.#waits.values()) {
      isTradeOpen ||= wait.isTradeOpen
      if (wait.raisedCauses.size > 0) continue
      const dueMs = Math.max(wait.dueMs, this.#context.judgedFromMs)
      if (dueMs <= toMs) this.#judge(wait, dueMs)
      else this.#nextDueMs = Math.min(this.#nextDueMs, dueMs)
    }
    if (isTradeOpen || this.#isOverallRaised || this.#waits.size < 2) return
    const dueMs = Math.max(this.#overallSinceMs + this.#context.settings.windowMs, this.#context.judgedFromMs)
    if (dueMs <= toMs) this.#judgeOverall(dueMs)
    else this.#nextDueMs = Math.min(this.#nextDueMs, dueMs)
  }

  #observeSymbol(event: LogEvent, nowMs: number): void {
    const wait = 'symbol' in event ? this.#waits.get(event.symbol) : undefined
    if (!wait) return
    switch (event.event) {
      case 'entry':
        wait.opened(event.tradeId, nowMs)
        this.#restartOverall(nowMs)
        break
      case 'exit':
        wait.closed(event.tradeId, nowMs)
        this.#restartOverall(nowMs)
        break
      case 'entry-failed':
        if (!wait.has(event.tradeId)) {
          wait.failed(nowMs)
          break
        }
        // The last attempt had left it half opened, and its session's first line has told of it as of an open trade.
        wait.closed(event.tradeId, nowMs)
        this.#restartOverall(nowMs)
        break
      case 'guard-decided':
        if (event.outcome === 'allow') wait.allowed(nowMs)
        else wait.blocked(nowMs, event.reason ?? 'policy', 1 + (event.suppressedCount || 0))
        this.#judgeAgain(wait, nowMs)
        break
      case 'feed-stale':
        wait.wentStale(nowMs, event.reason)
        break
      case 'feed-recovered':
        wait.recovered(nowMs)
        break
      default:
    }
  }

  #restartOverall(nowMs: number): void {
    this.#overallSinceMs = nowMs
    this.#isOverallRaised = false
    this.#nextDueMs = 0
  }

  /** A wait that is overdue may have got a new cause. */
  #judgeAgain(wait: EntryWait | undefined, nowMs: number): void {
    if (wait && wait.raisedCauses.size > 0 && !wait.isTradeOpen) this.#judge(wait, nowMs)
  }

  #judge(wait: EntryWait, atMs: number): void {
    const { cause, message, evidence } = this.#stuck(atMs) ?? wait.explain(wait.sinceMs, atMs)
    if (wait.raisedCauses.has(cause)) return
    // A wait that turns harmless again is old news.
    if (cause === 'no-opportunity' && wait.raisedCauses.size > 0) return
    wait.raisedCauses.add(cause)
    this.#raise(wait.symbol, atMs, wait.sinceMs, { cause, message, evidence })
  }

  #judgeOverall(atMs: number): void {
    this.#isOverallRaised = true
    const sinceMs = this.#overallSinceMs
    const bySymbol = [...this.#waits.values()].map((wait) => ({ symbol: wait.symbol, ...wait.explain(sinceMs, atMs) }))
    const cause = causesByWeight.find((candidate) => bySymbol.some((explained) => explained.cause === candidate)) ?? 'no-opportunity'
    const concerned = bySymbol.filter((explained) => explained.cause === cause)
    const message = `${concerned[0]?.message ?? ''} (${concerned.length} of ${bySymbol.length} symbols)`
    const evidence = concerned.slice(0, 10).map((explained) => `${explained.symbol}: ${explained.evidence[0] ?? ''}`)
    this.#raise(null, atMs, sinceMs, this.#stuck(atMs) ?? { cause, message, evidence })
  }

  #stuck(nowMs: number): Explanation | null {
    const silentMs = nowMs - this.#lastLoopsMs
    if (silentMs < this.#stuckAfterMs) return null
    return { cause: 'engine-stuck', message: `the engine has finished no loop for ${inSeconds(silentMs)}`, evidence: [] }
  }

  #raise(symbol: string | null, atMs: number, sinceMs: number, { cause, message, evidence }: Explanation): void {
    this.#context.raise({
      symbol,
      atMs,
      sinceMs,
      message: `no entry on ${symbol ?? 'any symbol'} for ${inSeconds(atMs - sinceMs)}: ${message}`,
      cause,
      evidence,
      isHarmless: cause === 'no-opportunity',
    })
  }
}
