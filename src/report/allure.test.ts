/** What a campaign tells Allure, heard through a recorder of the calls. */

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type AllureApi, attachmentsOf, failureKindOf, metricsOf, tailOf, tellAssertion, tellRun, writeAllureFacts } from './allure.ts'
import { sampleRecord, sampleRun, startMs } from './sample-run.ts'
import { writeReport } from './write-report.ts'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'longhaul-allure-'))
})

afterEach(() => {
  rmSync(folder, { recursive: true })
})

/** Writes down each call as a line. */
class Recorder implements AllureApi {
  readonly lines: string[] = []

  async label(name: string, value: string): Promise<void> {
    this.lines.push(`label ${name}: ${value}`)
  }

  async parameter(name: string, value: string, options?: { excluded: boolean }): Promise<void> {
    this.lines.push(`parameter ${name}: ${value}${options?.excluded === true ? ' (excluded)' : ''}`)
  }

  async description(): Promise<void> {
    this.lines.push('description')
  }

  async logStep(name: string, status?: string): Promise<void> {
    this.lines.push(`step ${name}: ${status ?? 'passed'}`)
  }

  async step(name: string, body: () => PromiseLike<void>): Promise<void> {
    this.lines.push(`steps of ${name}`)
    await body()
  }

  async attachment(name: string, content: Buffer, options: { contentType: string; fileExtension: string }): Promise<void> {
    const isFilled = content.length > 0
    this.lines.push(`attachment ${name}: ${options.contentType}, .${options.fileExtension}, ${isFilled ? 'with content' : 'empty'}`)
  }
}

test('only what describes the scenario tells one history from another', async () => {
  const recorder = new Recorder()
  const run = sampleRun()
  await tellAssertion(recorder, run, run.judgement.assertions[0]!)
  expect(recorder.lines).toMatchInlineSnapshot(`
    [
      "label epic: Long-run campaigns",
      "label feature: S0: mini dry run",
      "label tag: S0",
      "parameter scenario: S0",
      "parameter market: simulated",
      "parameter pace: max",
      "parameter store: redis",
      "parameter symbols: KRW-BTC, KRW-ETH",
      "parameter seed: 62 (excluded)",
      "parameter run: 20261122-070000-s0-62-7 (excluded)",
      "parameter config: configs/s0.yaml ffffffffffff (excluded)",
      "parameter commit: 0123456789ab (excluded)",
      "label story: no errors",
      "label kind: product",
      "label severity: critical",
      "description",
    ]
  `)
})

test('the run is told as steps, the report, charts and log ends', async () => {
  const [attempt] = sampleRecord().attempts
  const finding = { rule: 'stale-feed', severity: 'error' as const, aborts: true, symbol: 'KRW-ETH', atMs: startMs, sinceMs: startMs }
  const findings = [{ ...finding, message: 'no quotes', cause: 'frozen', evidence: [] }]
  const run = sampleRun({ record: { attempts: [{ ...attempt!, findings }] } })
  writeReport(folder, run)
  mkdirSync(join(folder, 'logs'))
  writeFileSync(join(folder, 'logs/trading.log'), '{}\n')
  const recorder = new Recorder()
  await tellRun(recorder, folder, run)
  expect(recorder.lines.filter((line) => /^(step|attachment)/.test(line))).toMatchInlineSnapshot(`
    [
      "step reset-state: FLUSHALL of our own server (3 ms): passed",
      "steps of attempt 1: 2026-01-05 00:00:00Z to 2026-01-05 00:03:00Z, completed",
      "step 2026-01-05 00:00:00Z error stale-feed (KRW-ETH): no quotes: failed",
      "step decision: finished; engine stopped: completed: passed",
      "attachment FINAL_REPORT.md: text/markdown, .md, with content",
      "attachment edges-and-spreads: image/svg+xml, .svg, with content",
      "attachment guard-blocks: image/svg+xml, .svg, with content",
      "attachment loop-period: image/svg+xml, .svg, with content",
      "attachment loop-time-histogram: image/svg+xml, .svg, with content",
      "attachment loop-time: image/svg+xml, .svg, with content",
      "attachment trading.log, last 200 lines: text/plain, .txt, with content",
    ]
  `)
})

