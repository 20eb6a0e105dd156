/** The engine's settings, as plain data that can be sent to another process. The harness makes them from a campaign's config. */

import type { InstrumentFacts } from '../model/instrument.ts'
import type { Balance } from '../model/money.ts'
import type { RouteFacts } from '../model/route.ts'
import type { ExecutionSettings } from '../execution/paper-order-gateway.ts'
import type { FreshnessSettings } from '../market-data/freshness.ts'
import type { RiskSettings } from '../risk/limits.ts'
import type { MetricsSettings } from './metrics.ts'
import type { StrategySettings } from '../strategy/cross-venue-arbitrage.ts'

/** When a symbol is looked at: on the loop's cadence alone, or besides at once when a quote of one of its instruments changes. */
export type Trigger = 'interval' | 'quote'

export interface EngineSettings {
  attempt: number
  seed: number
  startAtMs: number
  endAtMs: number
  loopIntervalMs: number
  trigger: Trigger
  instruments: InstrumentFacts[]
  routes: RouteFacts[]
  /** No entries on these; what is open on them is closed. */
  quarantinedSymbols: string[]
  /** What a state without balances starts with. */
  openingBalances: Balance[]
  strategy: StrategySettings
  risk: RiskSettings
  execution: ExecutionSettings
  freshness: FreshnessSettings
  metrics: MetricsSettings
}
