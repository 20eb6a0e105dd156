/** Charts that compare symbols or hours: quotes, hour by hour, guard blocks. Pure plans; charts.ts draws them. */

import type { Analysis, Distribution } from '../analyzer/analysis.ts'
import type { ChartPlan } from './chart-plan.ts'

/** A page shows this many symbols; the report's table has all. */
const maxSymbols = 12
const rowHeight = 22

/** Median, p90 and p99 of the better direction's gross edge and of both legs' spreads. */
export function quotesChart(analysis: Analysis): ChartPlan | null {
  const rows = analysis.symbols.slice(0, maxSymbols).flatMap((figures) =>
    (
      [
        ['gross edge', figures.grossEdgeBps],
        ['spread A', figures.spreadABps],
        ['spread B', figures.spreadBBps],
      ] as [string, Distribution | null][]
    ).flatMap(([label, distribution]) => (distribution === null ? [] : [{ label: `${figures.symbol} ${label}`, distribution }])),
  )
  if (rows.length === 0) return null
  const percentiles = ['p50', 'p90', 'p99'] as const
  return {
    name: 'edges-and-spreads',
    title: 'Edges and spreads',
    subtitle: 'basis points of the sampled quotes; gross edge of the better direction, before fees',
    height: 110 + rows.length * rowHeight * 1.5,
    option: {
      xAxis: { type: 'value' },
      yAxis: { type: 'category', inverse: true, data: rows.map(({ label }) => label) },
      series: percentiles.map((percentile) => ({
        type: 'bar' as const,
        name: percentile,
        data: rows.map(({ distribution }) => Number(distribution[percentile].toFixed(4))),
      })),
    },
  }
}

/** Needs two hours: one bar compares with nothing. */
export function hoursChart(analysis: Analysis): ChartPlan | null {
  if (analysis.hours.length < 2) return null
  const labels = analysis.hours.map(({ startMs }) => new Date(startMs).toISOString().slice(5, 13).replace('T', ' '))
  return {
    name: 'hours',
    title: 'Hour by hour',
    subtitle: 'entries and exits (left), realised profit in KRW (right); hours of event time, UTC',
    height: 320,
    option: {
      xAxis: { type: 'category', data: labels.map((label) => `${label}h`) },
      yAxis: [
        { type: 'value', minInterval: 1 },
        { type: 'value', splitLine: { show: false } },
      ],
      series: [
        { type: 'bar', name: 'entries', data: analysis.hours.map(({ entries }) => entries) },
        { type: 'bar', name: 'exits', data: analysis.hours.map(({ exits }) => exits) },
        { type: 'line', name: 'profit', yAxisIndex: 1, data: analysis.hours.map(({ profitKrw }) => Math.round(Number(profitKrw))) },
      ],
    },
  }
}

export function guardBlocksChart(analysis: Analysis): ChartPlan | null {
  const total = (blocks: Record<string, number>): number => Object.values(blocks).reduce((sum, count) => sum + count, 0)
  const rows = analysis.symbols
    .filter(({ guardBlocks }) => total(guardBlocks) > 0)
    .toSorted((left, right) => total(right.guardBlocks) - total(left.guardBlocks))
    .slice(0, maxSymbols)
  if (rows.length === 0) return null
  const reasons = [...new Set(rows.flatMap(({ guardBlocks }) => Object.keys(guardBlocks)))].toSorted()
  return {
    name: 'guard-blocks',
    title: 'Guard blocks by reason',
    subtitle: 'entry intents that the risk guard refused',
    height: 120 + rows.length * rowHeight,
    option: {
      xAxis: { type: 'value', minInterval: 1 },
      yAxis: { type: 'category', inverse: true, data: rows.map(({ symbol }) => symbol) },
      series: reasons.map((reason) => ({
        type: 'bar' as const,
        name: reason,
        stack: 'blocks',
        barMaxWidth: 18,
        data: rows.map(({ guardBlocks }) => guardBlocks[reason] ?? 0),
      })),
    },
  }
}
