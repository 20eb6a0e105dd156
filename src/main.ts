#!/usr/bin/env node
/** argv in, exit code out: names the commands and hands the rest to one of them. `engine` is the forked engine process. */

import { enableCompileCache } from 'node:module'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { OperatingError } from './base/error.ts'
import { exitCodes, type ExitCode } from './base/exit-code.ts'

type Command = (args: readonly string[]) => Promise<ExitCode>

/** Loaded when called: an engine's process must not pay for the report's charts. */
const commands: Readonly<Record<string, { help: string | null; load: () => Promise<Command> }>> = {
  run: { help: 'run a campaign through Vitest and print its verdict', load: async () => (await import('./cli/run.ts')).run },
  analyze: { help: 'analyze any logs that follow docs/LOG_SCHEMA.md', load: async () => (await import('./cli/analyze.ts')).analyze },
  report: { help: "judge a run's folder again and rewrite its report", load: async () => (await import('./cli/report.ts')).report },
  replay: { help: "run a run's campaign again and compare its trading.log", load: async () => (await import('./cli/replay.ts')).replay },
  compare: { help: 'say in what two runs differ, down to the quote', load: async () => (await import('./cli/compare.ts')).compare },
  sweep: { help: 'run a campaign over a range of seeds', load: async () => (await import('./cli/sweep.ts')).sweep },
  worker: { help: 'run seeds of sweeps that wait on a Redis', load: async () => (await import('./cli/worker.ts')).worker },
  record: {
    help: "write any market's quotes onto a tape",
    load: async () => {
      const [{ record }, { composeFeed }] = await Promise.all([import('./cli/record.ts'), import('./compose.ts')])
      return (args) => record(args, composeFeed)
    },
  },
  venues: { help: 'serve the simulated venues on this machine, for any bot', load: async () => (await import('./cli/venues.ts')).venues },
  site: { help: 'build the Allure site from the last results', load: async () => (await import('./cli/site.ts')).site },
  clean: { help: 'stop leftover engines and remove old runs', load: async () => (await import('./cli/clean.ts')).clean },
  seeds: { help: null, load: async () => (await import('./sweep/seed-process.ts')).seedsCommand },
  engine: { help: null, load: async () => (await import('./compose.ts')).engineCommand },
}

const usage = `longhaul: a soak harness for a multi-symbol cross-exchange paper-arbitrage engine

usage: longhaul <command> [options]      longhaul <command> --help

${Object.entries(commands)
  .filter(([, command]) => command.help !== null)
  .map(([name, command]) => `  ${name.padEnd(9)}${command.help}`)
  .join('\n')}

exit codes: 0 pass or warn, 1 fail, 2 unknown, 3 bad config, 4 environment not ready, 130 interrupted
`

async function main(args: readonly string[]): Promise<ExitCode> {
  const [name, ...rest] = args
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(usage)
    return name === undefined ? exitCodes.badConfig : exitCodes.ok
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (!command) {
    process.stderr.write(`longhaul: no command is called ${JSON.stringify(name)}\n\n${usage}`)
    return exitCodes.badConfig
  }
  const run = await command.load()
  return run(rest)
}

const exitCodeOf: Partial<Record<OperatingError['code'], ExitCode>> = {
  CONFIG_INVALID: exitCodes.badConfig,
  CONFIG_NOT_FOUND: exitCodes.badConfig,
  ENVIRONMENT_NOT_READY: exitCodes.environmentNotReady,
  TAPE_NOT_FOUND: exitCodes.environmentNotReady,
}

/** Whoever read along may go (`| head`, a closed terminal): the run goes on, and its verdict is the exit code and the report. */
function endUnlessUnread(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error
}

// An engine's process starts in a third of the time when its types are stripped already. Without a place to write it works as well.
enableCompileCache(join(import.meta.dirname, '../node_modules/.cache/longhaul'))

// Node's own code for a crash is 1, which would say that a campaign has failed.
process.on('uncaughtException', (error) => {
  process.stderr.write(`${inspect(error)}\n`)
  process.exit(exitCodes.unknown)
})
for (const output of [process.stdout, process.stderr]) output.on('error', endUnlessUnread)

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  if (!(error instanceof OperatingError)) throw error
  process.stderr.write(`longhaul: ${error.message}\n  hint: ${error.hint}\n  (${error.code})\n`)
  process.exitCode = exitCodeOf[error.code] ?? exitCodes.unknown
}
