/** What a market data provider reports of a venue's trouble; the providers by REST and by stream both call this. Pure. */

import type { OperatingError } from '../base/error.ts'
import type { VenueFailure } from '../market-data/market-data-provider.ts'
import type { Venue } from '../model/instrument.ts'
import { VenueError } from './venue-error.ts'

/** `nowMs`: when it happened, which is what the venue's wish to be left alone counts from. */
export function failureOf(venue: Venue, error: OperatingError, nowMs: number): VenueFailure {
  const { retryAfterMs, isVenueWide, isBan } = error instanceof VenueError ? error : { retryAfterMs: null, isVenueWide: true, isBan: false }
  const failure = { venue, code: error.code, message: error.message, isVenueWide, retryAfterMs }
  return retryAfterMs === null ? failure : { ...failure, untilMs: nowMs + retryAfterMs, isBan }
}

/** The venue answered, and `what` of its books cannot be used. */
export function booksRefused(venue: Venue, what: string): VenueError {
  return new VenueError(venue, 'VENUE_MALFORMED', what, {
    hint: 'The market may be halted or delisted; look it up on the venue.',
    isVenueWide: false,
  })
}
