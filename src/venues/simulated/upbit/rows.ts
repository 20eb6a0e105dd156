/** Books, trades and tickers as Upbit writes them, over REST and in WebSocket frames. Upbit's faces call this. */

import type { Side } from '../../../model/instrument.ts'
import type { MarketBook } from '../../../market/market.ts'
import type { DayStats, PublicTrade } from '../public-trades.ts'
import type { UpbitLimitBody } from './rate-limit.ts'
import { decimal8, javaDouble, plainNumber } from '../wire-number.ts'

/** Where the wire has been seen in more than one form. */
export interface UpbitWire {
  /** In order books: prices over REST and in DEFAULT frames, and sizes in SIMPLE frames, as Java prints doubles: `1.16539E8`. */
  exponentNumbers: boolean
  /** Sides with fewer orders than asked for are padded to the full count with price 0, size 0; else to the length of the longer side. */
  hasZeroSlots: boolean
  rateLimitBody: UpbitLimitBody
}

/** What a session asked for: long or short names of fields, alone or as a list of one. That a list holds one frame is an assumption. */
export type UpbitFormat = 'DEFAULT' | 'SIMPLE' | 'JSON_LIST' | 'SIMPLE_LIST'
export type UpbitStreamType = 'SNAPSHOT' | 'REALTIME'

export const maxUnits = 30

interface Spelling {
  /** What stands between the four numbers of a unit: ask price, bid price, ask size, bid size. */
  unit: readonly [string, string, string, string]
  price: (value: number) => string
  size: (value: number) => string
}

const longUnit = ['{"ask_price":', ',"bid_price":', ',"ask_size":', ',"bid_size":'] as const
const shortUnit = ['{"ap":', ',"bp":', ',"as":', ',"bs":'] as const

/** Seen in captures of 2026: in DEFAULT frames it is the prices that are doubles, in SIMPLE frames the sizes. */
const spellings: Readonly<Record<'long' | 'short', Readonly<Record<'plain' | 'exponent', Spelling>>>> = {
  long: {
    plain: { unit: longUnit, price: plainNumber, size: decimal8 },
    exponent: { unit: longUnit, price: javaDouble, size: decimal8 },
  },
  short: {
    plain: { unit: shortUnit, price: plainNumber, size: decimal8 },
    exponent: { unit: shortUnit, price: plainNumber, size: javaDouble },
  },
}

/** Long name, short name, and the value in JSON. */
type Field = readonly [string, string, string]

/** A row of `GET /v1/orderbook`, of a book `count` levels deep, in the order of keys that was captured. */
export function orderbookRow(code: string, { bids, asks, changedAtMs }: MarketBook, count: number, wire: UpbitWire): string {
  const length = wire.hasZeroSlots ? 2 * count : Math.max(bids.length, asks.length)
  const price = wire.exponentNumbers ? javaDouble : plainNumber
  let units = ''
  for (let i = 0; i < length; i += 2) {
    units +=
      `${i === 0 ? '' : ','}{"bid_price":${price(bids[i] ?? 0)},"bid_size":${decimal8(bids[i + 1] ?? 0)},` +
      `"ask_price":${price(asks[i] ?? 0)},"ask_size":${decimal8(asks[i + 1] ?? 0)}}`
  }
  return (
    `{"market":"${code}","timestamp":${changedAtMs},"total_ask_size":${decimal8(totalSize(asks, length))},` +
    `"total_bid_size":${decimal8(totalSize(bids, length))},"orderbook_units":[${units}],"level":0}`
  )
}

/** The first `depth` levels of a book as one frame. */
export function orderbookFrame(
  code: string,
  { bids, asks, changedAtMs }: MarketBook,
  depth: number,
  format: UpbitFormat,
  streamType: UpbitStreamType,
  wire: UpbitWire,
): string {
  const { unit, price, size } = spellings[isShort(format) ? 'short' : 'long'][wire.exponentNumbers ? 'exponent' : 'plain']
  const length = wire.hasZeroSlots ? 2 * depth : Math.min(2 * depth, Math.max(bids.length, asks.length))
  let units = ''
  for (let i = 0; i < length; i += 2) {
    if (i > 0) units += ','
    units += `${unit[0]}${price(asks[i] ?? 0)}${unit[1]}${price(bids[i] ?? 0)}`
    units += `${unit[2]}${size(asks[i + 1] ?? 0)}${unit[3]}${size(bids[i + 1] ?? 0)}}`
  }
  return frame(format, [
    ['type', 'ty', '"orderbook"'],
    ['code', 'cd', `"${code}"`],
    ['timestamp', 'tms', String(changedAtMs)],
    ['total_ask_size', 'tas', size(totalSize(asks, length))],
    ['total_bid_size', 'tbs', size(totalSize(bids, length))],
    ['orderbook_units', 'obu', `[${units}]`],
    ['stream_type', 'st', `"${streamType}"`],
    ['level', 'lv', '0'],
  ])
}

