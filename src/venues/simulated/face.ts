/** A venue's wire face: its REST interface over a Market, answer by answer. Faces implement it; transports and loopback servers call it. */

import type { Venue } from '../../model/instrument.ts'
import type { Market } from '../../market/market.ts'

export interface FaceAnswer {
  status: number
  /** Lower-case names. */
  headers: Record<string, string>
  body: string
}

export interface Face {
  /**
   * Answers a GET request for `target` (path and query) that reached the venue at `nowMs`, to which the market has been advanced.
   * `origin`: the request's Origin header, which browsers send.
   */
  answer(target: string, nowMs: number, origin?: string): FaceAnswer
}

/** A request as it reached the venue. */
export interface FaceRequest {
  method: string
  target: string
  /** Lower-case names. */
  headers: Readonly<Record<string, string>>
  body: string
}

/** The venue's end of one WebSocket. What is asked of it once it is closed does nothing. */
export interface FaceSocket {
  /** One data frame: binary on Upbit, text on Binance. */
  send(text: string): void
  /** A protocol ping. */
  ping(payload: string): void
  close(code: number, reason: string): void
  /** Cuts the connection without a close frame: the client sees 1006. */
  terminate(): void
}

/** What a client's socket does to the venue. */
export interface FaceSession {
  received(text: string, nowMs: number): void
  pinged(nowMs: number): void
  ponged(payload: string, nowMs: number): void
  /** The socket is gone, whoever closed it. */
  closed(): void
}

/** A venue's WebSocket interface. */
export interface StreamFace {
  /** Opens a session, or answers the upgrade with a refusal: 404, 401, 429. */
  open(request: FaceRequest, socket: FaceSocket, nowMs: number): FaceSession | FaceAnswer

  /** The market stands at `nowMs`: sends what has become due to every session. Called at every step of the market. */
  advance(nowMs: number): void
}

/** A venue's private interface: signed requests, and the streams of an account. Null where the path is none of its own. */
export interface TradingFace {
  answer(request: FaceRequest, nowMs: number): FaceAnswer | null
  open(request: FaceRequest, socket: FaceSocket, nowMs: number): FaceSession | FaceAnswer | null
  advance(nowMs: number): void
}

/** The answer to everything while a venue is out, or null; words and status are an assumption. */
export function outageAnswer(market: Pick<Market, 'outage'> | undefined, venue: Venue): FaceAnswer | null {
  const outage = market?.outage(venue) ?? null
  return outage === null ? null : { status: 503, headers: { 'content-type': 'text/plain' }, body: `Service Unavailable: ${outage}` }
}

/** Path and query as they came. */
export function splitTarget(target: string): { path: string; query: string } {
  const mark = target.indexOf('?')
  return mark < 0 ? { path: target, query: '' } : { path: target.slice(0, mark), query: target.slice(mark + 1) }
}

export interface Target {
  path: string
  query: ReadonlyMap<string, string>
}

/** Splits path and query. An escape that cannot be decoded stays as it is: no parameter of ours then matches. */
export function parseTarget(target: string): Target {
  const { path, query: text } = splitTarget(target)
  const query = new Map<string, string>()
  for (const pair of text.split('&')) {
    const equals = pair.indexOf('=')
    if (equals > 0) query.set(pair.slice(0, equals), unescaped(pair.slice(equals + 1)))
  }
  return { path, query }
}

function unescaped(text: string): string {
  if (!text.includes('%')) return text
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** Counts what was used in the running window of `windowMs`, aligned as the venues do: every second, every minute on the clock. */
export class UsageWindow {
  readonly windowMs: number
  #window = -1
  #used = 0

  constructor(windowMs: number) {
    this.windowMs = windowMs
  }

  /** Adds `amount` and returns the sum so far in the window. */
  use(nowMs: number, amount: number): number {
    const window = Math.floor(nowMs / this.windowMs)
    if (window !== this.#window) {
      this.#window = window
      this.#used = 0
    }
    this.#used += amount
    return this.#used
  }
}
