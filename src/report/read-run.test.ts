/** Which names lead to a run's folder, and what is refused. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
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
])('a run.json that is %s is a typed error', (_, text) => {
  const runFolder = store('a', text)
  expect(() => readRun(runFolder)).toThrow(expect.objectContaining({ code: 'RUN_NOT_FOUND' }))
})
