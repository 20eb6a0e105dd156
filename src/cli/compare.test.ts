import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { sampleRecord } from '../report/sample-run.ts'
import { compare as compareHere } from './compare.ts'

let runs: string

beforeEach(() => {
  runs = mkdtempSync(join(tmpdir(), 'longhaul-compare-'))
})

afterEach(() => rmSync(runs, { recursive: true }))

interface Run {
  symbols?: string[]
  /** The net edge of its only trade; none where it is left out. */
  netEdgeBps?: number
  /** Its one sampled quote; none where it is left out. */
  bidA?: number
}

/** As little of a run as is compared. */
function makeRun(runId: string, { symbols = ['KRW-BTC'], netEdgeBps, bidA }: Run): void {
  const logs = join(runs, runId, 'logs')
  mkdirSync(logs, { recursive: true })
  const record = sampleRecord({ runId, startedAt: `2026-11-22T07:00:0${runId}.000Z` })
  writeFileSync(join(runs, runId, 'run.json'), JSON.stringify({ ...record, config: { ...record.config, symbols } }))
  const lines = (...events: readonly object[]): string => events.map((event) => `${JSON.stringify(event)}\n`).join('')
  const trade = { time: 2000, tradeId: 't1', symbol: 'KRW-BTC' }
  const fill = { ...trade, event: 'order-filled', leg: 'a', purpose: 'entry', levels: [], book: { bestBid: 1, bestAsk: 2 } }
  const entry = { ...trade, event: 'entry', direction: 'buy-a', netEdgeBps, quantity: '1' }
  const quote = { symbol: 'KRW-BTC', bidA, askA: 2, bidB: 1, askB: 2, fx: 1 }
  writeFileSync(join(logs, 'application.log'), lines({ event: 'engine-started', startAtMs: 1000, loopIntervalMs: 1000 }))
  writeFileSync(join(logs, 'trading.log'), netEdgeBps === undefined ? '' : lines(fill, entry))
  writeFileSync(join(logs, 'metrics.log'), bidA === undefined ? '' : lines({ event: 'loops', time: 2000, quotes: [quote] }))
}

/** In a process of its own, since what it prints is part of what it does. */
async function compare(...args: string[]): Promise<{ code: number; stdout: string }> {
  const script = `import { compare } from '${join(import.meta.dirname, 'compare.ts')}'
    process.exitCode = await compare(${JSON.stringify(args)}, ${JSON.stringify(runs)})`
  const run = promisify(execFile)(process.execPath, ['--input-type=module-typescript', '-e', script])
  return run.then(
    ({ stdout }) => ({ code: 0, stdout }),
    ({ code, stdout }: { code: number; stdout: string }) => ({ code, stdout }),
  )
}

test('two runs with the same trades are the same, in the order of their starts or by id', async () => {
  makeRun('1', { netEdgeBps: 30 })
  makeRun('2', { netEdgeBps: 30, symbols: ['KRW-BTC'] })
  const { code, stdout } = await compare('1', 'latest')
  expect(code).toBe(0)
  expect(stdout).toBe(
    `left   ${join(runs, '1')}\nright  ${join(runs, '2')}\ntrades the same 1, in the same order\n` +
      'quotes 0 of 0 sampled in both runs are equal\n\nNo difference.\n',
  )
})

test('a trade that only one run made ends with 1, and is shown', async () => {
  makeRun('1', { netEdgeBps: 30 })
  makeRun('2', {})
  const { code, stdout } = await compare('1', '2')
  expect(code).toBe(1)
  expect(stdout).toMatch(/\| trade 1 \| symbol and direction \| KRW-BTC buy-a \| no trade \|/)
})

test('quotes alone can differ, and no trade is the same as none', async () => {
  makeRun('1', { bidA: 1 })
  makeRun('2', { bidA: 1.5 })
  const { code, stdout } = await compare('1', '2')
  expect(code).toBe(0)
  expect(stdout).toContain('quotes 0 of 1 sampled in both runs are equal')
})

test('two runs that did nothing are not called the same', async () => {
  makeRun('1', {})
  makeRun('2', {})
  const { code, stdout } = await compare('1', '2')
  expect(code).toBe(2)
  expect(stdout).toMatch(/\nNothing was compared: [^\n]+\n$/)
})

test('runs of other symbols are refused, and those of the same in another order are not', async () => {
  makeRun('1', { symbols: ['KRW-BTC', 'KRW-ETH'], bidA: 1 })
  makeRun('2', { symbols: ['KRW-ETH', 'KRW-BTC'], bidA: 1 })
  makeRun('3', { symbols: ['KRW-BTC'], bidA: 1 })
  await expect(compareHere(['1', '3'], runs)).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: 'the runs are of other symbols: KRW-BTC, KRW-ETH, and KRW-BTC',
  })
  expect((await compare('1', '2')).code).toBe(0)
})

test('a run that never got as far as its logs has nothing to compare', async () => {
  makeRun('1', { bidA: 1 })
  makeRun('2', { bidA: 1 })
  rmSync(join(runs, '2', 'logs'), { recursive: true })
  expect((await compare('1', '2')).code).toBe(2)
})

test('a run that does not exist is refused with those that do', async () => {
  makeRun('1', {})
  await expect(compareHere(['1', '7'], runs)).rejects.toMatchObject({
    code: 'RUN_NOT_FOUND',
    message: `no run.json in ${join(runs, '7')}`,
    hint: expect.stringContaining('The newest runs are 1.') as string,
  })
})

test.for([
  { args: [], expected: 'expected two runs, was none' },
  { args: ['1'], expected: 'expected two runs, was 1' },
  { args: ['1', '2', '3'], expected: 'expected two runs, was 1, 2, 3' },
  { args: ['1', '2', '--quick'], expected: "Unknown option '--quick'" },
])('$args is refused with what was expected', async ({ args, expected }) => {
  await expect(compareHere(args, runs)).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining(expected) as string,
    hint: 'longhaul compare --help lists every option.',
  })
})
