/** Streaming and robust statistics in bounded memory: histograms, thinned series, trends with a confidence. Pure; the analyzer calls it. */

import { assert } from '../base/assert.ts'
import { theilSenTrend, type TimedValue } from '../base/theil-sen.ts'
import type { Distribution, Trend } from './analysis.ts'

export interface HistogramBin {
  /** Values v with `low` <= v < `high` (by magnitude, so that negative values mirror positive ones). */
  low: number
  high: number
  count: number
}

/** The bins that hold something, in rising order. Plain data. */
export interface Histogram {
  bins: HistogramBin[]
}

const mantissaBits = 7
const shift = 20 - mantissaBits
const smallestMagnitude = 2 ** -14
const greatestMagnitude = 2 ** 60
const double = new Float64Array(1)
const words = new Int32Array(double.buffer)
const zeroKey = keyOfMagnitude(smallestMagnitude) - 1

/** The upper bits of a double are a logarithmic bucket number: 128 buckets to each power of two, without computing a logarithm. */
function keyOfMagnitude(magnitude: number): number {
  double[0] = magnitude
  return (words[1] ?? 0) >>> shift
}

/** The edge of a bucket that is nearest to zero. */
function edgeOf(key: number): number {
  if (key === 0) return 0
  words[0] = 0
  words[1] = (Math.abs(key) + zeroKey) << shift
  return key < 0 ? -(double[0] ?? 0) : (double[0] ?? 0)
}

/** A value's bucket: 0 for everything smaller than about 0.00006, and below it the negative ones. */
function keyOf(value: number): number {
  const magnitude = Math.abs(value)
  if (magnitude < smallestMagnitude) return 0
  const key = keyOfMagnitude(Math.min(magnitude, greatestMagnitude)) - zeroKey
  return value < 0 ? -key : key
}

/**
 * Counts finite values in buckets no wider than 0.8 % of the value, so every percentile is within 1 % of the true one. A percentile is
 * given as its bucket's edge nearest to zero, so whole numbers below 256 and round ones such as 1000 come out exact. Memory grows with
 * the range of the values, never with their number: at most 80 kB.
 */
export class HistogramRecorder {
  #counts = new Uint32Array(0)
  /** Bucket number of `#counts[0]`. */
  #firstKey = 0
  #count = 0
  #sum = 0
  #min = Infinity
  #max = -Infinity

  get count(): number {
    return this.#count
  }

  get mean(): number | null {
    return this.#count === 0 ? null : this.#sum / this.#count
  }

