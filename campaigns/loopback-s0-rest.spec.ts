/** S0 over HTTP, in real time, and the same seed in virtual time: what the sockets change is said to the quote. */

import { afterAll, expect } from 'vitest'
import { defineCampaign } from '../fixtures/campaign.ts'
import { removeRunsUnlessFailed, runOnce, type FinishedRun } from '../fixtures/run.ts'
import { runFolderOf } from '../src/campaign/run-campaign.ts'
import { compareRuns, comparisonText } from '../src/report/compare-runs.ts'
import type { JudgedRun } from '../src/report/write-report.ts'

const { test, config, timeout } = defineCampaign('configs/loopback-s0-rest.yaml')

afterAll(({}, suite) => removeRunsUnlessFailed(suite))

/** The same market at the same instants, in virtual time, with no distance between engine and venues. */
function virtualTwin({ record }: JudgedRun): Promise<FinishedRun> {
  return runOnce({
    configFile: 'configs/loopback-s0-rest.yaml',
    overrides: {
      market: 'simulated',
      seed: record.seed,
      symbols: record.config.symbols,
      duration_minutes: record.config.duration_minutes,
      startAt: new Date(record.attempts[0]?.startAtMs ?? NaN).toISOString(),
      'venues.latencyMs.upbit': { minMs: 0, maxMs: 0 },
      'venues.latencyMs.binance': { minMs: 0, maxMs: 0 },
      'redis.mode': 'off',
    },
  })
}

// A shorter run need not hold a trade.
test.runIf(config.market === 'loopback' && config.duration_minutes >= 3)(
  'opens the same trades in the same order as the same seed in virtual time',
  { timeout: timeout + 60_000 },
  async ({ campaign, annotate }) => {
    const real = campaign.judgedOrThrow()
    const virtual = await virtualTwin(real)
    const comparison = await compareRuns(runFolderOf(real.record.runId), virtual.runFolder)
    await annotate(comparisonText(comparison))
    expect(comparison.trades[0]).toBeGreaterThanOrEqual(2)
    expect(comparison.sameTrades, comparisonText(comparison)).toBe(comparison.trades[0])
    expect(comparison.trades[1]).toBe(comparison.trades[0])
    // Two symbols a second, but for seconds that a busy machine has put on one line of metrics.log.
    expect(comparison.quotes.compared).toBeGreaterThan(60 * config.duration_minutes)
  },
)
