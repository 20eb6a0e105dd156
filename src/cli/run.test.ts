import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { conclude, run, specOf } from './run.ts'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'longhaul-run-'))
})

afterEach(() => rmSync(folder, { recursive: true }))

const passed = { code: 0, signal: null }
const failed = { code: 1, signal: null }

test.for([
  { what: 'a pass', verdict: 'pass', vitest: passed, exitCode: 0 },
  { what: 'a pass with reservations', verdict: 'warn', vitest: passed, exitCode: 0 },
  { what: 'a pass of the judge, where the spec asked for more', verdict: 'pass', vitest: failed, exitCode: 1 },
  { what: 'the same with reservations', verdict: 'warn', vitest: failed, exitCode: 1 },
  { what: 'a fail', verdict: 'fail', vitest: failed, exitCode: 1 },
  { what: 'nothing proved', verdict: 'unknown', vitest: failed, exitCode: 2 },
  { what: 'a Vitest that ended without a run', verdict: null, vitest: failed, exitCode: 2 },
  { what: 'a Vitest that found no test', verdict: null, vitest: passed, exitCode: 2 },
  { what: 'a Vitest that was told to end', verdict: 'pass', vitest: { code: 143, signal: null }, exitCode: 130 },
  { what: 'a Vitest that was killed', verdict: null, vitest: { code: null, signal: 'SIGKILL' as const }, exitCode: 130 },
])('$what ends with $exitCode', ({ verdict, vitest, exitCode }) => {
  if (verdict !== null) writeFileSync(join(folder, 'report.json'), JSON.stringify({ judgement: { verdict } }))
  expect(conclude(folder, vitest)).toBe(exitCode)
})

test('an environment that was not ready ends with 4, and the step that says why', () => {
  const steps = [{ name: 'reset-state', status: 'failed', detail: 'no Redis', hint: 'Start it.', tookMs: 1 }]
  writeFileSync(join(folder, 'run.json'), JSON.stringify({ status: 'not-ready', steps }))
  expect(conclude(folder, failed)).toBe(4)
})

test('a flag whose value is empty is refused: it would stand for the default', async () => {
  await expect(run(['--scenario', 'S0', '--seed', ''])).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: '--seed expects a value, and was left empty',
  })
})

test.for([
  ['S0', 's0'],
  ['LOOPBACK-CHAOS', 'loopback-chaos'],
  ['CHAOS', 'any'],
  ['STORM', 'any'],
  ['MINE', 'any'],
])('%s is run by campaigns/%s.spec.ts', ([scenario, spec]) => {
  expect(specOf(scenario!)).toBe(`campaigns/${spec}.spec.ts`)
})
