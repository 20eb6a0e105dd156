import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { checkClockReadings, checkDependencies, checkFreeBytes, checkNode } from './preflight.ts'
import { checkOpenFiles, checkRuntime, checkWritable } from './preflight.ts'

const repoRoot = resolve(import.meta.dirname, '../..')
let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'longhaul-preflight-'))
})

afterEach(() => rmSync(folder, { recursive: true }))

function writeJson(path: string, value: unknown): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true })
  writeFileSync(join(folder, path), JSON.stringify(value))
}

test('this machine can carry a run, and leaves no probe behind', async () => {
  const found = await checkRuntime({ repoRoot, runFolder: folder, tapeFiles: [join(repoRoot, 'package.json')] })
  expect(found).toMatch(/^Node \d+\.\d+\.\d+, \d+ dependencies as locked, \d+ MB free, clock sane, \S+ open files, 1 tape files$/)
})

test.for([
  { what: 'an old Node', check: () => checkNode('22.12.0'), message: 'Node 22.12.0 is too old' },
  { what: 'a full disk', check: () => checkFreeBytes(499 * 2 ** 20, '/runs'), message: 'only 499 MB are free at /runs, 500 are needed' },
  { what: 'a clock at the epoch', check: () => checkClockReadings(0, 10, 10), message: 'the clock says the year 1970' },
  { what: 'a clock that is no time', check: () => checkClockReadings(Number.NaN, 10, 10), message: 'the clock says the year NaN' },
  { what: 'a clock that jumps', check: () => checkClockReadings(1.8e12, 3010, 10), message: 'the wall clock jumped by 3000 ms in 10 ms' },
  { what: 'few open files', check: () => checkOpenFiles(1023), message: 'only 1023 files may be open at once' },
  { what: 'an unknown limit of open files', check: () => checkOpenFiles(Number.NaN), message: 'only NaN files may be open at once' },
])('$what is refused with a hint', ({ check, message }) => {
  expect(check).toThrow(expect.objectContaining({ code: 'ENVIRONMENT_NOT_READY', message, hint: expect.stringMatching(/\.$/) }))
})

test.for([
  { what: 'Node at the limit', check: () => checkNode('24.0.0') },
  { what: 'disk at the limit', check: () => checkFreeBytes(500 * 2 ** 20, '/') },
  { what: 'a busy machine', check: () => checkClockReadings(1.8e12, 90, 95) },
  { what: 'unlimited files', check: () => checkOpenFiles(Number.POSITIVE_INFINITY) },
])('$what is fine', ({ check }) => {
  expect(check).not.toThrow()
})

describe('dependencies', () => {
  beforeEach(() => {
    writeJson('package-lock.json', {
      packages: {
        '': { dependencies: { pino: '^10.0.0' }, devDependencies: { knip: '^6.0.0' } },
        'node_modules/pino': { version: '10.4.0' },
        'node_modules/knip': { version: '6.44.2' },
      },
    })
    writeJson('node_modules/pino/package.json', { version: '10.4.0' })
  })

  test('as locked are fine, and those for development may be absent', () => {
    expect(checkDependencies(folder)).toBe('2 dependencies as locked')
  })

  test('in another version are refused', () => {
    writeJson('node_modules/pino/package.json', { version: '10.3.0' })
    expect(() => checkDependencies(folder)).toThrow('pino is 10.3.0, the lockfile says 10.4.0')
  })

  test('for development in another version are refused', () => {
    writeJson('node_modules/knip/package.json', { version: '5.0.0' })
    expect(() => checkDependencies(folder)).toThrow('knip is 5.0.0, the lockfile says 6.44.2')
  })

  test('that are missing are refused', () => {
    rmSync(join(folder, 'node_modules'), { recursive: true })
    expect(() => checkDependencies(folder)).toThrow('pino is not installed, the lockfile says 10.4.0')
  })

  test('without a readable lockfile are refused', () => {
    writeFileSync(join(folder, 'package-lock.json'), '{')
    expect(() => checkDependencies(folder)).toThrow('cannot be read')
  })
})

test('a tape that is not there is refused with a hint', async () => {
  const check = checkRuntime({ repoRoot, runFolder: folder, tapeFiles: [join(folder, 'no.csv')] })
  await expect(check).rejects.toMatchObject({ message: expect.stringContaining('no.csv'), hint: expect.stringContaining('tape.file') })
})

test('a run folder that cannot be made is refused with a hint', () => {
  writeFileSync(join(folder, 'file'), '')
  const check = (): void => checkWritable(join(folder, 'file', 'run'))
  expect(check).toThrow(expect.objectContaining({ hint: expect.stringContaining('permissions') }))
})
