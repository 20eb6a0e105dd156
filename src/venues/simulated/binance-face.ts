/** Binance's public spot REST interface over a Market, in Binance's own JSON. Written from its documentation, without the codec. */

import { type Face, type FaceAnswer, parseTarget, type Target, UsageWindow } from './face.ts'
import type { Market } from './market.ts'
import { decimal8 } from './wire-number.ts'

export interface BinanceFaceOptions {
  market: Market
  /** What `exchangeInfo` and `bookTicker` list where no symbol is named. Any other code that the market has is answered by name. */
  listedCodes: readonly string[]
}

/** Request weight of an address in a minute. */
const maxWeight = 6000
const minuteMs = 60_000
const maxDepth = 5000
/** How many requests in spite of a 429 lead to a ban is not documented: an assumption. */
const maxDefiedRequests = 10
/** The shortest ban that is documented. */
const banMs = 120_000

/** What an endpoint makes of a request, before headers. */
interface Outcome {
  status: number
  body: string
}

export class BinanceFace implements Face {
  readonly #market: Market
  readonly #listedCodes: readonly string[]
  readonly #usage = new UsageWindow(minuteMs)
  readonly #defied = new UsageWindow(minuteMs)
  #bannedUntilMs = 0

  constructor(options: BinanceFaceOptions) {
    this.#market = options.market
    this.#listedCodes = options.listedCodes
  }

  answer(target: string, nowMs: number): FaceAnswer {
    const outage = this.#market.outage('binance')
    if (outage !== null) return { status: 503, headers: { 'content-type': 'text/plain' }, body: `Service Unavailable: ${outage}` }
    const parsed = parseTarget(target)
    const weight = weightOf(parsed)
    if (weight === null) return { status: 404, headers: { 'content-type': 'text/plain' }, body: 'Not Found' }
    const used = this.#usage.use(nowMs, weight)
    const headers: Record<string, string> = {
      'content-type': 'application/json;charset=UTF-8',
      'x-mbx-used-weight': String(used),
      'x-mbx-used-weight-1m': String(used),
    }
    const limit = this.#limit(used, nowMs)
    if (limit !== null) {
      headers['retry-after'] = String(limit.retryAfterSeconds)
      return { status: limit.status, headers, body: limit.body }
    }
    const { status, body } = this.#outcome(parsed, nowMs)
    return { status, headers, body }
  }

