/** A small S0 run as plain data, for the tests of this folder and of the commands that show it. */

import type { Analysis, Distribution, SymbolFigures } from '../analyzer/analysis.ts'
import { ExerciseRecorder } from '../analyzer/exercise-recorder.ts'
import { campaignSchema } from '../config/schema.ts'
import type { JudgedRun } from './write-report.ts'
import type { RunRecord } from './run-record.ts'

export const startMs = Date.parse('2026-01-05T00:00:00Z')
const endMs = startMs + 180_000

export function sampleRecord(changes: Partial<RunRecord> = {}): RunRecord {
  return {
    schema: 1,
    runId: '20261122-070000-s0-62-7',
    scenario: 'S0',
    title: 'mini dry run',
    status: 'finished',
    commit: '0123456789abcdef0123456789abcdef01234567',
    isDirty: false,
    command: 'vitest run campaigns/s0',
    seed: 62,
    configHash: 'f'.repeat(64),
    configFile: 'configs/s0.yaml',
    config: campaignSchema.parse({ scenario: 'S0', symbols: ['KRW-BTC', 'KRW-ETH'], duration_minutes: 3 }),
    store: 'redis',
    startedAt: '2026-11-22T07:00:00.000Z',
    endedAt: '2026-11-22T07:00:02.000Z',
    engineWallMs: 600,
    host: { nodeVersion: 'v24.21.0', platform: 'linux x64', cpuModel: 'Example CPU', cpuCount: 2, memoryBytes: 8 * 2 ** 30 },
    modelledParts: ['spread', 'tradable FX'],
    faults: [],
    steps: [{ name: 'reset-state', status: 'done', detail: 'FLUSHALL of our own server', hint: null, tookMs: 3 }],
    attempts: [
      {
        attempt: 1,
        startAtMs: startMs,
        endedAtMs: endMs,
        stopReason: 'completed',
        exitCode: 0,
        signal: null,
        wallMs: 600,
        findings: [],
        decision: 'finished',
        decisionReason: 'engine stopped: completed',
        adjustments: [],
        flightRecorder: null,
      },
    ],
    ...changes,
  }
}

function distribution(p50: number): Distribution {
  return { count: 180, mean: p50, min: p50, p50, p90: p50, p99: p50, max: p50 }
}

export function symbolFigures(symbol: string, changes: Partial<SymbolFigures> = {}): SymbolFigures {
  return {
    symbol,
    entries: 1,
    exits: 1,
    entriesFailed: 0,
    wins: 1,
    exitsByReason: { 'take-profit': 1 },
    guardBlocks: { cooldown: 2 },
    ordersByStatus: { filled: 4 },
    unwinds: 0,
    profit: { edgeKrw: '5000.125', feesKrw: '3000', fxKrw: '-12.5', totalKrw: '1987.625' },
    holdingMs: distribution(20_000),
    entryNetEdgeBps: distribution(31.5),
    spreadABps: distribution(2.2),
    spreadBBps: distribution(0.016),
    grossEdgeBps: distribution(4),
    errors: 0,
    missingSnapshots: 0,
    staleMs: 0,
    ...changes,
  }
}

export function sampleAnalysis(changes: Partial<Analysis> = {}): Analysis {
  const noTrend = { slopePerHour: null, lowPerHour: null, highPerHour: null, pointCount: 3 }
  const hour = { startMs, loops: 180, entries: 2, exits: 2, profitKrw: '3975.25', guardBlocks: 4, errors: 0, warnings: 0 }
  return {
    schema: 1,
    notJudgeable: null,
    droppedFigures: 0,
    sessions: [],
    firstMs: startMs,
    lastMs: endMs,
    attempts: 1,
    loops: 180,
    overruns: 0,
    loopPeriodMs: distribution(1000),
    loopTimeMs: distribution(52),
    loopPeriodHistogram: { bins: [{ low: 1000, high: 1008, count: 179 }] },
    loopTimeHistogram: {
      bins: [
        { low: 40, high: 40.25, count: 60 },
        { low: 52, high: 52.25, count: 120 },
      ],
    },
    loopCpuMs: distribution(0.08),
    missingSnapshots: 0,
    errorsByKind: {},
    warningsByKind: {},
    rawLines: 0,
    rawLineSamples: [],
    unreadableLines: 0,
    unreadableSamples: [],
    feedOutages: [],
    overall: symbolFigures('all', { entries: 2, exits: 2, wins: 2, guardBlocks: { cooldown: 4 } }),
    symbols: [symbolFigures('KRW-BTC'), symbolFigures('KRW-ETH')],
    hours: [{ ...hour, meanLoopPeriodMs: 1000, p99LoopTimeMs: 52 }],
    rssBytes: distribution(96 * 2 ** 20),
    heapAfterGcBytes: distribution(12 * 2 ** 20),
    latency: null,
    feeds: [],
    guardDrill: null,
    exercise: new ExerciseRecorder().exercise(),
    finalState: new ExerciseRecorder().finalState(),
    heapTrend: noTrend,
    loopTimeTrend: noTrend,
    series: [
      {
        name: 'loop-period',
        unit: 'ms',
        points: [
          [startMs, 1000],
          [endMs, 1000],
        ],
      },
      {
        name: 'loop-time',
        unit: 'ms',
        points: [
          [startMs, 40],
          [endMs, 52],
        ],
      },
    ],
    ...changes,
  }
}

export function sampleRun(changes: { record?: Partial<RunRecord>; analysis?: Partial<Analysis> } = {}): JudgedRun {
  return {
    record: sampleRecord(changes.record),
    analysis: sampleAnalysis(changes.analysis),
    checks: [{ name: 'legs-paired', verdict: 'pass', examined: '4 trades', violations: [] }],
    judgement: {
      verdict: 'pass',
      reason: 'All 2 assertions hold.',
      assertions: [
        { name: 'no errors', verdict: 'pass', expected: 'at most 0 errors', actual: '0 errors' },
        { name: 'loop time p99', verdict: 'pass', expected: 'at most 1000 ms', actual: '52 ms' },
      ],
    },
    strikes: [],
  }
}
