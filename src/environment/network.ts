/** Opens the way to venues behind sockets: starts our own servers where they are wanted, checks both. Campaigns and recordings use it. */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { SystemClock } from '../clock/system-clock.ts'
import type { VenueEndpoints } from '../venues/network-transport.ts'
import type { ProcessRegister } from './processes.ts'
import { checkVenues, type VenueCheckOptions } from './venue-check.ts'
import { startVenueServers, type VenueServerPlan, type VenueServers } from './venue-servers.ts'

/** With `endpoints`: the servers that are there. With `serverPlan`: what our own are told, given when their market begins. */
export type NetworkNeeds = VenueCheckOptions & ({ endpoints: VenueEndpoints } | { serverPlan: (startMs: number) => VenueServerPlan })

export interface Network {
  endpoints: VenueEndpoints
  /** When the market of our own servers begins, and the first loop: wall time, Unix milliseconds, a whole second. */
  startMs: number
  stop(): Promise<void>
}

export interface NetworkOptions {
  /** For the servers' plan and log. */
  folder: string
  runId: string
  register: ProcessRegister
  /** Runs one step of the preparation and reports it; throws what the step throws. */
  step: (name: string, action: () => Promise<string>) => Promise<unknown>
}

/** Wall time from here to the first loop: the engine's process has to start, and to see its first quotes. */
const leadMs = 5000
const serversDeadlineMs = 15_000
/** The campaign's and the engine's kind of clock, so that all three count one time. */
const clock = new SystemClock()

/** Throws ENVIRONMENT_NOT_READY with nothing left running. */
export async function openNetwork(needs: NetworkNeeds, options: NetworkOptions): Promise<Network> {
  if ('endpoints' in needs) {
    const { endpoints } = needs
    await options.step('check-venues', () => checkVenues(endpoints, needs))
    return { endpoints, startMs: nextStartMs(), stop: () => Promise.resolve() }
  }
  const startMs = nextStartMs()
  const servers = await startServers(needs.serverPlan(startMs), options)
  try {
    await options.step('check-venues', () => checkVenues(servers.endpoints, needs))
  } catch (error) {
    await servers.stop()
    throw error
  }
  return { endpoints: servers.endpoints, startMs, stop: () => servers.stop() }
}

function nextStartMs(): number {
  return Math.ceil((clock.nowMs() + leadMs) / 1000) * 1000
}

async function startServers(plan: VenueServerPlan, { folder, runId, register, step }: NetworkOptions): Promise<VenueServers> {
  const planFile = join(folder, 'venues.json')
  writeFileSync(planFile, JSON.stringify(plan))
  const starting = startVenueServers({ planFile, logFile: join(folder, 'venues.log'), register, runId, deadlineMs: serversDeadlineMs })
  await step('start-venues', async () => {
    const { endpoints, pid } = await starting
    return `Upbit at ${endpoints.upbit.restUrl}, Binance at ${endpoints.binance.restUrl}, process ${pid}`
  })
  return starting
}
