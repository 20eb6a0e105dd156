import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { newRunId, repoRoot, runCampaign, runFolderOf, type CampaignOptions } from './run-campaign.ts'

let runId: string
let runFolder: string

beforeEach(() => {
  mkdirSync(join(repoRoot, 'reports/runs'), { recursive: true })
  runId = newRunId({ scenario: 'unit', seed: 0 })
  runFolder = runFolderOf(runId)
})

afterEach(() => rmSync(runFolder, { recursive: true, force: true }))

function run(options: Partial<CampaignOptions> = {}, retry: object = {}): ReturnType<typeof runCampaign> {
  const configFile = join(repoRoot, 'configs/s0.yaml')
  const overrides = Object.entries({ redis: { mode: 'off' }, retry }).map(([key, value]) => ({ source: 'the test', path: [key], value }))
  const { signal } = new AbortController()
  return runCampaign({ configFile, overrides, runId, command: 'none', redisUrl: undefined, signal, print: () => undefined, ...options })
}

test('the folder of another run is not written over', async () => {
  mkdirSync(runFolder)
  writeFileSync(join(runFolder, 'run.json'), 'kept')
  await expect(run()).rejects.toMatchObject({ code: 'CONFIG_INVALID', message: `reports/runs/${runId} is there already` })
  expect(readdirSync(runFolder)).toEqual(['run.json'])
  expect(readFileSync(join(runFolder, 'run.json'), 'utf8')).toBe('kept')
})

test('what a link of that name leads to is not emptied', async () => {
  const theirs = mkdtempSync(join(tmpdir(), 'longhaul-theirs-'))
  mkdirSync(join(theirs, 'state'))
  writeFileSync(join(theirs, 'state/file'), 'theirs')
  symlinkSync(theirs, runFolder)
  await expect(run()).rejects.toMatchObject({ code: 'CONFIG_INVALID', message: `reports/runs/${runId} is a link` })
  expect(readdirSync(theirs, { recursive: true, encoding: 'utf8' }).toSorted()).toEqual(['state', 'state/file'])
  rmSync(theirs, { recursive: true })
})

test('a folder that cannot be written is no defect of ours: the environment is not ready', async () => {
  writeFileSync(runFolder, 'in the way')
  await expect(run()).rejects.toMatchObject({
    code: 'ENVIRONMENT_NOT_READY',
    message: expect.stringContaining('cannot write in') as string,
  })
})

test('a run that the user ends between two attempts is judged by what ran', async () => {
  const user = new AbortController()
  const { record, judgement } = await run(
    {
      signal: user.signal,
      print: (line) => {
        if (line.startsWith('attempt 1 retry')) user.abort()
      },
      ofMany: {
        startEngine: () => spawn(process.execPath, ['--eval', 'process.exit(1)'], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] }),
        isReported: () => false,
      },
    },
    { backoffMs: 600_000 },
  )
  expect(record).toMatchObject({ status: 'interrupted', attempts: [{ decision: 'interrupted', exitCode: 1 }] })
  expect(judgement.verdict).not.toMatch(/pass|warn/)
})
