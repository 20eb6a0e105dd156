/** Reads recorded candles and best quotes from disk into plain arrays and checks every cell. The tape market is made from them. */

import { existsSync, readFileSync, statSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { messageOf, OperatingError } from '../base/error.ts'

export interface TapeSettings {
  /**
   * `pair-1m`: one-minute candles of Upbit KRW-BTC and Binance BTCUSDT in one file.
   * `bbo-1s-with-candles`: Upbit's best bid and ask of every second in `file`, Binance's candles in `candlesFile`.
   */
  format: 'pair-1m' | 'bbo-1s-with-candles'
  /** CSV with a header row, gzip or plain; a relative path starts at the repository's root. */
  file: string
  candlesFile?: string | undefined
  /** A window of the recording, ISO times in UTC; all of it where they are left out. */
  from?: string | undefined
  to?: string | undefined
  /** KRW per USDT that stands for the whole tape, in place of the modelled rate. */
  usdKrw?: number | undefined
}

/** One value a minute; NaN where the recording has no row. */
export interface Bars {
  open: Float64Array
  high: Float64Array
  low: Float64Array
  close: Float64Array
  volume: Float64Array
}

/** One value a second; NaN where the recording has no row. */
export interface Quotes {
  bid: Float64Array
  ask: Float64Array
}

export interface TapeData {
  name: string
  /** The window to be played, end excluded; before it lies what an average may look back on. */
  fromMs: number
  toMs: number
  /** The first bar's open, a whole minute, and the first quote's second. */
  firstMs: number
  upbit: Bars | Quotes
  binance: Bars
  usdKrw: number | null
}

const minuteMs = 60_000
const maxMinutes = 366 * 1440
/** On disk, and unzipped: three times a year of candles in both forms. */
const maxFileBytes = 256 * 2 ** 20
/** A month of seconds, or five years of minutes. */
const maxLines = 3_000_000
/** Dozens of columns: a line without an end must not be taken apart. */
const maxLineCharacters = 10_000
const repositoryRoot = resolve(import.meta.dirname, '../..')

type Row = Readonly<Record<string, number>>

interface Table {
  file: string
  rows: { timeMs: number; line: number; cells: Row }[]
}

function invalid(file: string, line: number, column: string, expected: string, was: string): OperatingError {
  return new OperatingError('TAPE_INVALID', `${file}, line ${line}, column ${column}: expected ${expected}, was ${JSON.stringify(was)}`, {
    hint: 'Check that the tape is of the format that the config names; docs/MARKET_MODEL.md lists the columns of each.',
  })
}

function readText(file: string): string {
  const path = resolve(repositoryRoot, file)
  if (!existsSync(path)) {
    throw new OperatingError('TAPE_NOT_FOUND', `no tape at ${path}`, {
      hint: 'Correct tape.file (or tape.candlesFile) in the config; a relative path starts at the repository.',
    })
  }
  try {
    if (statSync(path).size > maxFileBytes) throw new Error(`larger than ${maxFileBytes} bytes`)
    const bytes = readFileSync(path)
    return (bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes, { maxOutputLength: maxFileBytes }) : bytes).toString('utf8')
  } catch (error) {
    throw new OperatingError('TAPE_INVALID', `${file} cannot be read: ${messageOf(error)}`, {
      hint: 'Expected a CSV file, plain or gzip.',
      cause: error,
    })
  }
}

/** An empty cell reads as NaN; anything else must be a number, and not negative. */
function readNumber(file: string, line: number, column: string, text: string): number {
  if (text === '') return NaN
  const value = Number(text)
  if (!Number.isFinite(value) || value < 0) throw invalid(file, line, column, 'a number that is not negative, or an empty cell', text)
  return value
}

function readTable(file: string, columns: readonly string[]): Table {
  const lines = readText(file).split('\n', maxLines)
  const overlong = lines.findIndex((line) => line.length > maxLineCharacters)
  if (overlong >= 0) throw invalid(file, overlong + 1, 'ts_ms', `at most ${maxLineCharacters} characters in a line`, 'more')
  if (lines.length === maxLines) throw invalid(file, maxLines, 'ts_ms', `at most ${maxLines} lines`, 'more')
  const header = (lines[0] ?? '').trim().split(',')
  const needed = ['ts_ms', ...columns]
  for (const column of needed) {
    if (!header.includes(column)) throw invalid(file, 1, column, `a header row that names ${needed.join(', ')}`, header.join(','))
  }
  const places = columns.map((column) => [column, header.indexOf(column)] as const)
  const timePlace = header.indexOf('ts_ms')
  const rows: Table['rows'] = []
  let lastTimeMs = -1
  for (let i = 1; i < lines.length; i++) {
    const text = (lines[i] ?? '').trim()
    if (text === '') continue
    const cells = text.split(',')
    const timeMs = Number(cells[timePlace] ?? '')
    if (!Number.isSafeInteger(timeMs) || timeMs <= lastTimeMs) {
      throw invalid(file, i + 1, 'ts_ms', `a Unix time in ms after ${lastTimeMs}`, cells[timePlace] ?? '')
    }
    lastTimeMs = timeMs
    const values = places.map(([column, place]) => [column, readNumber(file, i + 1, column, cells[place] ?? '')])
    rows.push({ timeMs, line: i + 1, cells: Object.fromEntries(values) as Row })
  }
  if (rows.length === 0) throw invalid(file, 2, 'ts_ms', 'at least one row', '')
  return { file, rows }
}

