/** What a campaign's market is made of: when it begins, the tape's files, and the parts that are modelled, in words for the report. */

import { resolve } from 'node:path'
import { OperatingError } from '../base/error.ts'
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

/** The only symbol whose two legs are on a tape. */
const tapeSymbol = 'KRW-BTC'

/** Throws CONFIG_INVALID where a symbol cannot be traded on this market, TAPE_NOT_FOUND and TAPE_INVALID. */
export function marketFactsOf(config: CampaignConfig, repoRoot: string): MarketFacts {
  const { market, tape, symbols, venues, seed, startAt } = config
  const instruments = tradingPlan(symbols, venues).instruments.map(instrumentOf)
  if (market !== 'tape') {
    const modelledParts = ['all of the market: docs/MARKET_MODEL.md compares it with recorded data']
    return { startMs: Date.parse(startAt), modelledParts, tapeFiles: [] }
  }
  if (!tape) throw invalid('`market` is tape, and no tape is named', 'Give the recording under `tape`, as configs/tape-fixture.yaml does.')
  const foreign = symbols.find((symbol) => symbol !== tapeSymbol)
  if (foreign !== undefined) throw invalid(`symbol ${foreign} is not on the tape`, `A tape holds ${tapeSymbol} and no other symbol.`)
  const data = loadTape(tape)
  const { modelledParts } = new TapeMarket(data, new SeededPrng(seed), instruments)
  const files = tape.candlesFile === undefined ? [tape.file] : [tape.file, tape.candlesFile]
  return { startMs: data.fromMs, modelledParts, tapeFiles: files.map((file) => resolve(repoRoot, file)) }
}

function invalid(message: string, hint: string): OperatingError {
  return new OperatingError('CONFIG_INVALID', message, { hint })
}
