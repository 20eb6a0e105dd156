/** `npm run bench`: what longhaul reaches on this machine, as ratios where another program or another setting can do the same work. */

import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { assert } from '../src/base/assert.ts'
import { SystemClock } from '../src/clock/system-clock.ts'
import { planAttempt } from '../src/campaign/plan.ts'
import { noAdjustments } from '../src/campaign/recovery.ts'
import { newRunId, repoRoot, runCampaign, runFolderOf } from '../src/campaign/run-campaign.ts'
import { loadConfig } from '../src/config/load.ts'
import { markdownTable } from '../src/report/format.ts'
import type { JudgedRun } from '../src/report/write-report.ts'
import { measureAnalyzer } from './analyzer.ts'
import { measureCodec } from './codec.ts'
import { measureRestClients } from './rest-client.ts'

const clock = new SystemClock()
const analyzerBytes = 256 * 2 ** 20
/** Best of three: the fastest run is the one that the rest of the machine disturbed least. */
const rounds = 3

type Row = [what: string, figure: string, against: string, ratio: string]

async function measureCampaign(scenario: string): Promise<{ wallMs: number; judged: JudgedRun }> {
  const configFile = join(repoRoot, `configs/${scenario}.yaml`)
  let best: { wallMs: number; judged: JudgedRun } | null = null
  for (let round = 0; round < rounds; round++) {
    const runId = newRunId(loadConfig(configFile).config)
    const startMs = clock.nowMs()
    const judged = await runCampaign({
      configFile,
      overrides: [{ source: 'bench', path: ['redis', 'mode'], value: 'off' }],
      runId,
      command: 'npm run bench',
      redisUrl: undefined,
      signal: new AbortController().signal,
      print: () => undefined,
    })
    const wallMs = clock.nowMs() - startMs
    if (!best || judged.record.engineWallMs < best.judged.record.engineWallMs) best = { wallMs, judged }
    rmSync(runFolderOf(runId), { recursive: true })
  }
  assert(best, 'at least one round')
  return best
}

/** The engine's process with no supervisor, its logs but trading.log written to nowhere. */
async function measureEngineAlone(scenario: string): Promise<number> {
  const { config } = loadConfig(join(repoRoot, `configs/${scenario}.yaml`))
  const startMs = Date.parse(config.startAt)
  let bestMs = Infinity
  for (let round = 0; round < rounds; round++) {
    const folder = mkdtempSync(join(tmpdir(), 'longhaul-bench-'))
    const logsFolder = join(folder, 'logs')
    mkdirSync(logsFolder)
    // trading.log's writer asks of its file that nobody else writes to it, so that one is real.
    for (const name of ['application', 'metrics']) symlinkSync('/dev/null', join(logsFolder, `${name}.log`))
    const plan = planAttempt({
      config,
      attempt: 1,
      runStartMs: startMs,
      startAtMs: startMs,
      endAtMs: startMs + config.duration_minutes * 60_000,
      adjustments: noAdjustments,
      store: { kind: 'embedded', folder: join(folder, 'state') },
      endpoints: null,
      logsFolder,
    })
    const planFile = join(folder, 'plan.json')
    writeFileSync(planFile, JSON.stringify(plan))
    const beganMs = clock.nowMs()
    await runProcess([join(repoRoot, 'src/main.ts'), 'engine', planFile], ['--expose-gc', '--max-semi-space-size=16'])
    bestMs = Math.min(bestMs, clock.nowMs() - beganMs)
    rmSync(folder, { recursive: true })
  }
  return bestMs
}

async function measureStart(): Promise<number> {
  let bestMs = Infinity
  for (let round = 0; round < rounds; round++) {
    const beganMs = clock.nowMs()
    await runProcess([join(repoRoot, 'node_modules/vitest/vitest.mjs'), 'run', 'campaigns/s0'])
    bestMs = Math.min(bestMs, clock.nowMs() - beganMs)
  }
  return bestMs
}

function runProcess(args: readonly string[], flags: readonly string[] = []): Promise<void> {
  const child = spawn(process.execPath, [...flags, ...args], { cwd: repoRoot, stdio: 'ignore' })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', (code) => {
      if (code === 0) resolve()
      else reject(new Error(`${args.join(' ')} ended with ${code ?? 'a signal'}`))
    })
  })
}

function times(ratio: number): string {
  return `${ratio >= 100 ? Math.round(ratio).toLocaleString('en') : ratio.toFixed(2)} ×`
}

