import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { unknownResult } from './seed-result.ts'
import { readResults, readSweep, SweepFolder, sweepFolderOf, type SweepFacts } from './sweep-folder.ts'

const line = (seed: number): string => `${JSON.stringify(unknownResult(seed, 'x', 0))}\n`

describe('readResults', () => {
  test.for([
    { name: 'all of whole lines', text: line(1) + line(2), seeds: [1, 2] },
    { name: 'nothing of an empty file', text: '', seeds: [] },
    { name: 'nothing of a last line that was cut', text: line(1) + line(2).slice(0, -1), seeds: [1] },
    { name: 'what stands around a line that a loss of power left behind', text: `${line(1)}\0\0\0\n{"seed":\n${line(2)}`, seeds: [1, 2] },
    { name: 'no line of another kind', text: `null\n42\n{"verdict":"pass"}\n`, seeds: [] },
  ])('gives $name', ({ text, seeds }) => {
    expect(readResults(text).map(({ seed }) => seed)).toEqual(seeds)
  })
})

test('of two results for one seed the last one counts: it was run again', () => {
  const again = { ...unknownResult(3, 'y', 0), verdict: 'pass' as const }
  expect(readResults(line(3) + `${JSON.stringify(again)}\n`)).toEqual([again])
})

describe('a folder', () => {
  const facts: SweepFacts = {
    schema: 1,
    id: `test-${process.pid}`,
    scenario: 'S1',
    firstSeed: 1,
    lastSeed: 9,
    configHash: 'c0ffee',
    version: { sources: 'a', parts: null, commit: null },
  }
  let elsewhere: string

  beforeEach(() => (elsewhere = mkdtempSync(join(tmpdir(), 'longhaul-'))))
  afterEach(() => {
    rmSync(elsewhere, { recursive: true })
    rmSync(sweepFolderOf(facts.id), { recursive: true, force: true })
  })

  test('gives what it was given before, also after a kill, and nothing where it is fresh', () => {
    const first = new SweepFolder(facts, { seed: 0 }, false)
    first.append(unknownResult(4, 'x', 0))
    first.close()
    expect(readSweep(sweepFolderOf(facts.id))).toEqual(facts)
    const second = new SweepFolder(facts, { seed: 0 }, false)
    expect(second.earlierResults().map(({ seed }) => seed)).toEqual([4])
    second.close()
    const third = new SweepFolder(facts, { seed: 0 }, true)
    expect(third.earlierResults()).toEqual([])
    expect(readFileSync(third.configFile, 'utf8')).toContain('"seed": 0')
    third.close()
  })

  test('is for one sweep at a time', () => {
    const first = new SweepFolder(facts, {}, false)
    expect(() => new SweepFolder(facts, {}, false)).toThrow(`this sweep is being run by process ${process.pid}`)
    first.close()
    new SweepFolder(facts, {}, false).close()
  })

  test.for(['', '{"pid":', 'null', '{"pid":0}'])('is free again where a loss of power left %j of its lock', (text) => {
    new SweepFolder(facts, {}, false).close()
    writeFileSync(join(sweepFolderOf(facts.id), 'lock.json'), text)
    new SweepFolder(facts, {}, false).close()
    expect(readdirSync(sweepFolderOf(facts.id)).filter((name) => name.startsWith('lock'))).toEqual([])
  })

  test.for(['..', '../runs', 'a/b', '', '-x', 'x'.repeat(100), 'a\0b'])('is not called %j', (id) => {
    expect(() => sweepFolderOf(id)).toThrow("not a sweep's id")
  })
})