/** Of the levels in the first `length` numbers of a side. */
function totalSize(levels: Float64Array, length: number): number {
  let total = 0
  for (let i = 1; i < length; i += 2) total += levels[i] ?? 0
  return total
}

/** A row of `GET /v1/trades/ticks`. The day's opening price stands for the close of the day before. */
export function tradeRow(code: string, trade: PublicTrade, { openPrice }: DayStats): string {
  const { date, time } = utcOf(trade.atMs)
  return (
    `{"market":"${code}","trade_date_utc":"${date}","trade_time_utc":"${time}","timestamp":${trade.atMs},` +
    `"trade_price":${plainNumber(trade.price)},"trade_volume":${decimal8(trade.size)},` +
    `"prev_closing_price":${plainNumber(openPrice)},"change_price":${signed(trade.price - openPrice, plainNumber)},` +
    `"ask_bid":"${askOrBid(trade.takerSide)}","sequential_id":${sequentialId(trade.id)}}`
  )
}

export function tradeFrame(
  code: string,
  trade: PublicTrade,
  { openPrice }: DayStats,
  { bids, asks }: MarketBook,
  format: UpbitFormat,
  streamType: UpbitStreamType,
): string {
  const { date, time } = utcOf(trade.atMs)
  return frame(format, [
    ['type', 'ty', '"trade"'],
    ['code', 'cd', `"${code}"`],
    ['timestamp', 'tms', String(trade.atMs)],
    ['trade_date', 'td', `"${date}"`],
    ['trade_time', 'ttm', `"${time}"`],
    ['trade_timestamp', 'ttms', String(trade.atMs)],
    ['trade_price', 'tp', plainNumber(trade.price)],
    ['trade_volume', 'tv', decimal8(trade.size)],
    ['ask_bid', 'ab', `"${askOrBid(trade.takerSide)}"`],
    ['prev_closing_price', 'pcp', plainNumber(openPrice)],
    ['change', 'c', `"${changeOf(trade.price, openPrice)}"`],
    ['change_price', 'cp', plainNumber(Math.abs(trade.price - openPrice))],
    ['sequential_id', 'sid', sequentialId(trade.id)],
    ['best_ask_price', 'bap', plainNumber(asks[0] ?? 0)],
    ['best_ask_size', 'bas', decimal8(asks[1] ?? 0)],
    ['best_bid_price', 'bbp', plainNumber(bids[0] ?? 0)],
    ['best_bid_size', 'bbs', decimal8(bids[1] ?? 0)],
    ['stream_type', 'st', `"${streamType}"`],
  ])
}

/** A row of `GET /v1/ticker`. */
export function tickerRow(code: string, stats: DayStats): string {
  const korean = utcOf(stats.lastAtMs + koreanOffsetMs)
  const { date, time } = utcOf(stats.lastAtMs)
  return object('DEFAULT', [
    ['market', '', `"${code}"`],
    ['trade_date', '', `"${withoutMarks(date)}"`],
    ['trade_time', '', `"${withoutMarks(time)}"`],
    ['trade_date_kst', '', `"${withoutMarks(korean.date)}"`],
    ['trade_time_kst', '', `"${withoutMarks(korean.time)}"`],
    ['trade_timestamp', '', String(stats.lastAtMs)],
    ...dayFields(stats),
    ['timestamp', '', String(stats.lastAtMs)],
  ])
}

export function tickerFrame(code: string, stats: DayStats, format: UpbitFormat, streamType: UpbitStreamType): string {
  const { date, time } = utcOf(stats.lastAtMs)
  return frame(format, [
    ['type', 'ty', '"ticker"'],
    ['code', 'cd', `"${code}"`],
    ...dayFields(stats),
    ['ask_bid', 'ab', `"${askOrBid(stats.lastTakerSide)}"`],
    ['trade_date', 'tdt', `"${withoutMarks(date)}"`],
    ['trade_time', 'ttm', `"${withoutMarks(time)}"`],
    ['trade_timestamp', 'ttms', String(stats.lastAtMs)],
    ['acc_ask_volume', 'aav', decimal8(stats.sellVolume)],
    ['acc_bid_volume', 'abv', decimal8(stats.buyVolume)],
    ['market_state', 'ms', '"ACTIVE"'],
    ['is_trading_suspended', 'its', 'false'],
    ['delisting_date', 'dd', 'null'],
    ['market_warning', 'mw', '"NONE"'],
    ['timestamp', 'tms', String(stats.lastAtMs)],
    ['stream_type', 'st', `"${streamType}"`],
  ])
}

