/** Counts latencies in whole microseconds, in buckets that grow with the value: bounded memory, mergeable, sparse in a log. Pure. */

import { assert } from './assert.ts'

/** Each power of two from 64 µs up has so many buckets; below that each microsecond has its own. */
const bucketsPerOctave = 64
const linearBits = 6
/** 2^32 µs is over an hour: longer latencies count as this long. */
const octaves = 32 - linearBits
const maxUs = 2 ** 32 - 1

/** Lowest latency of a bucket in microseconds, and how many latencies it holds. */
export type LatencyBucket = [lowUs: number, count: number]

/**
 * A bucket is at most 1/64 as wide as its lowest value, and a percentile is given as its bucket's highest value: never below the true
 * one, and at most 1.6 % above it. At most 1,728 buckets, 14 kB.
 */
export class LatencyHistogram {
  readonly #counts = new Float64Array(bucketsPerOctave * (octaves + 1))
  #count = 0
  #maxUs = 0

  get count(): number {
    return this.#count
  }

  /** Exact, up to the last microsecond. */
  get maxUs(): number {
    return this.#maxUs
  }

  /** A fraction of a microsecond counts as a whole one. */
  record(latencyUs: number): void {
    assert(latencyUs >= 0, `a latency is not negative, was ${latencyUs} µs`)
    const wholeUs = Math.min(Math.ceil(latencyUs), maxUs)
    this.#add(bucketOf(wholeUs), 1)
    this.#maxUs = Math.max(this.#maxUs, wholeUs)
  }

  /** Counts what another has counted, from what it gave out; all of it or, where it is not that, nothing. */
  include(buckets: readonly Readonly<LatencyBucket>[], otherMaxUs: number): void {
    assert(areLatencyBuckets(buckets, otherMaxUs), 'not the buckets and the maximum of a latency histogram')
    for (const [lowUs, count] of buckets) this.#add(bucketOf(lowUs), count)
    this.#maxUs = Math.max(this.#maxUs, otherMaxUs)
  }

  /** The latency at the nearest rank of `fraction` (0 to 1) in microseconds; null where nothing was recorded. */
  percentile(fraction: number): number | null {
    if (this.#count === 0) return null
    let left = Math.max(1, Math.ceil(fraction * this.#count))
    const bucket = this.#counts.findIndex((count) => (left -= count) <= 0)
    return bucket < 0 ? this.#maxUs : Math.min(this.#maxUs, lowOf(bucket + 1) - 1)
  }

  /** Those that hold something, rising. */
  buckets(): LatencyBucket[] {
    const buckets: LatencyBucket[] = []
    this.#counts.forEach((count, bucket) => {
      if (count > 0) buckets.push([lowOf(bucket), count])
    })
    return buckets
  }

  clear(): void {
    this.#counts.fill(0)
    this.#count = 0
    this.#maxUs = 0
  }

  #add(bucket: number, count: number): void {
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + count
    this.#count += count
  }
}

/** Whether this is what a histogram gave out: for readers of logs. */
export function areLatencyBuckets(buckets: unknown, longestUs: unknown): boolean {
  if (typeof longestUs !== 'number' || !(longestUs >= 0 && longestUs <= maxUs) || !Array.isArray(buckets)) return false
  return buckets.every((bucket: unknown) => {
    if (!Array.isArray(bucket)) return false
    const [lowUs, count] = bucket as unknown[]
    return typeof lowUs === 'number' && lowOf(bucketOf(lowUs)) === lowUs && Number.isSafeInteger(count) && Number(count) > 0
  })
}

/** The leading seven bits of the value say which bucket it is in; the power of two below it says how many bits there are to the right. */
function bucketOf(wholeUs: number): number {
  const octave = Math.max(0, 31 - Math.clz32(wholeUs) - linearBits)
  return octave * bucketsPerOctave + Math.floor(wholeUs / 2 ** octave)
}

function lowOf(bucket: number): number {
  const octave = Math.max(0, Math.floor(bucket / bucketsPerOctave) - 1)
  return (bucket - octave * bucketsPerOctave) * 2 ** octave
}
