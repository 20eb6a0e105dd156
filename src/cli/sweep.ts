/** `longhaul sweep`: the same campaign over a range of seeds, on every processor or on many machines, and what came of it as one table. */

import { availableParallelism } from 'node:os'
import { join, resolve } from 'node:path'
import { OperatingError } from '../base/error.ts'
import { exitCodes, type ExitCode } from '../base/exit-code.ts'
import { repoRoot } from '../campaign/run-campaign.ts'
import { loadConfig, overridable, overridesFromEnvironment, type LoadedConfig, type Override } from '../config/load.ts'
import { codeVersion, configHash, describeVersion, isSameVersion } from '../sweep/code-version.ts'
import { queueAddress, queuePasswordVariable, runSeedsOnWorkers } from '../sweep/seed-queue.ts'
import { runSeedsHere, runSweep, type RunSeeds } from '../sweep/run-sweep.ts'
import { SeedPool } from '../sweep/seed-pool.ts'
import { deadlineMsOf } from '../sweep/seed-run.ts'
import { readSweep, SweepFolder, sweepFolderOf, type SweepFacts } from '../sweep/sweep-folder.ts'
import type { SweepTable } from '../sweep/sweep-table.ts'
import { checkSources } from './check-sources.ts'
import { badFlags, countOf, parseFlags } from './flags.ts'

const flagOf = (name: string): string => name.toLowerCase().replaceAll('_', '-')
/** Here `--seeds` takes the place of one seed, and `--redis` is where the queue is. */
const overrides = overridable.filter(({ name }) => name !== 'SEED' && name !== 'REDIS')

const usage = `usage: longhaul sweep --seeds 1..1000 [--scenario S1] [--config FILE] [overrides]
       longhaul sweep --resume ID

  --seeds FIRST..LAST    seeds to run, both ends included, at most 10,000
  --scenario S1          runs configs/s1.yaml; default S1
  --config FILE          another campaign
  --id ID                name of its folder in reports/sweeps; default: of scenario, seeds and config
  --resume ID            goes on with a sweep that was stopped, as the same command line does
  --fresh                begins anew where there are results already
  --jobs N               runs at one time on this machine; default: its processors
  --keep                 keep every run's folder; else those of the first 100 that failed or are unknown
  --redis URL            gives the seeds to every \`longhaul worker\` on that Redis; ${queuePasswordVariable} holds its password
${overrides.map(({ name, help }) => `  --${flagOf(name)} …`.padEnd(25) + help).join('\n')}

The last ones in capitals with LONGHAUL_ before them are read from the environment, too.
Exit codes: 0 no run failed, 1 one did, 2 one is unknown, 3 bad command line, 4 environment not ready, 130 interrupted
`

const seedsMax = 10_000
const keptRunsMax = 100

const text = { type: 'string' } as const
const flagOptions = {
  ...Object.fromEntries(overrides.map(({ name }) => [flagOf(name), text])),
  seeds: text,
  scenario: text,
  config: text,
  id: text,
  resume: text,
  jobs: text,
  redis: text,
  fresh: { type: 'boolean' },
  keep: { type: 'boolean' },
} as const

/** What may differ from how the sweep was begun. */
const resumeFlags: ReadonlySet<string> = new Set(['resume', 'jobs', 'redis', 'keep'])

export interface SweepCommand {
  loaded: LoadedConfig
  facts: SweepFacts
  jobs: number
  isFresh: boolean
  isKept: boolean
  /** Null where the seeds run on this machine. */
  redis: string | null
}

export async function sweep(args: readonly string[]): Promise<ExitCode> {
  const command = sweepCommand(args)
  if (command === null) {
    process.stdout.write(usage)
    return exitCodes.ok
  }
  const interrupt = new AbortController()
  const onSignal = (): void => interrupt.abort()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal)
  try {
    return await execute(command, interrupt.signal)
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(signal, onSignal)
  }
}

async function execute({ loaded, facts, jobs, isFresh, isKept, redis }: SweepCommand, signal: AbortSignal): Promise<ExitCode> {
  const { config } = loaded
  const folder = new SweepFolder(facts, config, isFresh)
  const pool = new SeedPool({ size: jobs, withheld: [queuePasswordVariable] })
  signal.addEventListener('abort', () => void pool.close(), { once: true })
  const write = (shown: string): void => void process.stdout.write(shown)
  let runSeeds: RunSeeds
  const job = {
    configFile: folder.configFile,
    keep: isKept ? 'all' : 'failed',
    engine: config.parts === undefined ? 'kept' : 'new',
    deadlineMs: deadlineMsOf(config),
    command: `longhaul sweep --resume ${facts.id}`,
  } as const
  if (redis === null) runSeeds = runSeedsHere(pool, folder, (seed) => ({ seed, ...job }))
  else runSeeds = runSeedsOnWorkers({ address: queueAddress(redis, process.env), facts, config, say: (line) => write(`${line}\n`) })
  try {
    const isTerminal = process.stdout.isTTY
    const maxKept = isKept ? Number.POSITIVE_INFINITY : keptRunsMax
    const { table, report } = await runSweep({ facts, config, folder, pool, runSeeds, maxKept, signal, isTerminal, write })
    write(`\n${report}\nlonghaul: ${folder.shownPath}/SWEEP.md\n`)
    if (signal.aborted) write(`longhaul: interrupted; longhaul sweep --resume ${facts.id} goes on\n`)
    return signal.aborted ? exitCodes.interrupted : exitCodeOf(table)
  } finally {
    await pool.close()
    folder.close()
  }
}

