/** A tape of a loopback market: while S0's symbols are traded over HTTP a recorder listens, and the tape then gives the same decisions. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test as baseTest } from 'vitest'
import { removeRunsUnlessFailed, runOnce, type FinishedRun } from '../fixtures/run.ts'
import { assert } from '../src/base/assert.ts'
import { networkNeeds } from '../src/campaign/network-needs.ts'
import { repoRoot } from '../src/campaign/run-campaign.ts'
import { loadConfig } from '../src/config/load.ts'
import { openNetwork } from '../src/environment/network.ts'
import { processRegister } from '../src/environment/prepare-environment.ts'
import { compareRuns, comparisonText } from '../src/report/compare-runs.ts'

const timeout = 180_000
const configFile = 'configs/loopback-s0-rest.yaml'
const seed = 62
/** The first trade of this seed is in its first minute. */
const minutes = 1.25

const test = baseTest
  .extend('folder', { scope: 'file' }, ({}, { onCleanup }) => {
    const folder = mkdtempSync(join(tmpdir(), 'longhaul-loopback-tape-'))
    onCleanup(() => rmSync(folder, { recursive: true, force: true }))
    return folder
  })
  .extend('servers', { scope: 'file' }, async ({ folder }, { onCleanup }) => {
    const needs = networkNeeds(loadConfig(join(repoRoot, configFile), [{ source: 'spec', path: ['seed'], value: seed }]).config)
    assert(needs, `${configFile} is of no loopback market`)
    const network = await openNetwork(needs, {
      folder,
      runId: `loopback-tape-${process.pid}`,
      register: processRegister(repoRoot),
      step: (_name, action) => action(),
    })
    onCleanup(() => network.stop())
    return { upbitUrl: network.endpoints.upbit.restUrl, binanceUrl: network.endpoints.binance.restUrl }
  })
  .extend('recorded', { scope: 'file' }, async ({ folder, servers }) => {
    const tape = join(folder, 'tape')
    const stopRecorder = startRecorder(folder, tape, servers)
    const real = await runOnce({
      configFile,
      overrides: { seed, duration_minutes: minutes, 'redis.mode': 'off', loopback: servers, 'budgets.minEntries': 1 },
    })
    await stopRecorder()
    return { real, replayed: await replay(tape, real) }
  })

/** Returns how to end it; until then it records for longer than the campaign takes. */
function startRecorder(folder: string, tape: string, loopback: { upbitUrl: string; binanceUrl: string }): () => Promise<void> {
  const { config } = loadConfig(join(repoRoot, configFile))
  const file = join(folder, 'record.yaml')
  writeFileSync(file, JSON.stringify({ scenario: 'RECORD', symbols: config.symbols, duration_minutes: 10, market: 'loopback', loopback }))
  const main = join(repoRoot, 'src/main.ts')
  const recorder = spawn(process.execPath, [main, 'record', '--config', file, '--out', tape], { stdio: 'ignore' })
  return async () => {
    const ended = once(recorder, 'exit')
    recorder.kill('SIGTERM')
    expect((await ended)[0]).toBe(0)
  }
}

function replay(tape: string, { judged }: FinishedRun): Promise<FinishedRun> {
  const noDistance = { minMs: 0, maxMs: 0 }
  return runOnce({
    configFile,
    overrides: {
      seed,
      duration_minutes: minutes,
      'redis.mode': 'off',
      'budgets.minEntries': 1,
      market: 'tape',
      tape: { format: 'books', folder: tape, from: new Date(judged.record.attempts[0]?.startAtMs ?? NaN).toISOString() },
      'venues.latencyMs.upbit': noDistance,
      'venues.latencyMs.binance': noDistance,
    },
  })
}

test.afterAll(({}, suite) => removeRunsUnlessFailed(suite))

test(
  'the replay of a recorded market opens the trades that were opened on the market itself',
  { timeout },
  async ({ recorded, annotate }) => {
    const { real, replayed } = recorded
    const comparison = await compareRuns(real.runFolder, replayed.runFolder)
    await annotate(comparisonText(comparison))
    expect(comparison.trades[0]).toBeGreaterThanOrEqual(1)
    expect(comparison.sameTrades, comparisonText(comparison)).toBe(comparison.trades[0])
    expect(comparison.trades[1]).toBe(comparison.trades[0])
    expect([real, replayed].map(({ judged }) => judged.judgement.verdict)).toEqual(['pass', 'pass'])
  },
)
