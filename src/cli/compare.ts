/** `longhaul compare`: says in what two runs differ, down to the quote, such as virtual time against real sockets. */

import { join } from 'node:path'
import { exitCodes, type ExitCode } from '../base/exit-code.ts'
import { compareRuns, comparisonText } from '../report/compare-runs.ts'
import { readRun, resolveRun } from '../report/read-run.ts'
import { badFlags, parseFlags } from './flags.ts'

const usage = `usage: longhaul compare <run> <run>

Each run by its id, by the path of its folder, or \`latest\`. Compares trades, fills and sampled quotes at their time since the run's
start, and prints what differs as a table in Markdown.

  longhaul run --seed 7 --redis off
  longhaul run --seed 7 --redis off --market loopback
  longhaul compare <the first run's id> latest

exit codes: 0 the same trades in the same order, 1 others, 2 no such run or nothing to compare, 3 bad command line or other symbols
`

const runsFolder = join(import.meta.dirname, '../../reports/runs')

export async function compare(args: readonly string[], folder = runsFolder): Promise<ExitCode> {
  const flags = parseFlags('compare', args, {}, true)
  if (flags === null) {
    process.stdout.write(usage)
    return exitCodes.ok
  }
  const [left, right, ...more] = flags.positionals
  if (left === undefined || right === undefined || more.length > 0) {
    throw badFlags('compare', `expected two runs, was ${flags.positionals.join(', ') || 'none'}`)
  }
  const [leftFolder, rightFolder] = [resolveRun(left, folder), resolveRun(right, folder)]
  const [leftSymbols, rightSymbols] = [symbolsOf(leftFolder), symbolsOf(rightFolder)]
  if (leftSymbols !== rightSymbols) throw badFlags('compare', `the runs are of other symbols: ${leftSymbols}, and ${rightSymbols}`)
  const comparison = await compareRuns(leftFolder, rightFolder)
  process.stdout.write(comparisonText(comparison))
  const { trades, sameTrades, quotes } = comparison
  // Two runs that did nothing agree in everything.
  if (trades[0] + trades[1] + quotes.compared === 0) {
    process.stdout.write('Nothing was compared: neither run traded, and no quote was sampled in both.\n')
    return exitCodes.unknown
  }
  return trades[0] === trades[1] && sameTrades === trades[0] ? exitCodes.ok : exitCodes.fail
}

function symbolsOf(runFolder: string): string {
  return readRun(runFolder).config.symbols.toSorted().join(', ')
}
