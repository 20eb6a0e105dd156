/** Charts of a run as SVG text, drawn without a browser. The report writes them, Allure and the Vitest UI show them. */

import { createRequire } from 'node:module'
import type { EChartsOption } from 'echarts'
import { faultsChart, outagesChart } from './band-charts.ts'
import { guardBlocksChart, hoursChart, quotesChart } from './bar-charts.ts'
import type { ChartPlan } from './chart-plan.ts'
import { loopTimeHistogramChart } from './histogram-chart.ts'
import { loopPeriodChart, loopTimeChart, memoryChart, profitChart, quoteToDecisionChart, tradesChart } from './time-charts.ts'
import type { JudgedRun } from './write-report.ts'

export interface Chart {
  /** File name without its ending. */
  name: string
  title: string
  svg: string
}

const width = 960
/** Grey and middle tones on a transparent ground: readable on a white page and on a dark one. */
const textColor = '#7d8590'
const lineColor = '#7d859055'
const palette = ['#3b82f6', '#f97316', '#10b981', '#8b5cf6', '#ef4444', '#06b6d4', '#ca8a04', '#ec4899']

/** One chart for each question that the analysis has figures for; charts without data are left out. */
export function renderCharts(run: Pick<JudgedRun, 'record' | 'analysis' | 'strikes'>): Chart[] {
  const { analysis } = run
  const { budgets } = run.record.config
  const plans = [
    loopPeriodChart(analysis, budgets),
    loopTimeChart(analysis, budgets),
    loopTimeHistogramChart(analysis),
    quoteToDecisionChart(analysis, budgets),
    tradesChart(analysis),
    quotesChart(analysis),
    profitChart(analysis),
    memoryChart(analysis, budgets),
    hoursChart(analysis),
    guardBlocksChart(analysis),
    outagesChart(analysis),
    faultsChart(run),
  ].filter((plan) => plan !== null)
  // The one-file build of echarts loads in a tenth of the time of its modules (70 ms against 660), and only when charts are wanted.
  const { init } = createRequire(import.meta.url)('echarts') as typeof import('echarts')
  return plans.map((plan) => {
    const chart = init(null, theme, { renderer: 'svg', ssr: true, width, height: plan.height })
    chart.setOption({ ...frameOf(plan), ...plan.option })
    const svg = chart.renderToSVGString()
    chart.dispose()
    return { name: plan.name, title: plan.title, svg }
  })
}

function frameOf(plan: ChartPlan): EChartsOption {
  return {
    animation: false,
    useUTC: true,
    title: { text: plan.title, subtext: plan.subtitle, left: 8, top: 4 },
    legend: { right: 12, top: 8, type: 'plain', width: 600, itemGap: 20 },
    grid: { left: 16, right: 24, top: 72, bottom: 12, containLabel: true },
  }
}

const axis = {
  axisLine: { lineStyle: { color: lineColor } },
  axisTick: { lineStyle: { color: lineColor } },
  axisLabel: { color: textColor },
  splitLine: { lineStyle: { color: lineColor } },
  nameTextStyle: { color: textColor },
}

const theme = {
  color: palette,
  backgroundColor: 'transparent',
  textStyle: { fontFamily: 'system-ui, sans-serif', color: textColor },
  title: { textStyle: { color: textColor, fontSize: 16 }, subtextStyle: { color: textColor, fontSize: 12 } },
  legend: { textStyle: { color: textColor }, itemWidth: 16, itemHeight: 6, icon: 'roundRect' },
  categoryAxis: axis,
  valueAxis: axis,
  timeAxis: axis,
}
