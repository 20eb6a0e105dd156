/** What the mission's paper expects, beside what this run measured: the S0 block and the table of commercial engines. Pure text. */

import type { Analysis } from '../analyzer/analysis.ts'
import { formatBytes, formatCount, formatDuration, formatNumber, markdownTable } from './format.ts'
import { accelerationOf, evaluationsPerSecondOf, eventMsOf } from './run-figures.ts'
import type { RunRecord } from './run-record.ts'

/** S0 is 3 minutes that take 3.0 s, so an accelerated second is a minute of event time. */
const expectedPace = 60

/** The expected result of S0, row by row; null for any other scenario. */
export function seedBlock(record: RunRecord, analysis: Analysis): string | null {
  if (record.scenario !== 'S0') return null
  const eventMs = eventMsOf(record, analysis)
  const seconds = eventMs / expectedPace / 1000
  const loops = (analysis.loops * record.config.loop.intervalMs) / expectedPace / 1000
  const period = analysis.loopPeriodMs?.mean ?? null
  const { entries, errors } = analysis.overall
  const symbolCount = record.config.symbols.length
  const accelerated = `${seconds.toFixed(1)} s`
  const wall = record.engineWallMs === 0 ? '' : `; measured ${formatDuration(record.engineWallMs)} at pace ${record.config.pace}`
  const eventTime = `${formatDuration(eventMs)} of event time = ${accelerated} at ${expectedPace}x${wall}`
  const isOnPeriod = period !== null && Math.abs(period - 1000) <= 100
  const rows: [string, string, string, boolean][] = [
    ['duration', '3.0 s', eventTime, Math.abs(seconds - 3) < 0.05],
    ['loops a symbol', '3', `${formatCount(analysis.loops)} = ${formatNumber(loops)} at ${expectedPace}x`, Math.round(loops) === 3],
    ['symbols', '2', formatCount(symbolCount), symbolCount === 2],
    ['trades opened', '2–4', formatCount(entries), entries >= 2 && entries <= 4],
    ['average loop time', '1000 ± 100 ms', period === null ? 'none' : `${formatNumber(period)} ms`, isOnPeriod],
    ['errors', '0', formatCount(errors), errors === 0],
  ]
  const explained = [
    `${formatCount(analysis.loops)} loops of ${formatCount(record.config.loop.intervalMs)} ms event time; on accelerated time the`,
    `mission’s S0 block counts one loop for each second of wall time at ${expectedPace}x: ${accelerated} =`,
    `${formatNumber(loops)} loops a symbol. Its *average loop time* is the loop period, start to start; a loop’s own work takes`,
    `${analysis.loopTimeMs === null ? 'an unmeasured time' : `${formatNumber(analysis.loopTimeMs.mean)} ms`} of event time.`,
  ].join('\n')
  const table = markdownTable(
    ['S0', 'expected', 'this run', 'agrees'],
    rows.map(([name, expected, actual, agrees]) => [name, expected, actual, agrees ? 'yes' : 'no']),
  )
  return `## The expected S0, beside this run\n\n${table}\n\n${explained}`
}

/** The mission's own columns as they stand, and ours as measured here. */
export function commercialComparison(record: RunRecord, analysis: Analysis): string {
  const { loopTimeMs, loopCpuMs, rssBytes } = analysis
  const symbolCount = record.config.symbols.length
  const evaluations = evaluationsPerSecondOf(record, analysis)
  const acceleration = accelerationOf(record, analysis)
  const loopTime = loopTimeMs === null ? 'not measured' : `${formatNumber(loopTimeMs.mean)} ms mean, ${formatNumber(loopTimeMs.p99)} ms p99`
  const cpu = loopCpuMs === null ? '' : `; ${formatNumber(loopCpuMs.mean)} ms of processor`
  const rate = evaluations === null ? '' : `; ${formatCount(Math.round(evaluations))} symbol evaluations a second`
  const throughput = `${formatCount(symbolCount)} symbols a loop${rate}`
  const restart = record.config.retry.strategy === 'adjusted' ? 'restart from committed state, adjusted' : 'restart from committed state'
  const restarts = record.attempts.length > 1 ? formatCount(record.attempts.length - 1) : 'none'
  const rules = Object.values(record.config.monitor.rules).filter(({ enabled }) => enabled).length
  const rows = [
    ['symbols', '2–4', 'tens to hundreds', formatCount(symbolCount)],
    ['loop time', '~1000 ms', '10–50 ms', `${loopTime} (modelled latency included)${cpu}`],
    ['throughput', '2–4 symbols a loop', 'hundreds to thousands of symbols a loop', throughput],
    ['memory', '~100 MB', '1–10 GB', rssBytes === null ? 'not measured' : `${formatBytes(rssBytes.max)} RSS at most`],
    ['monitoring', 'basic (logs)', 'advanced (metrics)', `${formatCount(rules)} rules on event time, over logs and metrics`],
    ['recovery', 'basic (restart)', 'advanced (dynamic adjustment)', `${restart}; restarts here: ${restarts}`],
  ]
  const table = markdownTable(['', 'D62', 'commercial (Binance, Kraken)', 'this run'], rows)
  const pace = acceleration === null ? '' : `\n\nThe run went ${formatNumber(acceleration)} times faster than real time.`
  return `## Against commercial engines\n\nThe first two columns are the mission’s; the last was measured in this run.\n\n${table}${pace}`
}
