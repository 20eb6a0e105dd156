/** Tells one process from another that was given the same number later: for leases, and for the harness's register of processes. */

import { execFileSync } from 'node:child_process'
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'

export interface ProcessIdentity {
  pid: number
  /** When it started: clock ticks since boot where there is /proc, else what ps says; null where neither can tell. */
  startTime: string | null
  /** The space in which the pid means this process: host name, and pid namespace where there is one. */
  space: string
}

const psDeadlineMs = 2000

/** Null where no such process runs; one that has ended and was not yet reaped by its parent does not run. */
export function findProcess(pid: number): ProcessIdentity | null {
  if (!Number.isSafeInteger(pid) || pid <= 0) return null
  const status = pidSpace === null ? statusFromPs(pid) : statusFromProc(pid)
  return status === null || /^[ZX]/.test(status.state) ? null : { pid, startTime: status.startTime, space }
}

export function currentProcess(): ProcessIdentity {
  return findProcess(process.pid) ?? { pid: process.pid, startTime: null, space }
}

/** True only where it is known: a process of another host or container may run, and is never taken for gone. */
export function isGone(identity: ProcessIdentity): boolean {
  if (identity.space !== space) return false
  const found = findProcess(identity.pid)
  return found === null || found.startTime !== identity.startTime
}

/** True only where it is known: the very process, not another under its number. */
export function isRunning(identity: ProcessIdentity): boolean {
  return identity.space === space && !isGone(identity)
}

/** Null where what was stored is no identity: a reader must then take nothing for granted. */
export function parseIdentity(value: unknown): ProcessIdentity | null {
  if (typeof value !== 'object' || value === null) return null
  const { pid, startTime, space } = value as Record<string, unknown>
  if (typeof pid !== 'number' || typeof space !== 'string') return null
  return typeof startTime === 'string' || startTime === null ? { pid, startTime, space } : null
}

/** Its command line as the system shows it, or null where that cannot be told. */
export function commandOf(pid: number): string | null {
  if (pidSpace === null) return ps(pid, 'command=')
  const text = readOrNull(`/proc/${pid}/cmdline`)
  return text === null ? null : text.replaceAll('\0', ' ').trim()
}

interface ProcessStatus {
  /** One letter: proc(5), `Z` for a zombie, `X` for dead. */
  state: string
  startTime: string
}

/** proc(5), /proc/[pid]/stat: the state is field 3 and the start time field 22; the name before them may hold spaces and parentheses. */
function statusFromProc(pid: number): ProcessStatus | null {
  const text = readOrNull(`/proc/${pid}/stat`)
  if (text === null) return null
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const state = fields[0]
  const startTime = fields[19]
  return state === undefined || startTime === undefined ? null : { state, startTime }
}

function statusFromPs(pid: number): ProcessStatus | null {
  const text = ps(pid, 'stat=,lstart=')
  if (text === null) return null
  const [state = '', ...startTime] = text.split(/\s+/)
  return { state, startTime: startTime.join(' ') }
}

function ps(pid: number, columns: string): string | null {
  try {
    const text = execFileSync('ps', ['-o', columns, '-p', String(pid)], {
      encoding: 'utf8',
      timeout: psDeadlineMs,
      stdio: ['ignore', 'pipe', 'ignore'],
      env: { ...process.env, LC_ALL: 'C' },
    })
    return text.trim() || null
  } catch {
    // ps answers 1 where there is no such process.
    return null
  }
}

function readOrNull(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    // The process has ended, or /proc belongs to another system than Linux.
    return null
  }
}

function findPidSpace(): string | null {
  try {
    return readlinkSync('/proc/self/ns/pid')
  } catch {
    return readOrNull('/proc/self/stat') === null ? null : ''
  }
}

const pidSpace = findPidSpace()
const space = [hostname(), pidSpace ?? ''].join(' ').trim()
