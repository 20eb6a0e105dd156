/** The shape of a campaign's YAML file: every key, its unit, its default and its bounds. Unknown keys are refused. */

import { z } from 'zod'
import { isWithoutSecrets } from '../store/redis-address.ts'
import { obstaclesTo } from '../faults/fault-traits.ts'
import { faultsSchema } from './faults-schema.ts'
import { loopbackSchema, liveSchema } from './network-market-schema.ts'
import { simulatedMarketSchema } from './simulated-market-schema.ts'
import { tapeMarketSchema } from './tape-market-schema.ts'
import { venuesSchema } from './venues-schema.ts'

const positiveInt = z.int().positive()
const nonNegative = z.number().min(0)
const probability = z.number().min(0).max(1)
const symbolName = z.string().regex(/^[A-Z0-9]{2,12}(-[A-Z0-9]{2,12})?$/, 'expected a symbol such as KRW-BTC or BTCUSDT')

const globalLimits = z.strictObject({
  maxNotionalKrw: z.number().positive().default(2_000_000),
  maxOpenTrades: positiveInt.default(4),
  maxExposureKrw: z.number().positive().default(8_000_000),
  maxDailyLossKrw: z.number().positive().default(500_000),
})

const symbolLimits = z.strictObject({
  maxCapitalKrw: z.number().positive().default(2_000_000),
  maxOpenTrades: positiveInt.default(1),
  maxConcurrentOrders: positiveInt.default(2),
  maxDailyLossKrw: z.number().positive().default(200_000),
  cooldownMs: z.int().min(0).default(10_000),
  failureCooldownMs: z.int().min(0).default(5_000),
})

