/** Turns a campaign's config into what the engine's process and the monitor are given for one attempt. Pure. */

import { assert } from '../base/assert.ts'
import type { EnginePlan } from '../compose.ts'
import { isNetworkMarket, type CampaignConfig } from '../config/schema.ts'
import { tradingPlan } from '../config/venue-rules.ts'
import type { EngineSettings } from '../engine/settings.ts'
import type { Fault, FaultPlan } from '../model/fault.ts'
import type { OraclePricing } from '../monitor/opportunity-oracle.ts'
import type { VenueEndpoints } from '../venues/network-transport.ts'
import type { MarketPlan } from '../market/make-market.ts'
import type { Adjustments } from './recovery.ts'

export interface PlanInput {
  config: CampaignConfig
  attempt: number
  /** Event time at which the run's market begins. */
  runStartMs: number
  /** Event time at which this attempt begins. */
  startAtMs: number
  endAtMs: number
  adjustments: Adjustments
  /** None where it is left out. */
  faults?: readonly Fault[]
  store: EnginePlan['store']
  /** Where the venues are; null on a market inside the engine's own process. */
  endpoints: VenueEndpoints | null
  logsFolder: string
}

const minuteMs = 60_000
/** Full collections for the heap's trend: this many over a run, none more often than once a minute of event time. */
const collectionsPerRun = 24

export function planAttempt(input: PlanInput): EnginePlan {
  const { config } = input
  const { depthLevels, requestTimeoutMs, latencyMs } = config.venues
  return {
    settings: engineSettings(input),
    market: marketOf(input),
    venues: { depthLevels, requestTimeoutMs, latencyMs },
    dataSource: config.data_source,
    pace: config.pace === 'max' ? null : Number(config.pace.slice(0, -1)),
    store: input.store,
    logsFolder: input.logsFolder,
    leadMs: config.monitor.leadMs,
    parts: config.parts ?? null,
    faults: faultPlan(config, input.faults ?? [], input.runStartMs),
  }
}

/** Null where there is nothing to inject: then nothing stands between the parts either. */
export function faultPlan({ seed }: CampaignConfig, faults: readonly Fault[], runStartMs: number): FaultPlan | null {
  return faults.length === 0 ? null : { runStartMs, seed, faults }
}

function engineSettings({ config, attempt, startAtMs, endAtMs, adjustments }: PlanInput): EngineSettings {
  const { freshness, risk, strategy } = config
  return {
    attempt,
    seed: config.seed,
    startAtMs,
    endAtMs,
    loopIntervalMs: config.loop.intervalMs * adjustments.intervalFactor,
    trigger: config.loop.trigger,
    ...tradingPlan(config.symbols, config.venues),
    quarantinedSymbols: adjustments.quarantinedSymbols,
    strategy: { ...strategy, notionalKrw: strategy.notionalKrw * adjustments.sizeFactor },
    risk: {
      global: { ...risk.global, ...freshness },
      symbols: Object.fromEntries(
        config.symbols.map((symbol) => [symbol, { ...risk.symbolDefaults, ...definedOf(risk.symbols[symbol] ?? {}) }]),
      ),
      dailyResetTimeZone: risk.dailyResetTimeZone,
      circuitBreaker: risk.circuitBreaker,
    },
    execution: config.execution,
    freshness,
    metrics: {
      processIntervalMs: minuteMs,
      collectIntervalMs: Math.max(minuteMs, (config.duration_minutes * minuteMs) / collectionsPerRun),
    },
  }
}

function marketOf({ config, endpoints, runStartMs }: PlanInput): EnginePlan['market'] {
  if (!isNetworkMarket(config.market)) return marketPlan(config, runStartMs)
  assert(endpoints, `no addresses for the ${config.market} market`)
  return { kind: 'network', name: config.market, endpoints }
}

/** The market itself, wherever it is made: in the engine's process, or in that of the loopback servers. */
export function marketPlan(config: CampaignConfig, startMs: number): MarketPlan {
  return config.market === 'tape' && config.tape
    ? { kind: 'tape', settings: config.tape }
    : { kind: 'simulated', settings: config.simulatedMarket, startMs }
}

/** Optional keys that were left out take nothing away from the defaults. */
function definedOf<T extends object>(overrides: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(overrides).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>
  }
}

/** What the monitor's own pricing needs to know of each symbol. */
export function oraclePricing(plan: EnginePlan): OraclePricing {
  const { routes, instruments, strategy } = plan.settings
  const takerFee = (venue: string, code: string): number =>
    Number(instruments.find((instrument) => instrument.venue === venue && instrument.code === code)?.takerFee ?? 0)
  return Object.fromEntries(
    routes.map(({ symbol, a, b }) => [
      symbol,
      { takerFeeA: takerFee(a.venue, a.code), takerFeeB: takerFee(b.venue, b.code), minEntryNetEdgeBps: strategy.minEntryNetEdgeBps },
    ]),
  )
}