  #limit(used: number, nowMs: number): (Outcome & { retryAfterSeconds: number }) | null {
    if (nowMs >= this.#bannedUntilMs) {
      if (used <= maxWeight) return null
      if (this.#defied.use(nowMs, 1) <= maxDefiedRequests) {
        const message =
          `Too much request weight used; current limit is ${maxWeight} request weight per 1 MINUTE. ` +
          'Please use WebSocket Streams for live updates to avoid polling the API.'
        return { ...refusal(429, -1003, message), retryAfterSeconds: Math.ceil((minuteMs - (nowMs % minuteMs)) / 1000) }
      }
      this.#bannedUntilMs = nowMs + banMs
    }
    const message =
      `Way too much request weight used; IP banned until ${this.#bannedUntilMs}. ` +
      'Please use WebSocket Streams for live updates to avoid bans.'
    return { ...refusal(418, -1003, message), retryAfterSeconds: Math.ceil((this.#bannedUntilMs - nowMs) / 1000) }
  }

  #outcome({ path, query }: Target, nowMs: number): Outcome {
    if (path === '/api/v3/depth') return this.#depth(query)
    if (path === '/api/v3/ping') return { status: 200, body: '{}' }
    if (path === '/api/v3/time') return { status: 200, body: `{"serverTime":${nowMs}}` }
    const codes = this.#codesOf(query)
    if (codes === null) return refusal(400, -1102, "Mandatory parameter 'symbols' was not sent, was empty/null, or malformed.")
    const rowOf = path === '/api/v3/exchangeInfo' ? symbolRow : (code: string) => this.#tickerRow(code)
    const rows: string[] = []
    for (const code of codes) {
      if (this.#market.book('binance', code, 1) === null) return refusal(400, -1121, 'Invalid symbol.')
      rows.push(rowOf(code))
    }
    if (path === '/api/v3/exchangeInfo') {
      const head = `"timezone":"UTC","serverTime":${nowMs},"rateLimits":${rateLimits},"exchangeFilters":[]`
      return { status: 200, body: `{${head},"symbols":[${rows.join(',')}]}` }
    }
    return { status: 200, body: query.has('symbol') ? rows.join('') : `[${rows.join(',')}]` }
  }

  #depth(query: ReadonlyMap<string, string>): Outcome {
    const code = query.get('symbol') ?? ''
    if (code === '') return refusal(400, -1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.")
    const limit = limitOf(query)
    if (limit === null) return refusal(400, -1102, "Mandatory parameter 'limit' was not sent, was empty/null, or malformed.")
    const book = this.#market.book('binance', code, limit)
    if (book === null) return refusal(400, -1121, 'Invalid symbol.')
    return { status: 200, body: `{"lastUpdateId":${book.updateId},"bids":[${levelList(book.bids)}],"asks":[${levelList(book.asks)}]}` }
  }

  /** The codes that the request names, all where it names none, or null where it contradicts itself or is no list of strings. */
  #codesOf(query: ReadonlyMap<string, string>): readonly string[] | null {
    const symbol = query.get('symbol')
    const symbols = query.get('symbols')
    if (symbol !== undefined) return symbols === undefined ? [symbol] : null
    if (symbols === undefined) return this.#listedCodes
    // Codes are plain letters and digits, so the list can be taken apart without a JSON parser.
    if (!symbols.startsWith('["') || !symbols.endsWith('"]')) return null
    return symbols.slice(2, -2).split('","')
  }

  /** A side without orders reads 0. */
  #tickerRow(code: string): string {
    const book = this.#market.book('binance', code, 1)
    return (
      `{"symbol":"${code}","bidPrice":"${decimal8(book?.bids[0] ?? 0)}","bidQty":"${decimal8(book?.bids[1] ?? 0)}",` +
      `"askPrice":"${decimal8(book?.asks[0] ?? 0)}","askQty":"${decimal8(book?.asks[1] ?? 0)}"}`
    )
  }
}

/** Documented weights; null where there is no such endpoint. */
function weightOf({ path, query }: Target): number | null {
  switch (path) {
    case '/api/v3/depth': {
      const limit = limitOf(query) ?? 1
      return limit <= 100 ? 5 : limit <= 500 ? 25 : limit <= 1000 ? 50 : 250
    }
    case '/api/v3/ticker/bookTicker':
      return query.has('symbol') ? 2 : 4
    case '/api/v3/exchangeInfo':
      return 20
    case '/api/v3/ping':
    case '/api/v3/time':
      return 1
    default:
      return null
  }
}

function limitOf(query: ReadonlyMap<string, string>): number | null {
  const limit = Number(query.get('limit') ?? 100)
  return Number.isInteger(limit) && limit >= 1 ? Math.min(limit, maxDepth) : null
}

function levelList(levels: Float64Array): string {
  let text = ''
  for (let i = 0; i < levels.length; i += 2) {
    text += `${i === 0 ? '' : ','}["${decimal8(levels[i] ?? 0)}","${decimal8(levels[i + 1] ?? 0)}"]`
  }
  return text
}

const rateLimits =
  `[{"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1,"limit":${maxWeight}},` +
  '{"rateLimitType":"RAW_REQUESTS","interval":"MINUTE","intervalNum":5,"limit":300000}]'

/** The row's least: what a client needs to know that it may trade. Filters are left out. */
function symbolRow(code: string): string {
  const quote = 'USDT'
  const base = code.endsWith(quote) ? code.slice(0, -quote.length) : code
  return `{"symbol":"${code}","status":"TRADING","baseAsset":"${base}","quoteAsset":"${quote}","isSpotTradingAllowed":true,"filters":[]}`
}

function refusal(status: number, code: number, message: string): Outcome {
  return { status, body: `{"code":${code},"msg":"${message}"}` }
}
