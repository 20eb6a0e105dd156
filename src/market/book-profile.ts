/** How the books of each kind of instrument look: spread, depth, pace. Figures and where they come from: docs/MARKET_MODEL.md. */

import type { Instrument } from '../model/instrument.ts'

export interface BookProfile {
  /** Spread at given standard normal scores, in bps, both rising; between them it is interpolated. Never less than one tick is shown. */
  spreadBps: readonly { score: number; bps: number }[]
  /** Mean distance between two levels beyond one tick. */
  levelGapBps: number
  /** Median worth of a level in USDT, and the standard deviation of its logarithm. */
  levelUsdt: number
  levelSigma: number
  /** Chance that prices are set anew in a step of 100 ms, and that at least sizes change. */
  requoteChance: number
  updateChance: number
  /** Standard deviation of the instrument's own mean-reverting distance from fair value. */
  basisBps: number
}

/** Recorded quantiles of Upbit KRW-BTC, 2024-04-30: 13 % of seconds show one tick; then the 25th to the 99.9th percentile. */
const upbitSpreadBps = [
  { score: -1.126, bps: 0.11 },
  { score: -0.674, bps: 0.57 },
  { score: 0, bps: 2.18 },
  { score: 0.674, bps: 4.47 },
  { score: 1.282, bps: 7.06 },
  { score: 1.645, bps: 8.45 },
  { score: 2.326, bps: 11.39 },
  { score: 3.09, bps: 13.65 },
]

function scaled(factor: number): BookProfile['spreadBps'] {
  return upbitSpreadBps.map(({ score, bps }) => ({ score, bps: bps * factor }))
}

const upbitKrw: BookProfile = {
  spreadBps: upbitSpreadBps,
  levelGapBps: 0.4,
  levelUsdt: 330,
  levelSigma: 1.2,
  requoteChance: 0.058,
  updateChance: 0.6,
  basisBps: 2.5,
}

const upbitUsdt: BookProfile = {
  spreadBps: scaled(2.5),
  levelGapBps: 1.5,
  levelUsdt: 280,
  levelSigma: 1.2,
  requoteChance: 0.04,
  updateChance: 0.3,
  basisBps: 3,
}

const upbitFx: BookProfile = {
  spreadBps: [{ score: 0, bps: 0 }],
  levelGapBps: 0,
  levelUsdt: 40_000,
  levelSigma: 1,
  requoteChance: 0.03,
  updateChance: 0.5,
  basisBps: 0,
}

/** Recorded on 2024-08-08: 99.7 % of seconds one tick wide. */
const binance: BookProfile = {
  spreadBps: [
    { score: 2.5, bps: 0 },
    { score: 3.5, bps: 0.3 },
  ],
  levelGapBps: 0.004,
  levelUsdt: 20_000,
  levelSigma: 1.6,
  requoteChance: 0.067,
  updateChance: 1,
  basisBps: 0,
}

export function profileOf(instrument: Pick<Instrument, 'venue' | 'base' | 'quote'>): BookProfile {
  if (instrument.venue === 'binance') return binance
  if (instrument.base === 'USDT') return upbitFx
  return instrument.quote === 'KRW' ? upbitKrw : upbitUsdt
}
