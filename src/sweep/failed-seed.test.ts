import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { parse } from 'yaml'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { drawFaults } from '../campaign/fault-plan.ts'
import { campaignSchema } from '../config/schema.ts'
import { loadConfig } from '../config/load.ts'
import { configOf, shrinkFailedSeed } from './failed-seed.ts'
import { unknownResult, type SeedResult } from './seed-result.ts'
import type { SeedJob } from './seed-run.ts'

const config = campaignSchema.parse({
  scenario: 'S1',
  symbols: ['KRW-BTC', 'KRW-ETH'],
  duration_minutes: 60,
  seed: 7,
  faults: { swarm: 'on' },
  strategy: { notionalKrw: 500_000 },
  budgets: { meanLoopPeriodMs: { target: 1000, tolerance: 300 } },
  monitor: { rules: { noEntry: { windowMs: 900_000 } } },
})
const configsFolder = join(import.meta.dirname, '../../configs')
const failure = { assertion: 'legs-paired', rule: 'unhedged' }

let folder: string
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'longhaul-'))))
afterEach(() => rmSync(folder, { recursive: true }))

/** A run that fails where `isFailing` says so of its config. */
function runner(isFailing: (config: ReturnType<typeof campaignSchema.parse>) => boolean) {
  const jobs: SeedJob[] = []
  const run = async (job: SeedJob): Promise<SeedResult> => {
    jobs.push(job)
    const found = { failedAssertions: ['entries', 'legs-paired'], findings: [{ rule: 'unhedged', cause: 'x', symbol: null }] }
    const result = unknownResult(job.seed, 'x', 0)
    return isFailing(loadConfig(job.configFile).config) ? { ...result, verdict: 'fail', ...found } : result
  }
  return { jobs, run }
}

test('a config with its faults listed is short, is the same campaign, and runs the same faults', () => {
  const faults = drawFaults(config)
  const written = configOf(config, { durationMinutes: 60, symbols: config.symbols, faults })
  expect(Object.keys(written)).toEqual(['scenario', 'symbols', 'duration_minutes', 'seed', 'strategy', 'faults', 'monitor', 'budgets'])
  const read = campaignSchema.parse(written)
  expect({ ...read, faults: null }).toEqual({ ...config, faults: null })
  expect(drawFaults(read)).toEqual(faults)
})

const configs = readdirSync(configsFolder).filter((name) => name.endsWith('.yaml'))

test.for(configs)('%s is the same campaign when it is written so', (name) => {
  const { config: whole } = loadConfig(join(configsFolder, name))
  const { duration_minutes: durationMinutes, symbols } = whole
  const read = campaignSchema.parse(configOf(whole, { durationMinutes, symbols, faults: drawFaults(whole) }))
  expect({ ...read, faults: null }).toEqual({ ...whole, faults: null })
  expect(drawFaults(read)).toEqual(drawFaults(whole))
})

test('faults beyond a shorter run are cut, so that its healed phase stays', () => {
  const faults = drawFaults(config)
  const { plan, healedMinutes } = campaignSchema.parse(configOf(config, { durationMinutes: 20, symbols: config.symbols, faults })).faults
  expect(plan.length).toBeGreaterThan(0)
  expect(plan.length).toBeLessThan(faults.length)
  expect(Math.max(...plan.map(({ untilMs }) => untilMs))).toBeLessThanOrEqual((20 - healedMinutes) * 60_000)
})

test('a failure is replayed on a new engine, shrunk, and run once more with its logs kept', async () => {
  const { jobs, run } = runner(({ duration_minutes: minutes, symbols }) => minutes >= 12 && symbols.includes('KRW-ETH'))
  const failed = await shrinkFailedSeed({ seed: 7, failure, config, folder, run })
  expect(failed).toMatchObject({ seed: 7, shrunk: '12 minutes; KRW-ETH; no faults', runs: jobs.length })
  expect(jobs.map(({ keep, engine }) => `${keep} ${engine}`).filter((how) => how !== 'none kept')).toEqual(['all new', 'all new'])
  expect(parse(readFileSync(join(folder, 'config.yaml'), 'utf8'))).toMatchObject({ seed: 7, duration_minutes: 12, symbols: ['KRW-ETH'] })
  expect(readFileSync(join(folder, 'command.txt'), 'utf8')).toMatch(/^npx longhaul run --config \S+config\.yaml\n$/)
})

test('one that does not fail again is said to', async () => {
  const { run } = runner(() => false)
  expect(await shrinkFailedSeed({ seed: 7, failure, config, folder, run })).toMatchObject({
    shrunk: 'nothing, it did not fail so again: x',
    runs: 1,
  })
})

test('a rule that stands beyond the findings that are kept is the same failure', async () => {
  const late = { ...unknownResult(7, 'x', 0), failure, failedAssertions: ['legs-paired'] }
  expect(await shrinkFailedSeed({ seed: 7, failure, config, folder, run: async () => late })).toMatchObject({
    shrunk: '1 minute; KRW-ETH; no faults',
  })
})

test('what fails in kept engines alone is not given as the command', async () => {
  const { run } = runner(() => true)
  const passed = unknownResult(7, 'x', 0)
  let replays = 0
  const failed = await shrinkFailedSeed({
    seed: 7,
    failure,
    config,
    folder,
    run: async (job) => (job.engine === 'new' && ++replays > 1 ? passed : run(job)),
  })
  expect(failed?.shrunk).toMatch(/^60 minutes; KRW-BTC, KRW-ETH; \d+ faults \(what is shorter did not fail on a new engine\)$/)
  expect(parse(readFileSync(join(folder, 'config.yaml'), 'utf8'))).toMatchObject({ seed: 7, duration_minutes: 60 })
})

test('the number of runs has a bound', async () => {
  const needed = drawFaults(config).filter((_fault, index) => index % 2 === 0)
  const { jobs, run } = runner(({ faults }) => needed.every((fault) => faults.plan.some((listed) => isDeepStrictEqual(listed, fault))))
  const failed = await shrinkFailedSeed({ seed: 7, failure, config, folder, run })
  expect(failed?.shrunk).toContain('(after 80 runs no more were tried)')
  expect(jobs).toHaveLength(81)
})

test('what was found before is not looked for again, and a stopped search finds nothing', async () => {
  expect(await shrinkFailedSeed({ seed: 7, failure, config, folder, run: async () => null })).toBeNull()
  const { run } = runner(() => true)
  const failed = await shrinkFailedSeed({ seed: 7, failure, config, folder, run })
  expect(await shrinkFailedSeed({ seed: 7, failure, config, folder, run: async () => null })).toEqual(failed)
})