function emptyArrays<K extends string>(names: readonly K[], length: number): Record<K, Float64Array> {
  return Object.fromEntries(names.map((name) => [name, new Float64Array(length).fill(NaN)])) as Record<K, Float64Array>
}

const candleParts = ['open', 'high', 'low', 'close', 'volume'] as const

/** `columnOf` names the column of each part of a candle. */
function readBars(table: Table, firstMs: number, count: number, columnOf: (part: string) => string): Bars {
  const bars = emptyArrays(candleParts, count)
  for (const { timeMs, line, cells } of table.rows) {
    const index = (timeMs - firstMs) / minuteMs
    if (!Number.isInteger(index)) throw invalid(table.file, line, 'ts_ms', 'a whole minute', String(timeMs))
    if (index < 0 || index >= count) continue
    const part = (name: (typeof candleParts)[number]): number => cells[columnOf(name)] ?? NaN
    const [open, high, low, close] = [part('open'), part('high'), part('low'), part('close')]
    if (Number.isNaN(open + high + low + close)) continue
    if (!(low > 0 && low <= Math.min(open, close) && high >= Math.max(open, close))) {
      throw invalid(table.file, line, columnOf('low'), '0 < low <= open, close <= high', [open, high, low, close].join(' '))
    }
    bars.open[index] = open
    bars.high[index] = high
    bars.low[index] = low
    bars.close[index] = close
    bars.volume[index] = part('volume')
  }
  return bars
}

/** A quote shows from the first whole second at or after its time, never before. */
function readQuotes(table: Table, firstMs: number, count: number): Quotes {
  const quotes = emptyArrays(['bid', 'ask'], count)
  for (const { timeMs, line, cells } of table.rows) {
    const { best_bid: bid = NaN, best_ask: ask = NaN } = cells
    if (!(bid > 0 && bid < ask)) throw invalid(table.file, line, 'best_bid', 'a bid above 0 and below the ask', `${bid} ${ask}`)
    const index = Math.ceil((timeMs - firstMs) / 1000)
    if (index >= 0 && index < count) {
      quotes.bid[index] = bid
      quotes.ask[index] = ask
    }
  }
  return quotes
}

function spanOf(tables: readonly Table[]): { firstMs: number; endMs: number; startMs: number } {
  const startMs = Math.max(...tables.map(({ rows }) => rows[0]?.timeMs ?? 0))
  const endMs = Math.min(...tables.map(({ rows }) => Math.floor((rows.at(-1)?.timeMs ?? 0) / minuteMs) * minuteMs + minuteMs))
  return { firstMs: Math.floor(startMs / minuteMs) * minuteMs, endMs, startMs: Math.ceil(startMs / 1000) * 1000 }
}

/** Throws TAPE_NOT_FOUND, and TAPE_INVALID naming file, line, column and what was expected. */
export function loadTape(settings: TapeSettings): TapeData {
  const { format, file, candlesFile } = settings
  const upbitColumns = candleParts.map((part) => (part === 'volume' ? 'upbit_vol_btc' : `upbit_${part}`))
  const binanceColumns = candleParts.map((part) => (part === 'volume' ? 'binance_vol_btc' : `binance_${part}`))
  const table = readTable(file, format === 'pair-1m' ? [...upbitColumns, ...binanceColumns] : ['best_bid', 'best_ask'])
  const candles = format === 'pair-1m' ? table : readTable(candlesFile ?? '', ['open', 'high', 'low', 'close', 'vol_btc'])
  const { firstMs, endMs, startMs } = spanOf([table, candles])
  const minutes = (endMs - firstMs) / minuteMs
  if (minutes < 1 || minutes > maxMinutes) throw invalid(file, 2, 'ts_ms', `1 to ${maxMinutes} minutes in common`, String(minutes))
  const fromMs = Math.max(startMs, settings.from === undefined ? startMs : Date.parse(settings.from))
  const toMs = Math.min(endMs, settings.to === undefined ? endMs : Date.parse(settings.to))
  if (fromMs >= toMs) {
    throw new OperatingError('TAPE_INVALID', `${file} has nothing from ${settings.from ?? 'its start'} to ${settings.to ?? 'its end'}`, {
      hint: `It covers ${new Date(startMs).toISOString()} to ${new Date(endMs).toISOString()}.`,
    })
  }
  const named = (venue: string) => (part: string) => (part === 'volume' ? `${venue}vol_btc` : `${venue}${part}`)
  return {
    name: basename(file),
    fromMs,
    toMs,
    firstMs,
    upbit: format === 'pair-1m' ? readBars(table, firstMs, minutes, named('upbit_')) : readQuotes(table, firstMs, minutes * 60),
    binance: readBars(candles, firstMs, minutes, named(format === 'pair-1m' ? 'binance_' : '')),
    usdKrw: settings.usdKrw ?? null,
  }
}
