/** `longhaul clean`: stops what killed campaigns left running and removes old runs. main.ts calls it. */

import { lstatSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { exitCodes, type ExitCode } from '../base/exit-code.ts'
import { archivesIn } from '../environment/cleanup.ts'
import { processRegister } from '../environment/prepare-environment.ts'
import { describeProcess } from '../environment/processes.ts'
import { badFlags, parseFlags } from './flags.ts'

const defaultKeepCount = 20
const stopGraceMs = 3000

const usage = `Usage: longhaul clean [--keep N] [--logs] [--dry-run]

Stops engines and servers that a killed campaign left running, and removes the oldest run folders.

  --keep N    keep the newest N runs under reports/runs (default ${defaultKeepCount}); running campaigns always stay
  --logs      also remove the archived logs under reports/archive
  --dry-run   say what would be done, and do nothing

exit codes: 0 cleaned, 3 bad command line
`

interface CleanSettings {
  keepCount: number
  includesArchives: boolean
  isDryRun: boolean
}

/** `repoRoot` is another one in tests. Prints each thing done. */
export async function clean(args: readonly string[], repoRoot = resolve(import.meta.dirname, '../..')): Promise<ExitCode> {
  const flags = parseFlags('clean', args, { keep: { type: 'string' }, logs: { type: 'boolean' }, 'dry-run': { type: 'boolean' } })
  if (flags === null) {
    process.stdout.write(usage)
    return exitCodes.ok
  }
  const { keep = String(defaultKeepCount), logs = false, 'dry-run': isDryRun = false } = flags.values
  if (!/^\d{1,6}$/.test(keep)) throw badFlags('clean', `--keep expects a whole number of runs, was ${JSON.stringify(keep)}`)
  await cleanAll({ keepCount: Number(keep), includesArchives: logs, isDryRun }, repoRoot)
  return exitCodes.ok
}

async function cleanAll(settings: CleanSettings, repoRoot: string): Promise<void> {
  const verb = settings.isDryRun ? 'would ' : ''
  const register = processRegister(repoRoot)
  const { stopped, running, staleCount } = await register.stopLeftovers(stopGraceMs, settings.isDryRun)
  for (const record of stopped) say(`${verb}stop ${describeProcess(record)}`)
  for (const record of running) say(`leave ${describeProcess(record)} alone: its supervisor runs`)
  if (staleCount > 0) say(`${verb}remove ${staleCount} stale process records`)

  const runs = runFolders(join(repoRoot, 'reports', 'runs'))
  const liveRunIds = register.liveRunIds()
  const oldRuns = runs.slice(settings.keepCount).filter((run) => !liveRunIds.has(run.runId))
  const archives = settings.includesArchives ? archivesIn(join(repoRoot, 'reports', 'archive')) : []
  for (const folder of [...oldRuns.map((run) => run.folder), ...archives]) {
    if (!settings.isDryRun) rmSync(folder, { recursive: true })
    say(`${verb}remove ${relative(repoRoot, folder)}`)
  }
  say(`${runs.length - oldRuns.length} runs ${settings.isDryRun ? 'would be ' : ''}kept`)
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

interface RunFolder {
  folder: string
  runId: string
  startedAtMs: number
}

/** Newest first. Only real folders that hold a run.json: never anything else, and never through a link. */
function runFolders(folder: string): RunFolder[] {
  if (lstatSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) return []
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap((entry) => runFolderOf(join(folder, entry.name)) ?? [])
    .toSorted((left, right) => right.startedAtMs - left.startedAtMs)
}

function runFolderOf(folder: string): RunFolder | null {
  const path = join(folder, 'run.json')
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found?.isFile() !== true) return null
  const record = readRecord(path)
  const startedAtMs = Date.parse(String(record['startedAt']))
  // A run.json that a kill left torn still makes it a run folder, as old as the file.
  return { folder, runId: String(record['runId']), startedAtMs: Number.isNaN(startedAtMs) ? found.mtimeMs : startedAtMs }
}

function readRecord(path: string): Record<string, unknown> {
  try {
    const record: unknown = JSON.parse(readFileSync(path, 'utf8'))
    return typeof record === 'object' && record !== null ? (record as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}