/** Null where help was asked for. Throws CONFIG_*. */
export function sweepCommand(args: readonly string[]): SweepCommand | null {
  const flags = parseFlags('sweep', args, flagOptions)
  if (flags === null) return null
  const { id, resume, jobs, redis = null, fresh: isFresh = false, keep: isKept = false } = flags.values
  const rest = { jobs: countOf('sweep', 'jobs', jobs ?? String(availableParallelism())), isFresh, isKept, redis }
  if (redis !== null) queueAddress(redis, process.env)
  if (resume !== undefined) {
    const other = Object.keys(flags.values).find((name) => !resumeFlags.has(name))
    if (other !== undefined)
      throw badFlags('sweep', `--resume goes on with what the sweep was begun with: --${other} has no place beside it`)
    return { ...resumed(resume), ...rest }
  }
  const { scenario = 'S1', config: file, seeds } = flags.values
  const [firstSeed, lastSeed] = seedsOf(seeds)
  const environment: Record<string, string | undefined> = { ...process.env }
  const given = flags.values as Readonly<Record<string, unknown>>
  for (const { name } of overrides) {
    const value = given[flagOf(name)]
    if (typeof value === 'string') environment[`LONGHAUL_${name}`] = value
  }
  const loaded = load(resolve(file ?? join(repoRoot, `configs/${scenario.toLowerCase()}.yaml`)), overridesFromEnvironment(environment))
  const name = `${loaded.config.scenario.toLowerCase()}-${firstSeed}-${lastSeed}-${configHash(loaded.config).slice(0, 8)}`
  const facts = factsOf(loaded, id ?? name, firstSeed, lastSeed)
  if (!isFresh) checkSame(facts, readSweep(sweepFolderOf(facts.id)))
  return { loaded, facts, ...rest }
}

/** The seed is each run's own, and a store that has to be started for each of them only where the config insists. */
function load(file: string, given: readonly Override[]): LoadedConfig {
  const all = [...given.filter(({ path }) => path[0] !== 'seed'), { source: '--seeds', path: ['seed'], value: 0 }]
  const { config } = loadConfig(file, all)
  checkSources(config)
  return config.redis.mode === 'auto'
    ? loadConfig(file, [...all, { source: 'sweep', path: ['redis', 'mode'], value: 'off' }])
    : loadConfig(file, all)
}

function factsOf({ config }: LoadedConfig, id: string, firstSeed: number, lastSeed: number): SweepFacts {
  return {
    schema: 1,
    id,
    scenario: config.scenario,
    firstSeed,
    lastSeed,
    configHash: configHash(config),
    version: codeVersion(config.parts),
  }
}

function resumed(id: string): Pick<SweepCommand, 'loaded' | 'facts'> {
  const folder = sweepFolderOf(id)
  const before = readSweep(folder)
  if (before === null) throw noSweep(id)
  const loaded = load(join(folder, 'config.yaml'), [])
  const facts = factsOf(loaded, id, before.firstSeed, before.lastSeed)
  checkSame(facts, before)
  return { loaded, facts }
}

function noSweep(id: string): OperatingError {
  return new OperatingError('CONFIG_NOT_FOUND', `there is no sweep ${id} in reports/sweeps`, {
    hint: 'Begin it with longhaul sweep --seeds FIRST..LAST.',
  })
}

/** Results of two configs, or of two versions of the code, do not belong into one table. */
function checkSame(facts: SweepFacts, before: SweepFacts | null): void {
  if (before === null) return
  const hint = '--fresh begins it anew, --id gives this one a folder of its own.'
  if (before.configHash !== facts.configHash || before.firstSeed !== facts.firstSeed || before.lastSeed !== facts.lastSeed) {
    throw new OperatingError('CONFIG_INVALID', `sweep ${facts.id} was begun with another config or other seeds`, { hint })
  }
  if (!isSameVersion(before.version, facts.version)) {
    const [was, is] = [before, facts].map(({ version }) => describeVersion(version))
    throw new OperatingError('CONFIG_INVALID', `sweep ${facts.id} was begun with ${was}, this is ${is}`, { hint })
  }
}

function seedsOf(range: string | undefined): [first: number, last: number] {
  const match = /^(\d{1,15})\.\.(\d{1,15})$/.exec(range ?? '')
  const [first, last] = [Number(match?.[1]), Number(match?.[2])]
  if (match && last >= first && last - first < seedsMax) return [first, last]
  throw badFlags('sweep', `--seeds expects FIRST..LAST with at most ${seedsMax} seeds, was ${range ?? 'left out'}`)
}

function exitCodeOf({ verdicts, done, firstSeed, lastSeed }: SweepTable): ExitCode {
  if (verdicts.fail > 0) return exitCodes.fail
  return verdicts.unknown > 0 || done < lastSeed - firstSeed + 1 ? exitCodes.unknown : exitCodes.ok
}
