/** Makes the tables (printed) and the picture of docs/MARKET_MODEL.md: `node bench/market-model.ts`. */

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import * as echarts from 'echarts'
import { SeededPrng } from '../src/base/prng.ts'
import { simulatedMarketSchema } from '../src/config/simulated-market-schema.ts'
import { tradingPlan } from '../src/config/venue-rules.ts'
import { venuesSchema } from '../src/config/venues-schema.ts'
import { instrumentOf, type Venue } from '../src/model/instrument.ts'
import type { Market } from '../src/market/market.ts'
import { SimulatedMarket, type SimulatedMarketSettings } from '../src/market/simulated-market.ts'
import { loadTape } from '../src/market/tape.ts'

const tapes = join(import.meta.dirname, '../../shared/tapes')
const seed = 62
const startMs = Date.parse('2026-01-05T05:00:00Z')
const hours = 6
const instruments = tradingPlan(['KRW-BTC', 'KRW-ETH', 'BTCUSDT', 'ETHUSDT'], venuesSchema.parse({})).instruments.map(instrumentOf)

/** One instrument's best prices, once a second. */
interface Samples {
  bid: number[]
  ask: number[]
}

type Figures = Readonly<Record<string, number | null>>

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function deviation(values: readonly number[]): number {
  const center = mean(values)
  return Math.sqrt(mean(values.map((value) => (value - center) ** 2)))
}

function quantile(values: readonly number[], probability: number): number {
  const sorted = values.toSorted((left, right) => left - right)
  return sorted[Math.min(sorted.length - 1, Math.floor(probability * sorted.length))] ?? NaN
}

function autocorrelation(values: readonly number[], lag: number): number {
  const center = mean(values)
  const shifted = values.slice(lag).map((value, index) => (value - center) * ((values[index] ?? 0) - center))
  return shifted.reduce((sum, value) => sum + value, 0) / values.reduce((sum, value) => sum + (value - center) ** 2, 0)
}

/** Log returns over `lag` values, not overlapping, in basis points. */
function returns(prices: readonly number[], lag: number): number[] {
  const picked = prices.filter((_, index) => index % lag === 0)
  return picked.slice(1).map((price, index) => 1e4 * Math.log(price / (picked[index] ?? NaN)))
}

function mids({ bid, ask }: Samples): number[] {
  return bid.map((price, index) => (price + (ask[index] ?? NaN)) / 2)
}

function spreadFigures(samples: Samples, tick: number): Figures {
  const middle = mids(samples)
  const spreads = samples.ask.map((ask, index) => (1e4 * (ask - (samples.bid[index] ?? NaN))) / (middle[index] ?? NaN))
  const oneTick = samples.ask.filter((ask, index) => Math.round((ask - (samples.bid[index] ?? NaN)) / tick) === 1)
  const still = returns(middle, 1).filter((value) => value === 0)
  return {
    'spread, median (bps)': quantile(spreads, 0.5),
    'spread, 25th percentile': quantile(spreads, 0.25),
    'spread, 75th percentile': quantile(spreads, 0.75),
    'spread, 90th percentile': quantile(spreads, 0.9),
    'spread, 99th percentile': quantile(spreads, 0.99),
    'share of seconds with a spread of one tick': oneTick.length / spreads.length,
    'share of seconds with an unchanged mid price': still.length / spreads.length,
    'deviation of 1-second returns (bps)': deviation(returns(middle, 1)),
    'deviation of 1-minute returns (bps)': deviation(returns(middle, 60)),
  }
}

/** Says nothing of Binance, whose spread is one tick but for a few seconds. */
function spreadMemory(samples: Samples): Figures {
  const spreads = samples.ask.map((ask, index) => 1e4 * Math.log(ask / (samples.bid[index] ?? NaN)))
  return {
    'autocorrelation of the spread, 1 s': autocorrelation(spreads, 1),
    'autocorrelation of the spread, 5 s': autocorrelation(spreads, 5),
    'autocorrelation of the spread, 30 s': autocorrelation(spreads, 30),
  }
}

/** From the autocorrelation after ten minutes, as of a mean-reverting process. */
function premiumFigures(upbit: readonly number[], binance: readonly number[]): Figures {
  const premium = upbit.map((price, index) => 1e4 * Math.log(price / (binance[index] ?? NaN)))
  const changes = premium.slice(1).map((value, index) => value - (premium[index] ?? NaN))
  return {
    'deviation of the premium at minute ends (bps)': deviation(premium),
    'deviation of the change of the premium in a minute (bps)': deviation(changes),
    'half-life of the premium (minutes)': (-10 * Math.LN2) / Math.log(Math.max(1e-9, autocorrelation(premium, 10))),
  }
}

function sample(market: Market, venue: Venue, code: string, into: Samples): void {
  const book = market.book(venue, code, 1)
  into.bid.push(book?.bids[0] ?? NaN)
  into.ask.push(book?.asks[0] ?? NaN)
}

function everyMinute(values: readonly number[]): number[] {
  return values.filter((_, index) => index % 60 === 59)
}

function simulated(change: (settings: SimulatedMarketSettings) => SimulatedMarketSettings): { upbit: Figures; binance: Figures } {
  const settings = change({ ...simulatedMarketSchema.parse({}), quietHoursUtc: [] })
  const market = new SimulatedMarket(settings, new SeededPrng(seed), startMs, instruments)
  const upbit: Samples = { bid: [], ask: [] }
  const binance: Samples = { bid: [], ask: [] }
  for (let second = 0; second < hours * 3600; second++) {
    market.advance(startMs + second * 1000)
    sample(market, 'upbit', 'KRW-BTC', upbit)
    sample(market, 'binance', 'BTCUSDT', binance)
  }
  const premium = premiumFigures(everyMinute(mids(upbit)), everyMinute(mids(binance)))
  return { upbit: { ...spreadFigures(upbit, 1000), ...spreadMemory(upbit), ...premium }, binance: spreadFigures(binance, 0.01) }
}

