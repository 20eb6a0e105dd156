import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { processRegister } from '../environment/prepare-environment.ts'
import { clean as cleanHere } from './clean.ts'

let repoRoot: string
let runs: string

beforeEach(() => {
  repoRoot = mkdtempSync(join(tmpdir(), 'longhaul-clean-'))
  runs = join(repoRoot, 'reports', 'runs')
  for (let day = 1; day <= 5; day++) makeRun(`S0-${day}`, `2026-01-0${day}T00:00:00Z`)
})

afterEach(() => rmSync(repoRoot, { recursive: true }))

function makeRun(runId: string, startedAt: string): void {
  mkdirSync(join(runs, runId, 'logs'), { recursive: true })
  writeFileSync(join(runs, runId, 'run.json'), JSON.stringify({ schema: 1, runId, startedAt }))
}

async function clean(...args: string[]): Promise<{ code: number; stdout: string }> {
  let stdout = ''
  const code = await cleanHere(args, repoRoot, (text) => (stdout += text))
  return { code, stdout }
}

test('keeps the newest runs and says what it removes', async () => {
  const { code, stdout } = await clean('--keep', '3')
  expect(code).toBe(0)
  expect(stdout).toBe('remove reports/runs/S0-2\nremove reports/runs/S0-1\n3 runs kept\n')
  expect(readdirSync(runs)).toEqual(['S0-3', 'S0-4', 'S0-5'])
})

test('a dry run removes nothing', async () => {
  const { stdout } = await clean('--keep', '0', '--dry-run')
  expect(stdout).toContain('would remove reports/runs/S0-1\n')
  expect(readdirSync(runs)).toHaveLength(5)
})

test('never removes what is no run folder, what a link points at, or a running campaign', async () => {
  const outside = mkdtempSync(join(tmpdir(), 'longhaul-outside-'))
  writeFileSync(join(outside, 'run.json'), '{"runId":"outside","startedAt":"2020-01-01T00:00:00Z"}')
  symlinkSync(outside, join(runs, 'linked'))
  mkdirSync(join(runs, 'notes'))
  writeFileSync(join(runs, 'readme.txt'), '')
  processRegister(repoRoot).record('supervisor', 'S0-2', process.pid)
  const { stdout } = await clean('--keep', '0')
  expect(readdirSync(runs)).toEqual(['S0-2', 'linked', 'notes', 'readme.txt'])
  expect(existsSync(join(outside, 'run.json'))).toBe(true)
  expect(stdout).toContain(`leave supervisor ${process.pid} of S0-2 alone`)
  rmSync(outside, { recursive: true })
})

test('a run whose record was torn is as old as the file', async () => {
  writeFileSync(join(runs, 'S0-1', 'run.json'), '{"schema":1,')
  await clean('--keep', '1')
  expect(readdirSync(runs)).toEqual(['S0-1'])
})

test('a running campaign stays, whatever stands in its record', async () => {
  writeFileSync(join(runs, 'S0-1', 'run.json'), '{"schema":1,')
  writeFileSync(join(runs, 'S0-2', 'run.json'), '{"runId":"S0-3"}')
  for (const runId of ['S0-1', 'S0-2']) processRegister(repoRoot).record('supervisor', runId, process.pid)
  await clean('--keep', '0')
  expect(readdirSync(runs)).toEqual(['S0-1', 'S0-2'])
})

test('archived logs go only when asked for', async () => {
  const archive = join(repoRoot, 'reports', 'archive')
  mkdirSync(join(archive, 'logs-20260101T000000Z'), { recursive: true })
  mkdirSync(join(archive, 'mine'))
  await clean()
  expect(readdirSync(archive)).toEqual(['logs-20260101T000000Z', 'mine'])
  await clean('--logs')
  expect(readdirSync(archive)).toEqual(['mine'])
})

test.for([
  { args: ['--keep', 'many'], expected: '--keep expects a whole number of runs, was "many"' },
  { args: ['--keep=-1'], expected: '--keep expects a whole number of runs, was "-1"' },
  { args: ['--force'], expected: "Unknown option '--force'" },
  { args: ['S0-1'], expected: "Unexpected argument 'S0-1'" },
])('$args is refused with what was expected', async ({ args, expected }) => {
  await expect(cleanHere(args, repoRoot)).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining(expected) as string,
    hint: 'longhaul clean --help lists every option.',
  })
  expect(readdirSync(runs)).toHaveLength(5)
})

test('--help prints the usage and does nothing', async () => {
  const { code, stdout } = await clean('--help', '--keep', '0')
  expect(code).toBe(0)
  expect(stdout).toMatch(/^Usage: longhaul clean/)
  expect(readdirSync(runs)).toHaveLength(5)
})
