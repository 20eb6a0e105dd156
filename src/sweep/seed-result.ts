/** What a sweep keeps of one seed's run: a line of results.ndjson, and a row of the table. Plain data. */

import type { Verdict } from '../analyzer/analysis.ts'
import type { JudgedRun } from '../report/write-report.ts'

const findingsMax = 20
const causeCharsMax = 200

/** The same on every machine: the table is made of these alone. */
export interface SeedFacts {
  seed: number
  verdict: Verdict
  /** The judge's sentence. */
  reason: string
  failure: Failure | null
  /** All assertions that failed. */
  failedAssertions: string[]
  entries: number
  exits: number
  /** Exact decimal. */
  profitKrw: string
  loopTimeP99Ms: number | null
  guardBlocks: number
  /** Over all faults of the run's plan. */
  faultsStruck: number
  attempts: number
  /** Those above info. */
  findings: { rule: string; cause: string; symbol: string | null }[]
  /** SHA-256 of trading.log; null where the run was not finished. */
  tradingHash: string | null
}

export interface SeedResult extends SeedFacts {
  wallMs: number
  /** From the root of the repository, of a run that was kept. */
  runFolder: string | null
}

/** In what way a run did not pass: two runs with the same two names failed in the same way. */
export interface Failure {
  /** The judge's first assertion of the run's verdict; null where there is none, as in a run that was given up. */
  assertion: string | null
  /** The rule of the first finding above info; null where no rule found anything. */
  rule: string | null
}

function failureOf({ judgement, record }: Pick<JudgedRun, 'judgement' | 'record'>): Failure | null {
  if (judgement.verdict === 'pass') return null
  const findings = record.attempts.flatMap((attempt) => attempt.findings).filter(({ severity }) => severity !== 'info')
  // What stopped the last attempt says more than what an earlier one was stopped for.
  const last = record.attempts.at(-1)?.findings.find(({ aborts }) => aborts)
  return {
    assertion: judgement.assertions.find(({ verdict }) => verdict === judgement.verdict)?.name ?? null,
    rule: (last ?? findings[0])?.rule ?? null,
  }
}

export function nameOf({ assertion, rule }: Failure): string {
  return [assertion ?? 'no single assertion', ...(rule === null ? [] : [`rule ${rule}`])].join(', ')
}

/** A shorter run may fail its budgets besides: it has to fail in this way, too. */
export function failsLike({ assertion, rule }: Failure, { failure, failedAssertions, findings }: SeedFacts): boolean {
  const isNamed = assertion !== null || rule !== null
  return (
    isNamed &&
    (assertion === null || failedAssertions.includes(assertion)) &&
    // The rule that it failed by may stand beyond the findings that are kept.
    (rule === null || failure?.rule === rule || findings.some((found) => found.rule === rule))
  )
}

/** False where no run was judged: what kept it from that is the machine's trouble rather than the seed's. */
export function cameToVerdict({ tradingHash }: SeedFacts): boolean {
  return tradingHash !== null
}

export function factsOf(seed: number, { judgement, analysis, record, strikes }: JudgedRun, tradingHash: string | null): SeedFacts {
  const findings = record.attempts.flatMap((attempt) => attempt.findings).filter(({ severity }) => severity !== 'info')
  return {
    seed,
    verdict: judgement.verdict,
    reason: judgement.reason,
    failure: failureOf({ judgement, record }),
    failedAssertions: judgement.assertions.filter((assertion) => assertion.verdict === 'fail').map(({ name }) => name),
    entries: analysis.overall.entries,
    exits: analysis.overall.exits,
    profitKrw: analysis.overall.profit.totalKrw,
    loopTimeP99Ms: analysis.loopTimeMs?.p99 ?? null,
    guardBlocks: Object.values(analysis.overall.guardBlocks).reduce((sum, count) => sum + count, 0),
    faultsStruck: strikes.reduce((sum, count) => sum + count, 0),
    attempts: record.attempts.length,
    findings: findings.slice(0, findingsMax).map(({ rule, cause, symbol }) => ({ rule, cause: cause.slice(0, causeCharsMax), symbol })),
    tradingHash,
  }
}

/** A seed of which no run came to a verdict: its process died of it, or its machine could not run it. */
export function unknownResult(seed: number, reason: string, wallMs: number): SeedResult {
  return {
    seed,
    verdict: 'unknown',
    reason,
    failure: { assertion: null, rule: null },
    failedAssertions: [],
    entries: 0,
    exits: 0,
    profitKrw: '0',
    loopTimeP99Ms: null,
    guardBlocks: 0,
    faultsStruck: 0,
    attempts: 0,
    findings: [],
    tradingHash: null,
    wallMs,
    runFolder: null,
  }
}
