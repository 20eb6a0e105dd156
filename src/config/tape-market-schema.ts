/** The `tape` section of a campaign's YAML: which recording is played, and which part of it. */

import { z } from 'zod'
import type { TapePlan } from '../market/make-market.ts'

/** Relative paths start at the repository's root. */
const path = z.string().min(1)
const window = { from: z.iso.datetime().optional(), to: z.iso.datetime().optional() }

const candles = z
  .strictObject({
    format: z.enum(['pair-1m', 'bbo-1s-with-candles']),
    file: path,
    candlesFile: path.optional(),
    ...window,
    usdKrw: z.number().positive().optional(),
  })
  .refine((tape) => (tape.format === 'bbo-1s-with-candles') === (tape.candlesFile !== undefined), {
    path: ['candlesFile'],
    error: 'expected with the format bbo-1s-with-candles, and only with it',
  })

/** What `longhaul record` wrote. */
const books = z.strictObject({ format: z.literal('books'), folder: path, ...window })

export const tapeMarketSchema = z.discriminatedUnion('format', [candles, books]) satisfies z.ZodType<TapePlan>
