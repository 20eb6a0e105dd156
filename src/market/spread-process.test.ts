import { expect, test } from 'vitest'
import { SeededPrng } from '../base/prng.ts'
import { profileOf } from './book-profile.ts'
import { SpreadProcess } from './spread-process.ts'

const seconds = 40_000
const process = new SpreadProcess(profileOf({ venue: 'upbit', base: 'BTC', quote: 'KRW' }), new SeededPrng(1))
const spreads = Array.from({ length: seconds }, () => {
  process.stepSecond()
  return process.bps()
})
const sorted = spreads.toSorted((left, right) => left - right)

function autocorrelation(lag: number): number {
  const mean = spreads.reduce((sum, value) => sum + value, 0) / seconds
  const product = (shift: number): number =>
    spreads.slice(shift).reduce((sum, value, index) => sum + (value - mean) * (spreads[index]! - mean), 0)
  return product(lag) / product(0)
}

test.each([
  [0.25, 0.57],
  [0.5, 2.18],
  [0.9, 7.06],
  [0.99, 11.39],
])('the spread has the recorded quantile at %f: %f bps', (probability, recordedBps) => {
  expect(Math.abs(sorted[Math.floor(probability * seconds)]! / recordedBps - 1)).toBeLessThan(0.15)
})

test.each([
  [5, 0.35, 0.65],
  [30, 0.12, 0.32],
  [300, -0.08, 0.08],
])('the spread is as like itself %i seconds before as the recorded one: %f to %f', (lag, least, most) => {
  expect(autocorrelation(lag)).toBeGreaterThan(least)
  expect(autocorrelation(lag)).toBeLessThan(most)
})
