/** Makes fixtures/tapes/pair_btc_1m_made.csv.gz from the simulated market: ours to publish. Run: `node bench/fixture-tape.ts`. */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { SeededPrng } from '../src/base/prng.ts'
import { simulatedMarketSchema } from '../src/config/simulated-market-schema.ts'
import { tradingPlan } from '../src/config/venue-rules.ts'
import { venuesSchema } from '../src/config/venues-schema.ts'
import { instrumentOf, type Venue } from '../src/model/instrument.ts'
import { SimulatedMarket } from '../src/market/simulated-market.ts'

const seed = 62
const startMs = Date.parse('2026-01-05T00:00:00Z')
const minutes = 20
/** As recorded outages look: a minute in which nothing moves, then minutes without a row. */
const stillMinute = 11
const missingMinutes = [12, 13]
const columns = ['open', 'high', 'low', 'close', 'vol_btc']

const { instruments } = tradingPlan(['KRW-BTC'], venuesSchema.parse({}))
const market = new SimulatedMarket(simulatedMarketSchema.parse({}), new SeededPrng(seed), startMs, instruments.map(instrumentOf))
const volumes = new SeededPrng(seed).fork('volumes')

interface Candle {
  open: number
  high: number
  low: number
  close: number
}

function grow(candle: Candle | undefined, price: number): Candle {
  if (!candle) return { open: price, high: price, low: price, close: price }
  return { open: candle.open, high: Math.max(candle.high, price), low: Math.min(candle.low, price), close: price }
}

function bid(venue: Venue, code: string): number {
  return market.book(venue, code, 1)?.bids[0] ?? NaN
}

function cells({ open, high, low, close }: Candle, volume: number): string {
  return [open, high, low, close, Number(volume.toFixed(8))].join(',')
}

const rows = [['ts_ms', ...columns.map((name) => `upbit_${name}`), ...columns.map((name) => `binance_${name}`)].join(',')]
for (let minute = 0; minute < minutes; minute++) {
  const minuteMs = startMs + minute * 60_000
  let upbit: Candle | undefined
  let binance: Candle | undefined
  for (let second = 0; second < 60; second++) {
    market.advance(minuteMs + second * 1000)
    upbit = grow(upbit, bid('upbit', 'KRW-BTC'))
    binance = grow(binance, bid('binance', 'BTCUSDT'))
  }
  if (!upbit || !binance) continue
  const { open } = binance
  const still = cells({ open, high: open, low: open, close: open }, 0)
  const shown = minute === stillMinute ? still : cells(binance, 20 * volumes.next())
  rows.push(`${minuteMs},${cells(upbit, 5 * volumes.next())},${missingMinutes.includes(minute) ? ',,,,' : shown}`)
}
const file = join(import.meta.dirname, '../fixtures/tapes/pair_btc_1m_made.csv.gz')
writeFileSync(file, gzipSync(`${rows.join('\n')}\n`))
process.stdout.write(`${file}: ${rows.length - 1} minutes
`)
