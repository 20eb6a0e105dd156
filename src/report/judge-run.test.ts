/** From a run's folder to its report, without the engine. */

import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { LoopsMeasured } from '../model/event.ts'
import { judgeRun } from './judge-run.ts'
import { sampleRecord, sampleRun, startMs } from './sample-run.ts'
import { writeReport } from './write-report.ts'

let runFolder: string

beforeEach(() => {
  runFolder = mkdtempSync(join(tmpdir(), 'longhaul-judge-run-'))
  writeFileSync(join(runFolder, 'run.json'), JSON.stringify(sampleRecord()))
})

afterEach(() => {
  rmSync(runFolder, { recursive: true })
})

const read = (name: string): string => readFileSync(join(runFolder, name), 'utf8')

function loopsLine(index: number): string {
  const line: LoopsMeasured = {
    level: 'info',
    time: startMs + index * 1000,
    event: 'loops',
    firstLoop: index + 1,
    loopCount: 1,
    periodsMs: [index === 0 ? null : 1000],
    loopTimesMs: [50],
    overruns: 0,
    missingSnapshots: 0,
    staleSymbols: 0,
    openTrades: 0,
    blockedSymbols: 0,
    intents: 0,
    busySymbols: 0,
    quotes: [],
  }
  return `${JSON.stringify(line)}\n`
}

test('a run without logs never passes, and has a report that says so', async () => {
  const { judgement } = await judgeRun(runFolder)
  expect(judgement.verdict).toMatch(/^(unknown|fail)$/)
  expect(read('FINAL_REPORT.md')).toMatch(new RegExp(`^# S0: mini dry run: ${judgement.verdict}\n\n\\*\\*NO`))
  expect(JSON.parse(read('report.json'))).toMatchObject({ judgement, record: { runId: sampleRecord().runId } })
})

test('a killed run is judged by what its logs hold', async () => {
  mkdirSync(join(runFolder, 'logs'))
  const lines = Array.from({ length: 90 }, (_, index) => loopsLine(index))
  writeFileSync(join(runFolder, 'logs/metrics.log'), `${lines.join('')}{"level":"info","ti`)
  const { analysis } = await judgeRun(runFolder)
  expect(analysis).toMatchObject({ loops: 90, loopPeriodMs: { mean: 1000 } })
  expect(readdirSync(join(runFolder, 'charts'))).toContain('loop-time.svg')
  expect(read('FINAL_REPORT.md')).toContain('![Loop time](charts/loop-time.svg)')
})

test('a swarm that drew no fault is judged as one that proved nothing', async () => {
  const { config } = sampleRecord()
  const record = sampleRecord({ config: { ...config, duration_minutes: 60, faults: { ...config.faults, swarm: 'on' } }, faults: [] })
  writeFileSync(join(runFolder, 'run.json'), JSON.stringify(record))
  const { judgement } = await judgeRun(runFolder)
  expect(judgement.assertions.find(({ name }) => name === 'faults happened')?.verdict).toBe('unknown')
})

test('judging again replaces the report, charts that are no longer drawn included', async () => {
  mkdirSync(join(runFolder, 'charts'))
  writeFileSync(join(runFolder, 'charts/old.svg'), '<svg/>')
  await judgeRun(runFolder)
  const first = read('report.json')
  await judgeRun(runFolder)
  expect(read('report.json')).toBe(first)
  expect(readdirSync(runFolder).toSorted()).toEqual(['FINAL_REPORT.md', 'charts', 'report.json', 'run.json'])
  expect(existsSync(join(runFolder, 'charts/old.svg'))).toBe(false)
})

test('report.json keeps exact amounts', () => {
  writeReport(runFolder, sampleRun())
  const symbols = [{ profit: { edgeKrw: '5000.125', totalKrw: '1987.625' } }, {}]
  expect(JSON.parse(read('report.json'))).toMatchObject({ analysis: { symbols } })
})

test('a folder that is gone is a typed error', async () => {
  await expect(judgeRun(join(runFolder, 'gone'))).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' })
  expect(() => {
    writeReport(join(runFolder, 'run.json'), sampleRun())
  }).toThrow(expect.objectContaining({ code: 'REPORT_FAILED' }))
})
