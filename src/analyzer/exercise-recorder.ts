/** Counts what a run exercised, and keeps in what state its last attempt left symbols, venues and trades. The analyzer's own. */

import type { GuardDecided, LogEvent } from '../model/event.ts'
import type { Exercise, FinalState } from './analysis.ts'

/** Names in the final state at most: of what nobody could read, more says no more. */
const maxNames = 50
/** Names remembered at most: as many symbols as figures are kept of. */
const maxRemembered = 5000

export class ExerciseRecorder {
  readonly #counts: Exercise = {
    guardBlocks: 0,
    guardReleases: 0,
    partialFills: 0,
    rejections: 0,
    timeOuts: 0,
    failedEntries: 0,
    unwinds: 0,
    staleFeeds: 0,
    recoveredFeeds: 0,
    openedCircuits: 0,
    closedCircuits: 0,
    venueTroubles: 0,
    storeTroubles: 0,
    reconnects: 0,
    sequenceGaps: 0,
    restarts: 0,
  }
  /** Symbols whose last entry was refused. */
  readonly #blocked = new Set<string>()
  readonly #stale = new Set<string>()
  readonly #openCircuits = new Set<string>()
  #unsettledTrades: string[] = []
  #isClosed = false
  #sessions = 0

  observe(event: LogEvent): void {
    const counts = this.#counts
    switch (event.event) {
      case 'session-opened':
        this.#isClosed = false
        if (++this.#sessions > 1) counts.restarts++
        return
      case 'engine-started':
        // A new process knows nothing of what was stale or open before it.
        this.#stale.clear()
        this.#openCircuits.clear()
        return
      case 'session-closed':
        this.#unsettledTrades = event.openTrades.filter(isUnsettled).map(({ tradeId, symbol, phase }) => `${tradeId} ${symbol} ${phase}`)
        this.#isClosed = true
        return
      case 'guard-decided':
        return this.#guardDecided(event)
      case 'order-done':
        if (event.status === 'partial') counts.partialFills++
        else if (event.status === 'rejected') counts.rejections++
        else if (event.status === 'timed-out') counts.timeOuts++
        return
      case 'entry-failed':
        counts.failedEntries++
        return
      case 'unwind':
        counts.unwinds++
        return
      default:
        return this.#world(event)
    }
  }

  exercise(): Exercise {
    return this.#counts
  }

  finalState(): FinalState {
    const named = (names: Iterable<string>): string[] => [...names].sort().slice(0, maxNames)
    return {
      isClosed: this.#isClosed,
      staleSymbols: named(this.#stale),
      openCircuits: named(this.#openCircuits),
      unsettledTrades: named(this.#unsettledTrades),
    }
  }

  /** Blocks that repeated an earlier one are counted on the next line that is written, whatever that line decides. */
  #guardDecided({ symbol, outcome, suppressedCount }: GuardDecided): void {
    const isAllowed = outcome === 'allow'
    this.#counts.guardBlocks += suppressedCount + (isAllowed ? 0 : 1)
    if (!isAllowed) remember(this.#blocked, symbol)
    else if (this.#blocked.delete(symbol)) this.#counts.guardReleases++
  }

  #world(event: LogEvent): void {
    const counts = this.#counts
    switch (event.event) {
      case 'feed-stale':
        counts.staleFeeds++
        remember(this.#stale, event.symbol)
        return
      case 'feed-recovered':
        counts.recoveredFeeds++
        this.#stale.delete(event.symbol)
        return
      case 'circuit-opened':
        counts.openedCircuits++
        remember(this.#openCircuits, event.venue)
        return
      case 'circuit-closed':
        counts.closedCircuits++
        this.#openCircuits.delete(event.venue)
        return
      case 'venue-troubled':
        counts.venueTroubles++
        return
      case 'store-troubled':
        counts.storeTroubles++
        return
      case 'feed':
        counts.reconnects += event.reconnects
        counts.sequenceGaps += event.gaps
        return
      default:
    }
  }
}

function remember(names: Set<string>, name: string): void {
  if (names.size < maxRemembered) names.add(name)
}

function isUnsettled({ phase, excess }: { phase: string; excess: { a: string; b: string } }): boolean {
  return phase !== 'open' || excess.a !== '0' || excess.b !== '0'
}
