/** What signatures of requests are made of: the only use of node:crypto in the simulated exchange. Its trading faces call this. */

import { createHash, createHmac } from 'node:crypto'

/** A key pair that the venue has handed out. */
export interface Credentials {
  accessKey: string
  secretKey: string
}

/** Keyed with the secret's UTF-8 bytes, as both venues do, never with what it may encode. */
export function hmac(algorithm: 'sha256' | 'sha512', secretKey: string, text: string, encoding: 'hex' | 'base64url'): string {
  return createHmac(algorithm, secretKey).update(text).digest(encoding)
}

export function sha512Hex(text: string): string {
  return createHash('sha512').update(text).digest('hex')
}