function withoutDislocations(settings: SimulatedMarketSettings): SimulatedMarketSettings {
  const none = { minIntervalMs: 1e6, maxIntervalMs: 1e6, minAmplitudeBps: 0, maxAmplitudeBps: 0 }
  return { ...settings, dislocations: { krw: none, usdt: none } }
}

function recordedUpbit(): Figures {
  const tape = loadTape({
    format: 'bbo-1s-with-candles',
    file: join(tapes, 'upbit_KRW-BTC_bbo_1s_20240430T15Z_3h.csv.gz'),
    candlesFile: join(tapes, 'binance_BTCUSDT_1m_20240430T14Z_5h.csv.gz'),
  })
  if (!('bid' in tape.upbit)) throw new Error('the tape has no quotes')
  const isSeen = (value: number): boolean => !Number.isNaN(value)
  const samples = { bid: [...tape.upbit.bid].filter(isSeen), ask: [...tape.upbit.ask].filter(isSeen) }
  const { bid, ask } = tape.upbit
  const closes = [...tape.binance.close.keys()].map((minute) => ((bid[minute * 60 + 59] ?? NaN) + (ask[minute * 60 + 59] ?? NaN)) / 2)
  return { ...spreadFigures(samples, 1000), ...spreadMemory(samples), ...premiumFigures(closes, [...tape.binance.close]) }
}

/** The last update of each second; where a second has none, the one before. */
function recordedBinance(): Figures {
  const bytes = gunzipSync(readFileSync(join(tapes, 'binance_spot_BTCUSDT_bbo_tick_20240808T2354Z_11m.csv.gz')))
  const lines = bytes.toString().trim().split('\n')
  const samples: Samples = { bid: [], ask: [] }
  let second = NaN
  for (const line of lines.slice(1)) {
    const [, timeMs, , bid, , ask] = line.split(',').map(Number)
    const now = Math.floor((timeMs ?? NaN) / 1000)
    for (; second < now; second++) {
      samples.bid.push(samples.bid.at(-1) ?? bid ?? NaN)
      samples.ask.push(samples.ask.at(-1) ?? ask ?? NaN)
    }
    second = now
    samples.bid[Math.max(0, samples.bid.length - 1)] = bid ?? NaN
    samples.ask[Math.max(0, samples.ask.length - 1)] = ask ?? NaN
  }
  return spreadFigures(samples, 0.01)
}

function digits(value: number | null | undefined): string {
  if (value === null || value === undefined || Number.isNaN(value)) return '–'
  return Math.abs(value) >= 10 ? value.toFixed(1) : Math.abs(value) >= 1 ? value.toFixed(2) : value.toFixed(Math.abs(value) < 0.01 ? 4 : 3)
}

function tableOf(title: string, columns: readonly { name: string; figures: Figures }[]): string {
  const rows = Object.keys(columns[0]?.figures ?? {})
  return [
    `\n${title}\n`,
    `| | ${columns.map(({ name }) => name).join(' | ')} |`,
    `|---|${columns.map(() => '---:|').join('')}`,
    ...rows.map((row) => `| ${row} | ${columns.map(({ figures }) => digits(figures[row])).join(' | ')} |`),
  ].join('\n')
}

/** A quarter of an hour of KRW-BTC's distance from Binance, second by second. */
function drawDistance(file: string): void {
  const market = new SimulatedMarket(simulatedMarketSchema.parse({}), new SeededPrng(seed), startMs, instruments)
  const points = Array.from({ length: 900 }, (_, second) => {
    market.advance(startMs + second * 1000)
    const middle = (venue: Venue, code: string): number => {
      const book = market.book(venue, code, 1)
      return ((book?.bids[0] ?? NaN) + (book?.asks[0] ?? NaN)) / 2
    }
    const fair = middle('binance', 'BTCUSDT') * middle('upbit', 'KRW-USDT')
    return [second / 60, Number((1e4 * Math.log(middle('upbit', 'KRW-BTC') / fair)).toFixed(1))]
  })
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width: 900, height: 300 })
  chart.setOption({
    animation: false,
    backgroundColor: '#fff',
    grid: { left: 60, right: 20, top: 30, bottom: 45 },
    xAxis: { type: 'value', name: 'minutes', nameLocation: 'middle', nameGap: 28, max: 15 },
    yAxis: { type: 'value', name: 'bps', min: -120, max: 120 },
    series: [{ type: 'line', step: 'end', showSymbol: false, lineStyle: { width: 1.2 }, data: points }],
  })
  writeFileSync(file, chart.renderToSVGString())
  chart.dispose()
}

const plain = simulated(withoutDislocations)
const whole = simulated((settings) => settings)
const isRecorded = existsSync(tapes)
const tables = [
  tableOf('Upbit KRW-BTC', [
    { name: 'simulated, no dislocations', figures: plain.upbit },
    { name: 'simulated', figures: whole.upbit },
    ...(isRecorded ? [{ name: 'recorded, 2024-04-30', figures: recordedUpbit() }] : []),
  ]),
  tableOf('Binance BTCUSDT', [
    { name: 'simulated', figures: plain.binance },
    ...(isRecorded ? [{ name: 'recorded, 2024-08-08', figures: recordedBinance() }] : []),
  ]),
  isRecorded ? '' : `\nNo recordings at ${tapes}: only the simulated market was measured.`,
]
process.stdout.write(`${tables.join('\n')}\n`)
drawDistance(join(import.meta.dirname, '../docs/market-model.svg'))
