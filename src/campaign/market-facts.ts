/** What a campaign's market is made of: when it begins, the tape's files, and the parts that are modelled, in words for the report. */

import { resolve } from 'node:path'
import { SeededPrng } from '../base/prng.ts'
import type { CampaignConfig } from '../config/schema.ts'
import { tradingPlan } from '../config/venue-rules.ts'
import { instrumentOf } from '../model/instrument.ts'
import { TapeMarket } from '../venues/simulated/tape-market.ts'
import { loadTape } from '../venues/simulated/tape.ts'

export interface MarketFacts {
  /** Event time of the first loop. */
  startMs: number
  modelledParts: readonly string[]
  /** Absolute paths; empty where the market is no tape. */
  tapeFiles: string[]
}

/** Throws TAPE_NOT_FOUND and TAPE_INVALID. */
export function marketFactsOf(config: CampaignConfig, repoRoot: string): MarketFacts {
  const { market, tape, symbols, venues, seed, startAt } = config
  if (market !== 'tape' || !tape) {
    return { startMs: Date.parse(startAt), modelledParts: ['all of the market: docs/MARKET_MODEL.md compares it with recorded data'], tapeFiles: [] }
  }
  const data = loadTape(tape)
  const instruments = tradingPlan(symbols, venues).instruments.map(instrumentOf)
  const { modelledParts } = new TapeMarket(data, new SeededPrng(seed), instruments)
  const files = tape.candlesFile === undefined ? [tape.file] : [tape.file, tape.candlesFile]
  return { startMs: data.fromMs, modelledParts, tapeFiles: files.map((file) => resolve(repoRoot, file)) }
}
