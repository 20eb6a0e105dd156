/** Stores a judged run's report in its folder: report.json for machines, FINAL_REPORT.md and charts/ for people. */

import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Analysis, CheckResult, Judgement } from '../analyzer/analysis.ts'
import { messageOf, OperatingError } from '../base/error.ts'
import { renderCharts } from './charts.ts'
import { finalReport } from './final-report.ts'
import type { RunRecord } from './run-record.ts'

/** All that is known of a run; report.json holds it whole, with exact amounts as decimal strings. */
export interface JudgedRun {
  record: RunRecord
  analysis: Analysis
  checks: CheckResult[]
  judgement: Judgement
  /** How often each fault of the record struck, in its order. */
  strikes: number[]
}

export const reportNames = { json: 'report.json', markdown: 'FINAL_REPORT.md', charts: 'charts' } as const

/** Replaces an earlier report. Throws REPORT_FAILED. */
export function writeReport(runFolder: string, judged: JudgedRun): void {
  const charts = renderCharts(judged)
  const markdown = finalReport({ ...judged, charts })
  try {
    const chartsFolder = join(runFolder, reportNames.charts)
    rmSync(chartsFolder, { recursive: true, force: true })
    mkdirSync(chartsFolder, { recursive: true })
    for (const { name, svg } of charts) writeFileSync(join(chartsFolder, `${name}.svg`), svg)
    replaceFile(join(runFolder, reportNames.markdown), markdown)
    // Last: whoever finds report.json finds the rest too.
    replaceFile(join(runFolder, reportNames.json), `${JSON.stringify(judged, null, 2)}\n`)
  } catch (error) {
    throw new OperatingError('REPORT_FAILED', `cannot write the report in ${runFolder}: ${messageOf(error)}`, {
      hint: 'See that the folder is writable and the disk has room, then: longhaul report <run>.',
      cause: error,
    })
  }
}

/** A reader sees the old file or the new one, never half of one. */
function replaceFile(file: string, text: string): void {
  writeFileSync(`${file}.part`, text)
  renameSync(`${file}.part`, file)
}
