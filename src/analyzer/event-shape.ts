/** Checks the fields of a log line that figures are made of: a line that lacks one counts for nothing. The analyzer's own. */

import type { LogEvent } from '../model/event.ts'

/** What Date can show; it throws beyond. */
export const maxTimeMs = 8.64e15
/** Symbols, reasons and states are words; a text is kept, so it has an end. */
const maxTextLength = 200

type Check = (value: unknown) => boolean

export const isTime: Check = (value) => typeof value === 'number' && value >= 0 && value <= maxTimeMs
export const isText = (value: unknown): value is string => typeof value === 'string' && value.length <= maxTextLength
const isNumber: Check = (value) => typeof value === 'number' && Number.isFinite(value)
const isNumberOrNull: Check = (value) => value === null || isNumber(value)
const isCount: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0
const isTextOrNull: Check = (value) => value === null || isText(value)
const areTexts: Check = (value) => Array.isArray(value) && value.every(isText)
const areAmounts: Check = (value) => typeof value === 'object' && value !== null && Object.values(value).every(isText)

/** By event; what is not listed is left to whoever reads it, and makes it throw. */
const shapes: Partial<Record<LogEvent['event'], Readonly<Record<string, Check>>>> = {
  'engine-started': { attempt: isCount, symbols: areTexts, startAtMs: isTime, endAtMs: isTime, loopIntervalMs: isNumber },
  'engine-stopped': { reason: isText, loops: isCount },
  'session-opened': { schema: isNumber },
  'guard-drilled': { refused: areTexts, allowed: areTexts },
  'guard-decided': { symbol: isText, outcome: isText, reason: isTextOrNull, suppressedCount: isCount },
  'order-done': { symbol: isText, status: isText },
  unwind: { symbol: isText },
  entry: { symbol: isText, netEdgeBps: isNumber },
  'entry-failed': { symbol: isText, realised: areAmounts },
  exit: { symbol: isText, reason: isText, holdingMs: isNumber, realised: areAmounts },
  'feed-stale': { symbol: isText, reason: isText },
  'feed-recovered': { symbol: isText },
  'circuit-opened': { venue: isText },
  'circuit-closed': { venue: isText },
  process: { rssBytes: isNumber, heapUsedBytes: isNumber, heapAfterGcBytes: isNumberOrNull, loopCpuMeanMs: isNumberOrNull },
}

export function hasShapeOfItsEvent(name: LogEvent['event'], fields: Readonly<Record<string, unknown>>): boolean {
  return Object.entries(shapes[name] ?? {}).every(([field, check]) => check(fields[field]))
}
