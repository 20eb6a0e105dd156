/** One line of a log, as read: an event of the schema, or the text of anything else. The only place where log input is checked. */

import { areLatencyBuckets } from '../base/latency-histogram.ts'
import type { LogEvent } from '../model/event.ts'

/** A century. */
const maxAgeMs = 3.2e12

export type LogName = 'application' | 'trading' | 'metrics'

/** A line that is no event of the schema: what the process printed raw, or a broken line. */
export class RawLine {
  readonly log: LogName
  /** Event time of the last event before it in the same file. */
  readonly timeMs: number
  readonly text: string

  constructor(log: LogName, timeMs: number, text: string) {
    this.log = log
    this.timeMs = timeMs
    this.text = text
  }
}

/**
 * The event in `text`, or null where it is none. Checked is only what a reader could trip over: a whole time up to `maxTimeMs` (a
 * broken time far ahead would hold back all lines behind it), a name, and the strings and lists that the rules take apart. A number
 * that is missing makes comparisons false, and an unknown event is an event that no rule knows.
 */
export function parseLogLine(text: string, maxTimeMs: number): LogEvent | null {
  if (!text.startsWith('{')) return null
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // A line that is not JSON is what this function exists to tell apart.
    return null
  }
  if (!isRecord(value) || !Number.isSafeInteger(value.time) || typeof value.event !== 'string') return null
  if ((value.time as number) > maxTimeMs || !hasShapeOfItsEvent(value.event, value)) return null
  return value as unknown as LogEvent
}

/** What rules count with, or put into words: JSON has objects that break whoever adds or prints them, `{"toString":1}` for one. */
const scalars: ReadonlyMap<string, readonly string[]> = new Map([
  ['loops', ['loopCount', 'openTrades', 'staleSymbols']],
  ['process', ['rssBytes']],
  ['feed', ['venue', 'reconnects', 'openSockets', 'liveSockets']],
  ['guard-decided', ['suppressedCount']],
  ['order-filled', ['tradeId', 'quantity', 'notional', 'fxKrwPerUsdt']],
  ['unwind', ['tradeId', 'excessQuantity']],
  ['entry', ['tradeId']],
  ['entry-failed', ['tradeId']],
  ['exit', ['tradeId']],
])
const scalarsOfQuote = ['bidA', 'askA', 'bidB', 'askB', 'fx', 'quoteAgeMs']
const scalarsOfTrade = ['tradeId', 'quantity', 'notionalKrw']

function hasShapeOfItsEvent(name: string, value: Record<string, unknown>): boolean {
  if (!areScalars(value, scalars.get(name) ?? [])) return false
  switch (name) {
    case 'loops':
      return areNumbers(value.periodsMs) && areAllOfSymbols(value.quotes) && areQuotes(value.quotes)
    case 'latency':
      return areLatencyBuckets(value.buckets, value.maxUs)
    case 'session-opened':
      return areAllOfSymbols(value.openTrades) && value.openTrades.every(isTrade)
    case 'guard-decided':
      return typeof value.symbol === 'string' && (typeof value.reason === 'string' || value.reason === null)
    case 'feed-stale':
      return typeof value.symbol === 'string' && typeof value.reason === 'string'
    case 'entry':
    case 'entry-failed':
    case 'exit':
    case 'feed-recovered':
      return typeof value.symbol === 'string'
    case 'unwind':
      return typeof value.symbol === 'string' && isLeg(value.leg)
    case 'order-filled':
      return typeof value.symbol === 'string' && typeof value.instrument === 'string' && isLeg(value.leg)
    default:
      return true
  }
}

/** A rule keeps books by leg. */
function isLeg(value: unknown): boolean {
  return value === 'a' || value === 'b'
}

function areScalars(fields: Record<string, unknown>, names: readonly string[]): boolean {
  return names.every((name) => !isRecord(fields[name]))
}

function isTrade(trade: Record<string, unknown>): boolean {
  return areScalars(trade, scalarsOfTrade) && (!isRecord(trade.excess) || areScalars(trade.excess, ['a', 'b']))
}

function areNumbers(values: unknown): boolean {
  return Array.isArray(values) && values.every((value) => typeof value === 'number' || value === null)
}

/** A quote that is older than time itself would be reported as stale since then. */
function areQuotes(quotes: readonly Record<string, unknown>[]): boolean {
  return quotes.every((quote) => areScalars(quote, scalarsOfQuote) && Math.abs(Number(quote.quoteAgeMs)) <= maxAgeMs)
}

function areAllOfSymbols(value: unknown): value is Record<string, unknown>[] {
  return Array.isArray(value) && value.every((item) => isRecord(item) && typeof item.symbol === 'string')
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
