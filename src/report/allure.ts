/**
 * What a campaign tells Allure: labels, parameters, steps, attachments, metrics. The caller hands in Allure's own functions, so that the
 * harness runs without it. Campaign specs call this from inside tests: what is told in beforeAll or afterAll is lost.
 */

import { closeSync, existsSync, fstatSync, mkdirSync, openSync, readdirSync, readFileSync, readSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Assertion } from '../analyzer/analysis.ts'
import type { CampaignConfig } from '../config/schema.ts'
import { formatDuration, formatUtc, markdownTable } from './format.ts'
import { accelerationOf } from './run-figures.ts'
import type { AttemptRecord, RunRecord } from './run-record.ts'
import { reportNames, type JudgedRun } from './write-report.ts'

/** The part of `allure-js-commons` that is used here: pass the module itself. */
export interface AllureApi {
  label(name: string, value: string): PromiseLike<void>
  parameter(name: string, value: string, options?: { excluded: boolean }): PromiseLike<void>
  description(markdown: string): PromiseLike<void>
  logStep(name: string, status?: string): PromiseLike<void>
  step(name: string, body: () => PromiseLike<void>): PromiseLike<void>
  attachment(name: string, content: Buffer, options: { contentType: string; fileExtension: string }): PromiseLike<void>
}

/** Sorts failures into Allure's categories: allurerc.mjs matches on this label. */
export type FailureKind = 'product' | 'performance' | 'environment' | 'unknown'

/** Labels, parameters and description of the test that judges one assertion. */
export async function tellAssertion(allure: AllureApi, { record }: JudgedRun, assertion: Assertion): Promise<void> {
  await tellScenario(allure, record)
  await allure.label('story', assertion.name)
  const kind = failureKindOf(assertion)
  await allure.label('kind', kind)
  await allure.label('severity', kind === 'performance' ? 'normal' : 'critical')
  await allure.description(markdownTable(['verdict', 'measured', 'expected'], [[assertion.verdict, assertion.actual, assertion.expected]]))
}

/** For one test of a campaign: the environment's steps, the attempts, the report, the charts and the ends of the logs. */
export async function tellRun(allure: AllureApi, runFolder: string, { record, judgement }: JudgedRun): Promise<void> {
  await tellScenario(allure, record)
  await allure.label('story', 'final report')
  await allure.label('kind', judgement.verdict === 'unknown' ? 'unknown' : 'product')
  await allure.label('severity', 'blocker')
  await allure.description(`**${judgement.verdict}**: ${judgement.reason}`)
  for (const { name, status, detail, tookMs } of record.steps) {
    await allure.logStep(`${name}: ${detail} (${formatDuration(tookMs)})`, status === 'done' ? 'passed' : status)
  }
  for (const attempt of record.attempts) await tellAttempt(allure, attempt)
  for (const { name, content, contentType, fileExtension } of attachmentsOf(runFolder)) {
    await allure.attachment(name, content, { contentType, fileExtension })
  }
}

/** The name of a campaign's suite of tests: with the test's name it tells one history from another. */
export function campaignTitle({ scenario, title, symbols }: Pick<CampaignConfig, 'scenario' | 'title' | 'symbols'>): string {
  return `${scenario}: ${title === '' ? symbols.join(', ') : title}`
}

/** Where a test belongs: for tests of a campaign that judge nothing the judge does. */
export async function tellScenario(allure: AllureApi, record: RunRecord): Promise<void> {
  const { config, scenario, title, seed, store } = record
  await allure.label('epic', 'Long-run campaigns')
  await allure.label('feature', title === '' ? scenario : `${scenario}: ${title}`)
  await allure.label('tag', scenario)
  // Parameters that are not excluded tell one test's history from another's: a new seed or run must not begin a new one.
  await allure.parameter('scenario', scenario)
  await allure.parameter('market', config.market)
  await allure.parameter('pace', config.pace)
  await allure.parameter('store', store ?? 'none')
  await allure.parameter('symbols', config.symbols.length <= 8 ? config.symbols.join(', ') : `${config.symbols.length} symbols`)
  await allure.parameter('seed', String(seed), { excluded: true })
  await allure.parameter('run', record.runId, { excluded: true })
  await allure.parameter('config', `${record.configFile} ${record.configHash.slice(0, 12)}`, { excluded: true })
  await allure.parameter('commit', record.commit?.slice(0, 12) ?? 'none', { excluded: true })
}

async function tellAttempt(allure: AllureApi, attempt: AttemptRecord): Promise<void> {
  const end = attempt.endedAtMs === null ? 'no end recorded' : formatUtc(attempt.endedAtMs)
  const name = `attempt ${attempt.attempt}: ${formatUtc(attempt.startAtMs)} to ${end}, ${attempt.stopReason ?? 'ended without saying why'}`
  await allure.step(name, async () => {
    for (const { rule, severity, symbol, atMs, message, aborts } of attempt.findings.slice(0, maxFindings)) {
      await allure.logStep(`${formatUtc(atMs)} ${severity} ${rule} (${symbol ?? 'all'}): ${message}`, aborts ? 'failed' : 'passed')
    }
    await allure.logStep(`decision: ${attempt.decision}; ${attempt.decisionReason}`, 'passed')
  })
}

/** An unknown verdict is neither a defect nor a missed budget. */
export function failureKindOf({ name, verdict }: Pick<Assertion, 'name' | 'verdict'>): FailureKind {
  if (verdict === 'unknown') return 'unknown'
  return /loop|period|memory|heap|rss|snapshot|quote to decision/i.test(name) ? 'performance' : 'product'
}

export interface AllureAttachment {
  name: string
  contentType: string
  fileExtension: string
  content: Buffer
}

const maxFindings = 50
const logTail = { lines: 200, bytes: 64 * 1024 } as const

