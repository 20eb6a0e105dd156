/** What the report says of injected faults: which struck and how often, and what the engine was made to show. Pure text. */

import type { Exercise } from '../analyzer/analysis.ts'
import { faultKinds, type Fault } from '../model/fault.ts'
import { formatCount, formatDuration, markdownTable } from './format.ts'
import type { JudgedRun } from './write-report.ts'

const exerciseInWords: Record<keyof Exercise, string> = {
  guardBlocks: 'entries blocked by the guard',
  guardReleases: 'entries allowed again on a symbol that was blocked',
  partialFills: 'orders filled in part',
  rejections: 'orders rejected',
  timeOuts: 'orders without an answer',
  failedEntries: 'entries given up',
  unwinds: 'unwinds of unequal legs',
  staleFeeds: 'symbols that went stale',
  recoveredFeeds: 'symbols that came back',
  openedCircuits: 'circuits opened, or left open by a failed trial',
  closedCircuits: 'circuits closed',
  venueTroubles: 'warnings of trouble with a venue',
  storeTroubles: 'warnings of trouble with the store',
  reconnects: 'reconnects of streams',
  sequenceGaps: 'sequence gaps in streams',
  restarts: 'restarts from the stored state',
}

/** Null where nothing was to be injected. */
export function faults({ record, strikes, analysis }: Pick<JudgedRun, 'record' | 'strikes' | 'analysis'>): string | null {
  if (record.faults.length === 0) return null
  const { plan, swarm, healedMinutes } = record.config.faults
  const drawnCount = record.faults.length - plan.length
  const drawn = swarm === 'on' ? `, ${plan.length === 0 ? 'all' : formatCount(drawnCount)} of them drawn from the seed` : ''
  const healing = formatDuration(healedMinutes * 60_000)
  const intro = `${formatCount(record.faults.length)} faults were to be injected${drawn}; the last ${healing} are left alone, and in them
the engine has to converge. What struck is in logs/faults.log.`
  const header = ['kind', 'planned', 'of these struck', 'strikes', 'lasted in all']
  const rows = faultKinds.flatMap((kind) => kindRows(kind, record.faults, strikes))
  const shown = (Object.keys(exerciseInWords) as (keyof Exercise)[]).map((name) => [
    exerciseInWords[name],
    formatCount(analysis.exercise[name]),
  ])
  const exercised = `### What the run exercised\n\n${markdownTable(['what', 'times'], shown)}`
  return `## Faults\n\n${intro}\n\n${markdownTable(header, rows)}\n\n${exercised}`
}

function kindRows(kind: Fault['kind'], planned: readonly Fault[], strikes: readonly number[]): string[][] {
  const own = planned.flatMap((fault, index) => (fault.kind === kind ? [{ fault, count: strikes[index] ?? 0 }] : []))
  if (own.length === 0) return []
  const struck = own.filter(({ count }) => count > 0).length
  const sum = own.reduce((total, { count }) => total + count, 0)
  const lastedMs = own.reduce((total, { fault }) => total + fault.untilMs - fault.fromMs, 0)
  return [[kind, formatCount(own.length), formatCount(struck), formatCount(sum), formatDuration(lastedMs)]]
}
