/** Finds a run's folder by id, path or `latest`, and reads its run.json. The CLI and judge-run.ts call it. */

import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve, sep } from 'node:path'
import { z } from 'zod'
import { messageOf, OperatingError } from '../base/error.ts'
import type { RunRecord } from './run-record.ts'
import { runRecordSchema } from './run-record-schema.ts'

const recordFile = 'run.json'
const idPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,120}$/
/** Attempts and their findings are bounded: no run of ours comes near. */
const maxRecordBytes = 64 * 2 ** 20
const maxIssueCharacters = 300

export const runIdHint = 'An id has letters, digits, dots and dashes; a path has a slash.'

/** An id is the name of a folder and a part of Redis keys: no path, no pattern. `latest` is a word for one. */
export function isRunId(name: string): boolean {
  return idPattern.test(name) && !name.includes('..') && name !== 'latest'
}

/**
 * The folder of a run. A name with a slash in it is a path, `latest` the run that started last, anything else an id under `runsFolder`.
 * Throws RUN_NOT_FOUND.
 */
export function resolveRun(name: string, runsFolder: string): string {
  if (name === 'latest') return latestRun(runsFolder)
  const isPath = name.includes('/') || name.includes(sep)
  if (!isPath && !isRunId(name)) throw notFound(`not a run id: ${JSON.stringify(name.slice(0, 80))}`, runIdHint)
  const folder = isPath ? resolve(name) : join(runsFolder, name)
  if (!existsSync(join(folder, recordFile))) {
    throw notFound(`no ${recordFile} in ${folder}`, `${known(runsFolder)} Or give the path of a run's folder.`)
  }
  if (!isPath && dirname(realpathSync(folder)) !== realpathSync(runsFolder)) {
    throw notFound(
      `the run ${name} is a link that leads out of ${runsFolder}`,
      "Give the path of the run's folder, if it is the one you mean.",
    )
  }
  return folder
}

/** Throws RUN_NOT_FOUND where run.json is missing, broken, or of another schema. */
export function readRun(runFolder: string): RunRecord {
  const file = join(runFolder, recordFile)
  const record = runRecordSchema.safeParse(parse(file))
  if (record.success) return record.data
  const [issue] = record.error.issues
  const what = issue === undefined ? '' : `: ${issue.path.join('.')}: ${issue.message}`
  throw notFound(
    `${file} is no run record of schema 1${what.slice(0, maxIssueCharacters)}`,
    'Report it with the version of longhaul that wrote it.',
  )
}

function parse(file: string): unknown {
  try {
    if (statSync(file).size > maxRecordBytes) throw new Error(`larger than ${maxRecordBytes} bytes`)
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new OperatingError('RUN_NOT_FOUND', `cannot read ${file}: ${messageOf(error)}`, {
      hint: 'Without run.json the logs can still be judged: longhaul analyze --log-file <run>/logs/application.log.',
      cause: error,
    })
  }
}

function latestRun(runsFolder: string): string {
  // Folders whose run.json cannot be read are not runs that can be reported: the next older one is.
  const runs = runFolders(runsFolder).flatMap((folder) => {
    try {
      return [{ folder, startedAt: startOf(folder) }]
    } catch (error) {
      if (error instanceof OperatingError) return []
      throw error
    }
  })
  const latest = runs.toSorted((left, right) => right.startedAt.localeCompare(left.startedAt))[0]
  if (latest === undefined) throw notFound(`no run in ${runsFolder}`, 'Run a campaign first: npx vitest run campaigns/s0.')
  return latest.folder
}

/** There may be thousands of runs, of which one is to be read whole. */
function startOf(runFolder: string): string {
  const file = join(runFolder, recordFile)
  const record = z.object({ schema: z.literal(1), startedAt: z.string() }).safeParse(parse(file))
  if (record.success) return record.data.startedAt
  throw notFound(`${file} says not when the run started`, 'Name another run.')
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
