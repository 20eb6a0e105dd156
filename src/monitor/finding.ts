/** What a monitor rule (or the supervisor) found: which rule, when in event time, on what symbol, why, and whether it stops the run. */

export type Severity = 'info' | 'warn' | 'error'

/** Why there were no entries. */
export type NoEntryCause = 'no-opportunity' | 'guard-blocking' | 'stale-feed' | 'engine-stuck' | 'missed-opportunity'

export interface Finding {
  /**
   * The rule's name: `no-entry`, `guard-block`, `error-log`, `no-progress`, `stale-feed`, `loop-period`, `feed-latency`, `heap-slope`,
   * `reconnect-leak`, `handle-growth`, `live-sockets`, `loop-time-trend`, `event-loop-delay`, `log-volume`, `unhedged`, `fx-frozen`,
   * `engine-exited`.
   */
  rule: string
  severity: Severity
  aborts: boolean
  /** Null where it concerns all. */
  symbol: string | null
  /** Event time at which the rule's condition was first met in full. */
  atMs: number
  /** Event time since which the condition lasts. */
  sinceMs: number
  /** One sentence for people. */
  message: string
  /** The cause in one word or two, for machines: a NoEntryCause, a BlockReason, an error's first line. */
  cause: string
  /** A few log lines or figures that prove it; at most ten. */
  evidence: string[]
}
