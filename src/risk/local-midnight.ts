/** The next midnight of a time zone, found from the zone's calendar alone: the risk guard's daily counters reset there. Pure. */

const hourMs = 3_600_000
/** Longer than any local day: 24 hours, one of daylight saving, and 24 where a zone crosses the date line and repeats a date. */
const maxDayMs = 50 * hourMs

/** Throws a RangeError for a name that is no IANA time zone. */
export class LocalMidnight {
  readonly #format: Intl.DateTimeFormat

  constructor(timeZone: string) {
    this.#format = new Intl.DateTimeFormat('en-US', { timeZone, year: 'numeric', month: 'numeric', day: 'numeric' })
  }

  /**
   * The first instant, in whole milliseconds, whose local date is later than that of `atMs`. By the date and not by the clock's 00:00,
   * because daylight saving may skip midnight or bring it twice. About 28 calendar look-ups: once a day, not once a loop.
   */
  nextAfter(atMs: number): number {
    const today = this.#dateAt(atMs)
    let same = atMs
    let later = atMs + maxDayMs
    while (later - same > 1) {
      const middle = Math.floor((same + later) / 2)
      if (this.#dateAt(middle) > today) later = middle
      else same = middle
    }
    return later
  }

  /** The local date as one number that grows with it: 20260105. */
  #dateAt(atMs: number): number {
    let date = 0
    for (const part of this.#format.formatToParts(atMs)) {
      if (part.type === 'year') date += Number(part.value) * 10_000
      if (part.type === 'month') date += Number(part.value) * 100
      if (part.type === 'day') date += Number(part.value)
    }
    return date
  }
}
