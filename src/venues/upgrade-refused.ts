/** What a venue's refusal of a WebSocket becomes: an operating error that says how long to wait. Both transports throw it. */

import type { OperatingError } from '../base/error.ts'
import type { Venue } from '../model/instrument.ts'
import type { HttpResponse } from './transport.ts'
import { refused } from './venue-error.ts'

/**
 * Upgrades refused without a Retry-After: Upbit allows 5 connections a second, Binance 300 in 5 minutes (documented). How long a ban lasts
 * is documented for Binance alone: at least 2 minutes.
 */
const retryConnectAfterMs: Readonly<Record<Venue, number>> = { upbit: 1000, binance: 60_000 }
const banMs = 120_000

export function upgradeRefused(venue: Venue, response: HttpResponse): OperatingError {
  const retryAfterMs = response.status === 418 ? banMs : retryConnectAfterMs[venue]
  return refused(venue, response, { message: response.body, isUnknownCode: false, retryAfterMs })
}
