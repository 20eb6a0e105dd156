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
  if ((value.time as number) > maxTimeMs || !hasShapeOfItsEvent(value)) return null
  return value as unknown as LogEvent
}

function hasShapeOfItsEvent(value: Record<string, unknown>): boolean {
  switch (value.event) {
    case 'loops':
      return areNumbers(value.periodsMs) && areAllOfSymbols(value.quotes) && areQuotes(value.quotes) && areGauges(value)
    case 'process':
    case 'feed':
      return areGauges(value)
    case 'latency':
      return areLatencyBuckets(value.buckets, value.maxUs)
    case 'session-opened':
      return areAllOfSymbols(value.openTrades)
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

/** JSON has objects that break what adds or prints them: no number may be one. */
function areGauges(fields: Record<string, unknown>): boolean {
  return Object.values(fields).every((field) => !isRecord(field) || Array.isArray(field))
}

function areNumbers(values: unknown): boolean {
  return Array.isArray(values) && values.every((value) => typeof value === 'number' || value === null)
}

/** A quote that is older than time itself would be reported as stale since then. */
function areQuotes(quotes: readonly Record<string, unknown>[]): boolean {
  return quotes.every((quote) => areGauges(quote) && Math.abs(Number(quote.quoteAgeMs)) <= maxAgeMs)
}

function areAllOfSymbols(value: unknown): value is Record<string, unknown>[] {
  return Array.isArray(value) && value.every((item) => isRecord(item) && typeof item.symbol === 'string')
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
