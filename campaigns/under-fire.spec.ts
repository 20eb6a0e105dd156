/**
 * Whatever kills a campaign, whether it was started through Vitest or the command line: nothing of it goes on running, and what it leaves
 * behind is judged `unknown`, with the reason.
 */

import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, describe, expect, test } from 'vitest'
import { familyOf, leftoversOf } from '../fixtures/orphans.ts'
import { once, removeLater, removeRunsUnlessFailed } from '../fixtures/run.ts'
import { repoRoot } from '../src/campaign/run-campaign.ts'
import { isRedisInstalled } from '../src/environment/redis-server.ts'

/** Nine campaigns begin at once, and a busy machine has others besides. */
const timeout = 240_000
const waitMs = 60_000
/** Five seconds, in which all that is left of a campaign must be gone: counted in looks, which a busy machine slows down as well. */
const lookMs = 100
const maxLooks = 50
/** Event time is 60 times real time: this many loops are a second and a half, and the run has almost a minute to go. */
const minLoops = 90

interface Shot {
  title: string
  by: 'vitest' | 'longhaul'
  /** Sends the signals. */
  fire: (child: ChildProcess, family: readonly number[]) => void
  /** How the command ends: an exit code, or the signal that ended it. */
  end: number | NodeJS.Signals
  store: 'auto' | 'off'
  scenario: 'S1' | 'loopback'
}

const signal = (name: NodeJS.Signals) => (child: ChildProcess) => void child.kill(name)
/** As a terminal sends it. */
const toGroup = (name: NodeJS.Signals) => (child: ChildProcess) => void process.kill(-(child.pid ?? NaN), name)

/** Vitest's own process stands still, so that the first Ctrl-C comes to nothing. */
function twiceOnHungVitest(child: ChildProcess, [, vitest]: readonly number[]): void {
  process.kill(vitest ?? NaN, 'SIGSTOP')
  child.kill('SIGINT')
  setTimeout(() => child.kill('SIGINT'), 300)
}

const s1 = { store: 'auto', scenario: 'S1' } as const
const shots: Shot[] = [
  { ...s1, title: 'SIGINT to npx vitest run', by: 'vitest', fire: signal('SIGINT'), end: 130 },
  { ...s1, title: 'SIGTERM to npx vitest run, without Redis', by: 'vitest', fire: signal('SIGTERM'), end: 143, store: 'off' },
  { ...s1, title: 'SIGKILL to npx vitest run', by: 'vitest', fire: signal('SIGKILL'), end: 'SIGKILL' },
  { ...s1, title: 'SIGINT to longhaul run, without Redis', by: 'longhaul', fire: signal('SIGINT'), end: 130, store: 'off' },
  { ...s1, title: 'SIGTERM to longhaul run', by: 'longhaul', fire: signal('SIGTERM'), end: 130 },
  { ...s1, title: 'SIGKILL to longhaul run', by: 'longhaul', fire: signal('SIGKILL'), end: 'SIGKILL' },
  { ...s1, title: 'a terminal that is closed on longhaul run', by: 'longhaul', fire: toGroup('SIGHUP'), end: 130 },
  { ...s1, title: 'a second Ctrl-C to longhaul run', by: 'longhaul', fire: twiceOnHungVitest, end: 130 },
  { ...s1, title: 'SIGKILL to longhaul run on loopback', by: 'longhaul', fire: signal('SIGKILL'), end: 'SIGKILL', scenario: 'loopback' },
]

interface Aftermath {
  runFolder: string
  end: number | NodeJS.Signals | null
  rolesStarted: string[]
  leftovers: string[]
  analyzed: Output
  reported: Output
  /** `name: status` of each result that Allure is given. */
  results: string[]
}

interface Output {
  code: number | null
  text: string
}

const resultsFolder = mkdtempSync(join(tmpdir(), 'longhaul-under-fire-'))

async function take(shot: Shot, index: number): Promise<Aftermath> {
  const allureFolder = join(resultsFolder, String(index))
  const { child, output } = start(shot, allureFolder)
  try {
    const runFolder = await runFolderIn(output)
    await reachesTheMiddle(runFolder, child, output)
    return await aftermathOf(shot, child, runFolder, allureFolder)
  } finally {
    // Where the shot has missed, its campaign would go on for a minute.
    killGroup(child)
  }
}

async function aftermathOf(shot: Shot, child: ChildProcess, runFolder: string, allureFolder: string): Promise<Aftermath> {
  const ended = endOf(child)
  const family = familyOf(child.pid ?? NaN)
  const rolesStarted = rolesOf(runFolder)
  shot.fire(
    child,
    family.map(({ pid }) => pid),
  )
  const end = await ended
  const leftovers = await leftoversAfter(runFolder, family)
  const analyzed = await longhaul(['analyze', runFolder], allureFolder)
  const reported = await longhaul(['report', runFolder], allureFolder)
  return { runFolder, end, rolesStarted, leftovers, analyzed, reported, results: resultsIn(allureFolder) }
}

function endOf(child: ChildProcess): Promise<number | NodeJS.Signals | null> {
  return new Promise((resolve) => {
    child.once('exit', (code, endSignal) => resolve(code ?? endSignal))
  })
}

function killGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL')
  } catch {
    // Nobody is left in it.
  }
}

