/** Times the wire codec on one loop of S3: what the simulated venues write and what the parsers read. The bench table calls this. */

import { parseDepth } from '../src/venues/binance/parse.ts'
import { BinanceFace } from '../src/venues/simulated/binance/face.ts'
import { ScriptedMarket } from '../src/market/scripted-market.ts'
import { UpbitFace } from '../src/venues/simulated/upbit/face.ts'
import { parseOrderBooks } from '../src/venues/upbit/parse.ts'

export interface CodecFigures {
  generateUs: number
  parseUs: number
  /** The reference: JSON.parse of the same bodies, nothing checked. */
  jsonParseUs: number
}

const upbitTarget = '/v1/orderbook?markets=KRW-BTC,KRW-ETH,USDT-BTC,USDT-ETH,KRW-USDT&count=5'
const binanceCodes = ['BTCUSDT', 'ETHUSDT']
const levelCount = 5
const loopCount = 20_000
/** Each figure is the best of this many rounds: the others were disturbed. */
const roundCount = 5

export function measureCodec(): Promise<CodecFigures> {
  const market = new ScriptedMarket()
  const set = (venue: 'upbit' | 'binance', code: string, price: number, tick: number): void => {
    const bids = []
    const asks = []
    for (let i = 0; i < levelCount; i++) {
      bids.push(price - i * tick, 0.12345678 * (i + 1))
      asks.push(price + (i + 1) * tick, 0.87654321 / (i + 1))
    }
    market.set(venue, code, { bids, asks, changedAtMs: 1_767_571_200_000, updateId: 1_000_000 })
  }
  set('upbit', 'KRW-BTC', 116_233_000, 1000)
  set('upbit', 'KRW-ETH', 4_233_000, 1000)
  set('upbit', 'USDT-BTC', 81_234.56, 0.01)
  set('upbit', 'USDT-ETH', 2_934.56, 0.01)
  set('upbit', 'KRW-USDT', 1431, 1)
  set('binance', 'BTCUSDT', 81_201.13, 0.01)
  set('binance', 'ETHUSDT', 2_931.27, 0.01)
  const upbit = new UpbitFace({ market, listedCodes: [] })
  const binance = new BinanceFace({ market, listedCodes: [] })

  // A second a loop of event time, so that no rate limit is met.
  let nowMs = 0
  const generate = (): string[] => {
    nowMs += 1000
    const bodies = [upbit.answer(upbitTarget, nowMs).body]
    for (const code of binanceCodes) bodies.push(binance.answer(`/api/v3/depth?symbol=${code}&limit=${levelCount}`, nowMs).body)
    // V8 puts concatenated text together when it is first read; that is part of writing it.
    for (const body of bodies) body.charCodeAt(body.length - 1)
    return bodies
  }
  const responses = generate().map((body) => ({ status: 200, headers: {}, body, receivedAtMs: nowMs }))
  const parse = (): number => {
    let bookCount = 0
    responses.forEach((response, i) => {
      const code = binanceCodes[i - 1]
      const answer = code === undefined ? parseOrderBooks(response) : parseDepth(code, response, () => 0)
      bookCount += answer.books.size
    })
    return bookCount
  }
  const jsonParse = (): unknown[] => responses.map((response): unknown => JSON.parse(response.body))
  return Promise.resolve({ generateUs: bestUs(generate), parseUs: bestUs(parse), jsonParseUs: bestUs(jsonParse) })
}

function bestUs(work: () => unknown): number {
  let best = Infinity
  for (let round = 0; round < roundCount; round++) {
    const startMs = performance.now()
    for (let i = 0; i < loopCount; i++) work()
    best = Math.min(best, ((performance.now() - startMs) * 1000) / loopCount)
  }
  return best
}
