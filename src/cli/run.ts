/** `longhaul run`: the seed's command line. Runs a scenario's campaign spec through Vitest and ends with the verdict's exit code. */

import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { exitCodes, type ExitCode } from '../base/exit-code.ts'
import { isProgressLine } from '../campaign/progress.ts'
import { newRunId, repoRoot, runFolderOf } from '../campaign/run-campaign.ts'
import { loadConfig, overridable, overridesFromEnvironment } from '../config/load.ts'
import { checkWritable } from '../environment/preflight.ts'
import type { StepReport } from '../environment/step.ts'
import { checkSources } from './check-sources.ts'
import { exitCodeOfVerdict } from './exit-code-of-verdict.ts'
import { parseFlags } from './flags.ts'

/** Ctrl-C, a job's end, a terminal that was closed. */
const endSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

const flagOf = (name: string): string => name.toLowerCase().replaceAll('_', '-')

const usage = `usage: longhaul run [--scenario S0] [--config configs/s0.yaml] [overrides]

  --scenario S0          which campaign spec runs the config; default: what the config says
  --config FILE          default: configs/<scenario>.yaml
${overridable.map(({ name, help }) => `  --${flagOf(name)} …`.padEnd(25) + help).join('\n')}

The same words in capitals with LONGHAUL_ before them are read from the environment. REDIS_URL names a Redis server to use.
exit codes: 0 pass or warn, 1 fail, 2 unknown, 3 bad config, 4 environment not ready, 130 interrupted
`

export async function run(args: readonly string[]): Promise<ExitCode> {
  const names = ['scenario', 'config', ...overridable.map(({ name }) => flagOf(name))]
  const parsed = parseFlags('run', args, Object.fromEntries(names.map((name) => [name, { type: 'string' as const }])))
  if (parsed === null) {
    process.stdout.write(usage)
    return exitCodes.ok
  }
  const flags = parsed.values
  const environment: Record<string, string | undefined> = { ...process.env }
  for (const { name } of overridable) {
    const value = flags[flagOf(name)]
    if (value !== undefined) environment[`LONGHAUL_${name}`] = value
  }
  const { scenario } = flags
  const configFile = resolve(flags['config'] ?? join(repoRoot, `configs/${(scenario ?? 's0').toLowerCase()}.yaml`))
  const { config } = loadConfig(configFile, overridesFromEnvironment(environment))
  checkSources(config)
  // Where this cannot be written, no run is left to tell why.
  checkWritable(join(repoRoot, 'reports/runs'))
  const runId = newRunId(config)
  const exit = await runVitest(specOf(scenario ?? config.scenario), {
    ...environment,
    LONGHAUL_CONFIG: configFile,
    LONGHAUL_RUN_ID: runId,
    LONGHAUL_COMMAND: ['longhaul run', ...args].join(' '),
  })
  return conclude(runFolderOf(runId), exit)
}

/**
 * A scenario with a config and a campaign spec of its own name is run by that spec, every other by the one that takes any config. A spec
 * may have a config's name and yet run campaigns of its own choice: chaos.spec.ts does.
 */
export function specOf(scenario: string): string {
  const name = scenario.toLowerCase()
  const spec = `campaigns/${name}.spec.ts`
  const file = join(repoRoot, spec)
  const hasOwn = existsSync(join(repoRoot, `configs/${name}.yaml`)) && existsSync(file)
  return hasOwn && readFileSync(file, 'utf8').includes('defineCampaign(') ? spec : 'campaigns/any.spec.ts'
}

interface VitestEnd {
  code: number | null
  signal: NodeJS.Signals | null
}

async function runVitest(spec: string, environment: NodeJS.ProcessEnv): Promise<VitestEnd> {
  const vitest = join(repoRoot, 'node_modules/vitest/vitest.mjs')
  const { isTTY } = process.stdout
  const child = spawn(process.execPath, [vitest, 'run', spec], {
    cwd: repoRoot,
    env: isTTY ? { FORCE_COLOR: '1', ...environment } : environment,
    // Nothing is said over the channel: by its end Vitest learns that this process was killed (fixtures/end-with-parent.ts).
    stdio: ['inherit', isTTY ? 'pipe' : 'inherit', 'inherit', 'ipc'],
  })
  if (child.stdout) showOnTerminal(child.stdout)
  let signalCount = 0
  // Vitest ends the campaign at the first, and we wait to say how it went. Whoever sends a second one has waited long enough.
  const passOn = (): void => void child.kill(++signalCount === 1 ? 'SIGTERM' : 'SIGKILL')
  for (const signal of endSignals) process.on(signal, passOn)
  try {
    return await new Promise((done, failed) => {
      child.on('error', failed)
      child.on('close', (code, signal) => {
        done({ code, signal })
      })
    })
  } finally {
    for (const signal of endSignals) process.off(signal, passOn)
  }
}

/** Progress lines take each other's place; whatever else comes goes above. */
function showOnTerminal(output: NodeJS.ReadableStream): void {
  const eraseLine = '\r\u001B[2K'
  createInterface({ input: output }).on('line', (line) => {
    process.stdout.write(isProgressLine(line) ? `${eraseLine}${line}` : `${eraseLine}${line}\n`)
  })
}

/** Says how it ended. A spec may ask more than the judge: a pass is one where Vitest has passed too. */
export function conclude(runFolder: string, exit: VitestEnd): ExitCode {
  const folder = relative(process.cwd(), runFolder)
  const verdict = readField(join(runFolder, 'report.json'), ['judgement', 'verdict'])
  const status = readField(join(runFolder, 'run.json'), ['status'])
  const wasInterrupted = exit.signal !== null || exit.code === 130 || exit.code === 143 || status === 'interrupted'
  if (status === 'not-ready') return say('environment not ready', exitCodes.environmentNotReady, obstacleOf(runFolder) ?? folder)
  if (wasInterrupted) return say('interrupted', exitCodes.interrupted, `longhaul report ${folder} judges what ran`)
  if ((verdict === 'pass' || verdict === 'warn') && exit.code !== 0) {
    return say('fail', exitCodes.fail, `the verdict is ${verdict}, and Vitest ended with ${exit.code}: what failed is above`)
  }
  if (verdict === 'pass' || verdict === 'warn' || verdict === 'fail' || verdict === 'unknown') {
    return say(verdict, exitCodeOfVerdict[verdict], join(folder, 'FINAL_REPORT.md'))
  }
  return say('unknown', exitCodes.unknown, `no report in ${folder}; Vitest ended with ${exit.code}`)
}

/** The step that failed, and what to do about it. */
function obstacleOf(runFolder: string): string | null {
  const steps = readField(join(runFolder, 'run.json'), ['steps']) as StepReport[] | undefined
  const failed = steps?.find(({ status }) => status === 'failed')
  return failed ? `${failed.name}: ${failed.detail}\n  hint: ${failed.hint ?? 'none'}` : null
}

function say(word: string, code: ExitCode, detail: string): ExitCode {
  process.stdout.write(`\nlonghaul: ${word} (exit ${code}): ${detail}\n`)
  return code
}

function readField(file: string, path: readonly string[]): unknown {
  if (!existsSync(file)) return undefined
  let node: unknown = JSON.parse(readFileSync(file, 'utf8'))
  for (const key of path) node = typeof node === 'object' && node !== null ? (node as Record<string, unknown>)[key] : undefined
  return node
}
