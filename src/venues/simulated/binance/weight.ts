/** What an address may ask of Binance in a minute: counted for all of its interfaces together, so both REST faces are given one. */

import { type FaceAnswer, UsageWindow } from '../face.ts'

/** Request weight of an address in a minute, as `exchangeInfo` says it. */
export const maxWeight = 6000
const minuteMs = 60_000
/** How many requests in spite of a 429 lead to a ban is not documented: an assumption. */
const maxDefiedRequests = 10
/** The shortest ban that is documented. */
export const banMs = 120_000

export interface SpentWeight {
  /** Of whatever answer follows: JSON's content type and the weight used so far in this minute. */
  headers: Record<string, string>
  /** The answer where the address has asked for too much: 429, or 418 for those that go on; both with Retry-After. */
  refusal: FaceAnswer | null
}

export class BinanceWeight {
  readonly #usage = new UsageWindow(minuteMs)
  readonly #defied = new UsageWindow(minuteMs)
  #bannedUntilMs = 0

  /** Spends `amount`, which may be 0, on a request that reached the venue at `nowMs`. */
  use(amount: number, nowMs: number): SpentWeight {
    const used = this.#usage.use(nowMs, amount)
    const headers = {
      'content-type': 'application/json;charset=UTF-8',
      'x-mbx-used-weight': String(used),
      'x-mbx-used-weight-1m': String(used),
    }
    return { headers, refusal: this.#refusal(used, headers, nowMs) }
  }

  #refusal(used: number, headers: Record<string, string>, nowMs: number): FaceAnswer | null {
    if (nowMs >= this.#bannedUntilMs) {
      if (used <= maxWeight) return null
      if (this.#defied.use(nowMs, 1) <= maxDefiedRequests) return overWeight(headers, nowMs)
      this.#bannedUntilMs = nowMs + banMs
    }
    return ipBanned(headers, this.#bannedUntilMs, nowMs)
  }
}

/** 429, until the end of the running minute. */
export function overWeight(headers: Record<string, string>, nowMs: number): FaceAnswer {
  const message =
    `Too much request weight used; current limit is ${maxWeight} request weight per 1 MINUTE. ` +
    'Please use WebSocket Streams for live updates to avoid polling the API.'
  return refused(429, message, headers, minuteMs - (nowMs % minuteMs))
}

export function ipBanned(headers: Record<string, string>, untilMs: number, nowMs: number): FaceAnswer {
  const until = `IP banned until ${untilMs}.`
  const message = `Way too much request weight used; ${until} Please use WebSocket Streams for live updates to avoid bans.`
  return refused(418, message, headers, untilMs - nowMs)
}

function refused(status: number, message: string, headers: Record<string, string>, retryAfterMs: number): FaceAnswer {
  const retryAfter = String(Math.ceil(retryAfterMs / 1000))
  return { status, headers: { ...headers, 'retry-after': retryAfter }, body: `{"code":-1003,"msg":"${message}"}` }
}
