/** Stretches without usable quotes as bands, one row a symbol. A pure plan; charts.ts draws it. */

import type { CustomSeriesOption } from 'echarts'
import type { Analysis } from '../analyzer/analysis.ts'
import { type ChartPlan, timeAxisOf } from './chart-plan.ts'

const maxSymbols = 12
const rowHeight = 26

type Band = [fromMs: number, toMs: number, row: number]

export function outagesChart(analysis: Analysis): ChartPlan | null {
  const { feedOutages } = analysis
  if (feedOutages.length === 0) return null
  const symbols = [...new Set(feedOutages.map(({ symbol }) => symbol))].slice(0, maxSymbols)
  const reasons = [...new Set(feedOutages.map(({ reason }) => reason))].toSorted()
  return {
    name: 'feed-outages',
    title: 'Feed outages',
    subtitle: 'stretches without usable quotes, by reason; UTC',
    height: 120 + symbols.length * rowHeight,
    option: {
      xAxis: timeAxisOf(analysis),
      yAxis: { type: 'category', inverse: true, data: symbols },
      series: reasons.map((reason) => {
        const bands = feedOutages
          .filter((outage) => outage.reason === reason && symbols.includes(outage.symbol))
          .map(({ symbol, fromMs, toMs }): Band => [fromMs, toMs, symbols.indexOf(symbol)])
        return bandSeries(reason, bands)
      }),
    },
  }
}

function bandSeries(name: string, bands: Band[]): CustomSeriesOption {
  return {
    type: 'custom',
    name,
    encode: { x: [0, 1], y: 2 },
    data: bands,
    renderItem: (_, api) => {
      const [left = 0, middle = 0] = api.coord([api.value(0), api.value(2)])
      const [right = left] = api.coord([api.value(1), api.value(2)])
      const height = rowHeight * 0.6
      // An outage of one loop in a run of hours would be thinner than a pixel.
      const shape = { x: left, y: middle - height / 2, width: Math.max(2, right - left), height }
      const fill = api.visual('color')
      return { type: 'rect', shape, style: typeof fill === 'string' ? { fill } : {} }
    },
  }
}
