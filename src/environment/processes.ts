/**
 * The register of processes that we started, one JSON file each, so that the next clean-up can stop what a killed supervisor left behind,
 * and nothing else.
 */

import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import { codeOf, messageOf, OperatingError } from '../base/error.ts'
import { commandOf, currentProcess, findProcess, isGone, isRunning } from '../store/process-identity.ts'

const identitySchema = z.strictObject({ pid: z.int().positive(), startTime: z.string().nullable(), space: z.string() })

const recordSchema = z.strictObject({
  role: z.enum(['supervisor', 'engine', 'redis', 'venues']),
  runId: z.string(),
  process: identitySchema,
  /** As the system showed it when the process was recorded. */
  command: z.string().nullable(),
  supervisor: identitySchema,
})

export type ProcessRecord = z.output<typeof recordSchema>
export type ProcessRole = ProcessRecord['role']

export interface StoppedLeftovers {
  /** Stopped now, in order. */
  stopped: ProcessRecord[]
  /** Their supervisor lives: another campaign runs beside this one. */
  running: ProcessRecord[]
  /** Records of processes that had ended, or whose number belongs to another process now; removed. */
  staleCount: number
}

const pollMs = 20

/** `folder` is reports/processes. */
export class ProcessRegister {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  /** This process becomes its supervisor. Null where the process has ended already. */
  record(role: ProcessRole, runId: string, pid: number): ProcessRecord | null {
    const found = findProcess(pid)
    if (found === null) return null
    const record: ProcessRecord = { role, runId, process: found, command: commandOf(pid), supervisor: currentProcess() }
    mkdirSync(this.#folder, { recursive: true })
    const path = this.#path(record)
    writeFileSync(`${path}.tmp`, `${JSON.stringify(record, undefined, 2)}\n`)
    renameSync(`${path}.tmp`, path)
    return record
  }

  forget(record: ProcessRecord): void {
    rmSync(this.#path(record), { force: true })
  }

  /** Runs with a live process in the register: no clean-up may touch what is theirs. */
  liveRunIds(): Set<string> {
    return new Set(
      this.#records()
        .filter((record) => !isGone(record.supervisor))
        .map((record) => record.runId),
    )
  }

  /**
   * Stops processes that are recorded, are still the very process that was recorded, and whose supervisor is gone: SIGTERM, at most
   * `graceMs`, SIGKILL, at most `graceMs`. Throws ENVIRONMENT_NOT_READY where one cannot be stopped.
   */
  async stopLeftovers(graceMs: number, isDryRun = false): Promise<StoppedLeftovers> {
    const found: StoppedLeftovers = { stopped: [], running: [], staleCount: 0 }
    for (const record of this.#records()) {
      if (!isGone(record.supervisor)) {
        found.running.push(record)
        continue
      }
      if (!isStillRunning(record)) found.staleCount++
      else {
        if (!isDryRun) await stop(record, graceMs)
        found.stopped.push(record)
      }
      if (!isDryRun) this.forget(record)
    }
    return found
  }

  /** A record that cannot be read names no process for certain, so nothing is done to any; the file is left for a person to look at. */
  #records(): ProcessRecord[] {
    let names: string[]
    try {
      names = readdirSync(this.#folder)
    } catch (error) {
      // Nothing was ever recorded here. Anything else would make running campaigns look as if they were over.
      if (codeOf(error) === 'ENOENT') return []
      const hint = 'Check the permissions of the folder.'
      throw new OperatingError('ENVIRONMENT_NOT_READY', `cannot read ${this.#folder}: ${messageOf(error)}`, { hint, cause: error })
    }
    return names
      .filter((name) => name.endsWith('.json'))
      .toSorted()
      .flatMap((name) => readRecord(join(this.#folder, name)) ?? [])
  }

  #path({ runId, role, process: { pid } }: ProcessRecord): string {
    return join(this.#folder, `${runId}-${role}-${pid}.json`)
  }
}

export function describeProcess(record: ProcessRecord): string {
  return `${record.role} ${record.process.pid} of ${record.runId}`
}

function readRecord(path: string): ProcessRecord | null {
  try {
    return recordSchema.parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch {
    // Removed since the folder was listed, or not one of our records.
    return null
  }
}

/** Start time and command must both be those recorded: the number alone may belong to anybody by now. */
function isStillRunning(record: ProcessRecord): boolean {
  return isRunning(record.process) && commandOf(record.process.pid) === record.command
}

async function stop(record: ProcessRecord, graceMs: number): Promise<void> {
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    if (isStillRunning(record)) send(signal, record)
    const deadlineMs = performance.now() + graceMs
    // By number and start time alone: a process on its way out shows no command any more, and still holds its files and ports.
    while (isRunning(record.process) && performance.now() < deadlineMs) await delay(pollMs)
    if (!isRunning(record.process)) return
  }
  throw notStopped(record, new Error(`it survived SIGKILL for ${graceMs} ms`))
}

function send(signal: NodeJS.Signals, record: ProcessRecord): void {
  try {
    process.kill(record.process.pid, signal)
  } catch (error) {
    // It may have ended between the look and the signal.
    if (isStillRunning(record)) throw notStopped(record, error)
  }
}

function notStopped(record: ProcessRecord, cause: unknown): OperatingError {
  return new OperatingError('ENVIRONMENT_NOT_READY', `cannot stop ${describeProcess(record)}: ${messageOf(cause)}`, {
    hint: `Stop process ${record.process.pid} yourself (${record.command ?? 'command unknown'}), then run again.`,
    cause,
  })
}
