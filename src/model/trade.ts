/** A trade: one position on a symbol, long on one venue and short of inventory on the other, from entry to exit. Stored as is. */

import type { Direction, Leg } from './route.ts'

/** Exact amounts are decimal strings, so that a trade can be stored and logged without loss. */
export interface Trade {
  tradeId: string
  symbol: string
  direction: Direction
  /**
   * `opening`: entry orders may be under way; `unbalanced`: the entry's legs differ and the difference has still to be unwound;
   * `open`: hedged; `closing`: exit orders may be under way, or their difference has still to be unwound.
   */
  phase: 'opening' | 'open' | 'closing' | 'unbalanced'
  openedAtMs: number
  /** Hedged base quantity that is still open. */
  quantity: string
  /** Base bought minus base sold, beyond the hedge, on each leg: what an unwind must bring back to zero. */
  excess: Record<Leg, string>
  /** Reserved with the guard while the trade is open. */
  notionalKrw: string
  entryNetEdgeBps: number
  entryFxKrwPerUsdt: number
  /** Sums over the fills so far, signed: money in is positive. */
  cash: TradeCash
}

/** What a trade's fills have moved so far, signed: money that came in is positive. */
export interface TradeCash {
  /** Entry and its unwinds, by quote currency, without fees. */
  entryKrw: string
  entryUsdt: string
  /** Exits and their unwinds, each valued in KRW at the FX rate of its own fill, without fees. */
  exitValueKrw: string
  /** All fees, each valued in KRW at its fill (a fee taken in base at the fill's average price); never negative. */
  feesKrw: string
}

/** Realised profit in KRW. Total = edge - fees + FX. */
export interface Realised {
  /** Entry cash at the entry's FX rate plus exit value. */
  edgeKrw: string
  feesKrw: string
  /** What the USDT of the entry gained or lost between the entry's and the exit's FX rate. */
  fxKrw: string
  totalKrw: string
}

/** `resumed-exit`: it was under way when the engine was killed, and the next one finished it. */
export type ExitReason = 'spread-reversal' | 'take-profit' | 'stop-loss' | 'max-holding-time' | 'resumed-exit'
