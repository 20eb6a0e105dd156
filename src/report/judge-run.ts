/** Judges a run from its folder alone and writes its report: at the end of a run, and later, also for one that was killed. */

import { join } from 'node:path'
import { judge } from '../analyzer/judge.ts'
import { analyzeLogs } from '../analyzer/longrun-analyzer.ts'
import { runCheckers } from '../analyzer/run-checkers.ts'
import { readRun } from './read-run.ts'
import { writeReport, type JudgedRun } from './write-report.ts'

export type { JudgedRun }

/** Throws RUN_NOT_FOUND, LOG_UNREADABLE, REPORT_FAILED. Logs that are missing or broken are not thrown: they make the verdict `unknown`. */
export async function judgeRun(runFolder: string): Promise<JudgedRun> {
  const record = readRun(runFolder)
  const { symbols, budgets, duration_minutes: durationMinutes, loop } = record.config
  const logOf = (name: string): string => join(runFolder, 'logs', `${name}.log`)
  const tradingLog = logOf('trading')
  const analysis = await analyzeLogs({ applicationLog: logOf('application'), tradingLog, metricsLog: logOf('metrics'), symbols })
  const checks = await runCheckers(tradingLog)
  const { attempts } = record
  const judgement = judge({ analysis, checks, budgets, symbols, durationMinutes, loopIntervalMs: loop.intervalMs, attempts })
  const judged = { record, analysis, checks, judgement }
  writeReport(runFolder, judged)
  return judged
}
