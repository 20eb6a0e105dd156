/** Rule `guard-block`: the risk guard refuses every entry on a symbol for a whole window, or stops the session. For the monitor. */

import type { GuardDecided, LogEvent } from '../../model/event.ts'
import { BlockRun } from '../block-run.ts'
import { inSeconds, type Rule, type RuleContext } from '../rule.ts'

/**
 * Intents come only while the market offers something, so a guard that always blocks shows as blocks with pauses. They are one run
 * while no pause is longer than the window and no `allow` comes between; a cooldown ends in an `allow` long before the window does.
 */
export class GuardBlockRule implements Rule {
  readonly #context: RuleContext
  readonly #runBySymbol: Map<string, BlockRun>
  readonly #raisedSymbols = new Set<string>()
  #isStopRaised = false

  constructor(context: RuleContext) {
    this.#context = context
    this.#runBySymbol = new Map(context.symbols.map((symbol) => [symbol, new BlockRun(context.settings.windowMs)]))
  }

  observe(event: LogEvent, nowMs: number): void {
    if (event.event !== 'guard-decided') return
    const run = this.#runBySymbol.get(event.symbol)
    if (!run) return
    if (event.outcome === 'allow') {
      run.clear()
      this.#raisedSymbols.delete(event.symbol)
      return
    }
    const lastMs = run.lastMs
    run.add(nowMs, event.reason ?? 'policy', 1 + (event.suppressedCount || 0))
    if (run.firstMs === nowMs && nowMs > lastMs) this.#raisedSymbols.delete(event.symbol)
    if (nowMs < this.#context.judgedFromMs) return
    if (event.outcome === 'stop-session') {
      if (!this.#isStopRaised) this.#raise(event, run, nowMs)
      this.#isStopRaised = true
    } else if (run.spanMs >= this.#context.settings.windowMs && !this.#raisedSymbols.has(event.symbol)) {
      this.#raisedSymbols.add(event.symbol)
      this.#raise(event, run, nowMs)
    }
  }

  #raise(event: GuardDecided, run: BlockRun, nowMs: number): void {
    const reasons = run.reasons()
    const isStop = event.outcome === 'stop-session'
    const cause = (isStop ? event.reason : reasons[0]?.reason) ?? 'policy'
    this.#context.raise({
      symbol: event.symbol,
      atMs: nowMs,
      sinceMs: run.firstMs,
      message: isStop
        ? `the guard stopped the session on ${event.symbol}: ${cause}`
        : `the guard has blocked every entry on ${event.symbol} for ${inSeconds(run.spanMs)}, mostly: ${cause}`,
      cause,
      evidence: reasons.slice(0, 10).map(({ reason, count }) => `${count} x block ${reason}`),
    })
  }
}
