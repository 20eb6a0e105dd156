/** Gathers a gauge over a run of several attempts and gives its trend after warm-up. The analyzer's own. */

import type { Trend } from './analysis.ts'
import { ThinnedSeries, trendOf } from './statistics.ts'

/** Healthy processes climb to a plateau first: the first quarter of an attempt is not judged, nor more than its first half hour. */
const maxWarmUpMs = 1_800_000

export class TrendRecorder {
  #current = new ThinnedSeries('mean')
  #longest: [timeMs: number, value: number][] = []

  add(timeMs: number, value: number): void {
    this.#current.add(timeMs, value)
  }

  /** A process that starts anew has a new heap: only the attempt with the longest stretch of points is judged. */
  restart(): void {
    this.#longest = this.#longestPoints()
    this.#current = new ThinnedSeries('mean')
  }

  trend(): Trend {
    const points = this.#longestPoints()
    const firstMs = points[0]?.[0] ?? 0
    const lastMs = points.at(-1)?.[0] ?? 0
    const warmUpMs = Math.min(maxWarmUpMs, (lastMs - firstMs) / 4)
    return trendOf(points.filter(([timeMs]) => timeMs >= firstMs + warmUpMs))
  }

  #longestPoints(): [timeMs: number, value: number][] {
    const points = this.#current.points()
    return span(points) >= span(this.#longest) ? points : this.#longest
  }
}

function span(points: readonly (readonly [timeMs: number, value: number])[]): number {
  return (points.at(-1)?.[0] ?? 0) - (points[0]?.[0] ?? 0)
}
