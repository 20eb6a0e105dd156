/** What a campaign needs of venues behind sockets: at which addresses they are, or what our own servers are to be told. Pure. */

import { isNetworkMarket, type CampaignConfig } from '../config/schema.ts'
import { tradingPlan } from '../config/venue-rules.ts'
import type { NetworkNeeds } from '../environment/network.ts'
import type { VenueServerPlan } from '../environment/venue-servers.ts'
import type { Fault } from '../model/fault.ts'
import type { VenueEndpoint } from '../venues/network-transport.ts'
import { faultPlan, marketPlan } from './plan.ts'

/** What our own servers are to inject, and where they are to write down that they did. */
export interface VenueFaults {
  faults: readonly Fault[]
  file: string
}

/** Null where the market is inside the engine's process. */
export function networkNeeds(config: CampaignConfig, venueFaults: VenueFaults = { faults: [], file: '' }): NetworkNeeds | null {
  const { market, symbols, venues, seed, loopback, live } = config
  if (!isNetworkMarket(market)) return null
  const { instruments } = tradingPlan(symbols, venues)
  const { maxClockOffsetMs, requestTimeoutMs } = venues
  const needs = { instruments, maxClockOffsetMs, requestTimeoutMs }
  if (market === 'live') return { ...needs, endpoints: live }
  const { upbitUrl, binanceUrl } = loopback
  if (upbitUrl !== undefined && binanceUrl !== undefined) {
    return { ...needs, endpoints: { upbit: loopbackEndpoint(upbitUrl), binance: loopbackEndpoint(binanceUrl) } }
  }
  const serverPlan = (startMs: number): VenueServerPlan => ({
    seed,
    instruments,
    market: marketPlan(config, startMs),
    ports: { upbit: 0, binance: 0 },
    switches: { upbit: loopback.upbit, binance: loopback.binance },
    faults: faultPlan(config, venueFaults.faults, startMs),
    faultsLog: venueFaults.file,
  })
  return { ...needs, serverPlan }
}

function loopbackEndpoint(url: string): VenueEndpoint {
  return { restUrl: url, streamUrl: url.replace(/^http/, 'ws') }
}