  record(value: number): void {
    // The message is only made where it is needed: this runs tens of millions of times.
    if (!Number.isFinite(value)) assert(false, `a histogram takes finite values, was ${value}`)
    this.#countAt(keyOf(value), 1)
    this.#count++
    this.#sum += value
    if (value < this.#min) this.#min = value
    if (value > this.#max) this.#max = value
  }

  /** Counts all that the other has counted, too. */
  include(other: HistogramRecorder): void {
    if (other.#count === 0) return
    for (const [index, count] of other.#counts.entries()) {
      if (count > 0) this.#countAt(other.#firstKey + index, count)
    }
    this.#count += other.#count
    this.#sum += other.#sum
    this.#min = Math.min(this.#min, other.#min)
    this.#max = Math.max(this.#max, other.#max)
  }

  /** The value at the nearest rank of `fraction` (0 to 1), or null where nothing was recorded. */
  percentile(fraction: number): number | null {
    if (this.#count === 0) return null
    let left = Math.max(1, Math.ceil(fraction * this.#count))
    for (let index = 0; index < this.#counts.length; index++) {
      left -= this.#counts[index] ?? 0
      if (left <= 0) return Math.min(this.#max, Math.max(this.#min, edgeOf(this.#firstKey + index)))
    }
    return this.#max
  }

  distribution(): Distribution | null {
    if (this.#count === 0) return null
    const at = (fraction: number): number => this.percentile(fraction) ?? 0
    return { count: this.#count, mean: this.#sum / this.#count, min: this.#min, p50: at(0.5), p90: at(0.9), p99: at(0.99), max: this.#max }
  }

  histogram(): Histogram | null {
    if (this.#count === 0) return null
    const bins: HistogramBin[] = []
    this.#counts.forEach((count, index) => {
      const key = this.#firstKey + index
      const [low, high] = key < 0 ? [edgeOf(key - 1), edgeOf(key)] : [edgeOf(key), edgeOf(key + 1)]
      if (count > 0) bins.push({ low, high, count })
    })
    return { bins }
  }

  #countAt(key: number, count: number): void {
    if (key < this.#firstKey || key >= this.#firstKey + this.#counts.length) this.#cover(key)
    const index = key - this.#firstKey
    this.#counts[index] = (this.#counts[index] ?? 0) + count
  }

  #cover(key: number): void {
    const spare = 16
    const isEmpty = this.#counts.length === 0
    const first = isEmpty ? key - spare : Math.min(this.#firstKey, key - spare)
    const last = isEmpty ? key + spare : Math.max(this.#firstKey + this.#counts.length - 1, key + spare)
    const counts = new Uint32Array(last - first + 1)
    counts.set(this.#counts, isEmpty ? 0 : this.#firstKey - first)
    this.#counts = counts
    this.#firstKey = first
  }
}

/** `mean` keeps the mean of each stretch (a gauge), `last` its last value (a running total). */
export type Thinning = 'mean' | 'last'

const seriesCapacity = 500

/** At most 500 points however long the run: when full, neighbours are merged and each further point stands for twice as many values. */
export class ThinnedSeries {
  readonly #thinning: Thinning
  readonly #times = new Float64Array(seriesCapacity)
  readonly #values = new Float64Array(seriesCapacity)
  #count = 0
  #stride = 1
  #pendingCount = 0
  #pendingTime = 0
  #pendingValue = 0

  constructor(thinning: Thinning) {
    this.#thinning = thinning
  }

  add(timeMs: number, value: number): void {
    if (this.#pendingCount === 0) {
      this.#pendingTime = timeMs
      this.#pendingValue = 0
    }
    this.#pendingCount++
    this.#pendingValue = this.#thinning === 'mean' ? this.#pendingValue + (value - this.#pendingValue) / this.#pendingCount : value
    if (this.#pendingCount < this.#stride) return
    this.#times[this.#count] = this.#pendingTime
    this.#values[this.#count++] = this.#pendingValue
    this.#pendingCount = 0
    if (this.#count === seriesCapacity) this.#merge()
  }

  /** Oldest first; the last point may stand for fewer values than the others. */
  points(): [timeMs: number, value: number][] {
    const points: [number, number][] = []
    for (let i = 0; i < this.#count; i++) points.push([this.#times[i] ?? 0, this.#values[i] ?? 0])
    if (this.#pendingCount > 0) points.push([this.#pendingTime, this.#pendingValue])
    return points
  }

  #merge(): void {
    for (let i = 0; i < seriesCapacity / 2; i++) {
      const left = this.#values[2 * i] ?? 0
      const right = this.#values[2 * i + 1] ?? 0
      this.#times[i] = this.#times[2 * i] ?? 0
      this.#values[i] = this.#thinning === 'mean' ? (left + right) / 2 : right
    }
    this.#count = seriesCapacity / 2
    this.#stride *= 2
  }
}

const leastTrendPoints = 8

/** Standard normal quantile of 0.975. */
const z95 = 1.959963984540054

/** Theil-Sen slope with its 95 % confidence interval; all null below eight points or within one instant. At most 500 points. */
export function trendOf(points: readonly TimedValue[]): Trend {
  assert(points.length <= seriesCapacity, `a trend takes at most ${seriesCapacity} points, was ${points.length}`)
  const found = points.length < leastTrendPoints ? null : theilSenTrend(points, z95)
  const finite = (value: number | undefined): number | null => (value !== undefined && Number.isFinite(value) ? value : null)
  return {
    slopePerHour: finite(found?.slopePerHour),
    lowPerHour: finite(found?.lowPerHour),
    highPerHour: finite(found?.highPerHour),
    pointCount: points.length,
  }
}
