/** Judges a run from its folder alone and writes its report: at the end of a run, and later, also for one that was killed. */

import { join } from 'node:path'
import { judge } from '../analyzer/judge.ts'
import { analyzeLogs } from '../analyzer/longrun-analyzer.ts'
import { runCheckers } from '../analyzer/run-checkers.ts'
import { readRun } from './read-run.ts'
import { writeReport, type JudgedRun } from './write-report.ts'

export function logPathsOf(runFolder: string): { applicationLog: string; tradingLog: string; metricsLog: string } {
  const logOf = (name: string): string => join(runFolder, 'logs', `${name}.log`)
  return { applicationLog: logOf('application'), tradingLog: logOf('trading'), metricsLog: logOf('metrics') }
}

/** Throws RUN_NOT_FOUND, LOG_UNREADABLE, REPORT_FAILED. Logs that are missing or broken are not thrown: they make the verdict `unknown`. */
export async function judgeRun(runFolder: string): Promise<JudgedRun> {
  const record = readRun(runFolder)
  const { symbols, budgets, duration_minutes: durationMinutes, loop } = record.config
  const logs = logPathsOf(runFolder)
  const analysis = await analyzeLogs({ ...logs, symbols })
  const checks = await runCheckers(logs.tradingLog)
  const { attempts } = record
  const judgement = judge({ analysis, checks, budgets, symbols, durationMinutes, loopIntervalMs: loop.intervalMs, attempts })
  const judged = { record, analysis, checks, judgement }
  writeReport(runFolder, judged)
  return judged
}
