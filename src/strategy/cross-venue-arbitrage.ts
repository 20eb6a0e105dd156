/** The strategy: quotes and the open trade in, an intent out. Pure: no clock, no state, no order is sent here. */

import { Decimal, minDecimal } from '../base/decimal.ts'
import { isTradable, limitPriceBeyond, roundQuantity, type Instrument, type Side } from '../model/instrument.ts'
import type { EntryIntent, ExitIntent, LegPlan } from '../model/intent.ts'
import { directions, opposite, sideOf, type Direction, type Route } from '../model/route.ts'
import type { ExitReason, Trade } from '../model/trade.ts'
import { edgeOf, grossEdgeBps, type Edge, type RouteQuotes } from './edge.ts'

export interface StrategySettings {
  /** Size of a trade. */
  notionalKrw: number
  /** Least net edge of an entry: after taker fees and depth, for the entry alone. */
  minEntryNetEdgeBps: number
  /** Exit when entry and exit together, net of all fees, earn at least this. */
  takeProfitBps: number
  /** Exit when they together lose at least this. */
  stopLossBps: number
  /** Exit when the gross edge of the entry's direction has fallen to this. */
  reversalGrossEdgeBps: number
  maxHoldingMs: number
  /** How far beyond the walked price an order's limit may lie. */
  limitSlackBps: number
}

/** What the strategy sees of one symbol in one loop. Fresh, uncrossed books only. */
export interface StrategyView {
  route: Route
  quotes: RouteQuotes
  krwPerUsdt: number
  /** Age of the oldest of the quotes used, the FX quote included. */
  quoteAgeMs: number
  trade: Trade | null
  nowMs: number
}

export interface Strategy {
  decide(view: StrategyView): EntryIntent | ExitIntent | null
}

export class CrossVenueArbitrage implements Strategy {
  readonly #settings: StrategySettings

  constructor(settings: StrategySettings) {
    this.#settings = settings
  }

  decide(view: StrategyView): EntryIntent | ExitIntent | null {
    return view.trade === null ? this.#decideEntry(view) : this.#decideExit(view, view.trade)
  }

  #decideEntry(view: StrategyView): EntryIntent | null {
    const { minEntryNetEdgeBps } = this.#settings
    let best: Edge | null = null
    for (const direction of directions) {
      // Fees and depth only take from the gross edge: most loops end here, without a walk.
      if (grossEdgeBps(view.quotes, direction) < minEntryNetEdgeBps) continue
      const edge = edgeOf(view.quotes, direction, this.#quantity(view))
      if (edge && edge.netEdgeBps >= minEntryNetEdgeBps && (best === null || edge.netEdgeBps > best.netEdgeBps)) best = edge
    }
    if (!best) return null
    const quantity = this.#exactQuantity(view, best)
    const legs = this.#plan(view.route, best, quantity)
    const { a, b } = view.route
    if (!isTradable(a, quantity, legs.a.limitPrice) || !isTradable(b, quantity, legs.b.limitPrice)) return null
    return {
      kind: 'entry',
      symbol: view.route.symbol,
      direction: best.direction,
      quantity,
      legs,
      notionalKrw: quantity.toNumber() * referencePriceKrw(view),
      grossEdgeBps: round(best.grossEdgeBps),
      netEdgeBps: round(best.netEdgeBps),
      fxKrwPerUsdt: view.krwPerUsdt,
      quoteAgeMs: view.quoteAgeMs,
    }
  }

  #decideExit(view: StrategyView, trade: Trade): ExitIntent | null {
    const direction = opposite(trade.direction)
    // A leg that was filled in part may have left a quantity that is no whole lot of the other venue.
    const quantity = roundToBothLots(view.route, Decimal.parse(trade.quantity))
    const edge = edgeOf(view.quotes, direction, quantity.toNumber())
    const reason = this.#exitReason(view, trade, edge)
    // A book too thin for the whole quantity is walked as far as it goes: the rest of the trade stays open for the next loop.
    const walked = edge ?? thinEdge(view.quotes, direction, quantity.toNumber())
    if (!reason || !walked) return null
    return {
      kind: 'exit',
      symbol: trade.symbol,
      tradeId: trade.tradeId,
      direction,
      quantity,
      legs: this.#plan(view.route, walked, quantity),
      reason,
      netEdgeBps: round(walked.netEdgeBps),
      fxKrwPerUsdt: view.krwPerUsdt,
    }
  }

  #exitReason(view: StrategyView, trade: Trade, edge: Edge | null): ExitReason | null {
    const { takeProfitBps, stopLossBps, reversalGrossEdgeBps, maxHoldingMs } = this.#settings
    if (edge) {
      const roundTripBps = trade.entryNetEdgeBps + edge.netEdgeBps
      if (roundTripBps >= takeProfitBps) return 'take-profit'
      if (roundTripBps <= -stopLossBps) return 'stop-loss'
    }
    if (grossEdgeBps(view.quotes, trade.direction) <= reversalGrossEdgeBps) return 'spread-reversal'
    return view.nowMs - trade.openedAtMs >= maxHoldingMs ? 'max-holding-time' : null
  }

  #quantity(view: StrategyView): number {
    return this.#settings.notionalKrw / referencePriceKrw(view)
  }

  #exactQuantity(view: StrategyView, edge: Edge): Decimal {
    const asked = Decimal.fromNumber(Number(Math.min(edge.a.quantity, edge.b.quantity).toFixed(8)))
    return roundToBothLots(view.route, asked)
  }

  #plan(route: Route, edge: Edge, quantity: Decimal): Record<'a' | 'b', LegPlan> {
    return {
      a: this.#planLeg(route.a, sideOf(edge.direction, 'a'), edge.a.worstPrice, quantity),
      b: this.#planLeg(route.b, sideOf(edge.direction, 'b'), edge.b.worstPrice, quantity),
    }
  }

  #planLeg(instrument: Instrument, side: Side, worstPrice: number, quantity: Decimal): LegPlan {
    return { quantity, limitPrice: limitPriceBeyond(instrument, side, worstPrice, this.#settings.limitSlackBps) }
  }
}

/** Both lots are powers of ten, so rounding to one after the other ends on a multiple of both. */
function roundToBothLots({ a, b }: Route, quantity: Decimal): Decimal {
  return minDecimal(roundQuantity(a, roundQuantity(b, quantity)), roundQuantity(b, roundQuantity(a, quantity)))
}

/** Mid of leg A, in KRW. */
function referencePriceKrw(view: StrategyView): number {
  const bid = view.quotes.a.bids[0]?.price ?? 0
  const ask = view.quotes.a.asks[0]?.price ?? 0
  return ((bid + ask) / 2) * (view.route.a.quote === 'KRW' ? 1 : view.krwPerUsdt)
}

function thinEdge(quotes: RouteQuotes, direction: Direction, quantity: number): Edge | null {
  const sellsA = direction === 'sell-a'
  const total = (levels: readonly { size: number }[]): number => levels.reduce((sum, level) => sum + level.size, 0)
  const available = Math.min(quantity, total(sellsA ? quotes.a.bids : quotes.a.asks), total(sellsA ? quotes.b.asks : quotes.b.bids))
  // A touch less than all there is, so that the sum of doubles cannot come out above itself.
  return available > 0 ? edgeOf(quotes, direction, available * (1 - 1e-9)) : null
}

/** Logged signals: two digits after the point of a basis point. */
function round(bps: number): number {
  return Math.round(bps * 100) / 100
}
