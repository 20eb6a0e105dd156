/** Upbit's public REST interface over a Market, in Upbit's own JSON. Written from its documentation, without the codec, to check it. */

import { type Face, type FaceAnswer, parseTarget, type Target, UsageWindow } from './face.ts'
import type { Market, MarketBook } from './market.ts'
import { decimal8, plainNumber } from './wire-number.ts'

export interface UpbitFaceOptions {
  market: Market
  /** What `market/all` lists. Order books are answered for every code that the market has. */
  listedCodes: readonly string[]
}

/** Requests a second, for each group and address (rate limits page of 2026-09-08). */
const maxRequestsPerSecond = 10
const maxUnits = 30
const jsonType = 'application/json;charset=UTF-8'

export class UpbitFace implements Face {
  readonly #market: Market
  readonly #listedCodes: readonly string[]
  readonly #orderbookUsage = new UsageWindow(1000)
  readonly #marketUsage = new UsageWindow(1000)

  constructor(options: UpbitFaceOptions) {
    this.#market = options.market
    this.#listedCodes = options.listedCodes
  }

  answer(target: string, nowMs: number): FaceAnswer {
    const outage = this.#market.outage('upbit')
    if (outage !== null) return { status: 503, headers: { 'content-type': 'text/plain' }, body: `Service Unavailable: ${outage}` }
    const parsed = parseTarget(target)
    if (parsed.path === '/v1/orderbook') {
      return limited('orderbook', this.#orderbookUsage.use(nowMs, 1)) ?? this.#orderbook(parsed, this.#orderbookUsage.use(nowMs, 0))
    }
    if (parsed.path === '/v1/market/all') {
      return limited('market', this.#marketUsage.use(nowMs, 1)) ?? this.#marketAll(this.#marketUsage.use(nowMs, 0))
    }
    return {
      status: 404,
      headers: { 'content-type': jsonType },
      body: '{"error":{"name":"not_found","message":"no Route matched with those values"}}',
    }
  }

  #orderbook(target: Target, used: number): FaceAnswer {
    const headers = headersOf('orderbook', used)
    const markets = target.query.get('markets')
    if (markets === undefined || markets === '') {
      return refusal(400, headers, 'Missing request parameter error. Check the required parameters!')
    }
    const count = Number(target.query.get('count') ?? maxUnits)
    if (!Number.isInteger(count)) return refusal(400, headers, 'Type mismatch error. Check the parameters type!')
    const level = target.query.get('level') ?? '0'
    if (level !== '0') return refusal(400, headers, 'Invalid parameter. Check the given value!')
    const depth = count >= 1 && count <= maxUnits ? count : maxUnits
    let body = ''
    for (const market of markets.split(',')) {
      const code = market.toUpperCase()
      const book = this.#market.book('upbit', code, depth)
      if (book === null) return refusal(404, headers, 'Code not found')
      body += body === '' ? '[' : ','
      body += orderbookRow(code, book)
    }
    return { status: 200, headers, body: `${body}]` }
  }

  #marketAll(used: number): FaceAnswer {
    const rows = this.#listedCodes.map((code) => {
      const base = code.slice(code.indexOf('-') + 1)
      return `{"market":"${code}","korean_name":"${base}","english_name":"${base}"}`
    })
    return { status: 200, headers: headersOf('market', used), body: `[${rows.join(',')}]` }
  }
}

/** Levels in the order of keys that was captured; the shorter side is padded with price 0, size 0, as Upbit does. */
function orderbookRow(code: string, book: MarketBook): string {
  const { bids, asks } = book
  const length = Math.max(bids.length, asks.length)
  let units = ''
  let bidTotal = 0
  let askTotal = 0
  for (let i = 0; i < length; i += 2) {
    const bidSize = bids[i + 1] ?? 0
    const askSize = asks[i + 1] ?? 0
    bidTotal += bidSize
    askTotal += askSize
    units +=
      `${i === 0 ? '' : ','}{"bid_price":${plainNumber(bids[i] ?? 0)},"bid_size":${decimal8(bidSize)},` +
      `"ask_price":${plainNumber(asks[i] ?? 0)},"ask_size":${decimal8(askSize)}}`
  }
  return (
    `{"market":"${code}","timestamp":${book.changedAtMs},"total_ask_size":${decimal8(askTotal)},` +
    `"total_bid_size":${decimal8(bidTotal)},"orderbook_units":[${units}],"level":0}`
  )
}

function headersOf(group: string, used: number): Record<string, string> {
  return {
    'content-type': jsonType,
    'remaining-req': `group=${group}; min=600; sec=${Math.max(maxRequestsPerSecond - used, 0)}`,
    'limit-by-ip': 'Yes',
  }
}

/** On the quotation API the error's name is the HTTP status as a number. */
function refusal(status: number, headers: Record<string, string>, message: string): FaceAnswer {
  return { status, headers, body: `{"error":{"name":${status},"message":"${message}"}}` }
}

/** The body of Upbit's 429 is not documented and no capture is known: this one is an assumption. It carries no Retry-After. */
function limited(group: string, used: number): FaceAnswer | null {
  if (used <= maxRequestsPerSecond) return null
  return { status: 429, headers: headersOf(group, used), body: '{"error":{"name":"too_many_requests","message":"Too many API requests."}}' }
}
