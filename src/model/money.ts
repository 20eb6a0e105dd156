/** Balances and limits as they are logged, stored and checked: exact amounts as decimal strings. */

import type { Venue } from './instrument.ts'

export interface Balance {
  venue: Venue
  asset: string
  amount: string
}