function start({ by, store, scenario }: Shot, allureFolder: string): { child: ChildProcess; output: { text: string } } {
  const config = scenario === 'S1' ? {} : { LONGHAUL_CONFIG: join(repoRoot, 'configs/loopback-s0-rest.yaml') }
  const pace = scenario === 'S1' ? { LONGHAUL_PACE: '60x' } : {}
  const env = { ...process.env, ...config, ...pace, REDIS_URL: '', LONGHAUL_REDIS: store, LONGHAUL_ALLURE_RESULTS: allureFolder }
  const specs = { S1: 'campaigns/s1', loopback: 'campaigns/loopback-s0-rest' }
  const args = {
    vitest: ['node_modules/vitest/vitest.mjs', 'run', specs[scenario]],
    longhaul: ['src/main.ts', 'run', '--scenario', scenario === 'S1' ? 'S1' : 'loopback-s0-rest'],
  }
  // A group of its own, as a shell gives each command.
  const child = spawn(process.execPath, args[by], { cwd: repoRoot, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  const output = { text: '' }
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (output.text += text))
  return { child, output }
}

async function runFolderIn(output: { text: string }): Promise<string> {
  const found = await eventually(() => /\| (reports\/runs\/\S+)/.exec(output.text)?.[1], `a run in: ${output.text}`)
  const runFolder = join(repoRoot, found)
  removeLater(runFolder)
  return runFolder
}

async function reachesTheMiddle(runFolder: string, child: ChildProcess, output: { text: string }): Promise<void> {
  const log = join(runFolder, 'logs/metrics.log')
  const loops = (): number => (existsSync(log) ? readFileSync(log, 'utf8').split('"event":"loops"').length : 0)
  const least = runFolder.includes('loopback') ? 1 : minLoops
  const hasEnded = (): boolean => child.exitCode !== null || child.signalCode !== null
  await eventually(() => (loops() > least || hasEnded() ? true : undefined), `loops in ${runFolder}: ${output.text}`)
  if (hasEnded()) throw new Error(`it ended before it was shot at: ${output.text}`)
}

async function eventually<T>(look: () => T | undefined, what: string): Promise<T> {
  for (const deadlineMs = performance.now() + waitMs; performance.now() < deadlineMs; await delay(50)) {
    const found = look()
    if (found !== undefined) return found
  }
  throw new Error(`waited ${waitMs} ms in vain for ${what}`)
}

/** What the register of processes holds of a run. */
function rolesOf(runFolder: string): string[] {
  const names = readdirSync(join(repoRoot, 'reports/processes'))
  const runId = runFolder.split('/').at(-1) ?? ''
  return names.flatMap((name) => (name.startsWith(runId) ? (/-(engine|redis|supervisor|venues)-\d+\.json$/.exec(name)?.[1] ?? []) : []))
}

async function leftoversAfter(runFolder: string, family: Parameters<typeof leftoversOf>[1]): Promise<string[]> {
  const runId = runFolder.split('/').at(-1) ?? ''
  for (let look = 0; look < maxLooks && leftoversOf(runId, family).length > 0; look++) await delay(lookMs)
  return leftoversOf(runId, family)
}

function longhaul(args: string[], allureFolder: string): Promise<Output> {
  const env = { ...process.env, LONGHAUL_ALLURE_RESULTS: allureFolder }
  const child = spawn(process.execPath, ['src/main.ts', ...args], { cwd: repoRoot, env, stdio: ['ignore', 'pipe', 'pipe'] })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (piece: string) => (text += piece))
  return new Promise((resolve) => {
    child.once('close', (code) => resolve({ code, text }))
  })
}

function resultsIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('-result.json'))
    .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as { name: string; status: string })
    .map(({ name, status }) => `${name}: ${status}`)
}

/** All at once, since each of them mostly waits. */
const aftermaths = once(async () =>
  shots.map((shot, index) => {
    const aftermath = take(shot, index)
    // Each is awaited by its own tests, some of them later than it fails.
    aftermath.catch(() => undefined)
    return aftermath
  }),
)

async function after(shot: Shot): Promise<Aftermath> {
  const aftermath = (await aftermaths())[shots.indexOf(shot)]
  if (aftermath === undefined) throw new Error(`${shot.title} was not taken`)
  return aftermath
}

afterAll(({}, suite) => {
  removeRunsUnlessFailed(suite)
  rmSync(resultsFolder, { recursive: true })
})

describe.skipIf(process.platform !== 'linux')('after (skipped where there is no /proc)', () => {
  describe.each(shots)('$title', (shot) => {
    test('the command has ended as documented', { timeout }, async () => {
      expect((await after(shot)).end).toBe(shot.end)
    })

    test('engine, servers and Vitest are gone within five seconds', { timeout }, async () => {
      const { leftovers, rolesStarted } = await after(shot)
      const withRedis = shot.store === 'auto' && isRedisInstalled() ? ['redis'] : []
      const withVenues = shot.scenario === 'loopback' ? ['venues'] : []
      expect(rolesStarted.toSorted()).toEqual(['engine', ...withRedis, 'supervisor', ...withVenues])
      expect(leftovers).toEqual([])
    })

    test('longhaul analyze and longhaul report give unknown, with the reason', { timeout }, async () => {
      const { analyzed, reported, runFolder } = await after(shot)
      expect(analyzed).toMatchObject({ code: 2, text: expect.stringMatching(/^UNKNOWN: Cannot be told: the run was killed\./) as string })
      expect(reported).toMatchObject({
        code: 2,
        text: expect.stringMatching(/^verdict unknown: Cannot be told: the run was killed\./) as string,
      })
      expect(readFileSync(join(runFolder, 'FINAL_REPORT.md'), 'utf8')).toContain('the run was killed')
    })

    test('Allure has a result for each assertion, none of them passed, and one for the report', { timeout }, async () => {
      const { results } = await after(shot)
      expect(results).toContain('final report: failed')
      expect(results).toContain('limits-respected: failed')
      expect(results.filter((result) => !result.endsWith(': failed'))).toEqual([])
    })
  })
})
