/** What every monitor rule is: told of each line and of time passing, it raises findings. For the rules and the monitor. */

import type { RuleSettings } from '../config/schema.ts'
import type { LogEvent } from '../model/event.ts'
import type { Finding } from './finding.ts'
import type { RawLine } from './log-line.ts'

/**
 * Invariant: what a rule raises, and each finding's `atMs`, follows from the lines alone. So a condition that falls due while nothing
 * is logged is raised with the time at which it fell due, however much later `advance` is called.
 */
export interface Rule {
  /** `bytes`: the line's length in its file. */
  observe?(event: LogEvent, nowMs: number, bytes: number): void
  observeRaw?(line: RawLine, bytes: number): void
  /** All lines up to `toMs` have been observed: raises what fell due since the last call, up to and including `toMs`. */
  advance?(toMs: number): void
}

/** A finding without what the rule's settings say. */
export interface RaisedFacts extends Omit<Finding, 'rule' | 'severity' | 'aborts'> {
  /** It is worth knowing and no trouble: severity info, never aborts. */
  isHarmless?: boolean
  /** It is an error, whatever severity the rule is set to; whether it aborts is the settings' all the same. */
  isGrave?: boolean
}

export interface RuleContext {
  settings: RuleSettings
  symbols: readonly string[]
  loopIntervalMs: number
  startAtMs: number
  /** End of the rule's grace period: nothing is raised before. */
  judgedFromMs: number
  raise(facts: RaisedFacts): void
}

/** For messages: `90 s`. */
export function inSeconds(durationMs: number): string {
  return `${Math.round(durationMs / 1000)} s`
}

export function inMinutes(durationMs: number): string {
  return `${Math.round(durationMs / 60_000)} min`
}

export function inMegabytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MB`
}

/** Log text as evidence: one line, bounded. */
export function excerpt(text: string): string {
  const end = text.indexOf('\n')
  return (end < 0 ? text : text.slice(0, end)).slice(0, 300)
}
