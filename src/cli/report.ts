/** `longhaul report`: judges a run's folder again from its logs and rewrites its report; also for a run that was killed. */

import { join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { messageOf, OperatingError } from '../base/error.ts'
import { exitCodes, type ExitCode } from '../base/exit-code.ts'
import { judgeRun } from '../report/judge-run.ts'
import { resolveRun } from '../report/read-run.ts'
import { reportNames } from '../report/write-report.ts'
import { exitCodeOfVerdict } from './exit-code-of-verdict.ts'

const usage = `usage: longhaul report <run id | path of a run's folder | latest>

Reads run.json and the logs again, and rewrites ${reportNames.json}, ${reportNames.markdown} and ${reportNames.charts}/ in the run's folder.

exit codes: 0 pass or warn, 1 fail, 2 unknown or no such run, 3 bad command line
`

const runsFolder = join(import.meta.dirname, '../../reports/runs')

export async function report(args: readonly string[]): Promise<ExitCode> {
  const { name, isHelp } = parse(args)
  if (isHelp) {
    process.stdout.write(usage)
    return exitCodes.ok
  }
  const runFolder = resolveRun(name, runsFolder)
  const { judgement } = await judgeRun(runFolder)
  process.stdout.write(`verdict ${judgement.verdict}: ${judgement.reason}\n`)
  process.stdout.write(`report  ${relative(process.cwd(), join(runFolder, reportNames.markdown))}\n`)
  return exitCodeOfVerdict[judgement.verdict]
}

function parse(args: readonly string[]): { name: string; isHelp: boolean } {
  const hint = 'Expected one run: its id, the path of its folder, or latest. See longhaul report --help.'
  try {
    const options = { help: { type: 'boolean', short: 'h' } } as const
    const { values, positionals } = parseArgs({ args: [...args], allowPositionals: true, options })
    const [name, ...more] = positionals
    const isHelp = values.help === true
    if (!isHelp && (name === undefined || more.length > 0)) {
      throw new OperatingError('CONFIG_INVALID', `expected one run, was ${positionals.join(', ') || 'none'}`, { hint })
    }
    return { name: name ?? 'latest', isHelp }
  } catch (error) {
    if (error instanceof OperatingError) throw error
    throw new OperatingError('CONFIG_INVALID', messageOf(error), { hint, cause: error })
  }
}
