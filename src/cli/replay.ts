/** `longhaul replay`: runs a run's campaign again, same config and seed, and says whether trading.log came out the same to the byte. */

import { createHash } from 'node:crypto'
import { createReadStream, mkdirSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { messageOf, OperatingError } from '../base/error.ts'
import { exitCodes, type ExitCode } from '../base/exit-code.ts'
import { newRunId, repoRoot, runCampaign, runFolderOf } from '../campaign/run-campaign.ts'
import type { Override } from '../config/load.ts'
import { readRun, resolveRun } from '../report/read-run.ts'
import { oneRun, parseFlags } from './flags.ts'

const usage = `usage: longhaul replay <run id | path of a run's folder | latest> [--pace max]

Runs the campaign of an earlier run again, from the config and the seed that it recorded, and compares the SHA-256 of both trading logs.

  --pace PACE    default max: the log does not depend on it

exit codes: 0 the same, 1 another, 2 no such run, 3 bad command line, 4 environment not ready
`

export async function replay(args: readonly string[]): Promise<ExitCode> {
  const flags = parseFlags('replay', args, { pace: { type: 'string' } }, true)
  if (flags === null) {
    process.stdout.write(usage)
    return exitCodes.ok
  }
  const earlierFolder = resolveRun(oneRun('replay', flags.positionals), join(repoRoot, 'reports/runs'))
  const { config } = readRun(earlierFolder)
  const earlier = await hashOf(earlierFolder)
  const runId = newRunId(config)
  const runFolder = runFolderOf(runId)
  mkdirSync(runFolder, { recursive: true })
  // JSON is YAML: the recorded config is a config file as it is.
  const configFile = join(runFolder, 'replayed-config.yaml')
  writeFileSync(configFile, JSON.stringify(config, null, 2))
  const pace: Override = { source: '--pace', path: ['pace'], value: flags.values.pace ?? 'max' }
  await runCampaign({
    configFile,
    overrides: [pace],
    runId,
    command: ['longhaul replay', ...args].join(' '),
    redisUrl: process.env['REDIS_URL'],
    signal: new AbortController().signal,
    print: (line) => void process.stdout.write(`${line}\n`),
  })
  const later = await hashOf(runFolder)
  process.stdout.write(`earlier ${earlier}  ${relative(repoRoot, earlierFolder)}\nreplay  ${later}  ${relative(repoRoot, runFolder)}\n`)
  process.stdout.write(earlier === later ? 'the same, to the byte\n' : 'not the same: another commit, config or market, or a defect\n')
  return earlier === later ? exitCodes.ok : exitCodes.fail
}

/** SHA-256 of a run's trading.log. Throws LOG_NOT_FOUND. */
async function hashOf(runFolder: string): Promise<string> {
  const file = join(runFolder, 'logs/trading.log')
  const hash = createHash('sha256')
  try {
    await pipeline(createReadStream(file), hash)
  } catch (error) {
    const hint = 'Only a run that began to trade can be held against another.'
    throw new OperatingError('LOG_NOT_FOUND', `cannot read ${file}: ${messageOf(error)}`, { hint, cause: error })
  }
  return hash.digest('hex')
}
