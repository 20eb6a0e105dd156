/** Upbit's limits for groups of requests (page of 2026-09-08): so many in a running window. Its gate and its trading face own them. */

import { type FaceAnswer, UsageWindow } from '../face.ts'

/** Bodies of 429 and 418 are not documented and no capture is known. CCXT takes a text for a rate limit and JSON for a plain error. */
export type UpbitLimitBody = 'json' | 'text'

/** How many requests in spite of a 429 lead to a block, and its length, are not documented, only that it grows: assumptions. */
const maxDefiedRequests = 10
export const minBlockMs = 60_000
const maxBlockMs = 86_400_000

export class UpbitRateLimit {
  readonly #group: string
  readonly #maxRequests: number
  readonly #usage: UsageWindow
  readonly #defied = new UsageWindow(60_000)
  readonly #limitBody: UpbitLimitBody
  #blockedUntilMs = 0
  #nextBlockMs = minBlockMs

  constructor(group: string, maxRequests: number, windowMs: number, limitBody: UpbitLimitBody) {
    this.#group = group
    this.#maxRequests = maxRequests
    this.#usage = new UsageWindow(windowMs)
    this.#limitBody = limitBody
  }

  /** Counts a request: the headers of its answer, and the answer itself where it was one too many. */
  use(nowMs: number): { headers: Record<string, string>; refusal: FaceAnswer | null } {
    const used = this.#usage.use(nowMs, 1)
    const perMinute = (this.#maxRequests * 60_000) / this.#usage.windowMs
    const left = Math.max(this.#maxRequests - used, 0)
    const headers = {
      'content-type': 'application/json;charset=UTF-8',
      'remaining-req': `group=${this.#group}; min=${perMinute}; sec=${left}`,
    }
    return { headers, refusal: this.#refusal(used, headers, nowMs) }
  }

  #refusal(used: number, headers: Record<string, string>, nowMs: number): FaceAnswer | null {
    if (nowMs >= this.#blockedUntilMs) {
      if (used <= this.#maxRequests) return null
      if (this.#defied.use(nowMs, 1) <= maxDefiedRequests) return overLimit(headers, this.#limitBody)
      this.#blockedUntilMs = nowMs + this.#nextBlockMs
      this.#nextBlockMs = Math.min(2 * this.#nextBlockMs, maxBlockMs)
    }
    return blocked(headers, this.#limitBody, this.#blockedUntilMs - nowMs)
  }
}

/** 429, until the end of the running second. */
export function overLimit(headers: Record<string, string>, limitBody: UpbitLimitBody): FaceAnswer {
  return refused(429, 'too_many_requests', 'Too many API requests.', headers, limitBody)
}

/** 418. */
export function blocked(headers: Record<string, string>, limitBody: UpbitLimitBody, forMs: number): FaceAnswer {
  return refused(418, 'blocked', `Blocked for ${Math.ceil(forMs / 1000)} seconds.`, headers, limitBody)
}

function refused(status: number, name: string, message: string, headers: Record<string, string>, limitBody: UpbitLimitBody): FaceAnswer {
  if (limitBody === 'json') return { status, headers, body: JSON.stringify({ error: { name, message } }) }
  return { status, headers: { ...headers, 'content-type': 'text/plain' }, body: message }
}
