/** The trend of a few noisy points and how sure it is: Theil-Sen's median slope with Sen's confidence limit. For the monitor's rules. */

export interface TrendPoint {
  timeMs: number
  value: number
}

export interface TheilSenTrend {
  /** Median of the slopes between all pairs of points, per hour. */
  slopePerHour: number
  /** Lower end of the two-sided 99 % confidence interval, per hour. */
  lowPerHour: number
}

const hourMs = 3_600_000
/** 99.5 % quantile of the normal distribution. A rule looks again at each new point, so 95 % would be passed by chance too often. */
const normalQuantile = 2.5758

/**
 * P. K. Sen, "Estimates of the regression coefficient based on Kendall's tau" (1968): the limit is the pairwise slope whose rank lies
 * half of quantile x standard deviation of Kendall's S from the middle. The square of the number of points in time: keep them few.
 * Null for less than two distinct times.
 */
export function theilSenTrend(points: readonly TrendPoint[]): TheilSenTrend | null {
  const slopes: number[] = []
  for (const [index, later] of points.entries()) {
    for (let i = 0; i < index; i++) {
      const earlier = points[i]
      if (earlier && later.timeMs !== earlier.timeMs) {
        slopes.push((later.value - earlier.value) / ((later.timeMs - earlier.timeMs) / hourMs))
      }
    }
  }
  if (slopes.length === 0) return null
  const sorted = Float64Array.from(slopes).sort()
  const count = points.length
  const deviation = Math.sqrt((count * (count - 1) * (2 * count + 5)) / 18)
  const lowRank = Math.floor((sorted.length - normalQuantile * deviation) / 2) - 1
  const middle = sorted.length / 2
  const median = ((sorted[Math.ceil(middle) - 1] ?? 0) + (sorted[Math.floor(middle)] ?? 0)) / 2
  return { slopePerHour: median, lowPerHour: sorted[lowRank] ?? Number.NEGATIVE_INFINITY }
}
