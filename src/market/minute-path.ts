/** Prices inside one recorded minute, ten a second: what a candle leaves open, filled in. Pure; the tape market calls it. */

import type { Prng } from '../base/prng.ts'
import type { Bars, Quotes } from './tape.ts'

export const stepsPerMinute = 600
const stepsPerSecond = 10
/** The mean range of a Brownian motion over unit time: sqrt(8 / pi) (Feller 1951). */
const meanBrownianRange = Math.sqrt(8 / Math.PI)
/** A path is stretched towards the candle's high or low by no more than this: one lucky step should not become a spike. */
const maxStretch = 2

/** The distance of a Brownian bridge from its chord, as a fraction of the range expected: 0 at the minute's start. */
export function minuteShape(prng: Prng): Float64Array {
  const shape = new Float64Array(stepsPerMinute)
  let walk = 0
  for (let k = 1; k < stepsPerMinute; k++) {
    walk += prng.gaussian()
    shape[k] = walk
  }
  const end = walk + prng.gaussian()
  const scale = 1 / (meanBrownianRange * Math.sqrt(stepsPerMinute))
  return shape.map((value, k) => scale * (value - (end * k) / stepsPerMinute))
}

/** Recorded mid prices of a minute, each held until the next that was recorded; null where there is none. */
export function quotedPath({ bid, ask }: Quotes, minute: number): Float64Array | null {
  const seconds = Float64Array.from({ length: 60 }, (_, second) => {
    const index = minute * 60 + second
    return ((bid[index] ?? NaN) + (ask[index] ?? NaN)) / 2
  })
  let held = seconds.find((mid) => !Number.isNaN(mid))
  if (held === undefined) return null
  const path = new Float64Array(stepsPerMinute)
  for (let k = 0; k < stepsPerMinute; k++) {
    const mid = seconds[Math.floor(k / stepsPerSecond)] ?? NaN
    if (!Number.isNaN(mid)) held = mid
    path[k] = held
  }
  return path
}

/** A path's distance from its chord, as a fraction of its range. */
export function shapeOf(path: Float64Array): Float64Array {
  const first = path[0] as number
  const change = (path[stepsPerMinute - 1] as number) - first
  const range = path.reduce((most, value) => Math.max(most, value), first) - path.reduce((least, value) => Math.min(least, value), first)
  return path.map((value, k) => (range === 0 ? 0 : (value - first - (change * k) / stepsPerMinute) / range))
}

function candleAt({ open, high, low, close }: Bars, minute: number) {
  return { open: open[minute], high: high[minute], low: low[minute], close: close[minute] }
}

/**
 * From a candle's open towards its close, inside its low and high; null without a candle. The close itself is left to the next minute's
 * open: nothing is shown before the minute has passed.
 */
export function pathInside(bars: Bars, minute: number, shape: Float64Array): Float64Array | null {
  const { open = NaN, high = NaN, low = NaN, close = NaN } = candleAt(bars, minute)
  if (Number.isNaN(open)) return null
  const path = shape.map((value, k) => open + ((close - open) * k) / stepsPerMinute + value * (high - low))
  const top = Math.max(open, close)
  const bottom = Math.min(open, close)
  const highest = path.reduce((most, value) => Math.max(most, value), top)
  const lowest = path.reduce((least, value) => Math.min(least, value), bottom)
  const up = highest > top ? Math.min(maxStretch, (high - top) / (highest - top)) : 0
  const down = lowest < bottom ? Math.min(maxStretch, (bottom - low) / (bottom - lowest)) : 0
  return path.map((value) => (value > top ? top + (value - top) * up : value < bottom ? bottom - (bottom - value) * down : value))
}
