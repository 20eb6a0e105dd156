/** A run that passed, and whose folder was damaged afterwards, is `unknown` with the reason: never a pass again. */

import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, expect, test } from 'vitest'
import { once, removeRunsUnlessFailed, runOnce } from '../fixtures/run.ts'
import { judgeRun } from '../src/report/judge-run.ts'

const timeout = 240_000
const folder = mkdtempSync(join(tmpdir(), 'longhaul-damaged-'))

afterAll(({}, suite) => {
  removeRunsUnlessFailed(suite)
  rmSync(folder, { recursive: true })
})

const sound = once(() => runOnce({ configFile: 'configs/s0.yaml', overrides: { 'redis.mode': 'off' } }))
let copyCount = 0

/** Of a copy to which `damage` was done, given the path of one of its logs. */
async function verdictAfter(log: string, damage: (path: string) => void): Promise<string> {
  const copy = join(folder, String(copyCount++))
  cpSync((await sound()).runFolder, copy, { recursive: true })
  damage(join(copy, 'logs', log))
  const { judgement } = await judgeRun(copy)
  return `${judgement.verdict}: ${judgement.reason}`
}

const replace = (path: string, change: (bytes: Buffer) => Buffer): void => writeFileSync(path, change(readFileSync(path)))

test('undamaged, the copy passes', { timeout }, async () => {
  expect(await verdictAfter('trading.log', () => undefined)).toMatch(/^pass: /)
})

test.each(
  ['application.log', 'trading.log', 'metrics.log'].flatMap((log): [string, string, (path: string) => void, string][] => [
    ['empty', log, (path) => truncateSync(path), `${log} is missing or empty`],
    ['missing', log, (path) => rmSync(path), `${log} is missing or empty`],
    ['all NUL bytes', log, (path) => replace(path, (bytes) => bytes.fill(0)), `${log} holds no event`],
    ['gzip', log, (path) => replace(path, (bytes) => gzipSync(bytes)), `${log} holds no event`],
    ['another program’s text', log, (path) => writeFileSync(path, 'hello\n'.repeat(100)), `${log} holds no event`],
    ['cut in its last line', log, (path) => replace(path, (bytes) => bytes.subarray(0, -9)), `${log} ends in the middle of a line`],
    ['going on with half a line', log, (path) => appendFileSync(path, '{"level":"info","ti'), `${log} ends in the middle of a line`],
  ]),
)('a log that is %s is unknown: %s', { timeout }, async (_what, log, damage, reason) => {
  expect(await verdictAfter(log, damage)).toBe(`unknown: Cannot be told: ${reason}.`)
})

test('a log of another version is unknown', { timeout }, async () => {
  const damage = (path: string): void => writeFileSync(path, readFileSync(path, 'utf8').replace(/"schema":\d+/, '"schema":99'))
  expect(await verdictAfter('trading.log', damage)).toMatch(
    /^unknown: Cannot be told: the logs are of schema 99, this analyzer reads schema 1\.$/,
  )
})

test('a trading log whose lines lack what a checker reads is unknown or fails, by the checker’s name', { timeout }, async () => {
  const damage = (path: string): void => writeFileSync(path, readFileSync(path, 'utf8').replaceAll('"quantity"', '"Quantity"'))
  expect(await verdictAfter('trading.log', damage)).toMatch(
    /^(unknown|fail): .*(entries-agree|balances-conserved|legs-paired|limits-respected)/,
  )
})

test.each([1, 40, 90])('a trading log that lacks a line after %i hundredths never passes', { timeout }, async (percent) => {
  const damage = (path: string): void => {
    const lines = readFileSync(path, 'utf8').split('\n')
    lines.splice(Math.floor((lines.length * percent) / 100), 1)
    writeFileSync(path, lines.join('\n'))
  }
  expect(await verdictAfter('trading.log', damage)).toMatch(/^(unknown|fail): /)
})

test('a trading log that lacks its last lines, whole ones, never passes', { timeout }, async () => {
  const damage = (path: string): void => writeFileSync(path, `${readFileSync(path, 'utf8').split('\n').slice(0, -4).join('\n')}\n`)
  expect(await verdictAfter('trading.log', damage)).toBe('unknown: Cannot be told: the trading log lacks its end.')
})

test('a metrics log that lacks its second half never passes', { timeout }, async () => {
  const damage = (path: string): void => {
    const lines = readFileSync(path, 'utf8').split('\n')
    writeFileSync(path, `${lines.slice(0, lines.length / 2).join('\n')}\n`)
  }
  expect(await verdictAfter('metrics.log', damage)).toMatch(
    /^unknown: Cannot be told: the logs tell of \d+ loops, and the engine made 180\.$/,
  )
})

test('a metrics log of which some lines were lost to NUL bytes never passes', { timeout }, async () => {
  expect(await verdictAfter('metrics.log', (path) => replace(path, (bytes) => bytes.fill(0, 5000, 9000)))).not.toMatch(/^pass/)
})
