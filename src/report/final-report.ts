/** FINAL_REPORT.md: what was run, what came of it, and whether to go on. Pure text from plain data; write-report.ts stores it. */

import type { Analysis, CheckResult, Judgement, Verdict } from '../analyzer/analysis.ts'
import { isNetworkMarket } from '../config/schema.ts'
import { faults } from './faults-section.ts'
import { formatCount, formatDuration, formatNumber, formatUtc, markdownTable } from './format.ts'
import { marketData, quoteToDecision } from './market-data-section.ts'
import { anomalies, attempts, environment, hours, outages, symbols } from './report-sections.ts'
import { accelerationOf, eventMsOf } from './run-figures.ts'
import type { RunRecord } from './run-record.ts'
import { commercialComparison, seedBlock } from './seed-comparison.ts'

export interface ReportInput {
  record: RunRecord
  analysis: Analysis
  checks: readonly CheckResult[]
  judgement: Judgement
  /** How often each fault of the record struck. */
  strikes: number[]
  /** Charts that lie in charts/ beside the report. */
  charts: readonly { name: string; title: string }[]
}

const decisions: Record<Verdict, string> = {
  pass: 'GO',
  warn: 'GO, with reservations',
  fail: 'NO-GO',
  unknown: 'NO DECISION: nothing was proved',
}

/** Sections that have nothing to say are left out. */
export function finalReport(input: ReportInput): string {
  const { record, analysis } = input
  const sections = [
    heading(input),
    goNoGo(input),
    whatWasRun(input),
    seedBlock(record, analysis),
    environment(record),
    symbols(analysis),
    hours(analysis),
    attempts(record),
    anomalies(record, analysis),
    outages(analysis),
    marketData(analysis),
    quoteToDecision(analysis),
    faults(input),
    checkers(input),
    charts(input),
    commercialComparison(record, analysis),
    reproduction(record),
    determinism(record),
  ]
  return `${sections.filter((section) => section !== null).join('\n\n')}\n`
}

function heading({ record, judgement }: ReportInput): string {
  const title = record.title === '' ? record.scenario : `${record.scenario}: ${record.title}`
  return `# ${title}: ${judgement.verdict}\n\n**${decisions[judgement.verdict]}.** ${judgement.reason}`
}

function goNoGo({ judgement }: ReportInput): string {
  const rows = judgement.assertions.map(({ name, verdict, expected, actual }) => [verdict, name, actual, expected])
  // Allure's site breaks no line in a table: the longer sentence last, so that what was measured is in sight.
  return `## Go or no-go\n\n${markdownTable(['verdict', 'what', 'measured', 'expected'], rows)}`
}

function whatWasRun({ record, analysis }: ReportInput): string {
  const { config } = record
  const commit = record.commit === null ? 'outside a checkout' : `${record.commit}${record.isDirty ? ', with uncommitted changes' : ''}`
  const acceleration = accelerationOf(record, analysis)
  const plannedTime = formatDuration(config.duration_minutes * 60_000)
  const { firstMs } = analysis
  const eventTime = firstMs === null ? 'none' : `${formatDuration(eventMsOf(record, analysis))}, from ${formatUtc(firstMs)}`
  const rows: [string, string][] = [
    ['run', `${record.runId}, ${record.status}`],
    ['scenario', `${record.scenario}, ${plannedTime} of event time, ${config.mode}, ${config.data_source}`],
    ['symbols', listed(config.symbols, 24)],
    ['seed', String(record.seed)],
    ['commit', commit],
    ['config', `${record.configFile}, SHA-256 ${record.configHash}`],
    ['market', record.modelledParts.length === 0 ? config.market : `${config.market}; modelled: ${record.modelledParts.join('; ')}`],
    ['store', record.store ?? 'none'],
    ['pace', config.pace],
    ['event time', eventTime],
    ['wall time', record.endedAt === null ? `started ${record.startedAt}, no end recorded` : `${record.startedAt} to ${record.endedAt}`],
    ['engine', record.engineWallMs === 0 ? 'wall time not recorded' : `${formatDuration(record.engineWallMs)} of wall time`],
    ['acceleration', acceleration === null ? 'not known' : `${formatNumber(acceleration)} × real time (event time / engine wall time)`],
    ['loops', loopsText(record, analysis)],
    ['host', `Node ${record.host.nodeVersion}, ${record.host.platform}, ${record.host.cpuCount} × ${record.host.cpuModel}`],
  ]
  return `## What was run\n\n${markdownTable(['', ''], rows)}`
}

