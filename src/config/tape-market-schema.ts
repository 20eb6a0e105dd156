/** The `tape` section of a campaign's YAML: which recording is played, and which part of it. */

import { z } from 'zod'
import type { TapeSettings } from '../venues/simulated/tape.ts'

export const tapeMarketSchema = z
  .strictObject({
    format: z.enum(['pair-1m', 'bbo-1s-with-candles']),
    /** Relative paths start at the repository's root. */
    file: z.string().min(1),
    candlesFile: z.string().min(1).optional(),
    from: z.iso.datetime().optional(),
    to: z.iso.datetime().optional(),
    usdKrw: z.number().positive().optional(),
  })
  .refine((tape) => (tape.format === 'bbo-1s-with-candles') === (tape.candlesFile !== undefined), {
    path: ['candlesFile'],
    error: 'expected with the format bbo-1s-with-candles, and only with it',
  }) satisfies z.ZodType<TapeSettings>
