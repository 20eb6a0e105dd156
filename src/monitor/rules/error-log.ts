/** Rule `error-log`: an error in the logs, a stack trace that the process printed raw, or a warning of Node's. For the monitor. */

import type { LogEvent } from '../../model/event.ts'
import type { LogName, RawLine } from '../log-line.ts'
import { excerpt, type Rule, type RuleContext } from '../rule.ts'

/** Equal errors less than this apart are one occurrence: a symbol that fails in each loop is one finding, not thousands. */
const occurrenceGapMs = 60_000
const maxKnownErrors = 500
const maxEvidenceLines = 10

/**
 * How errors look that are not events of the schema: Node's process warnings; JavaScript's, Java's and Python's exceptions; Go's and
 * Rust's panics; V8's and the shell's last words; and a level that says so, in plain text or in some other JSON.
 */
const troublePatterns: readonly RegExp[] = [
  /^\(node:\d+\) .*Warning\b/,
  /^(?:Uncaught )?[\w$.]*(?:Error|Exception)(?: \[\w+\])?(?::|$)/,
  /^Traceback \(most recent call last\)/,
  /\b(?:uncaught|unhandled)[ -]?(?:promise ?)?(?:exception|rejection|error)/i,
  /^Exception in thread /,
  /^panic: |^fatal error: |^thread '.*' panicked at /,
  /\bsegmentation fault\b|\bout of memory\b/i,
  /\b(?:ERROR|FATAL|CRITICAL)\b/,
  /"level":\s*"(?:error|fatal)"/,
]

/** Lines that go on with the trace before them, and say nothing by themselves. */
const continuation = /^(?:\s|Node\.js v|\(Use `node |Caused by: |During handling of |The above exception |goroutine |$)/

/** A stack frame of JavaScript, Java or Python, for traces whose first line does not look like one. */
const stackFrame = /^\s+(?:at \S|File ".*", line \d)/

/** Whether a raw line starts a stack trace, or says by itself that something failed. */
export function isTrouble(text: string): boolean {
  return troublePatterns.some((pattern) => pattern.test(text))
}

interface Trace {
  /** Whether its error is still to come: Python names it at the end. */
  isHeadless: boolean
  evidence: string[]
}

export class ErrorLogRule implements Rule {
  readonly #context: RuleContext
  /** When each error was last seen, oldest first. */
  readonly #lastSeenMs = new Map<string, number>()
  readonly #openTraces = new Map<LogName, Trace>()
  readonly #lastRaw = new Map<LogName, string>()
  #isRawRaised = false

  constructor(context: RuleContext) {
    this.#context = context
  }

  observe(event: LogEvent): void {
    if (event.level !== 'error' && event.level !== 'fatal') return
    const message = 'message' in event && typeof event.message === 'string' ? event.message : event.event
    const symbol = 'symbol' in event && typeof event.symbol === 'string' ? excerpt(event.symbol) : null
    const stack = 'stack' in event && typeof event.stack === 'string' ? event.stack.split('\n', maxEvidenceLines) : []
    this.#occur(symbol, event.time, event.event, message, stack.length > 0 ? stack.map(excerpt) : [excerpt(JSON.stringify(event))])
  }

  observeRaw(line: RawLine): void {
    const { log, text, timeMs } = line
    const before = this.#lastRaw.get(log)
    this.#lastRaw.set(log, text)
    const trace = this.#openTraces.get(log)
    if (trace && (continuation.test(text) || (trace.isHeadless && isTrouble(text)))) {
      if (trace.evidence.length < maxEvidenceLines) trace.evidence.push(excerpt(text))
      if (!continuation.test(text)) trace.isHeadless = false
      return
    }
    this.#openTraces.delete(log)
    const isFrame = stackFrame.test(text)
    if (!isFrame && !isTrouble(text)) {
      this.#observeOther(line)
      return
    }
    const evidence = isFrame && before !== undefined ? [excerpt(before), excerpt(text)] : [excerpt(text)]
    this.#openTraces.set(log, { isHeadless: text.startsWith('Traceback'), evidence })
    this.#occur(null, timeMs, `${log}.log`, evidence[0] ?? '', evidence)
  }

  #observeOther({ log, text, timeMs }: RawLine): void {
    const atMs = this.#judgedAt(timeMs)
    if (this.#isRawRaised || atMs === null) return
    this.#isRawRaised = true
    this.#context.raise({
      symbol: null,
      atMs,
      sinceMs: atMs,
      message: `${log}.log has lines that are no events`,
      cause: excerpt(text),
      evidence: [excerpt(text)],
      isHarmless: true,
    })
  }

  #occur(symbol: string | null, timeMs: number, source: string, message: string, evidence: string[]): void {
    const atMs = this.#judgedAt(timeMs)
    if (atMs === null) return
    const cause = excerpt(message)
    const key = `${symbol} ${source} ${cause.replace(/\d+/g, '#')}`
    const lastMs = this.#lastSeenMs.get(key)
    this.#lastSeenMs.delete(key)
    this.#lastSeenMs.set(key, atMs)
    for (const oldest of this.#lastSeenMs.keys()) {
      if (this.#lastSeenMs.size <= maxKnownErrors) break
      this.#lastSeenMs.delete(oldest)
    }
    if (lastMs !== undefined && atMs - lastMs < occurrenceGapMs) return
    const where = symbol === null ? '' : ` on ${symbol}`
    this.#context.raise({ symbol, atMs, sinceMs: atMs, message: `${source}${where}: ${cause}`, cause, evidence })
  }

  /** What went wrong before the first loop was due counts as of then; null in the grace period. */
  #judgedAt(timeMs: number): number | null {
    const { startAtMs, judgedFromMs } = this.#context
    const atMs = Math.max(timeMs, startAtMs)
    return atMs < judgedFromMs ? null : atMs
  }
}
