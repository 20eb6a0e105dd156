/** Which names lead to a run's folder, and what is refused. */

import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readRun, resolveRun } from './read-run.ts'
import { sampleRecord } from './sample-run.ts'

let folder: string
let runsFolder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'longhaul-read-run-'))
  runsFolder = join(folder, 'runs')
})

afterEach(() => {
  rmSync(folder, { recursive: true })
})

function store(runId: string, text = JSON.stringify(sampleRecord({ runId }))): string {
  const runFolder = join(runsFolder, runId)
  mkdirSync(runFolder, { recursive: true })
  writeFileSync(join(runFolder, 'run.json'), text)
  return runFolder
}

test('an id, a path and latest lead to the folder', () => {
  const older = store('b', JSON.stringify(sampleRecord({ startedAt: '2026-11-21T00:00:00.000Z' })))
  const newer = store('a', JSON.stringify(sampleRecord({ startedAt: '2026-11-22T00:00:00.000Z' })))
  store('c', '{ half a record')
  expect([resolveRun('b', runsFolder), resolveRun(older, runsFolder), resolveRun('latest', runsFolder)]).toEqual([older, older, newer])
})

test('a run record comes back whole', () => {
  expect(readRun(store('a'))).toEqual(JSON.parse(JSON.stringify(sampleRecord({ runId: 'a' }))))
})

test.each(['..', '.', '', '.hidden', 'a..b', 'a\u0000b', '-x', 'x'.repeat(200)])('%j is no run id', (name) => {
  store('a')
  writeFileSync(join(folder, 'run.json'), JSON.stringify(sampleRecord()))
  expect(() => resolveRun(name, runsFolder)).toThrow(/^not a run id/)
})

test('an unknown id names the runs that are there', () => {
  store('20261122-s0')
  expect(() => resolveRun('20261123-s0', runsFolder)).toThrow(
    expect.objectContaining({ code: 'RUN_NOT_FOUND', hint: expect.stringContaining('The newest runs are 20261122-s0.') }),
  )
})

test('latest of no runs says how to make one', () => {
  expect(() => resolveRun('latest', runsFolder)).toThrow(
    expect.objectContaining({ code: 'RUN_NOT_FOUND', hint: expect.stringContaining('npx vitest run') }),
  )
})

test.each([
  ['cut short', '{"schema":1,'],
  ['another schema', JSON.stringify({ ...sampleRecord(), schema: 2 })],
  ['not a record', '[]'],
  ['without a config', JSON.stringify({ ...sampleRecord(), config: null })],
  ['lists in lists', '['.repeat(100_000)],
  ['naming a scenario that is a path', JSON.stringify({ ...sampleRecord(), scenario: '../../etc' })],
  ['naming a spec outside campaigns', JSON.stringify({ ...sampleRecord(), specFile: 'campaigns/../../x.spec.ts' })],
  ['of a time that no date has', JSON.stringify({ ...sampleRecord(), startedAt: 'yesterday' })],
])('a run.json that is %s is a typed error', (_, text) => {
  const runFolder = store('a', text)
  expect(() => readRun(runFolder)).toThrow(expect.objectContaining({ code: 'RUN_NOT_FOUND' }))
})

test('a run.json that is larger than any of ours is not read', () => {
  const runFolder = store('a')
  truncateSync(join(runFolder, 'run.json'), 2 ** 31)
  expect(() => readRun(runFolder)).toThrow(/larger than/)
})

test.each(['../outside', '../../etc', '/etc', './../..', 'a/../../outside', `/${'x'.repeat(5000)}`, '/tmp/\u0000'])(
  'the path %j leads to nothing where no run lies there',
  (name) => {
    store('a')
    expect(() => resolveRun(name, runsFolder)).toThrow(expect.objectContaining({ code: 'RUN_NOT_FOUND' }))
  },
)

test('an id that is a link out of the runs is refused, and latest passes over it; its path is taken', () => {
  store('a')
  const outside = join(folder, 'outside')
  mkdirSync(outside)
  writeFileSync(join(outside, 'run.json'), JSON.stringify(sampleRecord({ startedAt: '2999-01-01T00:00:00.000Z' })))
  symlinkSync(outside, join(runsFolder, 'linked'))
  expect(() => resolveRun('linked', runsFolder)).toThrow(/^the run linked is a link that leads out of /)
  expect(resolveRun('latest', runsFolder)).toBe(join(runsFolder, 'a'))
  expect(resolveRun(outside, runsFolder)).toBe(outside)
})
