import { mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { archivesIn, logNames, resetEmbedded, rotateLogs } from './cleanup.ts'

let repoRoot: string
let archive: string

beforeEach(() => {
  repoRoot = mkdtempSync(join(tmpdir(), 'longhaul-cleanup-'))
  archive = join(repoRoot, 'reports', 'archive')
})

afterEach(() => rmSync(repoRoot, { recursive: true }))

function runFolder(runId: string): string {
  return join(repoRoot, 'reports', 'runs', runId)
}

test('a run gets new, empty logs, and the link points at them', () => {
  expect(rotateLogs(repoRoot, runFolder('S0-1'))).toBe('logs is reports/runs/S0-1/logs')
  expect(readdirSync(join(repoRoot, 'logs')).toSorted()).toEqual([...logNames].toSorted())
  expect(readFileSync(join(repoRoot, 'logs', 'trading.log'), 'utf8')).toBe('')
})

test('the link moves to the next run, and the logs of the one before stay in its folder', () => {
  rotateLogs(repoRoot, runFolder('S0-1'))
  writeFileSync(join(repoRoot, 'logs', 'trading.log'), 'one\n')
  expect(rotateLogs(repoRoot, runFolder('S0-2'))).toBe('logs is reports/runs/S0-2/logs, was reports/runs/S0-1/logs')
  expect(readFileSync(join(runFolder('S0-1'), 'logs', 'trading.log'), 'utf8')).toBe('one\n')
  expect(readdirSync(repoRoot).toSorted()).toEqual(['logs', 'reports'])
})

test('repeated for one run, it keeps what was logged in the archive', () => {
  rotateLogs(repoRoot, runFolder('S0-1'))
  rotateLogs(repoRoot, runFolder('S0-1'))
  expect(archivesIn(archive)).toEqual([])
  writeFileSync(join(repoRoot, 'logs', 'trading.log'), 'one\n')
  rotateLogs(repoRoot, runFolder('S0-1'))
  expect(readFileSync(join(archivesIn(archive)[0]!, 'trading.log'), 'utf8')).toBe('one\n')
  expect(readFileSync(join(repoRoot, 'logs', 'trading.log'), 'utf8')).toBe('')
})

test('a real logs folder of another engine is moved to the archive', () => {
  mkdirSync(join(repoRoot, 'logs'))
  writeFileSync(join(repoRoot, 'logs', 'engine.log'), 'theirs')
  expect(rotateLogs(repoRoot, runFolder('S0-1'))).toMatch(/^moved old logs to reports\/archive\/logs-\d{8}T\d{6}Z; logs is /)
  expect(readFileSync(join(archivesIn(archive)[0]!, 'engine.log'), 'utf8')).toBe('theirs')
  expect(readlinkSync(join(repoRoot, 'logs'))).toBe('reports/runs/S0-1/logs')
})

test('what a foreign link points at is not touched', () => {
  const theirs = join(repoRoot, 'theirs')
  mkdirSync(theirs)
  writeFileSync(join(theirs, 'engine.log'), 'theirs')
  symlinkSync(theirs, join(repoRoot, 'logs'))
  expect(rotateLogs(repoRoot, runFolder('S0-1'))).toBe(`logs is reports/runs/S0-1/logs, was ${theirs}`)
  expect(readFileSync(join(theirs, 'engine.log'), 'utf8')).toBe('theirs')
})

test('a file named logs is refused', () => {
  writeFileSync(join(repoRoot, 'logs'), 'what is this')
  expect(() => rotateLogs(repoRoot, runFolder('S0-1'))).toThrow(expect.objectContaining({ code: 'ENVIRONMENT_NOT_READY' }))
})

test('no archive is ever removed: another engine may have written it', () => {
  for (let day = 10; day < 35; day++) mkdirSync(join(archive, `logs-202601${day}T000000Z`), { recursive: true })
  mkdirSync(join(archive, 'mine'))
  rotateLogs(repoRoot, runFolder('S0-1'))
  expect(readdirSync(archive)).toHaveLength(26)
  expect(archivesIn(archive)).toHaveLength(25)
})

test('the state folder is emptied, and may be new', () => {
  const state = join(repoRoot, 'state')
  expect(resetEmbedded(state)).toBe('the state folder is new')
  writeFileSync(join(state, 'state-1.log'), 'x')
  expect(resetEmbedded(state)).toBe('removed 1 files of an earlier state')
  expect(readdirSync(state)).toEqual([])
})