/** The report, the charts and the end of each log, as far as they are there. Bounded: Allure keeps them all in memory. */
export function attachmentsOf(runFolder: string): AllureAttachment[] {
  const reports = filesIn(runFolder, reportNames.markdown)
  const charts = filesIn(join(runFolder, reportNames.charts), '.svg')
  const logs = filesIn(join(runFolder, 'logs'), '.log')
  const attachment = (name: string, contentType: string, fileExtension: string, content: Buffer): AllureAttachment => {
    return { name, contentType, fileExtension, content }
  }
  return [
    ...reports.map((file) => attachment(basename(file), 'text/markdown', 'md', withoutImages(file))),
    ...charts.map((file) => attachment(basename(file, '.svg'), 'image/svg+xml', 'svg', readFileSync(file))),
    ...logs.map((file) => attachment(`${basename(file)}, last ${logTail.lines} lines`, 'text/plain', 'txt', tailOf(file))),
  ]
}

/** On the site the report lies in no folder with charts, and pictures inside of it are refused: it names the attachments instead. */
function withoutImages(file: string): Buffer {
  return Buffer.from(readFileSync(file, 'utf8').replace(/^!\[(.*)\]\(charts\/(.*)\.svg\)$/gm, '- $1: attachment *$2*'))
}

function filesIn(folder: string, ending: string): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .filter((name) => name.endsWith(ending))
    .toSorted()
    .map((name) => join(folder, name))
}

/** Whole lines, the last two hundred at most, within 64 KiB. */
export function tailOf(file: string): Buffer {
  const descriptor = openSync(file, 'r')
  try {
    const { size } = fstatSync(descriptor)
    const from = Math.max(0, size - logTail.bytes)
    const bytes = Buffer.alloc(size - from)
    const text = bytes.subarray(0, readSync(descriptor, bytes, 0, bytes.length, from)).toString('utf8')
    // The first line of a cut is only half a line.
    const lines = (from === 0 ? text : text.slice(text.indexOf('\n') + 1)).split('\n')
    return Buffer.from(lines.slice(-logTail.lines - 1).join('\n'))
  } finally {
    closeSync(descriptor)
  }
}

interface AllureMetric {
  id: string
  key: string
  value: number
  start: number
  stop: number
  title: string
  unit: string
  group: string
  better: 'lower' | 'higher'
}

/**
 * Writes what Allure 3 reads beside the tests' results: `<scenario>-perf.json` (metrics with a trend over the history) and
 * `environment.properties`. Keys begin with the scenario: Allure averages equal keys of one report.
 */
export function writeAllureFacts(resultsFolder: string, judged: JudgedRun): void {
  mkdirSync(resultsFolder, { recursive: true })
  writeFileSync(join(resultsFolder, `${judged.record.scenario}-perf.json`), JSON.stringify(metricsOf(judged), null, 2))
  const properties = Object.entries(environmentOf(judged.record)).map(([name, value]) => `${name} = ${value}\n`)
  writeFileSync(join(resultsFolder, 'environment.properties'), properties.join(''))
}

export function metricsOf({ record, analysis, judgement }: JudgedRun): AllureMetric[] {
  const { scenario, startedAt, endedAt } = record
  const start = Date.parse(startedAt)
  const stop = endedAt === null ? start : Date.parse(endedAt)
  const { overall, loopTimeMs, loopPeriodMs, loopCpuMs, rssBytes, heapAfterGcBytes, latency } = analysis
  const notPassed = judgement.assertions.filter(({ verdict }) => verdict !== 'pass').length
  const figures: [key: string, title: string, unit: string, better: 'lower' | 'higher', value: number | null][] = [
    ['loop_time_p99', 'loop time p99', 'ms', 'lower', loopTimeMs?.p99 ?? null],
    ['loop_period_p99', 'loop period p99', 'ms', 'lower', loopPeriodMs?.p99 ?? null],
    ['loop_cpu_mean', 'processor time a loop', 'ms', 'lower', loopCpuMs?.mean ?? null],
    ['quote_to_decision_p99', 'quote to decision p99', 'ms', 'lower', latency === null ? null : latency.p99Us / 1000],
    ['acceleration', 'acceleration', 'x', 'higher', accelerationOf(record, analysis)],
    ['rss_max', 'RSS, most', 'MiB', 'lower', rssBytes === null ? null : rssBytes.max / 2 ** 20],
    ['heap_after_gc_max', 'heap after GC, most', 'MiB', 'lower', heapAfterGcBytes === null ? null : heapAfterGcBytes.max / 2 ** 20],
    ['errors', 'errors', '', 'lower', overall.errors],
    ['entries', 'entries', '', 'higher', overall.entries],
    ['missing_snapshots', 'snapshots missing', '', 'lower', analysis.missingSnapshots],
    ['assertions_not_passed', 'assertions not passed', '', 'lower', notPassed],
  ]
  return figures.flatMap(([name, title, unit, better, value]) => {
    if (value === null) return []
    const key = `${scenario}.${name}`
    return [{ id: `${record.runId}.${name}`, key, value, start, stop, title: `${scenario} ${title}`, unit, group: scenario, better }]
  })
}

/** Only what holds for all campaigns of a report: of several such files Allure shows the last. */
function environmentOf(record: RunRecord): Record<string, string> {
  const { host } = record
  return {
    Node: host.nodeVersion,
    Host: `${host.platform}, ${host.cpuCount} × ${host.cpuModel}, ${formatMemory(host.memoryBytes)}`,
    Commit: record.commit === null ? 'none' : `${record.commit.slice(0, 12)}${record.isDirty ? ' and changes' : ''}`,
  }
}

function formatMemory(bytes: number): string {
  return `${Math.round(bytes / 2 ** 30)} GiB`
}
