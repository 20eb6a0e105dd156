/** The `venues` section of a campaign's YAML file: what the venues list and charge, how far away they are, what we own there. */

import { z } from 'zod'

/** Exact amounts are text: a YAML number may already have lost digits. */
const decimal = z.string().regex(/^\d{1,15}(\.\d{1,18})?$/, "expected a decimal in quotes, such as '0.001'")
const positiveDecimal = decimal.refine((text) => /[1-9]/.test(text), 'expected more than 0')
const venue = z.enum(['upbit', 'binance'])
const code = z.string().regex(/^[A-Z0-9]{2,20}(-[A-Z0-9]{1,20})?$/, 'expected a code such as KRW-BTC or BTCUSDT')
const asset = z.string().regex(/^[A-Z0-9]{1,20}$/, 'expected an asset such as BTC')
const leg = z.strictObject({ venue, code })

/** Round trip: uniform between the two. */
function latency(minMs: number, maxMs: number) {
  return z
    .strictObject({ minMs: z.int().min(0).max(60_000).default(minMs), maxMs: z.int().min(0).max(60_000).default(maxMs) })
    .refine((range) => range.minMs <= range.maxMs, 'minMs is more than maxMs')
    .prefault({})
}

/** Balances of one venue; an asset that is left out keeps its default. */
function inventory(defaults: Readonly<Record<string, string>>) {
  return z
    .record(asset, decimal)
    .default({})
    .transform((own) => ({ ...defaults, ...own }))
}

export const venuesSchema = z.strictObject({
  /** Levels of each side that are asked for; more cost nothing on Binance up to 100, Upbit gives 30 at most. */
  depthLevels: z.int().min(1).max(30).default(5),
  requestTimeoutMs: z.int().min(1).max(60_000).default(2000),
  /** Clocks of a venue and of this machine that are further apart, beyond the measurement's own error, end the preflight. */
  maxClockOffsetMs: z.int().min(1).default(1000),
  /** How far away the venues of a simulated market are. */
  latencyMs: z.strictObject({ upbit: latency(8, 25), binance: latency(30, 90) }).prefault({}),
  /** What differs from the built-in rules, by `venue:code`. */
  instruments: z
    .record(
      z.string().regex(/^(upbit|binance):[A-Z0-9-]{2,41}$/, 'expected venue:code, such as binance:SOLUSDT'),
      z.strictObject({
        /** One tick for all prices. */
        tick: positiveDecimal.optional(),
        lot: positiveDecimal.optional(),
        minNotional: decimal.optional(),
        /** A fraction of the notional: '0.0005' is 5 basis points. */
        takerFee: decimal.optional(),
        base: asset.optional(),
        quote: asset.optional(),
      }),
    )
    .default({}),
  /** Symbols outside the naming rule. */
  routes: z.record(z.string(), z.strictObject({ a: leg, b: leg })).default({}),
  /** Opening balances, pre-funded on both venues: nothing is ever sent from one to the other. */
  inventory: z
    .strictObject({
      upbit: inventory({ KRW: '100000000', USDT: '50000', BTC: '2', ETH: '40' }),
      binance: inventory({ USDT: '150000', BTC: '2', ETH: '40' }),
      /** Of any other base asset that a symbol needs, on each of its venues. */
      otherBase: decimal.default('1000000'),
    })
    .prefault({}),
})

export type VenuesSettings = z.output<typeof venuesSchema>
