/** The clean-up steps before a run: leftover engines, leftover state, old logs. Each is safe to repeat. */

import { existsSync, lstatSync, mkdirSync, readdirSync, readlinkSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { notReady } from './environment-error.ts'
import type { ProcessRegister } from './processes.ts'
import { describeProcess } from './processes.ts'

export const logNames = ['application.log', 'trading.log', 'metrics.log'] as const

const stopGraceMs = 3000
const archivePattern = /^logs-\d{8}T\d{6}Z(-\d+)?$/

/** Answers what was done, in words. Throws ENVIRONMENT_NOT_READY where a leftover cannot be stopped. */
export async function stopLeftovers(register: ProcessRegister): Promise<string> {
  const { stopped, running, staleCount } = await register.stopLeftovers(stopGraceMs)
  const parts = [stopped.length === 0 ? 'nothing was left running' : `stopped ${stopped.map(describeProcess).join(', ')}`]
  if (running.length > 0) parts.push(`left alone ${new Set(running.map((record) => record.runId)).size} running campaigns`)
  if (staleCount > 0) parts.push(`removed ${staleCount} stale records`)
  return parts.join('; ')
}

/** Empties the run's own state folder. */
export function resetEmbedded(folder: string): string {
  const count = existsSync(folder) ? readdirSync(folder).length : 0
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  return count === 0 ? 'the state folder is new' : `removed ${count} files of an earlier state`
}

/**
 * Gives the run new, empty logs in its own folder, keeps what lay there or in a real `logs` folder in the archive, and points the link
 * `logs` at them. Answers what was done, in words.
 */
export function rotateLogs(repoRoot: string, runFolder: string): string {
  const folder = join(runFolder, 'logs')
  const archive = join(repoRoot, 'reports', 'archive')
  const done = [...archiveLogs(folder, archive), ...archiveLogs(join(repoRoot, 'logs'), archive)]
  makeLogs(runFolder)
  done.push(swapLink(join(repoRoot, 'logs'), folder))
  return done.join('; ')
}

/** New, empty logs in the run's own folder, where there are none. Answers what was done, in words. */
export function makeLogs(runFolder: string): string {
  const folder = join(runFolder, 'logs')
  mkdirSync(folder, { recursive: true })
  for (const name of logNames) writeFileSync(join(folder, name), '')
  return 'new logs'
}

/** What `longhaul clean --logs` may remove. It goes by no run: another engine's logs may be among it. */
export function archivesIn(archive: string): string[] {
  if (!existsSync(archive)) return []
  return readdirSync(archive)
    .filter((name) => archivePattern.test(name))
    .toSorted()
    .map((name) => join(archive, name))
}

function archiveLogs(folder: string, archive: string): string[] {
  const found = lstatSync(folder, { throwIfNoEntry: false })
  if (found === undefined || found.isSymbolicLink()) return []
  if (!found.isDirectory()) throw notReady(`${folder} is a file`, 'Move it away: the link to the newest logs goes there.')
  if (isWithoutContent(folder)) {
    rmSync(folder, { recursive: true })
    return []
  }
  mkdirSync(archive, { recursive: true })
  const target = freeName(join(archive, `logs-${new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '')}`))
  renameSync(folder, target)
  return [`moved old logs to ${relative(dirname(dirname(archive)), target)}`]
}

function isWithoutContent(folder: string): boolean {
  return readdirSync(folder, { withFileTypes: true }).every((entry) => entry.isFile() && lstatSync(join(folder, entry.name)).size === 0)
}

function freeName(path: string): string {
  let candidate = path
  for (let number = 2; existsSync(candidate); number++) candidate = `${path}-${number}`
  return candidate
}

/** A link is replaced in one step, so that `tail -F logs/application.log` always finds one. */
function swapLink(link: string, folder: string): string {
  const target = relative(dirname(link), folder)
  const before = lstatSync(link, { throwIfNoEntry: false })?.isSymbolicLink() === true ? readlinkSync(link) : null
  const draft = `${link}.${process.pid}.tmp`
  rmSync(draft, { force: true })
  symlinkSync(target, draft)
  renameSync(draft, link)
  return before === null || before === target ? `logs is ${target}` : `logs is ${target}, was ${before}`
}
