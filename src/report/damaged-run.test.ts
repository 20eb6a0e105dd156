/** Logs and run.json as a broken disk, another program or an enemy may leave them: a verdict or a typed error, never a crash. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { spoiling, type Spoil } from '../../fixtures/spoiled-text.ts'
import { soundLog } from '../analyzer/sample-log.ts'
import { OperatingError } from '../base/error.ts'
import type { LoopsMeasured } from '../model/event.ts'
import { finalReport } from './final-report.ts'
import { judgeRun } from './judge-run.ts'
import { sampleRecord, startMs } from './sample-run.ts'

const runFolder = mkdtempSync(join(tmpdir(), 'longhaul-damaged-'))

beforeAll(() => mkdirSync(join(runFolder, 'logs')))
afterAll(() => rmSync(runFolder, { recursive: true }))

const logs = {
  'logs/application.log': [
    { level: 'info', time: startMs, event: 'engine-started', ...startedFields() },
    { level: 'warn', time: startMs + 2000, event: 'feed-stale', symbol: 'KRW-ETH', reason: 'age', quoteAgeMs: 4000 },
    { level: 'info', time: startMs + 3000, event: 'feed-recovered', symbol: 'KRW-ETH', staleMs: 1000 },
    { level: 'error', time: startMs + 3000, event: 'symbol-failed', symbol: 'KRW-ETH', message: 'boom', stack: 'Error: boom' },
    { level: 'info', time: startMs + 5000, event: 'engine-stopped', reason: 'completed', loops: 5, overruns: 0 },
  ],
  'logs/trading.log': soundLog(),
  'logs/metrics.log': [1, 2, 3, 4, 5].map(loops),
  'run.json': [sampleRecord()],
}
type FileName = keyof typeof logs
const names = Object.keys(logs) as FileName[]

function startedFields() {
  const plan = { attempt: 1, market: 'simulated', dataSource: 'rest', store: 'redis', symbols: ['KRW-BTC', 'KRW-ETH'] }
  return { ...plan, startAtMs: startMs, endAtMs: startMs + 5000, loopIntervalMs: 1000 }
}

function loops(index: number): LoopsMeasured {
  const counts = { overruns: 0, missingSnapshots: 0, staleSymbols: 0, openTrades: 0, blockedSymbols: 0, intents: 0, busySymbols: 0 }
  const quote = { symbol: 'KRW-BTC', bidA: 99, askA: 100, bidB: 0.07, askB: 0.08, fx: 1400, quoteAgeMs: 12 }
  const periods = { firstLoop: index, loopCount: 1, periodsMs: [index === 1 ? null : 1000], loopTimesMs: [50] }
  return { level: 'info', time: startMs + index * 1000, event: 'loops', ...periods, ...counts, quotes: [quote] }
}

function write(damages: Partial<Record<FileName, Spoil>>): void {
  for (const name of names) {
    const text = logs[name].map((line) => `${JSON.stringify(line)}\n`).join('')
    writeFileSync(join(runFolder, name), damages[name]?.(text) ?? text)
  }
}

test('the sample passes as it is', async () => {
  write({})
  const { judgement } = await judgeRun(runFolder, () => false)
  expect(judgement.assertions.filter(({ name }) => name === 'log readable')).toMatchObject([{ verdict: 'pass' }])
})

test('a log or a run.json with anything in it gives a verdict and a report, or a typed error', { timeout: 30_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...names), spoiling, async (name, spoil) => {
      write({ [name]: spoil })
      try {
        const judged = await judgeRun(runFolder, () => false)
        expect(judged.judgement.verdict).toMatch(/^(pass|warn|fail|unknown)$/)
        expect(finalReport({ ...judged, charts: [] })).toContain('# ')
        expect(JSON.stringify(judged)).not.toContain('"polluted"')
      } catch (error) {
        if (!(error instanceof OperatingError)) throw error
        expect(name).toBe('run.json')
      }
      // Not one name more than every object has.
      for (const found in {}) expect.unreachable(`every object now has ${found}`)
    }),
    { numRuns: 150 },
  )
})
