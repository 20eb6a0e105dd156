/** Points of a gauge, thinned out as they come, and the trend in them: for the rules that judge whether something grows. */

import { theilSenTrend, type TheilSenTrend, type TimedValue } from '../base/theil-sen.ts'

/** Of a two-sided interval of 99 %. A rule looks again at each new point, so 95 % would be passed by chance too often. */
const normalQuantile = 2.5758
const minPoints = 8
/** Full, every second point goes, so that a trend costs the same at hour twelve as at hour one. */
const maxPoints = 64
/** The trend is told for an hour of whatever the points lie on: of a count it would be so many. */
const unitsPerHour = 3_600_000

export class Growth {
  #points: TimedValue[] = []
  /** Of the points, one in so many is kept. */
  #stride = 1
  #count = 0

  /** `at`: what the gauge may grow with, rising: a time in milliseconds, or a count. True where the point is kept. */
  add(at: number, value: number): boolean {
    if (this.#count++ % this.#stride !== 0) return false
    if (this.#points.length === maxPoints) {
      this.#points = this.#points.filter((_, index) => index % 2 === 0)
      this.#stride *= 2
    }
    this.#points.push([at, value])
    return true
  }

  get points(): readonly TimedValue[] {
    return this.#points
  }

  /** From the first point to the last. */
  get span(): number {
    return (this.#points.at(-1)?.[0] ?? 0) - (this.#points[0]?.[0] ?? 0)
  }

  /** By the hour where points lie on milliseconds. Null with too few points to tell. */
  trend(): TheilSenTrend | null {
    return this.#points.length < minPoints ? null : theilSenTrend(this.#points, normalQuantile)
  }

  /** The slope of one unit of a count, and its lower limit. */
  perCount(): { slope: number; low: number } | null {
    const trend = this.trend()
    return trend && { slope: trend.slopePerHour / unitsPerHour, low: trend.lowPerHour / unitsPerHour }
  }
}
