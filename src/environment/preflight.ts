/** Checks that the machine can carry a run: runtime, dependencies, disk, clock, limits, files. Each failure says what to do. */

import { spawnSync } from 'node:child_process'
import { accessSync, constants, mkdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import { messageOf } from '../base/error.ts'
import { notReady } from './environment-error.ts'

const minNodeMajor = 24
const minFreeBytes = 500 * 2 ** 20
const minOpenFiles = 1024
const minYear = 2024
const maxYear = 2100
const clockProbeMs = 10
const maxClockDriftMs = 100

export interface RuntimeOptions {
  repoRoot: string
  runFolder: string
  tapeFiles: readonly string[]
}

/** Answers what was found, in words. Throws ENVIRONMENT_NOT_READY at the first thing that is missing. */
export async function checkRuntime({ repoRoot, runFolder, tapeFiles }: RuntimeOptions): Promise<string> {
  checkWritable(runFolder)
  const found = [
    checkNode(process.versions.node),
    checkDependencies(repoRoot),
    checkDisk(runFolder),
    await checkClock(),
    checkOpenFiles(openFileLimit()),
  ]
  for (const file of tapeFiles) checkTape(file)
  if (tapeFiles.length > 0) found.push(`${tapeFiles.length} tape files`)
  return found.join(', ')
}

export function checkNode(version: string): string {
  if (Number.parseInt(version, 10) >= minNodeMajor) return `Node ${version}`
  throw notReady(`Node ${version} is too old`, `Use Node ${minNodeMajor} or newer; npm ci brings one in node_modules/.bin/node.`)
}

const lockfileSchema = z.object({
  packages: z.record(
    z.string(),
    z.object({
      version: z.string().optional(),
      dependencies: z.record(z.string(), z.string()).optional(),
      devDependencies: z.record(z.string(), z.string()).optional(),
    }),
  ),
})

/** Direct dependencies only. Those for development may be absent (npm ci --omit=dev), but not in another version. */
export function checkDependencies(repoRoot: string): string {
  const hint = `Run npm ci in ${repoRoot}.`
  const lockfile = lockfileSchema.safeParse(readJson(join(repoRoot, 'package-lock.json')))
  if (!lockfile.success) throw notReady(`package-lock.json in ${repoRoot} cannot be read`, hint, lockfile.error)
  const { packages } = lockfile.data
  const root = packages['']
  const needed = Object.keys(root?.dependencies ?? {})
  const names = [...needed, ...Object.keys(root?.devDependencies ?? {})]
  for (const name of names) {
    const locked = packages[`node_modules/${name}`]?.version ?? 'no version'
    const installed = installedVersion(repoRoot, name)
    if (installed === null && !needed.includes(name)) continue
    if (installed !== locked) throw notReady(`${name} is ${installed ?? 'not installed'}, the lockfile says ${locked}`, hint)
  }
  return `${names.length} dependencies as locked`
}

function installedVersion(repoRoot: string, name: string): string | null {
  const manifest = z.object({ version: z.string() }).safeParse(readJson(join(repoRoot, 'node_modules', name, 'package.json')))
  return manifest.success ? manifest.data.version : null
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    // The caller reports a file that is missing or broken by what it was needed for.
    return undefined
  }
}

function checkDisk(folder: string): string {
  const { bavail, bsize } = statfsSync(folder)
  return checkFreeBytes(bavail * bsize, folder)
}

export function checkFreeBytes(freeBytes: number, folder: string): string {
  const freeMegabytes = Math.floor(freeBytes / 2 ** 20)
  if (freeBytes >= minFreeBytes) return `${freeMegabytes} MB free`
  throw notReady(
    `only ${freeMegabytes} MB are free at ${folder}, ${minFreeBytes / 2 ** 20} are needed`,
    'Free some space: longhaul clean --keep 5 removes old runs.',
  )
}

async function checkClock(): Promise<string> {
  const wallMs = Date.now()
  const monotonicMs = performance.now()
  await delay(clockProbeMs)
  return checkClockReadings(wallMs, Date.now() - wallMs, performance.now() - monotonicMs)
}

/** Wall time, and what the wall clock and the monotonic clock made of one short wait. */
export function checkClockReadings(wallMs: number, wallElapsedMs: number, monotonicElapsedMs: number): string {
  const hint = 'Set the clock, or wait until its synchronisation has settled.'
  const year = new Date(wallMs).getUTCFullYear()
  if (!(year >= minYear && year < maxYear)) throw notReady(`the clock says the year ${year}`, hint)
  const driftMs = Math.round(Math.abs(wallElapsedMs - monotonicElapsedMs))
  if (driftMs > maxClockDriftMs) throw notReady(`the wall clock jumped by ${driftMs} ms in ${Math.round(monotonicElapsedMs)} ms`, hint)
  return 'clock sane'
}

export function checkOpenFiles(limit: number): string {
  if (limit >= minOpenFiles) return `${limit === Number.POSITIVE_INFINITY ? 'unlimited' : limit} open files`
  throw notReady(`only ${limit} files may be open at once`, `Raise the limit: ulimit -n ${minOpenFiles}.`)
}

/** What a child process would get, since a child is what the engine is. */
function openFileLimit(): number {
  const { stdout } = spawnSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8', timeout: 10_000 })
  return stdout.trim() === 'unlimited' ? Number.POSITIVE_INFINITY : Number.parseInt(stdout, 10)
}

function checkTape(file: string): void {
  try {
    accessSync(file, constants.R_OK)
  } catch (error) {
    throw notReady(`the tape ${file} cannot be read`, 'Check tape.file in the config; paths are relative to the repository.', error)
  }
}

export function checkWritable(folder: string): void {
  const probe = join(folder, `.probe-${process.pid}`)
  try {
    mkdirSync(folder, { recursive: true })
    writeFileSync(probe, 'x')
    rmSync(probe)
  } catch (error) {
    const hint = 'Check the permissions of the folder and the space on its disk.'
    throw notReady(`cannot write in ${folder}: ${messageOf(error)}`, hint, error)
  }
}
