/** Checks the tokens that sign requests to Upbit: JSON Web Tokens with a hash of the parameters. Upbit's trading face owns one checker. */

import { BoundedMap } from '../bounded-map.ts'
import { isJsonObject, parseJson } from '../json-object.ts'
import { type Credentials, hmac, sha512Hex } from '../signing.ts'
import type { UpbitErrorName } from './refusal.ts'

/** How long Upbit remembers a nonce is not known; so many of the last ones are refused here. */
const maxNonces = 10_000

/** The documentation's text and Java sample use HS512, its other samples HS256. */
const algorithms: ReadonlyMap<unknown, 'sha256' | 'sha512'> = new Map([
  ['HS256', 'sha256'],
  ['HS512', 'sha512'],
])

interface Claims {
  nonce: string
  queryHash: unknown
  queryHashAlgorithm: unknown
}

export class UpbitTokens {
  readonly #secretKeys: ReadonlyMap<string, string>
  readonly #nonces = new BoundedMap<string, true>(maxNonces)

  constructor(credentials: readonly Credentials[]) {
    this.#secretKeys = new Map(credentials.map(({ accessKey, secretKey }) => [accessKey, secretKey]))
  }

  /**
   * What is wrong with the `authorization` of a request, or null. `texts` are the spellings of its parameters of which any one may have
   * been hashed; none where it has no parameters.
   */
  faultOfRequest(authorization: string | undefined, texts: readonly string[]): UpbitErrorName | null {
    const claims = this.#claims(authorization)
    if (typeof claims === 'string') return claims
    if (!isHashOf(claims, texts)) return 'invalid_query_payload'
    if (this.#nonces.has(claims.nonce)) return 'nonce_used'
    this.#nonces.set(claims.nonce, true)
    return null
  }

  /** Nonces too old to be remembered, each of which would be taken a second time. */
  get forgottenNonceCount(): number {
    return this.#nonces.forgottenCount
  }

  /** A WebSocket's upgrade has no parameters, and clients connect again with the token that they have: a nonce may come back there. */
  faultOfUpgrade(authorization: string | undefined): UpbitErrorName | null {
    const claims = this.#claims(authorization)
    return typeof claims === 'string' ? claims : null
  }

  #claims(authorization: string | undefined): Claims | UpbitErrorName {
    const token = /^Bearer (.+)$/i.exec(authorization ?? '')?.[1]
    if (token === undefined) return 'no_authorization_token'
    const [head = '', payload = '', signature = '', ...rest] = token.split('.')
    const algorithm = algorithms.get(partOf(head)['alg'])
    const { access_key: accessKey, nonce, query_hash: queryHash, query_hash_alg: queryHashAlgorithm } = partOf(payload)
    if (algorithm === undefined || rest.length > 0 || typeof nonce !== 'string' || nonce === '') return 'jwt_verification'
    const secretKey = this.#secretKeys.get(String(accessKey))
    if (secretKey === undefined) return 'invalid_access_key'
    if (hmac(algorithm, secretKey, `${head}.${payload}`, 'base64url') !== signature) return 'jwt_verification'
    return { nonce, queryHash, queryHashAlgorithm }
  }
}

function partOf(text: string): Record<string, unknown> {
  const part = parseJson(Buffer.from(text, 'base64url').toString())
  return isJsonObject(part) ? part : {}
}

function isHashOf({ queryHash, queryHashAlgorithm }: Claims, texts: readonly string[]): boolean {
  if (texts.length === 0) return queryHash === undefined
  return queryHashAlgorithm === 'SHA512' && texts.some((text) => sha512Hex(text) === queryHash)
}
