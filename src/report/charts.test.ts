/** Which charts are drawn of what, and that they say it. */

import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Fault } from '../model/fault.ts'
import { renderCharts } from './charts.ts'
import { equalBars } from './histogram-chart.ts'
import { sampleAnalysis, sampleRecord, sampleRun, startMs, symbolFigures } from './sample-run.ts'

const draw = (analysis: Parameters<typeof sampleAnalysis>[0] = {}) => renderCharts(sampleRun({ analysis }))
const textOf = (svg: string): string[] => [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map((match) => match[1] ?? '')

test('a chart is drawn for each question that has figures, and no other', () => {
  expect(draw().map(({ name }) => name)).toEqual(['loop-period', 'loop-time', 'loop-time-histogram', 'edges-and-spreads', 'guard-blocks'])
})

test('a run without any figures has no charts', () => {
  const empty = { series: [], loopTimeHistogram: null, symbols: [], hours: [] }
  expect(draw(empty)).toEqual([])
})

test('every chart is one SVG without numbers that are none', () => {
  const outage = { symbol: 'KRW-BTC', reason: 'frozen', fromMs: startMs + 1000, toMs: startMs + 60_000 }
  const hours = sampleAnalysis().hours.flatMap((hour) => [hour, { ...hour, startMs: startMs + 3_600_000, meanLoopPeriodMs: null }])
  const charts = draw({ feedOutages: [outage], hours })
  expect(charts.map(({ name }) => name)).toContain('feed-outages')
  for (const { svg } of charts) expect(svg).toMatch(/^<svg [^]*<\/svg>$/)
  for (const { name, svg } of charts) expect(`${name} ${svg.match(/NaN|undefined|Infinity/)?.[0] ?? 'sound'}`).toBe(`${name} sound`)
})

test('a budget near the data is a line, one far above it is named', () => {
  const [period, loopTime] = draw()
  expect(textOf(period?.svg ?? '')).toEqual(expect.arrayContaining(['mean, at most 1100', 'mean, at least 900']))
  expect(textOf(loopTime?.svg ?? '').join()).toContain('p99 budget 1,000, off the scale')
})

test('quotes on a real clock are drawn against their budget', () => {
  const points: [number, number][] = [
    [startMs, 0.4],
    [startMs + 60_000, 30],
  ]
  const series = [{ name: 'quote-to-decision', unit: 'ms', points }]
  const { config } = sampleRecord()
  const budgets = { ...config.budgets, maxQuoteToDecisionP99Ms: 40 }
  const drawn = renderCharts(sampleRun({ record: { config: { ...config, budgets } }, analysis: { series } }))
  const chart = drawn.find(({ name }) => name === 'quote-to-decision')
  expect(textOf(chart?.svg ?? '')).toContain('p99 budget 40')
})

test('faults lie where they were injected, one row a kind, and what never struck shows', () => {
  const fault: Fault = { kind: 'maintenance', fromMs: 0, untilMs: 90_000, venue: null, code: null, share: 1, strength: 0 }
  const kill: Fault = { ...fault, kind: 'kill', fromMs: 90_000, untilMs: 90_000 }
  const faults = [fault, kill, { ...fault, fromMs: 90_000, untilMs: 180_000 }]
  const drawn = renderCharts({ ...sampleRun({ record: { faults } }), strikes: [3, 1, 0] })
  const svg = drawn.find(({ name }) => name === 'faults')?.svg ?? ''
  expect(textOf(svg).filter((text) => /maintenance|kill|struck/.test(text))).toEqual(['maintenance', 'kill', 'never struck', 'struck'])
  const bands = [...svg.matchAll(/<path d="M([\d.]+) ([\d.]+)l([\d.]+) [^>]*series_index="(\d)"[^>]*ssr_type="chart"/g)]
  const [never, first, killed] = bands.map((band) => band.slice(1).map(Number)) as [number, number, number, number][]
  const [left, top, width] = first!
  const middle = left + width
  expect([never, first, killed]).toEqual([
    [middle, top, width, 0],
    [left, top, width, 1],
    [middle, expect.any(Number), 2, 1],
  ])
  expect(killed![1]).toBeGreaterThan(top)
  // A run that was cut off has faults beyond its end.
  expect(svg).toContain('clip-path=')
})

test('the time axis is UTC', () => {
  expect(textOf(draw()[1]?.svg ?? '')).toEqual(expect.arrayContaining(['01-05', '00:01', '00:02', '00:03']))
})

test('a histogram keeps every loop, in equal bars of whole milliseconds', () => {
  const upTo = (max: number) => fc.double({ min: 0, max, noNaN: true })
  const bin = fc.record({ low: upTo(1e6), width: upTo(100), count: fc.nat() })
  fc.assert(
    fc.property(fc.array(bin, { minLength: 1, maxLength: 50 }), (drawn) => {
      const bins = drawn.map(({ low, width, count }) => ({ low, high: low + width, count }))
      const bars = equalBars(bins)
      const total = (parts: readonly { count: number }[]): number => parts.reduce((sum, { count }) => sum + count, 0)
      expect(total(bars)).toBe(total(bins))
      expect(bars.length).toBeLessThanOrEqual(42)
      expect(new Set(bars.map(({ low, high }) => high - low)).size).toBe(1)
      expect(bars.every(({ low }) => Number.isInteger(low))).toBe(true)
    }),
  )
})

test('a thousand symbols fit on a page', () => {
  const symbols = Array.from({ length: 1000 }, (_, index) => symbolFigures(`S${index}USDT`, { guardBlocks: { cooldown: index } }))
  const blocks = draw({ symbols }).find(({ name }) => name === 'guard-blocks')
  expect(textOf(blocks?.svg ?? '').filter((text) => text.endsWith('USDT'))).toHaveLength(12)
  expect(textOf(blocks?.svg ?? '')).toContain('S999USDT')
})
