/** `longhaul sweep`: the same campaign over a range of seeds, two at a time, and a table of the verdicts with every one explained. */

import { rmSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join, resolve } from 'node:path'
import type { Verdict } from '../analyzer/analysis.ts'
import { exitCodes, type ExitCode } from '../base/exit-code.ts'
import { newRunId, repoRoot, runCampaign, runFolderOf } from '../campaign/run-campaign.ts'
import { loadConfig, overridesFromEnvironment, type Override } from '../config/load.ts'
import { formatKrw } from '../report/format.ts'
import type { JudgedRun } from '../report/write-report.ts'
import { badFlags, parseFlags } from './flags.ts'
import { textTable } from './text-table.ts'

const usage = `usage: longhaul sweep --seeds 1..100 [--scenario S1] [--config FILE] [--keep]

  --seeds FIRST..LAST    seeds to run, both ends included, at most 10,000
  --scenario S1          runs configs/s1.yaml; default S1
  --config FILE          another campaign
  --keep                 keep every run's folder; else only those that did not pass

LONGHAUL_* override the config, as for longhaul run. Exit codes: 0 no run failed, 1 one did, 2 one is unknown, 3 bad command line
`

const seedsMax = 10_000

interface Outcome {
  seed: number
  verdict: Verdict
  reason: string
  entries: number
  profitKrw: string
  attempts: number
  findings: string[]
  runFolder: string
}

export async function sweep(args: readonly string[]): Promise<ExitCode> {
  const text = { type: 'string' } as const
  const flags = parseFlags('sweep', args, { seeds: text, scenario: text, config: text, keep: { type: 'boolean' } })
  if (flags === null) {
    process.stdout.write(usage)
    return exitCodes.ok
  }
  const { seeds, scenario = 'S1', config: file, keep = false } = flags.values
  const configFile = resolve(file ?? join(repoRoot, `configs/${scenario.toLowerCase()}.yaml`))
  const outcomes = await runSeeds(seedsOf(seeds), configFile, keep)
  process.stdout.write(summaryOf(outcomes))
  return exitCodeOf(outcomes)
}

function seedsOf(text: string | undefined): number[] {
  const match = /^(\d{1,15})\.\.(\d{1,15})$/.exec(text ?? '')
  const [first, last] = [Number(match?.[1]), Number(match?.[2])]
  if (!match || last < first || last - first >= seedsMax) {
    throw badFlags('sweep', `--seeds expects FIRST..LAST with at most ${seedsMax} seeds, was ${text ?? 'left out'}`)
  }
  return Array.from({ length: last - first + 1 }, (_, index) => first + index)
}

async function runSeeds(seeds: readonly number[], configFile: string, isKept: boolean): Promise<Outcome[]> {
  const overrides = overridesFromEnvironment(process.env)
  const queue = [...seeds]
  const outcomes: Outcome[] = []
  const interrupt = new AbortController()
  const onSignal = (): void => interrupt.abort()
  process.once('SIGINT', onSignal)
  const work = async (): Promise<void> => {
    for (let seed = queue.shift(); seed !== undefined && !interrupt.signal.aborted; seed = queue.shift()) {
      const outcome = await runSeed(seed, configFile, overrides, interrupt.signal)
      outcomes.push(outcome)
      if (!isKept && outcome.verdict === 'pass') rmSync(outcome.runFolder, { recursive: true, force: true })
      process.stdout.write(
        `${outcomes.length}/${seeds.length} seed ${seed}: ${outcome.verdict}, ${outcome.entries} entries; ${outcome.reason}\n`,
      )
    }
  }
  await Promise.all(Array.from({ length: availableParallelism() }, work))
  process.off('SIGINT', onSignal)
  return outcomes.toSorted((left, right) => left.seed - right.seed)
}

async function runSeed(seed: number, configFile: string, overrides: readonly Override[], signal: AbortSignal): Promise<Outcome> {
  const seedOverride: Override = { source: '--seeds', path: ['seed'], value: seed }
  const all = [...overrides, seedOverride]
  const runId = newRunId(loadConfig(configFile, all).config)
  const judged = await runCampaign({
    configFile,
    overrides: all,
    runId,
    command: `longhaul sweep --seeds ${seed}..${seed}`,
    redisUrl: process.env['REDIS_URL'],
    signal,
    print: () => undefined,
  })
  return outcomeOf(seed, judged, runFolderOf(runId))
}

function outcomeOf(seed: number, { judgement, analysis, record }: JudgedRun, runFolder: string): Outcome {
  const findings = record.attempts.flatMap((attempt) => attempt.findings).filter(({ severity }) => severity !== 'info')
  return {
    seed,
    verdict: judgement.verdict,
    reason: judgement.reason,
    entries: analysis.overall.entries,
    profitKrw: analysis.overall.profit.totalKrw,
    attempts: record.attempts.length,
    findings: findings.map(({ rule, cause, symbol }) => `${rule} (${cause}) ${symbol ?? 'all'}`),
    runFolder,
  }
}

function summaryOf(outcomes: readonly Outcome[]): string {
  const verdicts: readonly Verdict[] = ['pass', 'warn', 'fail', 'unknown']
  const counts = verdicts.map((verdict) => `${outcomes.filter((outcome) => outcome.verdict === verdict).length} ${verdict}`)
  const raised = outcomes.flatMap(({ findings }) => findings)
  const remarkable = outcomes.filter(({ verdict, findings }) => verdict !== 'pass' || findings.length > 0)
  const table = remarkable.map((outcome) => [
    String(outcome.seed),
    outcome.verdict,
    String(outcome.attempts),
    String(outcome.entries),
    formatKrw(outcome.profitKrw),
    outcome.findings.join('; ') || outcome.reason,
  ])
  return [
    '',
    ...(table.length > 0 ? [textTable(['seed', 'verdict', 'attempts', 'entries', 'profit', 'why'], table), ''] : []),
    `${outcomes.length} seeds: ${counts.join(', ')}; ${raised.length} findings above info`,
    `entries ${spread(outcomes.map(({ entries }) => entries))}`,
    '',
  ].join('\n')
}

function spread(values: readonly number[]): string {
  const sorted = values.toSorted((left, right) => left - right)
  const at = (share: number): number => sorted[Math.round(share * (sorted.length - 1))] ?? 0
  return `min ${at(0)}, median ${at(0.5)}, max ${at(1)}`
}

function exitCodeOf(outcomes: readonly Outcome[]): ExitCode {
  if (outcomes.some(({ verdict }) => verdict === 'fail')) return exitCodes.fail
  return outcomes.some(({ verdict }) => verdict === 'unknown') ? exitCodes.unknown : exitCodes.ok
}
