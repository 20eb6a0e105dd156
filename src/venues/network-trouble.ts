/** What goes wrong on the network, in words, as operating errors. Pure; the network transport throws these. */

import { codeOf, messageOf, OperatingError } from '../base/error.ts'
import type { Venue } from '../model/instrument.ts'
import { malformed } from './venue-error.ts'

/** By the code of the error that Node, its TLS or undici gives. */
const troubles: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: 'the connection was reset',
  EPIPE: 'the connection was reset',
  UND_ERR_SOCKET: 'the connection was closed before the answer was complete',
  UND_ERR_CONNECT_TIMEOUT: 'no connection came about',
  ETIMEDOUT: 'no connection came about',
  ENOTFOUND: 'its name cannot be resolved',
  EAI_AGAIN: 'its name cannot be resolved for now',
  ENETUNREACH: 'there is no route to it',
  EHOSTUNREACH: 'there is no route to it',
  EPROTO: 'it does not speak TLS as we do',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'it does not speak TLS',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is not trusted',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is not trusted',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is not trusted',
}

/** False where our own code threw it: what Node and undici throw of the network has a code or, from undici's parser, this name. */
export function isTrouble(error: unknown): boolean {
  return codeOf(error) !== null || isParserError(error)
}

/** VENUE_MALFORMED where something answered that is not HTTP or WebSocket, else VENUE_UNREACHABLE. */
export function troubleOf(venue: Venue, error: unknown): OperatingError {
  const code = codeOf(error)
  if (isParserError(error) || code?.startsWith('WS_ERR_'))
    return malformed(venue, 'the answer breaks the protocol', messageOf(error), error)
  const words = code === null ? undefined : troubles[code]
  return unreachable(venue, words === undefined ? messageOf(error) : `${words} (${code})`, error)
}

/** What `troubleOf` makes of a connection that breaks before the answer, or in its midst. */
export function brokenOff(venue: Venue, code: 'ECONNRESET' | 'UND_ERR_SOCKET'): OperatingError {
  return unreachable(venue, `${troubles[code]} (${code})`)
}

function isParserError(error: unknown): boolean {
  return error instanceof Error && error.name === 'HTTPParserError'
}

export function unreachable(venue: Venue, what: string, cause?: unknown): OperatingError {
  return new OperatingError('VENUE_UNREACHABLE', `${venue}: ${what}`, {
    hint: 'Look at the network and name service of this machine, at the address in the configuration, and at the status page of the venue.',
    cause,
  })
}

export function closed(venue: Venue): OperatingError {
  return new OperatingError('VENUE_UNREACHABLE', `${venue}: the transport is closed`, {
    hint: 'The engine is stopping; nothing is to be done.',
  })
}

export function timedOut(venue: Venue, what: string): OperatingError {
  return new OperatingError('VENUE_TIMEOUT', `${venue}: ${what}`, {
    hint: 'Raise venues.requestTimeoutMs, or look at the network to the venue.',
  })
}
