/** `longhaul report`: judges a run's folder again from its logs and rewrites its report; also for a run that was killed. */

import { join, relative } from 'node:path'
import { exitCodes, type ExitCode } from '../base/exit-code.ts'
import { resultsFolder } from '../report/allure-folder.ts'
import { writeMissingResults } from '../report/allure-results.ts'
import { judgeRun } from '../report/judge-run.ts'
import { resolveRun } from '../report/read-run.ts'
import { reportNames } from '../report/write-report.ts'
import { exitCodeOfVerdict } from './exit-code-of-verdict.ts'
import { oneRun, parseFlags } from './flags.ts'

const usage = `usage: longhaul report <run id | path of a run's folder | latest>

Reads run.json and the logs again, and rewrites ${reportNames.json}, ${reportNames.markdown} and ${reportNames.charts}/ in the run's folder.
Allure results are written where a campaign spec ran it and was killed before it wrote them.

exit codes: 0 pass or warn, 1 fail, 2 unknown or no such run, 3 bad command line
`

const runsFolder = join(import.meta.dirname, '../../reports/runs')

export async function report(args: readonly string[]): Promise<ExitCode> {
  const flags = parseFlags('report', args, {}, true)
  if (flags === null) {
    process.stdout.write(usage)
    return exitCodes.ok
  }
  const name = oneRun('report', flags.positionals)
  const runFolder = resolveRun(name, runsFolder)
  const judged = await judgeRun(runFolder)
  const { judgement } = judged
  const allureFolder = await writeMissingResults(resultsFolder, runFolder, judged)
  process.stdout.write(`verdict ${judgement.verdict}: ${judgement.reason}\n`)
  process.stdout.write(`report  ${relative(process.cwd(), join(runFolder, reportNames.markdown))}\n`)
  if (allureFolder !== null) process.stdout.write(`allure  ${relative(process.cwd(), allureFolder)}\n`)
  return exitCodeOfVerdict[judgement.verdict]
}