test('the report names the attached charts, and shows no image that would be broken on the site', () => {
  writeReport(folder, sampleRun())
  const attachments = attachmentsOf(folder)
  const report = attachments.find(({ name }) => name === 'FINAL_REPORT.md')?.content.toString() ?? ''
  const named = [...report.matchAll(/^- .*: attachment \*(.*)\*$/gm)].map(([, name]) => name)
  const charts = attachments.filter(({ fileExtension }) => fileExtension === 'svg').map(({ name }) => name)
  expect(new Set(named)).toEqual(new Set(charts))
  expect(named).toContain('loop-period')
  expect(report).not.toContain('![')
})

test('a folder without a report has nothing to attach', () => {
  expect(attachmentsOf(folder)).toEqual([])
})

test('a log end is whole lines, two hundred at most', () => {
  const file = join(folder, 'a.log')
  writeFileSync(file, Array.from({ length: 5000 }, (_, index) => `line ${index} ${'x'.repeat(100)}\n`).join(''))
  const lines = tailOf(file).toString().trimEnd().split('\n')
  expect([lines.length, lines[0]?.slice(0, 9), lines.at(-1)?.slice(0, 9)]).toEqual([200, 'line 4800', 'line 4999'])
})

test('a log of one endless line ends within its bound', () => {
  const file = join(folder, 'a.log')
  writeFileSync(file, 'x'.repeat(1_000_000))
  expect(tailOf(file).length).toBeLessThanOrEqual(64 * 1024)
})

test.each([
  ['loop time p99', 'fail', 'performance'],
  ['mean loop period', 'fail', 'performance'],
  ['heap trend', 'fail', 'performance'],
  ['resident memory', 'fail', 'performance'],
  ['missing snapshots', 'fail', 'performance'],
  ['quote to decision p99', 'fail', 'performance'],
  ['entries on every symbol', 'fail', 'product'],
  ['balances-conserved', 'fail', 'product'],
  ['balances-conserved', 'unknown', 'unknown'],
] as const)('%s with the verdict %s is of the kind %s', (name, verdict, kind) => {
  expect(failureKindOf({ name, verdict })).toBe(kind)
})

test('metrics carry the scenario in their key, and leave out what was not measured', () => {
  const metrics = metricsOf(sampleRun({ analysis: { rssBytes: null }, record: { engineWallMs: 0 } }))
  expect(metrics.map(({ key, value, unit, better }) => `${key} ${value} ${unit} ${better}`)).toMatchInlineSnapshot(`
    [
      "S0.loop_time_p99 52 ms lower",
      "S0.loop_period_p99 1000 ms lower",
      "S0.loop_cpu_mean 0.08 ms lower",
      "S0.heap_after_gc_max 12 MiB lower",
      "S0.errors 0  lower",
      "S0.entries 2  higher",
      "S0.missing_snapshots 0  lower",
      "S0.assertions_not_passed 0  lower",
    ]
  `)
})

test('the facts are files that Allure reads', () => {
  writeAllureFacts(folder, sampleRun())
  const perf: unknown = JSON.parse(readFileSync(join(folder, 'S0-perf.json'), 'utf8'))
  const [text, number] = [expect.any(String), expect.any(Number)]
  const sample = { id: text, key: text, value: number, start: number, stop: number }
  expect(perf).toEqual(Array.from({ length: 10 }, () => expect.objectContaining(sample)))
  expect(readFileSync(join(folder, 'environment.properties'), 'utf8')).toMatchInlineSnapshot(`
    "Node = v24.21.0
    Host = linux x64, 2 × Example CPU, 8 GiB
    Commit = 0123456789ab
    "
  `)
})
