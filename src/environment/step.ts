/** What one step of preparing the environment did, for the console and the report. */

export interface StepReport {
  /** `stop-leftovers`, `reset-state`, `rotate-logs`, `check-runtime`, `start-venues`, `check-venues`, `load-config`. */
  name: string
  status: 'done' | 'skipped' | 'failed'
  /** What was done, in one line: counts and names. */
  detail: string
  /** What to do, where it failed. */
  hint: string | null
  tookMs: number
}
