/** Makes the market that a plan describes, from the run's seed: the engine's process and the loopback servers make the same one. */

import { SeededPrng } from '../base/prng.ts'
import type { Instrument } from '../model/instrument.ts'
import type { Market } from './market.ts'
import { RecordedMarket, type RecordedMarketOptions } from './recorded-market.ts'
import { SimulatedMarket, type SimulatedMarketSettings } from './simulated-market.ts'
import { TapeMarket } from './tape-market.ts'
import { loadTape, type TapeSettings } from './tape.ts'

export type TapePlan = TapeSettings | ({ format: 'books' } & RecordedMarketOptions)

/** `startMs`: where the run's market begins, which is before an attempt that continues another. */
export type MarketPlan = { kind: 'simulated'; settings: SimulatedMarketSettings; startMs: number } | { kind: 'tape'; settings: TapePlan }

/** Throws TAPE_NOT_FOUND and TAPE_INVALID. */
export function makeMarket(plan: MarketPlan, seed: number, instruments: readonly Instrument[]): Market {
  const prng = new SeededPrng(seed).fork('market')
  if (plan.kind === 'simulated') return new SimulatedMarket(plan.settings, prng, plan.startMs, instruments)
  if (plan.settings.format === 'books') return new RecordedMarket(plan.settings)
  return new TapeMarket(loadTape(plan.settings), prng, instruments)
}