function loopsText(record: RunRecord, analysis: Analysis): string {
  const { intervalMs } = record.config.loop
  const loops = `${formatCount(analysis.loops)} loops of ${formatCount(intervalMs)} ms event time, all symbols in each`
  return analysis.overruns === 0 ? loops : `${loops}; ${formatCount(analysis.overruns)} starts skipped by loops that ran over`
}

function checkers({ checks }: ReportInput): string | null {
  if (checks.length === 0) return null
  const rows = checks.map(({ name, verdict, examined, violations }) => [verdict, name, examined, violations.join('; ') || 'none'])
  const intro = 'Each re-derives the truth from trading.log alone, with no code of the engine.'
  return `## Checkers\n\n${intro}\n\n${markdownTable(['verdict', 'property', 'examined', 'violations'], rows)}`
}

function charts({ charts: drawn }: ReportInput): string | null {
  if (drawn.length === 0) return null
  return `## Charts\n\n${drawn.map(({ name, title }) => `![${title}](charts/${name}.svg)`).join('\n\n')}`
}

function reproduction({ config, configFile, commit, command, runId }: RunRecord): string {
  const isRealTime = isNetworkMarket(config.market)
  // Every setting that a command line or the environment may have overridden is spelled out.
  const flags = [
    `--config ${configFile}`,
    `--symbols ${config.symbols.join(',')}`,
    `--duration-minutes ${config.duration_minutes}`,
    `--market ${config.market}`,
    `--data-source ${config.data_source}`,
    `--trigger ${config.loop.trigger}`,
    `--pace ${config.pace}`,
    `--seed ${config.seed}`,
    ...(isRealTime ? [] : [`--start-at ${config.startAt}`]),
    ...(config.parts === undefined ? [] : [`--parts ${config.parts}`]),
  ]
  const checkout = commit === null ? [] : [`git checkout ${commit}`]
  const replay = ['', '# or from this folder, comparing trading.log byte for byte:', `npx longhaul replay ${runId}`]
  const block = [...checkout, `npx longhaul run ${flags.join(' ')}`, ...(isRealTime ? [] : replay)].join('\n')
  return `## How to reproduce\n\nThis run was started as \`${command}\`.\n\n\`\`\`sh\n${block}\n\`\`\``
}

function determinism({ config, store }: RunRecord): string {
  return `## What the seed does not reproduce\n\n${isNetworkMarket(config.market) ? realTime[config.market] : virtualTime(store)}`
}

function virtualTime(store: RunRecord['store']): string {
  return `\
The clock is virtual: the same commit, config and seed give the same trading.log to the byte, at any pace, on any machine, with either
store (here: ${store ?? 'none'}). Outside that contract are figures that are measured, and so kept out of trading.log: processor time,
memory, event-loop delay, handles, wall time and acceleration.`
}

const realTime: Record<'loopback' | 'live', string> = {
  loopback: `\
The clock is real and quotes come through sockets, so nothing here is repeated to the byte. The seed gives the same market, instant by
instant from its start; which of it the engine sees, and when, is up to this machine. What was found here is looked for again on the
market \`simulated\`, where it can be repeated.`,
  live: `\
The clock is real and the quotes are the venues’ own: this run happens once, and the seed decides only how paper orders fare. Its logs
are all that is left of it.`,
}

function listed(names: readonly string[], max: number): string {
  const shown = names.slice(0, max).join(', ')
  return names.length > max ? `${shown} and ${formatCount(names.length - max)} more` : shown
}
