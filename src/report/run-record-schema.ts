/** The shape of run.json, for whoever reads one: a killed disk, an older version or another program may have written anything. */

import { z } from 'zod'
import { campaignSchema } from '../config/schema.ts'
import { faultKinds } from '../model/fault.ts'
import type { RunRecord } from './run-record.ts'

/** What Date can show: it throws beyond. */
const timeMs = z.number().min(-8.64e15).max(8.64e15)
const wallTime = z.string().refine((text) => !Number.isNaN(Date.parse(text)), 'expected a time such as 2026-01-05T00:00:00Z')

const finding = z.object({
  rule: z.string(),
  severity: z.enum(['info', 'warn', 'error']),
  aborts: z.boolean(),
  symbol: z.string().nullable(),
  atMs: timeMs,
  sinceMs: timeMs,
  message: z.string(),
  cause: z.string(),
  evidence: z.array(z.string()),
})

const attempt = z.object({
  attempt: z.number(),
  startAtMs: timeMs,
  endedAtMs: timeMs.nullable(),
  stopReason: z.enum(['completed', 'aborted', 'interrupted', 'supervisor-gone', 'guard-stopped-session', 'failed']).nullable(),
  exitCode: z.number().nullable(),
  signal: z.string().nullable(),
  wallMs: z.number(),
  findings: z.array(finding),
  decision: z.enum(['running', 'finished', 'retry', 'retry-adjusted', 'give-up', 'interrupted']),
  decisionReason: z.string(),
  adjustments: z.array(z.string()),
  flightRecorder: z.string().nullable(),
})

const step = z.object({
  name: z.string(),
  status: z.enum(['done', 'skipped', 'failed']),
  detail: z.string(),
  hint: z.string().nullable(),
  tookMs: z.number(),
})

const fault = z.object({
  kind: z.enum(faultKinds),
  fromMs: timeMs,
  untilMs: timeMs,
  venue: z.enum(['upbit', 'binance']).nullable(),
  code: z.string().nullable(),
  share: z.number(),
  strength: z.number(),
})

export const runRecordSchema = z.object({
  schema: z.literal(1),
  // Files and folders are named after these three.
  runId: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,120}$/),
  scenario: z.string().regex(/^[A-Za-z0-9-]{1,40}$/),
  title: z.string(),
  status: z.enum(['preparing', 'running', 'finished', 'interrupted', 'not-ready']),
  commit: z.string().nullable(),
  isDirty: z.boolean(),
  command: z.string(),
  specFile: z
    .string()
    .regex(/^campaigns\/[a-z0-9-]+\.spec\.ts$/)
    .optional(),
  seed: z.number(),
  configHash: z.string(),
  configFile: z.string(),
  /** A resolved config is one in which nothing is left out. */
  config: campaignSchema,
  store: z.enum(['redis', 'embedded']).nullable(),
  startedAt: wallTime,
  endedAt: wallTime.nullable(),
  engineWallMs: z.number(),
  host: z.object({
    nodeVersion: z.string(),
    platform: z.string(),
    cpuModel: z.string(),
    cpuCount: z.number(),
    memoryBytes: z.number(),
  }),
  modelledParts: z.array(z.string()),
  /** Runs of a version that knew no faults have none. */
  faults: z.array(fault).default([]),
  steps: z.array(step),
  attempts: z.array(attempt),
}) satisfies z.ZodType<RunRecord>
