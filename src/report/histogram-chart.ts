/** The distribution of loop times as bars. A pure plan; charts.ts draws it. */

import type { Analysis } from '../analyzer/analysis.ts'
import type { HistogramBin } from '../analyzer/statistics.ts'
import type { ChartPlan } from './chart-plan.ts'
import { formatCount, formatNumber } from './format.ts'

const barCount = 40

export function loopTimeHistogramChart(analysis: Analysis): ChartPlan | null {
  const bins = analysis.loopTimeHistogram?.bins ?? []
  if (bins.length === 0) return null
  const bars = equalBars(bins)
  const loops = bins.reduce((sum, { count }) => sum + count, 0)
  return {
    name: 'loop-time-histogram',
    title: 'Loop time, distribution',
    subtitle: `loops by loop time in ms; ${formatCount(loops)} loops`,
    height: 280,
    option: {
      xAxis: { type: 'category', data: bars.map(({ low }) => formatNumber(low)) },
      yAxis: { type: 'value', minInterval: 1 },
      series: [{ type: 'bar', data: bars.map(({ count }) => count), barCategoryGap: '10%' }],
    },
  }
}

/** The analyzer's bins grow with the value; a picture wants equal ones. A bin counts where its lower edge lies. At least one bin. */
export function equalBars(bins: readonly HistogramBin[]): HistogramBin[] {
  const low = Math.min(...bins.map((bin) => bin.low))
  const high = Math.max(...bins.map((bin) => bin.high))
  // Whole milliseconds a bar, so that no bar holds one value more than its neighbour.
  const size = Math.max(1, Math.ceil((high - low) / barCount))
  const first = Math.floor(low / size) * size
  const bars = Array.from({ length: Math.floor((high - first) / size) + 1 }, (_, index) => {
    const from = first + index * size
    return { low: from, high: from + size, count: 0 }
  })
  for (const bin of bins) {
    const bar = bars[Math.floor((bin.low - first) / size)]
    if (bar !== undefined) bar.count += bin.count
  }
  return bars
}