async function campaignRows(): Promise<Row[]> {
  const s0 = await measureCampaign('s0')
  const s3 = await measureCampaign('s3')
  const aloneMs = await measureEngineAlone('s3')
  const { analysis, record } = s3.judged
  const eventMs = record.config.duration_minutes * 60_000
  const loopCpuMs = analysis.loopCpuMs?.mean ?? NaN
  const rss = (judged: JudgedRun): number => (judged.analysis.rssBytes?.max ?? NaN) / 2 ** 20
  return [
    [
      'S3, engine and monitor, event time / wall time',
      `${(record.engineWallMs / 1000).toFixed(2)} s`,
      '12 h',
      times(eventMs / record.engineWallMs),
    ],
    ['S3, the whole campaign with analysis and report', `${(s3.wallMs / 1000).toFixed(2)} s`, '12 h', times(eventMs / s3.wallMs)],
    [
      'S3, processor time a loop and symbol',
      `${((loopCpuMs * 1000) / record.config.symbols.length).toFixed(1)} µs`,
      'one loop a second',
      times(1000 / loopCpuMs),
    ],
    [
      'S3, monitor and logs on / engine alone',
      `${(record.engineWallMs / 1000).toFixed(2)} s`,
      `${(aloneMs / 1000).toFixed(2)} s`,
      times(record.engineWallMs / aloneMs),
    ],
    [
      'peak RSS of the engine, S3 / S0',
      `${rss(s3.judged).toFixed(0)} MiB`,
      `${rss(s0.judged).toFixed(0)} MiB`,
      times(rss(s3.judged) / rss(s0.judged)),
    ],
  ]
}

async function partRows(): Promise<Row[]> {
  const codec = await measureCodec()
  const analyzer = await measureAnalyzer(analyzerBytes)
  const us = (value: number): string => `${value.toFixed(1)} µs`
  const seconds = (ms: number | null): string => (ms === null ? 'no jq here' : `${(ms / 1000).toFixed(2)} s`)
  const startMs = await measureStart()
  return [
    ['codec, parsing one loop of S3 / bare JSON.parse', us(codec.parseUs), us(codec.jsonParseUs), times(codec.parseUs / codec.jsonParseUs)],
    [
      'codec, writing one loop of S3 / bare JSON.parse',
      us(codec.generateUs),
      us(codec.jsonParseUs),
      times(codec.generateUs / codec.jsonParseUs),
    ],
    [
      `analyzer, ${Math.round(analyzer.bytes / 2 ** 20)} MiB of log, jq / longhaul`,
      seconds(analyzer.longhaulMs),
      seconds(analyzer.jqMs),
      analyzer.ratio === null ? '' : times(analyzer.ratio),
    ],
    ['analyzer, peak RSS', `${Math.round(analyzer.peakRssBytes / 2 ** 20)} MiB`, '', ''],
    ['npx vitest run campaigns/s0, start to end', `${(startMs / 1000).toFixed(2)} s`, '3 min', times(180_000 / startMs)],
  ]
}

async function restClientRows(): Promise<Row[]> {
  const { ours, ccxt } = await measureRestClients()
  const row = (what: string, ourMs: number, ccxtMs: number): Row => {
    return [what, `${ourMs.toFixed(2)} ms`, `${ccxtMs.toFixed(2)} ms`, times(ourMs / ccxtMs)]
  }
  return [
    row('REST snapshot of 100 books, ours / ccxt fetchOrderBooks', ours[5], ccxt[30]),
    row('REST snapshot of 100 books, 5 levels each', ours[5], ccxt[5]),
    row('REST snapshot of 100 books, 30 levels each', ours[30], ccxt[30]),
  ]
}

const flags = parseArgs({ options: { write: { type: 'boolean' } } }).values
const rows = [...(await campaignRows()), ...(await partRows()), ...(await restClientRows())]
const table = markdownTable(['what', 'longhaul', 'against', 'ratio'], rows)
const processor = `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`
const machine = `${processor}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}, ${process.platform}`
process.stdout.write(`${machine}\n\n${table}\n`)
if (flags.write === true) {
  const file = join(repoRoot, 'docs/PERFORMANCE.md')
  const text = readFileSync(file, 'utf8')
  const [start, end] = ['<!-- bench -->', '<!-- /bench -->']
  const [before, rest] = text.split(start)
  const after = rest?.split(end)[1]
  assert(before !== undefined && after !== undefined, `${file} has lost its ${start} marks`)
  writeFileSync(file, `${before}${start}\n\nMeasured on ${machine}.\n\n${table}\n\n${end}${after}`)
}
