/** Charts over event time: loop period and time, trades, profit, memory. Pure plans; charts.ts draws them. */

import type { EChartsOption, LineSeriesOption } from 'echarts'
import type { Analysis, Series } from '../analyzer/analysis.ts'
import type { Budgets } from '../config/schema.ts'
import { type ChartPlan, timeAxisOf } from './chart-plan.ts'
import { formatNumber } from './format.ts'

interface Line {
  series: Series
  label: string
  isStepped: boolean
}

interface BudgetLine {
  label: string
  value: number
}

const height = 320

export function loopPeriodChart(analysis: Analysis, budgets: Budgets): ChartPlan | null {
  const { target, tolerance } = budgets.meanLoopPeriodMs
  const limits = [
    { label: 'mean, at most', value: target + tolerance },
    { label: 'mean, at least', value: target - tolerance },
  ]
  const lines = linesOf(analysis, [['loop-period', 'loop period']])
  return timeChart(analysis, 'loop-period', 'Loop period', 'ms, start to start, means of neighbouring loops', lines, limits)
}

export function loopTimeChart(analysis: Analysis, budgets: Budgets): ChartPlan | null {
  const limits = [{ label: 'p99 budget', value: budgets.maxLoopTimeP99Ms }]
  const subtitle = 'ms of event time, start to last symbol’s end, modelled latency included, means of neighbouring loops'
  return timeChart(analysis, 'loop-time', 'Loop time', subtitle, linesOf(analysis, [['loop-time', 'loop time']]), limits)
}

export function quoteToDecisionChart(analysis: Analysis, { maxQuoteToDecisionP99Ms: maxMs }: Budgets): ChartPlan | null {
  const limits = maxMs === null ? [] : [{ label: 'p99 budget', value: maxMs }]
  const lines = linesOf(analysis, [['quote-to-decision', 'p99']])
  return timeChart(analysis, 'quote-to-decision', 'Quote to decision', 'ms, 99th percentile of each minute', lines, limits)
}

export function memoryChart(analysis: Analysis, budgets: Budgets): ChartPlan | null {
  const lines = linesOf(analysis, [
    ['heap-after-gc', 'heap after GC'],
    ['rss', 'RSS'],
  ]).map((line) => ({ ...line, series: inMebibytes(line.series) }))
  const limits = [{ label: 'RSS budget', value: budgets.maxRssBytes / 2 ** 20 }]
  return timeChart(analysis, 'memory', 'Engine memory', 'MiB', lines, limits)
}

export function profitChart(analysis: Analysis): ChartPlan | null {
  const lines = totalsOf(analysis, [['realised-profit', 'realised profit']])
  return timeChart(analysis, 'profit', 'Realised profit', 'KRW, running total, after fees', lines, [])
}

/** Entries and exits of at most four symbols, else of all together: more lines than eight cannot be told apart. */
export function tradesChart(analysis: Analysis): ChartPlan | null {
  const names = analysis.symbols.length <= 4 ? analysis.symbols.map(({ symbol }) => `:${symbol}`) : ['']
  const wanted = names.flatMap((name): [string, string][] => [
    [`entries${name}`, `entries ${name.slice(1)}`],
    [`exits${name}`, `exits ${name.slice(1)}`],
  ])
  const lines = totalsOf(analysis, wanted)
  return timeChart(analysis, 'trades', 'Entries and exits', 'running totals', lines, [])
}

function linesOf(analysis: Analysis, wanted: readonly (readonly [name: string, label: string])[]): Line[] {
  return wanted.flatMap(([name, label]) => {
    const series = analysis.series.find((candidate) => candidate.name === name && candidate.points.length > 0)
    return series === undefined ? [] : [{ series, label: label.trim(), isStepped: false }]
  })
}

/** A running total begins at nothing, and holds its value until the next point and to the end. */
function totalsOf(analysis: Analysis, wanted: readonly (readonly [name: string, label: string])[]): Line[] {
  return linesOf(analysis, wanted).map(({ series, label }) => {
    const first = analysis.firstMs ?? series.points[0]?.[0] ?? 0
    const [lastMs, lastValue] = series.points.at(-1) ?? [first, 0]
    const points: Series['points'] = [[first, 0], ...series.points, [analysis.lastMs ?? lastMs, lastValue]]
    return { series: { ...series, points }, label, isStepped: true }
  })
}

function timeChart(
  analysis: Analysis,
  name: string,
  title: string,
  unit: string,
  lines: readonly Line[],
  limits: readonly BudgetLine[],
): ChartPlan | null {
  if (lines.length === 0) return null
  const values = lines.flatMap(({ series }) => series.points.map(([, value]) => value))
  const highest = Math.max(...values)
  // A budget far above the data would press the curve flat: it is named instead of drawn.
  const drawn = limits.filter(({ value }) => value <= 3 * highest)
  const named = limits.filter((limit) => !drawn.includes(limit))
  const offScale = named.map(({ label, value }) => `${label} ${formatNumber(value)}, off the scale`)
  const drawnValues = drawn.map(({ value }) => value)
  const ceiling = Math.max(...drawnValues)
  const option: EChartsOption = {
    xAxis: timeAxisOf(analysis),
    yAxis: {
      type: 'value',
      ...(ceiling > highest ? { max: ceiling } : {}),
      // With a lower limit too, the stretch between the two is what matters, not the distance from zero.
      ...(drawn.length > 1 ? { min: Math.min(...drawnValues, ...values) } : {}),
    },
    series: lines.map((line, index) => lineSeries(line, index === 0 ? drawn : [])),
  }
  return { name, title, subtitle: [`${unit}; UTC`, ...offScale].join('; '), height, option }
}

function lineSeries({ series, label, isStepped }: Line, limits: readonly BudgetLine[]): LineSeriesOption {
  return {
    type: 'line',
    name: label,
    data: series.points,
    showSymbol: series.points.length === 1,
    lineStyle: { width: 1.5 },
    ...(isStepped ? { step: 'end' } : {}),
    markLine: {
      silent: true,
      symbol: 'none',
      lineStyle: { type: 'dashed', color: '#ef4444' },
      label: { position: 'insideEndTop', formatter: '{b} {c}', color: '#ef4444' },
      data: limits.map(({ label: limitName, value }) => ({ name: limitName, yAxis: value })),
    },
  }
}

function inMebibytes(series: Series): Series {
  return { ...series, unit: 'MiB', points: series.points.map(([timeMs, value]) => [timeMs, value / 2 ** 20]) }
}
