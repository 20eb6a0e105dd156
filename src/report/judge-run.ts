/** Judges a run from its folder alone and writes its report: at the end of a run, and later, also for one that was killed. */

import { join } from 'node:path'
import { readStrikes } from '../analyzer/fault-log-reader.ts'
import { judge } from '../analyzer/judge.ts'
import type { InjectedFaults } from '../analyzer/judge-faults.ts'
import { analyzeLogs } from '../analyzer/longrun-analyzer.ts'
import { runCheckers } from '../analyzer/run-checkers.ts'
import { faultLogNames } from '../model/fault.ts'
import { readRun } from './read-run.ts'
import type { RunRecord } from './run-record.ts'
import { writeReport, type JudgedRun } from './write-report.ts'

export function logPathsOf(runFolder: string): { applicationLog: string; tradingLog: string; metricsLog: string } {
  const logOf = (name: string): string => join(runFolder, 'logs', `${name}.log`)
  return { applicationLog: logOf('application'), tradingLog: logOf('trading'), metricsLog: logOf('metrics') }
}

/** Throws RUN_NOT_FOUND, LOG_UNREADABLE, REPORT_FAILED. Logs that are missing or broken are not thrown: they make the verdict `unknown`. */
export async function judgeRun(runFolder: string, isReported: (judged: JudgedRun) => boolean = () => true): Promise<JudgedRun> {
  const record = readRun(runFolder)
  const { symbols, budgets, duration_minutes: durationMinutes, loop } = record.config
  const logs = logPathsOf(runFolder)
  const analysis = await analyzeLogs({ ...logs, symbols })
  const checks = await runCheckers(logs.tradingLog)
  const { attempts } = record
  const faults = await injectedFaults(record, join(runFolder, 'logs'))
  const judgement = judge({ analysis, checks, budgets, symbols, durationMinutes, loopIntervalMs: loop.intervalMs, faults, attempts })
  const strikes = record.faults.map((_fault, index) => faults?.strikes.get(index) ?? 0)
  const judged = { record, analysis, checks, judgement, strikes }
  if (isReported(judged)) writeReport(runFolder, judged)
  return judged
}

async function injectedFaults({ faults, config }: RunRecord, logsFolder: string): Promise<InjectedFaults | null> {
  // A swarm that drew nothing has proved nothing, and is judged.
  if (faults.length === 0 && config.faults.swarm === 'off') return null
  return {
    plan: faults,
    listedCount: config.faults.plan.length,
    strikes: await readStrikes(Object.values(faultLogNames).map((name) => join(logsFolder, name))),
    isSwarm: config.faults.swarm === 'on',
    isStreamed: config.data_source === 'ws',
  }
}
