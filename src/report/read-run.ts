/** Finds a run's folder by id, path or `latest`, and reads its run.json. The CLI and judge-run.ts call it. */

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, join, resolve, sep } from 'node:path'
import { messageOf, OperatingError } from '../base/error.ts'
import type { RunRecord } from './run-record.ts'

const recordFile = 'run.json'
const idPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,120}$/

/**
 * The folder of a run. A name with a slash in it is a path, `latest` the run that started last, anything else an id under `runsFolder`.
 * Throws RUN_NOT_FOUND.
 */
export function resolveRun(name: string, runsFolder: string): string {
  if (name === 'latest') return latestRun(runsFolder)
  const isPath = name.includes('/') || name.includes(sep)
  if (!isPath && (!idPattern.test(name) || name.includes('..'))) {
    throw notFound(`not a run id: ${JSON.stringify(name.slice(0, 80))}`, 'An id has letters, digits, dots and dashes; a path has a slash.')
  }
  const folder = isPath ? resolve(name) : join(runsFolder, name)
  if (!existsSync(join(folder, recordFile))) {
    throw notFound(`no ${recordFile} in ${folder}`, `${known(runsFolder)} Or give the path of a run's folder.`)
  }
  return folder
}

/** Throws RUN_NOT_FOUND where run.json is missing, broken, or of another schema. */
export function readRun(runFolder: string): RunRecord {
  const file = join(runFolder, recordFile)
  const record = parse(file)
  if (!isRecord(record)) {
    throw notFound(`${file} is no run record of schema 1`, 'Report it with the version of longhaul that wrote it.')
  }
  return record
}

function parse(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new OperatingError('RUN_NOT_FOUND', `cannot read ${file}: ${messageOf(error)}`, {
      hint: 'Without run.json the logs can still be judged: longhaul analyze --log-file <run>/logs/application.log.',
      cause: error,
    })
  }
}

/** The engine's side of the contract is the type; this only tells our files from foreign ones. */
function isRecord(value: unknown): value is RunRecord {
  if (typeof value !== 'object' || value === null) return false
  const { schema, runId, config, attempts, steps } = value as Partial<RunRecord>
  return schema === 1 && typeof runId === 'string' && typeof config === 'object' && Array.isArray(attempts) && Array.isArray(steps)
}

function latestRun(runsFolder: string): string {
  // Folders whose run.json cannot be read are not runs that can be reported: the next older one is.
  const runs = runFolders(runsFolder).flatMap((folder) => {
    try {
      return [{ folder, startedAt: readRun(folder).startedAt }]
    } catch (error) {
      if (error instanceof OperatingError) return []
      throw error
    }
  })
  const latest = runs.toSorted((left, right) => right.startedAt.localeCompare(left.startedAt))[0]
  if (latest === undefined) throw notFound(`no run in ${runsFolder}`, 'Run a campaign first: npx vitest run campaigns/s0.')
  return latest.folder
}

function runFolders(runsFolder: string): string[] {
  if (!existsSync(runsFolder)) return []
  return readdirSync(runsFolder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join(runsFolder, entry.name, recordFile)))
    .map((entry) => join(runsFolder, entry.name))
}

function known(runsFolder: string): string {
  const names = runFolders(runsFolder)
    .map((folder) => basename(folder))
    .toSorted()
  return names.length === 0 ? `There is no run in ${runsFolder}.` : `The newest runs are ${names.slice(-5).join(', ')}.`
}

function notFound(message: string, hint: string): OperatingError {
  return new OperatingError('RUN_NOT_FOUND', message, { hint })
}
