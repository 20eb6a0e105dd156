/** SWEEP.md and the table on the terminal. Pure text from plain data. */

import type { Verdict } from '../analyzer/analysis.ts'
import { formatCount, formatDuration, formatNumber, markdownTable } from '../report/format.ts'
import type { Failed } from './failed-seed.ts'
import { nameOf, type SeedResult } from './seed-result.ts'
import { spreadOf, type Spread, type SweepTable } from './sweep-table.ts'

export interface SweepReportInput {
  id: string
  table: SweepTable
  /** For the wall times. */
  results: readonly SeedResult[]
  failed: readonly Failed[]
}

const outliersShown = 30

export function verdictLine(verdicts: Readonly<Record<Verdict, number>>): string {
  return (['pass', 'warn', 'fail', 'unknown'] as const).map((verdict) => `${formatCount(verdicts[verdict])} ${verdict}`).join(', ')
}

/** Markdown that reads well on a terminal, too. */
export function sweepReport({ id, table, results, failed }: SweepReportInput): string {
  const { scenario, firstSeed, lastSeed, done, verdicts } = table
  const count = lastSeed - firstSeed + 1
  const missing = done < count ? ` Without a result yet: ${formatCount(count - done)}.` : ''
  return [
    `# Sweep ${id}`,
    `${scenario}, seeds ${firstSeed} to ${lastSeed}: ${verdictLine(verdicts)}.${missing}`,
    groups(table),
    spreads(table, results),
    outliers(table),
    failures(failed),
    '',
  ]
    .filter((part, index, parts) => part !== '' || index === parts.length - 1)
    .join('\n\n')
}

function groups({ groups: found }: SweepTable): string {
  if (found.length === 0) return 'Every run passed.'
  const rows = found.map(({ verdict, failure, count, seeds, reason }) => {
    const more = count > seeds.length ? ` and ${count - seeds.length} more` : ''
    return [verdict, formatCount(count), nameOf(failure), `${seeds.join(', ')}${more}`, reason]
  })
  return `## Runs that did not pass\n\n${markdownTable(['verdict', 'runs', 'first of', 'seeds', 'such as'], rows)}`
}

function spreads({ spreads: found }: SweepTable, results: readonly SeedResult[]): string {
  const row = (name: string, spread: Spread, format: (value: number) => string): string[] => {
    return [name, ...[spread.min, spread.p5, spread.median, spread.p95, spread.max].map(format)]
  }
  const rows = Object.entries(found).map(([name, spread]) => row(name, spread, formatNumber))
  const wall = spreadOf(results.map(({ wallMs }) => wallMs))
  if (wall !== null) rows.push(row('wall time', wall, formatDuration))
  return rows.length === 0 ? '' : `## Distributions\n\n${markdownTable(['a run', 'min', '5 %', 'median', '95 %', 'max'], rows)}`
}

function outliers({ outliers: found, droppedOutliers }: SweepTable): string {
  if (found.length === 0) return ''
  const rows = found
    .slice(0, outliersShown)
    .map(({ figure, seed, value, median, deviations }) => [
      figure,
      String(seed),
      formatNumber(value),
      formatNumber(median),
      formatNumber(deviations),
    ])
  const hidden = found.length + droppedOutliers - rows.length
  const more = hidden === 0 ? '' : `\n\n${formatCount(hidden)} more are nearer to the median.`
  const title = '## Outliers: more than five median absolute deviations from the median'
  return `${title}\n\n${markdownTable(['figure', 'seed', 'value', 'median', 'deviations'], rows)}${more}`
}

function failures(failed: readonly Failed[]): string {
  if (failed.length === 0) return ''
  const rows = failed.map(({ seed, failure, command, shrunk, runs }) => [String(seed), nameOf(failure), shrunk, formatCount(runs), command])
  return `## Shortest commands that still fail\n\n${markdownTable(['seed', 'first of', 'shrunk to', 'runs', 'command'], rows)}`
}
