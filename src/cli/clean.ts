/** `longhaul clean`: stops what killed campaigns left running and removes old runs. main.ts calls it. */

import { lstatSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { basename, join, relative, resolve } from 'node:path'
import { messageOf } from '../base/error.ts'
import { exitCodes, type ExitCode } from '../base/exit-code.ts'
import { archivesIn } from '../environment/cleanup.ts'
import { notReady } from '../environment/environment-error.ts'
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

exit codes: 0 cleaned, 3 bad command line, 4 something cannot be stopped or removed
`

interface CleanSettings {
  keepCount: number
  includesArchives: boolean
  isDryRun: boolean
}

/** Prints each thing done. `repoRoot` and `print` are others in tests. Throws CONFIG_INVALID, ENVIRONMENT_NOT_READY. */
export async function clean(
  args: readonly string[],
  repoRoot = resolve(import.meta.dirname, '../..'),
  print = (text: string): void => void process.stdout.write(text),
): Promise<ExitCode> {
  const flags = parseFlags('clean', args, { keep: { type: 'string' }, logs: { type: 'boolean' }, 'dry-run': { type: 'boolean' } })
  if (flags === null) {
    print(usage)
    return exitCodes.ok
  }
  const { keep = String(defaultKeepCount), logs = false, 'dry-run': isDryRun = false } = flags.values
  if (!/^\d{1,6}$/.test(keep)) throw badFlags('clean', `--keep expects a whole number of runs, was ${JSON.stringify(keep)}`)
  await cleanAll({ keepCount: Number(keep), includesArchives: logs, isDryRun }, repoRoot, (line) => print(`${line}\n`))
  return exitCodes.ok
}

async function cleanAll(settings: CleanSettings, repoRoot: string, say: (line: string) => void): Promise<void> {
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
    if (!settings.isDryRun) remove(folder)
    say(`${verb}remove ${relative(repoRoot, folder)}`)
  }
  say(`${runs.length - oldRuns.length} runs ${settings.isDryRun ? 'would be ' : ''}kept`)
}

function remove(folder: string): void {
  try {
    rmSync(folder, { recursive: true })
  } catch (error) {
    throw notReady(`cannot remove ${folder}: ${messageOf(error)}`, 'Check whose folder it is: another user may have run it.', error)
  }
}

interface RunFolder {
  folder: string
  /** By the folder's name: what stands in it may be torn, and a running campaign must stay. */
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
  const startedAtMs = Date.parse(String(readRecord(path)['startedAt']))
  // A run.json that a kill left torn still makes it a run folder, as old as the file.
  return { folder, runId: basename(folder), startedAtMs: Number.isNaN(startedAtMs) ? found.mtimeMs : startedAtMs }
}

function readRecord(path: string): Record<string, unknown> {
  try {
    const record: unknown = JSON.parse(readFileSync(path, 'utf8'))
    return typeof record === 'object' && record !== null ? (record as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}