/**
 * What a ticker says of the day. The simulated market remembers 24 hours: they stand for the day since 00:00 UTC and for the 52 weeks too,
 * and their opening price for the close of the day before.
 */
function dayFields(stats: DayStats): Field[] {
  const { openPrice, lastPrice } = stats
  const changePrice = lastPrice - openPrice
  const changeRate = openPrice > 0 ? changePrice / openPrice : 0
  const today = `"${utcOf(stats.lastAtMs).date}"`
  return [
    ['opening_price', 'op', plainNumber(openPrice)],
    ['high_price', 'hp', plainNumber(stats.highPrice)],
    ['low_price', 'lp', plainNumber(stats.lowPrice)],
    ['trade_price', 'tp', plainNumber(lastPrice)],
    ['prev_closing_price', 'pcp', plainNumber(openPrice)],
    ['change', 'c', `"${changeOf(lastPrice, openPrice)}"`],
    ['change_price', 'cp', plainNumber(Math.abs(changePrice))],
    ['change_rate', 'cr', Math.abs(changeRate).toFixed(10)],
    ['signed_change_price', 'scp', signed(changePrice, plainNumber)],
    ['signed_change_rate', 'scr', signed(changeRate, (rate) => rate.toFixed(10))],
    ['trade_volume', 'tv', decimal8(stats.lastSize)],
    ['acc_trade_price', 'atp', decimal8(stats.quoteVolume)],
    ['acc_trade_price_24h', 'atp24h', decimal8(stats.quoteVolume)],
    ['acc_trade_volume', 'atv', decimal8(stats.volume)],
    ['acc_trade_volume_24h', 'atv24h', decimal8(stats.volume)],
    ['highest_52_week_price', 'h52wp', plainNumber(stats.highPrice)],
    ['highest_52_week_date', 'h52wdt', today],
    ['lowest_52_week_price', 'l52wp', plainNumber(stats.lowPrice)],
    ['lowest_52_week_date', 'l52wdt', today],
  ]
}

const firstSequentialId = 17_510_687_993_360_000n

/** Seventeen digits, as captured: above 2^53, where neighbours read as one double. So it is text until it stands in the JSON. */
function sequentialId(tradeId: number): string {
  return String(firstSequentialId + BigInt(tradeId))
}

/** The trade that a `sequential_id` names. Ids are spelled by `sequentialId`; others name trades that are out of reach. */
export function tradeIdOf(sequential: string): number {
  return Number(BigInt(sequential) - firstSequentialId)
}

export function isShort(format: UpbitFormat): boolean {
  return format === 'SIMPLE' || format === 'SIMPLE_LIST'
}

function frame(format: UpbitFormat, fields: readonly Field[]): string {
  return framed(format, object(format, fields))
}

export function framed(format: UpbitFormat, text: string): string {
  return format === 'JSON_LIST' || format === 'SIMPLE_LIST' ? `[${text}]` : text
}

function object(format: UpbitFormat, fields: readonly Field[]): string {
  const nameIndex = isShort(format) ? 1 : 0
  return `{${fields.map((field) => `"${field[nameIndex]}":${field[2]}`).join(',')}}`
}

/** The side of the taker. */
function askOrBid(takerSide: Side): 'ASK' | 'BID' {
  return takerSide === 'sell' ? 'ASK' : 'BID'
}

function changeOf(price: number, previousPrice: number): 'RISE' | 'EVEN' | 'FALL' {
  return price > previousPrice ? 'RISE' : price < previousPrice ? 'FALL' : 'EVEN'
}

function signed(value: number, spell: (magnitude: number) => string): string {
  return value < 0 ? `-${spell(-value)}` : spell(value)
}

const koreanOffsetMs = 9 * 3_600_000

/** `2026-01-05` and `00:00:00`. */
function utcOf(atMs: number): { date: string; time: string } {
  const text = new Date(atMs).toISOString()
  return { date: text.slice(0, 10), time: text.slice(11, 19) }
}

/** `20260105`, `000000`. */
function withoutMarks(text: string): string {
  return text.replaceAll(/[-:]/g, '')
}