function isTimeZone(name: string): boolean {
  try {
    return Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}

const severity = z.enum(['info', 'warn', 'error'])

/** One rule: how long the condition must last, how long after the start it is not judged, and what it does. */
function rule(defaults: { windowMs: number; graceMs?: number; severity?: z.infer<typeof severity>; aborts?: boolean }) {
  return z
    .strictObject({
      enabled: z.boolean().default(true),
      windowMs: positiveInt.default(defaults.windowMs),
      graceMs: z
        .int()
        .min(0)
        .default(defaults.graceMs ?? 0),
      severity: severity.default(defaults.severity ?? 'error'),
      aborts: z.boolean().default(defaults.aborts ?? true),
    })
    .prefault({})
}

const monitor = z.strictObject({
  /** Under virtual time the engine runs at most twice this stretch of event time ahead of the monitor. */
  leadMs: positiveInt.default(10_000),
  /** Wall time without a sign of life after which the engine counts as stuck. */
  watchdogMs: positiveInt.default(30_000),
  rules: z
    .strictObject({
      noEntry: rule({ windowMs: 300_000 }),
      guardBlock: rule({ windowMs: 180_000 }),
      errorLog: rule({ windowMs: 1 }),
      noProgress: rule({ windowMs: 30_000 }),
      staleFeed: rule({ windowMs: 120_000 }),
      loopPeriod: rule({ windowMs: 60_000, graceMs: 10_000, severity: 'warn', aborts: false }),
      feedLatency: rule({ windowMs: 60_000, severity: 'warn', aborts: false }),
      heapSlope: rule({ windowMs: 3_600_000, graceMs: 1_800_000, severity: 'warn', aborts: false }),
      reconnectLeak: rule({ windowMs: 600_000, graceMs: 300_000, severity: 'warn', aborts: false }),
      handleGrowth: rule({ windowMs: 1_800_000, graceMs: 600_000, severity: 'warn', aborts: false }),
      liveSockets: rule({ windowMs: 60_000 }),
      loopTimeTrend: rule({ windowMs: 1_800_000, graceMs: 600_000, severity: 'warn', aborts: false }),
      eventLoopDelay: rule({ windowMs: 60_000, graceMs: 30_000, severity: 'warn', aborts: false }),
      logVolume: rule({ windowMs: 60_000, severity: 'warn', aborts: false }),
      unhedged: rule({ windowMs: 60_000 }),
      /** A rate in whole won stands for up to an hour in a calm market, as the recorded ones by the minute show. */
      fxFrozen: rule({ windowMs: 7_200_000 }),
    })
    .prefault({}),
})

const budgets = z.strictObject({
  maxErrors: z.int().min(0).default(0),
  maxWarnings: z.int().min(0).default(50),
  /** Over all symbols. */
  minEntries: z.int().min(0).default(2),
  minExits: z.int().min(0).default(0),
  minEntriesPerSymbol: z.int().min(0).default(0),
  meanLoopPeriodMs: z.strictObject({ target: z.number().positive(), tolerance: nonNegative }).default({ target: 1000, tolerance: 100 }),
  maxLoopPeriodP99Ms: z.number().positive().default(1500),
  maxLoopTimeP99Ms: z.number().positive().default(1000),
  /** Symbol snapshots for which no usable answer came; a halted market is quoted, and counts as stale time instead. */
  maxMissingSnapshots: z.int().min(0).default(5),
  /** Streams that were lost and opened again, and sequence gaps in them. */
  maxReconnects: z.int().min(0).default(10),
  maxMessageGaps: z.int().min(0).default(5),
  /** Answers 429 and 418. */
  maxRateLimited: z.int().min(0).default(0),
  /** From the arrival of a quote to the decision on it, on a real clock; not judged where it is null. */
  maxQuoteToDecisionP99Ms: z.number().positive().nullable().default(null),
  /** Growth of the heap after full collections, by its trend after warm-up, over the run. */
  maxHeapGrowthBytes: z
    .number()
    .positive()
    .default(100 * 2 ** 20),
  maxRssBytes: z
    .number()
    .positive()
    .default(512 * 2 ** 20),
})

const campaignKeys = z.strictObject({
  scenario: z.string().regex(/^[A-Za-z0-9-]{1,40}$/, 'expected letters, digits and dashes, such as S0'),
  title: z.string().max(120).default(''),
  symbols: z
    .array(symbolName)
    .min(1)
    .max(2000)
    .refine((names) => new Set(names).size === names.length, 'a symbol is listed twice'),
  duration_minutes: z
    .number()
    .positive()
    .max(60 * 24 * 60),
  data_source: z.enum(['rest', 'ws']).default('rest'),
  mode: z.literal('paper').default('paper'),
  market: z.enum(['simulated', 'tape', 'loopback', 'live']).default('simulated'),
  /** `max`, or how many times faster than real time: `60x`, `1x`. Left out: `1x` on loopback and live markets, else `max`. */
  pace: z
    .string()
    .regex(/^(max|(?=.*[1-9])\d{1,6}(\.\d{1,3})?x)$/, 'expected max, or a number of times such as 60x')
    .optional(),
  seed: z.int().min(0).max(Number.MAX_SAFE_INTEGER).default(62),
  /** Event time of the first loop on a simulated market. A tape has its own start; loopback and live markets begin now. */
  startAt: z.iso.datetime().default('2026-01-05T00:00:00Z'),
  loop: z
    .strictObject({
      intervalMs: z.int().min(10).max(3_600_000).default(1000),
      /** `quote`: besides, a symbol is run the moment one of its quotes changes. */
      trigger: z.enum(['interval', 'quote']).default('interval'),
    })
    .prefault({}),
  venues: venuesSchema.prefault({}),
  strategy: z
    .strictObject({
      notionalKrw: z.number().positive().default(1_000_000),
      minEntryNetEdgeBps: z.number().default(25),
      takeProfitBps: z.number().default(15),
      stopLossBps: z.number().positive().default(120),
      reversalGrossEdgeBps: z.number().default(0),
      maxHoldingMs: positiveInt.default(150_000),
      limitSlackBps: nonNegative.default(5),
    })
    .prefault({}),
  risk: z
    .strictObject({
      global: globalLimits.prefault({}),
      symbolDefaults: symbolLimits.prefault({}),
      /** Limits of single symbols, over the defaults. */
      symbols: z
        .record(
          symbolName,
          z.strictObject({
            maxCapitalKrw: z.number().positive().optional(),
            maxOpenTrades: positiveInt.optional(),
            maxConcurrentOrders: positiveInt.optional(),
            maxDailyLossKrw: z.number().positive().optional(),
            cooldownMs: z.int().min(0).optional(),
            failureCooldownMs: z.int().min(0).optional(),
          }),
        )
        .default({}),
      dailyResetTimeZone: z.string().refine(isTimeZone, 'expected an IANA time zone such as Asia/Seoul').default('Asia/Seoul'),
      circuitBreaker: z.strictObject({ openAfterFailures: positiveInt.default(5), openForMs: positiveInt.default(30_000) }).prefault({}),
    })
    .prefault({}),
  execution: z
    .strictObject({
      minOrderDelayMs: z.int().min(0).default(5),
      maxOrderDelayMs: z.int().min(0).default(25),
      rejectProbability: probability.default(0.005),
      timeoutProbability: probability.default(0.002),
      orderTimeoutMs: positiveInt.default(800),
    })
    .prefault({}),
  freshness: z.strictObject({ maxQuoteAgeMs: positiveInt.default(3000), maxUnchangedMs: positiveInt.default(30_000) }).prefault({}),
  simulatedMarket: simulatedMarketSchema.prefault({}),
  tape: tapeMarketSchema.optional(),
  loopback: loopbackSchema.prefault({}),
  live: liveSchema.prefault({}),
  faults: faultsSchema.prefault({}),
  monitor: monitor.prefault({}),
  retry: z
    .strictObject({
      /** Starts of the engine in all. */
      maxAttempts: z.int().min(1).max(1000).default(2),
      backoffMs: z.int().min(0).default(500),
      maxBackoffMs: z.int().min(0).default(10_000),
      /** `adjusted`: change what the cause calls for (quarantine the symbol, poll slower, trade smaller); `plain`: as it was. */
      strategy: z.enum(['adjusted', 'plain']).default('adjusted'),
      /** Rules and events after which no further attempt is made. */
      giveUpOn: z.array(z.string()).default([]),
    })
    .prefault({}),
  budgets: budgets.prefault({}),
  redis: z
    .strictObject({
      /** `auto`: REDIS_URL if set, else a private server where redis-server is on the PATH, else the embedded store. */
      mode: z.enum(['auto', 'private', 'url', 'off']).default('auto'),
      url: z
        .string()
        .max(1000)
        .refine(isWithoutSecrets, 'expected an address without user, password and options: REDIS_URL may hold them')
        .optional(),
      keyPrefix: z
        .string()
        .regex(/^[a-z0-9:-]{3,60}$/i)
        .default('longhaul'),
      allowFlushAll: z.boolean().default(false),
    })
    .prefault({}),
  /** A module that swaps parts of the engine in the composition root: your own strategy or guard, or a planted defect. */
  parts: z.string().optional(),
})

/** Markets that real servers make, in real time. */
export function isNetworkMarket(market: z.output<typeof campaignKeys>['market']): market is 'loopback' | 'live' {
  return market === 'loopback' || market === 'live'
}

export const campaignSchema = campaignKeys
  .superRefine(({ faults, market, duration_minutes: durationMinutes, data_source: dataSource }, context) => {
    const healedFromMs = (durationMinutes - faults.healedMinutes) * 60_000
    for (const [index, { kind, untilMs }] of faults.plan.entries()) {
      const refuse = (message: string): void => context.addIssue({ code: 'custom', path: ['faults', 'plan', index], message })
      if (untilMs > healedFromMs) refuse(`${kind} ends ${untilMs} ms into the run, the healed phase begins at ${healedFromMs} ms`)
      for (const obstacle of obstaclesTo(kind, { market, dataSource })) refuse(obstacle)
    }
    for (const [index, kind] of (faults.swarmKinds ?? []).entries()) {
      for (const message of obstaclesTo(kind, { market, dataSource })) {
        context.addIssue({ code: 'custom', path: ['faults', 'swarmKinds', index], message })
      }
    }
    if (faults.swarm === 'on' && healedFromMs < 5 * 60_000) {
      context.addIssue({ code: 'custom', path: ['faults', 'swarm'], message: 'expected at least five minutes before the healed phase' })
    }
  })
  .superRefine(({ market, pace, loop, data_source: dataSource }, context) => {
    const refuse = (path: string[], message: string): void => context.addIssue({ code: 'custom', path, message })
    if (isNetworkMarket(market) && pace !== undefined && pace !== '1x') {
      refuse(['pace'], `expected 1x or nothing: a ${market} market runs in real time, was ${pace}`)
    }
    if (loop.trigger === 'quote' && dataSource !== 'ws') {
      refuse(['loop', 'trigger'], 'expected interval: without data_source ws, quotes change only when the loop asks for them')
    }
  })
  .transform((config) => ({ ...config, pace: config.pace ?? (isNetworkMarket(config.market) ? '1x' : 'max') }))

export type CampaignConfig = z.output<typeof campaignSchema>
export type MonitorSettings = CampaignConfig['monitor']
export type RuleSettings = MonitorSettings['rules']['noEntry']
export type Budgets = CampaignConfig['budgets']
export type RetrySettings = CampaignConfig['retry']
