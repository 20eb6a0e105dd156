/** What a campaign's market is made of: when it begins, the tape's files, and the parts that are modelled, in words for the report. */

import { resolve } from 'node:path'
import { OperatingError } from '../base/error.ts'
import { SeededPrng } from '../base/prng.ts'
import type { CampaignConfig } from '../config/schema.ts'
import { tradingPlan } from '../config/venue-rules.ts'
import { instrumentOf, type Instrument } from '../model/instrument.ts'
import { RecordedMarket, type RecordedMarketOptions } from '../market/recorded-market.ts'
import { TapeMarket } from '../market/tape-market.ts'
import { loadTape } from '../market/tape.ts'

export interface MarketFacts {
  /** Event time of the first loop; loopback and live markets begin when everything is prepared. */
  startMs: number
  modelledParts: readonly string[]
  /** Absolute paths of single files, for the preflight; empty where there are none. */
  tapeFiles: string[]
}

/** The only symbol whose two legs are on a tape. */
const tapeSymbol = 'KRW-BTC'

/** Throws CONFIG_INVALID where a symbol cannot be traded on this market, TAPE_NOT_FOUND and TAPE_INVALID. */
export function marketFactsOf(config: CampaignConfig, repoRoot: string): MarketFacts {
  const { market, tape, symbols, venues, seed, startAt } = config
  const instruments = tradingPlan(symbols, venues).instruments.map(instrumentOf)
  if (market !== 'tape') {
    const modelledParts = market === 'live' ? [] : ['all of the market: docs/MARKET_MODEL.md compares it with recorded data']
    return { startMs: Date.parse(startAt), modelledParts, tapeFiles: [] }
  }
  if (!tape) throw invalid('`market` is tape, and no tape is named', 'Give the recording under `tape`, as configs/tape-fixture.yaml does.')
  if (tape.format === 'books') return recordedFacts(tape, instruments)
  const foreign = symbols.find((symbol) => symbol !== tapeSymbol)
  if (foreign !== undefined) throw invalid(`symbol ${foreign} is not on the tape`, `A tape holds ${tapeSymbol} and no other symbol.`)
  const data = loadTape(tape)
  const { modelledParts } = new TapeMarket(data, new SeededPrng(seed), instruments)
  const files = tape.candlesFile === undefined ? [tape.file] : [tape.file, tape.candlesFile]
  return { startMs: data.fromMs, modelledParts, tapeFiles: files.map((file) => resolve(repoRoot, file)) }
}

function recordedFacts(tape: RecordedMarketOptions, instruments: readonly Instrument[]): MarketFacts {
  const { header, fromMs } = new RecordedMarket(tape)
  const missing = instruments.find(({ venue, code }) => !header.instruments.some((one) => one.venue === venue && one.code === code))
  if (missing) {
    throw invalid(
      `${missing.venue} ${missing.code} is not on the tape`,
      `It holds ${header.instruments.map(({ code }) => code).join(', ')}.`,
    )
  }
  return { startMs: fromMs, modelledParts: [], tapeFiles: [] }
}

function invalid(message: string, hint: string): OperatingError {
  return new OperatingError('CONFIG_INVALID', message, { hint })
}
