/** Results that are written for a run whose Vitest was killed: all of them, once. */

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { writeMissingResults } from './allure-results.ts'
import { sampleRun } from './sample-run.ts'

let results: string
let runFolder: string

beforeEach(() => {
  results = mkdtempSync(join(tmpdir(), 'longhaul-allure-results-'))
  runFolder = mkdtempSync(join(tmpdir(), 'longhaul-run-'))
})

afterEach(() => {
  for (const folder of [results, runFolder]) rmSync(folder, { recursive: true })
})

const run = sampleRun({ record: { specFile: 'campaigns/s0.spec.ts' } })
const names = ['final report', 'loop time p99', 'no errors']

function written(): { file: string; name: string }[] {
  const folder = join(results, 's0')
  const files = readdirSync(folder).filter((file) => file.endsWith('-result.json'))
  const named = files.map((file) => ({
    file: join(folder, file),
    name: (JSON.parse(readFileSync(join(folder, file), 'utf8')) as { name: string }).name,
  }))
  return named.toSorted((left, right) => left.name.localeCompare(right.name))
}

test('one for each assertion and one for the report, and nothing where they are there', async () => {
  expect(await writeMissingResults(results, runFolder, run)).toBe(join(results, 's0'))
  expect(written().map(({ name }) => name)).toEqual(names)
  expect(await writeMissingResults(results, runFolder, run)).toBeNull()
})

test('what was written in part is written whole, and nothing twice', async () => {
  await writeMissingResults(results, runFolder, run)
  for (const { file } of written().slice(0, 2)) rmSync(file)
  expect(await writeMissingResults(results, runFolder, run)).not.toBeNull()
  expect(written().map(({ name }) => name)).toEqual(names)
})

test('what is there of another run is not taken for this one', async () => {
  await writeMissingResults(results, runFolder, run)
  const other = sampleRun({ record: { specFile: 'campaigns/s0.spec.ts', runId: `${run.record.runId}1` } })
  expect(await writeMissingResults(results, runFolder, other)).not.toBeNull()
  expect(written()).toHaveLength(2 * names.length)
})

test('steps have a duration: the site would call it unknown, which is also a verdict', async () => {
  await writeMissingResults(results, runFolder, run)
  const { steps } = JSON.parse(readFileSync(written()[0]!.file, 'utf8')) as { steps: unknown[] }
  expect(steps.length).toBeGreaterThan(1)
  for (const step of steps) expect(step).toMatchObject({ start: 0, stop: 0 })
})

test('no spec, no results', async () => {
  expect(await writeMissingResults(results, runFolder, sampleRun())).toBeNull()
  expect(readdirSync(results)).toEqual([])
})
