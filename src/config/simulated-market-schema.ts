/** The `simulatedMarket` section of a campaign's YAML: units, defaults and bounds. What the figures mean: docs/MARKET_MODEL.md. */

import { z } from 'zod'
import type { SimulatedMarketSettings } from '../market/simulated-market.ts'

const minDislocationIntervalMs = 10_000
const timeOfDay = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'expected a time of day in UTC such as 04:00')

interface Dislocations {
  minIntervalMs: number
  maxIntervalMs: number
  minAmplitudeBps: number
  maxAmplitudeBps: number
}

function dislocations(defaults: Dislocations) {
  return z
    .strictObject({
      minIntervalMs: z.int().min(minDislocationIntervalMs).default(defaults.minIntervalMs),
      maxIntervalMs: z.int().min(minDislocationIntervalMs).default(defaults.maxIntervalMs),
      minAmplitudeBps: z.number().min(0).max(1000).default(defaults.minAmplitudeBps),
      maxAmplitudeBps: z.number().min(0).max(1000).default(defaults.maxAmplitudeBps),
    })
    .refine((range) => range.minIntervalMs <= range.maxIntervalMs, 'minIntervalMs is above maxIntervalMs')
    .refine((range) => range.minAmplitudeBps <= range.maxAmplitudeBps, 'minAmplitudeBps is above maxAmplitudeBps')
    .prefault({})
}

const halts = z
  .strictObject({
    minIntervalMs: z
      .int()
      .min(60_000)
      .default(3 * 3_600_000),
    maxIntervalMs: z
      .int()
      .min(60_000)
      .default(5 * 3_600_000),
    minDurationMs: z.int().min(0).default(30_000),
    maxDurationMs: z.int().min(0).default(80_000),
  })
  .refine((range) => range.minIntervalMs <= range.maxIntervalMs, 'minIntervalMs is above maxIntervalMs')
  .refine((range) => range.minDurationMs <= range.maxDurationMs, 'minDurationMs is above maxDurationMs')
  .prefault({})

export const simulatedMarketSchema = z.strictObject({
  startPricesUsdt: z.record(z.string(), z.number().positive()).default({ BTC: 92_000, ETH: 3_150 }),
  krwPerUsdt: z.number().positive().default(1_460),
  /** Standard deviation of BTC's return over one second. */
  volatilityBps: z.number().min(0).max(100).default(1),
  dislocations: z
    .strictObject({
      krw: dislocations({ minIntervalMs: 78_000, maxIntervalMs: 122_000, minAmplitudeBps: 66, maxAmplitudeBps: 96 }),
      usdt: dislocations({ minIntervalMs: 100_000, maxIntervalMs: 145_000, minAmplitudeBps: 100, maxAmplitudeBps: 135 }),
    })
    .prefault({}),
  quietHoursUtc: z
    .array(z.strictObject({ from: timeOfDay, to: timeOfDay }))
    .max(24)
    .default([
      { from: '04:00', to: '05:00' },
      { from: '15:00', to: '16:00' },
    ]),
  halts,
}) satisfies z.ZodType<SimulatedMarketSettings>
