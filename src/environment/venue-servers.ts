/** The venue servers of one run: `longhaul venues` as a process of its own, which goes away with the one that started it. */

import { fork, type ChildProcess } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { messageOf } from '../base/error.ts'
import type { FaultPlan } from '../model/fault.ts'
import type { InstrumentFacts, Venue } from '../model/instrument.ts'
import type { VenueEndpoints } from '../venues/network-transport.ts'
import type { MarketPlan } from '../market/make-market.ts'
import type { BinanceSwitches } from '../venues/simulated/binance/session.ts'
import type { UpbitSwitches } from '../venues/simulated/upbit/session.ts'
import { notReady } from './environment-error.ts'
import type { ProcessRecord, ProcessRegister } from './processes.ts'

/** How the venues do what they do in more than one way. */
export interface VenueSwitches {
  upbit: UpbitSwitches
  binance: BinanceSwitches
}

/** All that the servers' process is told, as plain data in a file. */
export interface VenueServerPlan {
  seed: number
  instruments: InstrumentFacts[]
  /** `startMs` is real time and may lie a few seconds ahead: until then the market is seen as it begins. */
  market: MarketPlan
  /** 0 for any that is free. */
  ports: Record<Venue, number>
  switches: VenueSwitches
  /** What is to go wrong, on the servers' clock; null for nothing. */
  faults: FaultPlan | null
  /** What of it did is added to this file. */
  faultsLog: string
}

/** From the servers to the process that started them, once. */
export interface VenueServersMessage {
  endpoints: VenueEndpoints
}

export interface VenueServersOptions {
  /** With a VenueServerPlan. */
  planFile: string
  /** What the process prints is added to it. */
  logFile: string
  register: ProcessRegister
  runId: string
  /** Wall time until both listen. */
  deadlineMs: number
}

export interface VenueServers {
  endpoints: VenueEndpoints
  pid: number
  /** Asks, then SIGKILL after a deadline. Safe to call twice. */
  stop(): Promise<void>
}

const entryFile = join(import.meta.dirname, '../main.ts')
const stopDeadlineMs = 5000
const maxLogChars = 400

/** Throws ENVIRONMENT_NOT_READY with nothing left running. */
export async function startVenueServers(options: VenueServersOptions): Promise<VenueServers> {
  const { planFile, logFile, register, runId } = options
  const output = openSync(logFile, 'a')
  const child = fork(entryFile, ['venues', '--plan', planFile], { stdio: ['ignore', output, output, 'ipc'], execArgv: [] })
  closeSync(output)
  const ended = endOf(child)
  let record: ProcessRecord | null = null
  const stop = async (): Promise<void> => {
    await stopChild(child, ended)
    if (record !== null) register.forget(record)
  }
  try {
    if (child.pid !== undefined) record = register.record('venues', runId, child.pid)
    const endpoints = await endpointsOf(child, ended, options.deadlineMs)
    return { endpoints, pid: child.pid ?? 0, stop }
  } catch (error) {
    await stop()
    throw notReady(
      `the venue servers did not start: ${messageOf(error)}`,
      `Look at ${logFile}. It ends with: ${lastLinesOf(logFile)}`,
      error,
    )
  }
}

async function endpointsOf(child: ChildProcess, ended: Promise<string>, deadlineMs: number): Promise<VenueEndpoints> {
  const late = new AbortController()
  try {
    return await Promise.race([
      new Promise<VenueEndpoints>((resolve) => {
        child.once('message', (message: VenueServersMessage) => resolve(message.endpoints))
      }),
      ended.then((how) => Promise.reject(new Error(how))),
      delay(deadlineMs, undefined, { signal: late.signal }).then(() => Promise.reject(new Error(`no word from them in ${deadlineMs} ms`))),
    ])
  } finally {
    late.abort()
  }
}

/** Resolves with how it ended. */
function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve(`their process ended with ${signal ?? `exit code ${code}`}`))
    child.once('error', (error) => resolve(`their process did not start: ${messageOf(error)}`))
  })
}

/** The servers end when the channel closes; that is also how they learn that this process was killed. */
async function stopChild(child: ChildProcess, ended: Promise<string>): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  if (child.connected) child.disconnect()
  const late = new AbortController()
  const kill = delay(stopDeadlineMs, undefined, { signal: late.signal }).then(
    () => child.kill('SIGKILL'),
    () => false,
  )
  await ended
  late.abort()
  await kill
}

function lastLinesOf(logFile: string): string {
  return readFileSync(logFile, 'utf8').trim().slice(-maxLogChars).split('\n').slice(-3).join(' ') || 'nothing'
}
