/** Runs every checker over a trading log in one pass; what none of them may do is pass by failing. The report and the CLI call it. */

import { assert } from '../base/assert.ts'
import { messageOf } from '../base/error.ts'
import { schemaVersion, tradingEventNames, type TradingEvent } from '../model/event.ts'
import type { CheckResult } from './analysis.ts'
import type { Checker } from './checker.ts'
import { OpenIds } from './open-ids.ts'
import { BalancesConserved } from './checkers/balances-conserved.ts'
import { EntriesAgree } from './checkers/entries-agree.ts'
import { IdsUnique } from './checkers/ids-unique.ts'
import { LegsPaired } from './checkers/legs-paired.ts'
import { LimitsRespected } from './checkers/limits-respected.ts'
import { NoStaleFill } from './checkers/no-stale-fill.ts'
import { ProfitAgrees } from './checkers/profit-agrees.ts'
import { StoredStateAgrees } from './checkers/stored-state-agrees.ts'
import { VenueAgrees } from './checkers/venue-agrees.ts'
import { parseObject } from './json-object.ts'
import { readLines } from './line-reader.ts'

export function allCheckers(): Checker[] {
  return [
    new BalancesConserved(),
    new LegsPaired(),
    new EntriesAgree(),
    new ProfitAgrees(),
    new LimitsRespected(),
    new NoStaleFill(),
    new IdsUnique(),
    new StoredStateAgrees(),
    new VenueAgrees(),
  ]
}

/** So long a number nobody means, and to reckon with one exactly takes hours: reading a million zeros takes minutes. */
const hugeNumber = /\d{1000}/

/** Every event that a checker may look at. */
const tradingEvents: ReadonlySet<string> = new Set(tradingEventNames)

/**
 * Lines of the other logs, and lines that are no event, are passed over: a trading line lost among them shows as a gap in the numbers.
 * A checker that throws, or a log without a session's first line, gives `unknown`. Throws LOG_UNREADABLE.
 */
export async function runCheckers(tradingLog: string, checkers: readonly Checker[] = allCheckers()): Promise<CheckResult[]> {
  const guarded = checkers.map((checker) => new GuardedChecker(checker))
  const open = new OpenIds()
  await readLines(tradingLog, (bytes, start, end) => {
    const name = nameOf(bytes, start, end)
    if (name !== null && !tradingEvents.has(name)) return
    const text = bytes.toString('utf8', start, end)
    const event = hugeNumber.test(text) ? null : parseObject(text)
    if (event === null || typeof event['event'] !== 'string' || !tradingEvents.has(event['event'])) return
    // Each field that a checker reads is the schema's; one that is missing makes it throw, and its verdict is unknown.
    const known = event as unknown as TradingEvent
    const obstacle = open.observe(known)
    for (const checker of guarded) checker.observe(known, obstacle)
  })
  return guarded.map((checker) => checker.finish(open.hasSession))
}

class GuardedChecker {
  readonly #checker: Checker
  #failure: string | null = null

  constructor(checker: Checker) {
    this.#checker = checker
  }

  observe(event: TradingEvent, obstacle: string | null): void {
    if (this.#failure !== null) return
    this.#attempt(`seq ${JSON.stringify(event.seq)}, ${event.event}`, () => {
      assert(obstacle === null, obstacle ?? '')
      // Checkers keep books by leg: another word for one must not become a name in them, least of all `__proto__`.
      if ('leg' in event) assert(event.leg === 'a' || event.leg === 'b', `leg ${JSON.stringify(event.leg)}`)
      if (event.event === 'session-opened') assert(event.schema === schemaVersion, `schema ${event.schema}, expected ${schemaVersion}`)
      this.#checker.observe(event)
    })
  }

  finish(hasSession: boolean): CheckResult {
    if (!hasSession) this.#failure ??= 'the log has no session-opened'
    let result: CheckResult | null = null
    if (this.#failure === null) this.#attempt('at the end', () => (result = this.#checker.finish()))
    return result ?? { name: this.#checker.name, verdict: 'unknown', examined: `not examined: ${this.#failure ?? ''}`, violations: [] }
  }

  #attempt(where: string, action: () => void): void {
    try {
      action()
    } catch (error) {
      this.#failure = `${where}: ${messageOf(error)}`
    }
  }
}

/** The event's name where it stands near the line's start, so that a line of another log is not parsed for nothing. */
function nameOf(bytes: Buffer, start: number, end: number): string | null {
  return /"event":"([a-z-]+)"/.exec(bytes.toString('latin1', start, Math.min(end, start + 100)))?.[1] ?? null
}
