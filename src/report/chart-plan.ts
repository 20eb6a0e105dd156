/** What a chart is before it is drawn, and the axis that all charts over event time share. */

import type { EChartsOption } from 'echarts'
import type { Analysis } from '../analyzer/analysis.ts'

export interface ChartPlan {
  /** File name without its ending. */
  name: string
  title: string
  /** Unit and what to look at, in one line. */
  subtitle: string
  height: number
  option: EChartsOption
}

/** The whole run, so that charts can be compared one above the other; days by date, else the time of day, UTC. */
export function timeAxisOf({ firstMs, lastMs }: Analysis) {
  const day = '{MM}-{dd}'
  const minute = '{HH}:{mm}'
  return {
    type: 'time' as const,
    ...(firstMs === null || lastMs === null || firstMs === lastMs ? {} : { min: firstMs, max: lastMs }),
    axisLabel: { formatter: { year: day, month: day, day, hour: minute, minute, second: '{HH}:{mm}:{ss}' } },
  }
}
