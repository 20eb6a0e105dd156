/** Bands over event time: stretches without usable quotes a symbol, and injected faults a kind. Pure plans; charts.ts draws them. */

import type { CustomSeriesOption, EChartsOption } from 'echarts'
import type { Analysis } from '../analyzer/analysis.ts'
import { faultKinds } from '../model/fault.ts'
import { type ChartPlan, timeAxisOf } from './chart-plan.ts'
import type { JudgedRun } from './write-report.ts'

const maxSymbols = 12
const rowHeight = 26

/** Bands of one name have one colour. */
interface Band {
  row: string
  name: string
  fromMs: number
  toMs: number
}

export function outagesChart(analysis: Analysis): ChartPlan | null {
  const { feedOutages } = analysis
  const symbols = [...new Set(feedOutages.map(({ symbol }) => symbol))].slice(0, maxSymbols)
  const bands = feedOutages.map(({ symbol, reason, fromMs, toMs }): Band => ({ row: symbol, name: reason, fromMs, toMs }))
  if (bands.length === 0) return null
  return {
    name: 'feed-outages',
    title: 'Feed outages',
    subtitle: 'stretches without usable quotes, by reason; UTC',
    height: heightOf(symbols),
    option: bandsOf(analysis, symbols, bands),
  }
}

/** On the axis of all other charts, so that what one of them shows can be held against what was injected then. */
export function faultsChart({ record, analysis, strikes }: Pick<JudgedRun, 'record' | 'analysis' | 'strikes'>): ChartPlan | null {
  const runStartMs = record.attempts[0]?.startAtMs ?? null
  if (record.faults.length === 0 || runStartMs === null) return null
  const kinds = faultKinds.filter((kind) => record.faults.some((fault) => fault.kind === kind))
  const bands = record.faults.map(({ kind, fromMs, untilMs }, index): Band => {
    const name = (strikes[index] ?? 0) > 0 ? 'struck' : 'never struck'
    return { row: kind, name, fromMs: runStartMs + fromMs, toMs: runStartMs + untilMs }
  })
  return {
    name: 'faults',
    title: 'Faults',
    subtitle: 'when each was injected; UTC',
    height: heightOf(kinds),
    option: bandsOf(analysis, kinds, bands),
  }
}

function heightOf(rows: readonly string[]): number {
  return 120 + rows.length * rowHeight
}

/** Bands of other rows are left out. */
function bandsOf(analysis: Analysis, rows: readonly string[], bands: readonly Band[]): EChartsOption {
  const names = [...new Set(bands.map(({ name }) => name))].toSorted()
  return {
    xAxis: timeAxisOf(analysis),
    yAxis: { type: 'category', inverse: true, data: [...rows] },
    series: names.map((name) => {
      const own = bands.filter((band) => band.name === name && rows.includes(band.row))
      return bandSeries(
        name,
        own.map(({ fromMs, toMs, row }) => [fromMs, toMs, rows.indexOf(row)]),
      )
    }),
  }
}

function bandSeries(name: string, data: [fromMs: number, toMs: number, row: number][]): CustomSeriesOption {
  return {
    type: 'custom',
    name,
    encode: { x: [0, 1], y: 2 },
    // A run that was cut off has faults beyond its end.
    clip: true,
    data,
    renderItem: (_, api) => {
      const [left = 0, middle = 0] = api.coord([api.value(0), api.value(2)])
      const [right = left] = api.coord([api.value(1), api.value(2)])
      const height = rowHeight * 0.6
      // A band of one loop in a run of hours would be thinner than a pixel.
      const shape = { x: left, y: middle - height / 2, width: Math.max(2, right - left), height }
      const fill = api.visual('color')
      return { type: 'rect', shape, style: typeof fill === 'string' ? { fill } : {} }
    },
  }
}
