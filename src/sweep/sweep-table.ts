/**
 * What a sweep's results come to: verdicts, why each run that did not pass did not, how the figures are spread, and what stands out. Pure,
 * and made of the facts in the order of their seeds: any number of workers in any order gives the same table to the byte.
 */

import type { Verdict } from '../analyzer/analysis.ts'
import { cameToVerdict, nameOf, type Failure, type SeedFacts, type SeedResult } from './seed-result.ts'

export interface Spread {
  min: number
  p5: number
  median: number
  p95: number
  max: number
}

/** Runs that did not pass in the same way. */
export interface FailureGroup {
  verdict: Verdict
  failure: Failure
  count: number
  /** The first few. */
  seeds: number[]
  /** The first one's reason. */
  reason: string
}

export interface Outlier {
  figure: FigureName
  seed: number
  value: number
  median: number
  /** In median absolute deviations. */
  deviations: number
}

export interface SweepTable {
  schema: 1
  scenario: string
  configHash: string
  firstSeed: number
  lastSeed: number
  /** Seeds that have a result. */
  done: number
  verdicts: Record<Verdict, number>
  groups: FailureGroup[]
  spreads: Partial<Record<FigureName, Spread>>
  outliers: Outlier[]
  /** Outliers beyond the bound. */
  droppedOutliers: number
  seeds: SeedFacts[]
}

export const figures = {
  entries: (facts: SeedFacts) => facts.entries,
  exits: (facts: SeedFacts) => facts.exits,
  'profit (KRW)': (facts: SeedFacts) => Number(facts.profitKrw),
  'loop time p99 (ms)': (facts: SeedFacts) => facts.loopTimeP99Ms,
  'guard blocks': (facts: SeedFacts) => facts.guardBlocks,
  'faults struck': (facts: SeedFacts) => facts.faultsStruck,
  attempts: (facts: SeedFacts) => facts.attempts,
} as const satisfies Record<string, (facts: SeedFacts) => number | null>

export type FigureName = keyof typeof figures

const groupSeedsMax = 20
const outliersMax = 100
const outlierDeviations = 5
/** Where more lie so far out, runs are of two kinds, such as with an order that timed out and without, and none of them stands out. */
const maxOutlierShare = 1 / 3

export type TableFacts = Pick<SweepTable, 'scenario' | 'configHash' | 'firstSeed' | 'lastSeed'>

export function sweepTable({ scenario, configHash, firstSeed, lastSeed }: TableFacts, results: readonly SeedResult[]): SweepTable {
  const seeds = results.map(toFacts).toSorted((left, right) => left.seed - right.seed)
  const measured = seeds.filter(cameToVerdict)
  const spreads: SweepTable['spreads'] = {}
  const outliers: Outlier[] = []
  for (const name of Object.keys(figures) as FigureName[]) {
    const values = measured.flatMap((facts) => {
      const value = figures[name](facts)
      return value === null ? [] : [{ seed: facts.seed, value }]
    })
    const spread = spreadOf(values.map(({ value }) => value))
    if (spread !== null) spreads[name] = spread
    outliers.push(...outliersOf(name, values))
  }
  const furthest = outliers.toSorted((left, right) => right.deviations - left.deviations).slice(0, outliersMax)
  return {
    schema: 1,
    scenario,
    configHash,
    firstSeed,
    lastSeed,
    done: seeds.length,
    verdicts: countVerdicts(seeds),
    groups: groupsOf(seeds),
    spreads,
    outliers: furthest,
    droppedOutliers: outliers.length - furthest.length,
    seeds,
  }
}

/** What depends on the machine is left behind. */
function toFacts({ wallMs: _wallMs, runFolder: _runFolder, ...facts }: SeedResult): SeedFacts {
  return facts
}

export function countVerdicts(results: readonly Pick<SeedFacts, 'verdict'>[]): Record<Verdict, number> {
  const counts: Record<Verdict, number> = { pass: 0, warn: 0, fail: 0, unknown: 0 }
  for (const { verdict } of results) counts[verdict]++
  return counts
}

const gravity: readonly Verdict[] = ['fail', 'unknown', 'warn', 'pass']

/** The gravest first, then the most frequent, then by the first seed. */
function groupsOf(seeds: readonly SeedFacts[]): FailureGroup[] {
  const groups = new Map<string, FailureGroup>()
  for (const { seed, verdict, failure, reason } of seeds) {
    if (failure === null) continue
    const key = `${verdict}: ${nameOf(failure)}`
    const group = groups.get(key) ?? { verdict, failure, count: 0, seeds: [], reason }
    group.count++
    if (group.seeds.length < groupSeedsMax) group.seeds.push(seed)
    groups.set(key, group)
  }
  return [...groups.values()].toSorted(
    (left, right) => gravity.indexOf(left.verdict) - gravity.indexOf(right.verdict) || right.count - left.count,
  )
}

/** Nearest ranks; null of no values. */
export function spreadOf(values: readonly number[]): Spread | null {
  if (values.length === 0) return null
  const sorted = values.toSorted((left, right) => left - right)
  const at = (share: number): number => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0
  return { min: at(0), p5: at(0.05), median: at(0.5), p95: at(0.95), max: at(1) }
}

interface SeedValue {
  seed: number
  value: number
}

/**
 * Further from the median than five median absolute deviations. Where more than half of the values are equal that deviation is 0: then the
 * mean absolute deviation takes its place (Iglewicz and Hoaglin, How to Detect and Handle Outliers, 1993), scaled as theirs is.
 */
export function outliersOf(figure: FigureName, values: readonly SeedValue[]): Outlier[] {
  const median = spreadOf(values.map(({ value }) => value))?.median ?? 0
  const distances = values.map(({ value }) => Math.abs(value - median))
  const mean = distances.reduce((sum, distance) => sum + distance, 0) / Math.max(1, distances.length)
  const deviation = spreadOf(distances)?.median || (1.253314 / 1.4826) * mean
  if (deviation === 0) return []
  const found = values
    .map(({ seed, value }) => ({ figure, seed, value, median, deviations: round(Math.abs(value - median) / deviation) }))
    .filter(({ deviations }) => deviations > outlierDeviations)
  return found.length > maxOutlierShare * values.length ? [] : found
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}
