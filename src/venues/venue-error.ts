/** What a venue's refusal or nonsense becomes: an operating error that also says how long to wait; the venue parsers throw it. */

import { type ErrorCode, OperatingError } from '../base/error.ts'
import type { Venue } from '../model/instrument.ts'
import type { HttpResponse } from './transport.ts'

export interface VenueErrorOptions {
  hint: string
  /** How long the venue wants to be left alone. */
  retryAfterMs?: number | null
  /** The venue has shut this address out (418), which is more than one request too many. */
  isBan?: boolean
  /** The venue does not list one of the codes that it was asked for. */
  isUnknownCode?: boolean
  /** False where it concerns only some of the books that were asked for. */
  isVenueWide?: boolean
  cause?: unknown
}

export class VenueError extends OperatingError {
  readonly retryAfterMs: number | null
  readonly isBan: boolean
  readonly isUnknownCode: boolean
  readonly isVenueWide: boolean

  constructor(venue: Venue, code: ErrorCode, message: string, options: VenueErrorOptions) {
    super(code, `${venue}: ${message}`, options)
    this.retryAfterMs = options.retryAfterMs ?? null
    this.isBan = options.isBan ?? false
    this.isUnknownCode = options.isUnknownCode ?? false
    this.isVenueWide = options.isVenueWide ?? !this.isUnknownCode
  }
}

/** Reads a body as JSON; throws VENUE_MALFORMED. */
export function parseJson(venue: Venue, body: string): unknown {
  try {
    return JSON.parse(body)
  } catch (cause) {
    throw malformed(venue, 'the body is not JSON', body, cause)
  }
}

/** Refusals from in front of a venue's API (a firewall, a proxy) need not be JSON: then their text alone counts. */
export function jsonOrNull(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return null
  }
}

export function malformed(venue: Venue, what: string, body: string, cause?: unknown): VenueError {
  return new VenueError(venue, 'VENUE_MALFORMED', `${what}: ${excerpt(body)}`, {
    hint: 'The venue sent something that is not in its documentation; compare its release notes with the parser.',
    cause,
  })
}

/** An answer that is not 200, as an error; `retryAfterMs` counts only where the status says that we ask too often. */
export function refused(
  venue: Venue,
  response: HttpResponse,
  reason: { message: unknown; isUnknownCode: boolean; retryAfterMs: number },
): VenueError {
  const isRateLimit = response.status === 429 || response.status === 418
  const text = typeof reason.message === 'string' ? reason.message : response.body
  return new VenueError(venue, isRateLimit ? 'VENUE_RATE_LIMITED' : 'VENUE_STATUS', `status ${response.status}: ${excerpt(text)}`, {
    hint: isRateLimit
      ? 'Raise loop.intervalMs, or stop what else polls the venue from this address.'
      : 'Check the instrument codes and the status page of the venue.',
    retryAfterMs: isRateLimit ? (retryAfterMsOf(response) ?? reason.retryAfterMs) : null,
    isBan: response.status === 418,
    isUnknownCode: reason.isUnknownCode,
  })
}

/** `Retry-After` in seconds (RFC 9110, section 10.2.3), or null where it is absent or a date. */
function retryAfterMsOf(response: HttpResponse): number | null {
  const text = response.headers['retry-after']
  const seconds = text === undefined || text === '' ? NaN : Number(text)
  return Number.isFinite(seconds) && seconds >= 0 ? Math.ceil(seconds * 1000) : null
}

function excerpt(text: string): string {
  return text.length <= 120 ? text : `${text.slice(0, 120)}…`
}
