/** Checks what signs a request to Binance: API key, HMAC-SHA256 and time. Binance's trading face and its user data stream call it. */

import { type BinanceError, binanceError, missing } from './refusal.ts'
import { type Credentials, hmac } from '../signing.ts'

const defaultWindowMs = 5000
const maxWindowMs = 60_000
/** How far ahead of the venue's clock a client's may be. */
const maxAheadMs = 1000
/** Of the real venue's keys, which have 64 of these; those of a simulated account may be of any length. */
const apiKeyFormat = /^[A-Za-z0-9]+$/
/** Microseconds as fractions, at most. */
const windowFormat = /^\d{1,10}(?:\.\d{1,3})?$/

export interface SignedRequest {
  apiKey: string | undefined
  params: URLSearchParams
  /** What was signed. */
  payload: string
}

export class BinanceSignatures {
  readonly #secretKeys: ReadonlyMap<string, string>

  constructor(credentials: readonly Credentials[]) {
    this.#secretKeys = new Map(credentials.map(({ accessKey, secretKey }) => [accessKey, secretKey]))
  }

  /** What is wrong with the request, or null. */
  faultOf({ apiKey = '', params, payload }: SignedRequest, nowMs: number): BinanceError | null {
    const secretKey = this.#secretKeys.get(apiKey)
    if (secretKey === undefined) {
      // The HTTP status of these two is not documented; 401 was seen.
      return apiKeyFormat.test(apiKey)
        ? binanceError(-2015, 'Invalid API-key, IP, or permissions for action.', 401)
        : binanceError(-2014, 'API-key format invalid.', 401)
    }
    const signature = params.get('signature') ?? ''
    const timestamp = params.get('timestamp') ?? ''
    const recvWindow = params.get('recvWindow') ?? String(defaultWindowMs)
    if (signature === '') return missing('signature')
    if (!/^\d{1,15}$/.test(timestamp)) return missing('timestamp')
    if (!windowFormat.test(recvWindow)) return missing('recvWindow')
    if (Number(recvWindow) > maxWindowMs) return binanceError(-1131, `recvWindow must be less than ${maxWindowMs}.`)
    if (hmac('sha256', secretKey, payload, 'hex') !== signature.toLowerCase()) {
      return binanceError(-1022, 'Signature for this request is not valid.')
    }
    const ageMs = nowMs - Number(timestamp)
    if (ageMs <= -maxAheadMs) return binanceError(-1021, `Timestamp for this request was ${maxAheadMs}ms ahead of the server's time.`)
    return ageMs > Number(recvWindow) ? binanceError(-1021, 'Timestamp for this request is outside of the recvWindow.') : null
  }
}

/** The query and the form body exactly as received, one after the other without a separator, and without the signature at the end. */
export function signedPayload(query: string, body: string): string {
  return [query, body].map((part) => part.replace(/(?:^|&)signature=[^&]*$/, '')).join('')
}

/** The WebSocket API signs all parameters but the signature, sorted by name. */
export function sortedPayload(params: URLSearchParams): string {
  const names = [...new Set(params.keys())].filter((name) => name !== 'signature').sort()
  return names.map((name) => `${name}=${params.get(name)}`).join('&')
}
