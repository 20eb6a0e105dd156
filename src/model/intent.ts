/** What the strategy wants: to open a trade on a symbol, or to close the one that is open. Values; nothing happens by making one. */

import type { Decimal } from '../base/decimal.ts'
import type { Direction, Leg } from './route.ts'
import type { ExitReason } from './trade.ts'

/** One leg's order as the strategy sized and priced it: rounded to lot and tick. */
export interface LegPlan {
  quantity: Decimal
  limitPrice: Decimal
}

export interface EntryIntent {
  kind: 'entry'
  symbol: string
  direction: Direction
  /** Base quantity, the same on both legs. */
  quantity: Decimal
  legs: Record<Leg, LegPlan>
  notionalKrw: number
  grossEdgeBps: number
  netEdgeBps: number
  fxKrwPerUsdt: number
  /** Age of the older of the two quotes and the FX quote. */
  quoteAgeMs: number
}

export interface ExitIntent {
  kind: 'exit'
  symbol: string
  tradeId: string
  /** Of the closing orders: the opposite of the trade's own. */
  direction: Direction
  quantity: Decimal
  legs: Record<Leg, LegPlan>
  reason: ExitReason
  netEdgeBps: number
  fxKrwPerUsdt: number
}
