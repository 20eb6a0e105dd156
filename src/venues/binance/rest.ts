/** Binance's order books over REST, within the request weight that Binance allows. The market data provider calls this. */

import type { Transport } from '../transport.ts'
import type { RateCost } from '../rate-limit.ts'
import type { VenueRules } from '../venue-gate.ts'
import type { BookAnswer, VenueRest } from '../venue-rest.ts'
import { type ChangeClock, parseBookTickers, parseDepth, parseServerTime, usageOf } from './parse.ts'

export interface BinanceRestOptions {
  transport: Pick<Transport, 'request'>
  source: BinanceSource
  /** 1 to 100: all weigh the same. */
  depthLevels: number
  requestTimeoutMs: number
}

/** `depth`: one request an instrument. `book-ticker`: one request for all, top of book only. */
export type BinanceSource = 'depth' | 'book-ticker'

/** Weight of one depth request of up to 100 levels, of one for many tickers, and of the address in a minute (documented). */
const depthWeight = 5
const tickersWeight = 4
const maxWeightPerMinute = 6000
const timeTarget = '/api/v3/time'
/** The other half is for depth requests at the arrival of orders. */
const refreshShare = 0.5

/** What one request uses (documented). */
export function binanceCost(weight: number): RateCost {
  return { REQUEST_WEIGHT: weight, RAW_REQUESTS: 1 }
}

export const binanceRules: VenueRules = {
  venue: 'binance',
  limits: [
    { name: 'REQUEST_WEIGHT', windowMs: 60_000, max: maxWeightPerMinute },
    { name: 'RAW_REQUESTS', windowMs: 300_000, max: 300_000 },
  ],
  usageOf,
  timeOf: (request, response) => (request.target === timeTarget ? parseServerTime(response) : null),
  timeRequest: { target: timeTarget, cost: binanceCost(1) },
}

/** What all instruments can be asked for at each loop: so many depth requests a minute may use up the weight. */
export function affordableSource(instrumentCount: number, loopIntervalMs: number): BinanceSource {
  const depthWeightPerMinute = (instrumentCount * depthWeight * 60_000) / loopIntervalMs
  return depthWeightPerMinute <= maxWeightPerMinute * refreshShare ? 'depth' : 'book-ticker'
}

export class BinanceRest implements VenueRest {
  readonly source: BinanceSource
  readonly maxCodesPerRequest: number
  readonly booksCost: RateCost
  readonly depthCost = binanceCost(depthWeight)
  readonly #options: BinanceRestOptions
  readonly #depthChangedAt = changeClock()
  readonly #tickerChangedAt = changeClock()

  constructor(options: BinanceRestOptions) {
    this.#options = options
    this.source = options.source
    const isByDepth = options.source === 'depth'
    // Binance states no bound for tickers: this one keeps the encoded request line under 8 KiB, the usual limit of HTTP servers.
    this.maxCodesPerRequest = isByDepth ? 1 : 400
    this.booksCost = isByDepth ? this.depthCost : binanceCost(tickersWeight)
  }

  async fetchBooks(codes: readonly string[]): Promise<BookAnswer> {
    const [first] = codes
    if (this.source === 'depth' && first !== undefined) return this.fetchDepth(first)
    const symbols = encodeURIComponent(JSON.stringify(codes))
    return parseBookTickers(await this.#get(`/api/v3/ticker/bookTicker?symbols=${symbols}`), this.#tickerChangedAt)
  }

  async fetchDepth(code: string): Promise<BookAnswer> {
    const response = await this.#get(`/api/v3/depth?symbol=${code}&limit=${this.#options.depthLevels}`)
    return parseDepth(code, response, this.#depthChangedAt)
  }

  #get(target: string) {
    return this.#options.transport.request({ venue: 'binance', target, timeoutMs: this.#options.requestTimeoutMs })
  }
}

/** Remembers each code's last mark and since when it stands; as many entries as there are codes asked for. */
function changeClock(): ChangeClock {
  const seen = new Map<string, { mark: number | string; atMs: number }>()
  return (code, mark, receivedAtMs) => {
    const last = seen.get(code)
    if (last !== undefined && last.mark === mark) return last.atMs
    seen.set(code, { mark, atMs: receivedAtMs })
    return receivedAtMs
  }
}
