/** Lets one checker see a whole log, for the tests of checkers. */

import type { TradingEvent } from '../model/event.ts'
import type { Checker } from './checker.ts'

/** Its violations, in one text. */
export function violationsOf(checker: Checker, events: readonly TradingEvent[]): string {
  for (const event of events) checker.observe(event)
  return checker.finish().violations.join('\n')
}
