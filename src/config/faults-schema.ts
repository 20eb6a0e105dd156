/** The `faults` section of a campaign's YAML: what is injected, when, and how long the run must then be left alone to heal. */

import { z } from 'zod'
import { defaultStrength, finestAim } from '../faults/fault-traits.ts'
import { faultKinds, type FaultKind } from '../model/fault.ts'

const maxFaults = 10_000
const dayMs = 86_400_000

/** What `strength` may be; all others are in milliseconds, a day of them at most, or in basis points. */
const strengths: Partial<Record<FaultKind, z.ZodType<number>>> = {
  'partial-fill': z.number().min(0).max(1),
  'filter-change': z.number().positive(),
  'clock-skew': z.int().min(-dayMs).max(dayMs),
}
const anyStrength = z.number().min(0).max(dayMs)

const fault = z
  .strictObject({
    kind: z.enum(faultKinds),
    /** Event time since the run's start. */
    fromMs: z.int().min(0),
    /** May be left out for `kill`, which takes no time. */
    untilMs: z.int().min(0).optional(),
    venue: z.enum(['upbit', 'binance']).nullable().default(null),
    /** Of the instrument on its venue, such as KRW-BTC or BTCUSDT. */
    code: z
      .string()
      .regex(/^[A-Z0-9-]{2,25}$/, 'expected an instrument such as KRW-BTC or BTCUSDT')
      .nullable()
      .default(null),
    share: z.number().min(0).max(1).default(1),
    /** docs/FAULTS.md says for each kind what it means. */
    strength: z.number().optional(),
  })
  .transform((entry) => ({
    ...entry,
    untilMs: entry.untilMs ?? entry.fromMs,
    strength: entry.strength ?? defaultStrength(entry.kind),
  }))
  .refine(({ kind, fromMs, untilMs }) => (kind === 'kill' ? untilMs >= fromMs : untilMs > fromMs), 'untilMs is not after fromMs')
  .superRefine(({ kind, venue, code, strength }, context) => {
    const refuse = (key: string, message: string): void => context.addIssue({ code: 'custom', path: [key], message })
    const aim = finestAim(kind)
    if (venue !== null && aim === 'none') refuse('venue', `${kind} strikes no venue`)
    if (code !== null && aim !== 'instrument') refuse('code', `${kind} strikes no single instrument`)
    const { error } = (strengths[kind] ?? anyStrength).safeParse(strength)
    for (const { message } of error?.issues ?? []) refuse('strength', message)
  })

export const faultsSchema = z.strictObject({
  plan: z.array(fault).max(maxFaults).default([]),
  /** `on`: besides, every seed draws kinds, times and strengths of its own. */
  swarm: z.enum(['on', 'off']).default('off'),
  /** The kinds that a swarm draws from; left out, all that the market and the data source allow. */
  swarmKinds: z.array(z.enum(faultKinds)).min(1).optional(),
  /** At the end of the run: nothing is injected, and the engine has to converge. */
  healedMinutes: z.number().positive().default(2),
})
