/** Binance's order books over REST, within the request weight that Binance allows. The market data provider calls this. */

import type { Transport } from '../transport.ts'
import type { BookAnswer, VenueRest } from '../venue-rest.ts'
import { type ChangeClock, parseBookTickers, parseDepth } from './parse.ts'

export interface BinanceRestOptions {
  transport: Transport
  /** How many instruments each refresh covers. */
  instrumentCount: number
  /** 1 to 100: all weigh the same. */
  depthLevels: number
  requestTimeoutMs: number
  loopIntervalMs: number
}

/** Weight of one depth request of up to 100 levels, and of the address in a minute (documented). */
const depthWeight = 5
const maxWeightPerMinute = 6000
/** The other half is for depth requests at the arrival of orders. */
const refreshShare = 0.5

export class BinanceRest implements VenueRest {
  /**
   * `depth`: one request an instrument. `book-ticker`: one request for all, top of book only, because so many depth requests a
   * minute would use up the weight.
   */
  readonly source: 'depth' | 'book-ticker'
  readonly maxCodesPerRequest: number
  readonly #options: BinanceRestOptions
  readonly #depthChangedAt = changeClock()
  readonly #tickerChangedAt = changeClock()

  constructor(options: BinanceRestOptions) {
    this.#options = options
    const refreshesPerMinute = 60_000 / options.loopIntervalMs
    const isDepthAffordable = options.instrumentCount * depthWeight * refreshesPerMinute <= maxWeightPerMinute * refreshShare
    this.source = isDepthAffordable ? 'depth' : 'book-ticker'
    // Binance states no bound for tickers: this one keeps the encoded request line under 8 KiB, the usual limit of HTTP servers.
    this.maxCodesPerRequest = isDepthAffordable ? 1 : 400
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
