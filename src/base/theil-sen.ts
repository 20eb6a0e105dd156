/** The trend of a few noisy points and how sure it is: Theil-Sen's median slope with Sen's limits. Monitor and analyzer call it. */

export type TimedValue = readonly [timeMs: number, value: number]

export interface TheilSenTrend {
  /** Median of the slopes between all pairs of points. */
  slopePerHour: number
  /** Ends of the two-sided confidence interval; infinite with too few points to say. */
  lowPerHour: number
  highPerHour: number
}

const hourMs = 3_600_000

/**
 * P. K. Sen, "Estimates of the regression coefficient based on Kendall's tau" (1968), ties as in Gilbert (1987), section 16.5: the limits
 * are the pairwise slopes whose ranks lie half of `normalQuantile` standard deviations of Kendall's S to either side of the middle. Takes
 * the square of the number of points in time and memory: keep them few. Null for less than two distinct times.
 */
export function theilSenTrend(points: readonly TimedValue[], normalQuantile: number): TheilSenTrend | null {
  const slopes = pairSlopesPerHour(points)
  if (slopes.length === 0) return null
  const spread = normalQuantile * Math.sqrt(varianceOfS(points))
  const at = (rank: number): number | undefined => slopes[rank - 1]
  const middle = (slopes.length + 1) / 2
  return {
    slopePerHour: ((at(Math.floor(middle)) ?? 0) + (at(Math.ceil(middle)) ?? 0)) / 2,
    lowPerHour: at(Math.floor((slopes.length - spread) / 2)) ?? -Infinity,
    highPerHour: at(Math.ceil((slopes.length + spread) / 2) + 1) ?? Infinity,
  }
}

/** Smallest first. */
function pairSlopesPerHour(points: readonly TimedValue[]): Float64Array {
  const slopes = new Float64Array((points.length * (points.length - 1)) / 2)
  let count = 0
  for (const [j, [laterMs, later]] of points.entries()) {
    for (let i = 0; i < j; i++) {
      const [earlierMs, earlier] = points[i] ?? [laterMs, later]
      if (laterMs !== earlierMs) slopes[count++] = (later - earlier) / ((laterMs - earlierMs) / hourMs)
    }
  }
  return slopes.subarray(0, count).sort()
}

/** Of Kendall's S under no trend. */
function varianceOfS(points: readonly TimedValue[]): number {
  const term = (n: number): number => n * (n - 1) * (2 * n + 5)
  const ties = new Map<number, number>()
  for (const [, value] of points) ties.set(value, (ties.get(value) ?? 0) + 1)
  let tied = 0
  for (const count of ties.values()) tied += term(count)
  return (term(points.length) - tied) / 18
}
