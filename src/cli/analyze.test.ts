/** The command: its output, its exit codes, its refusals. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { soundLog } from '../analyzer/sample-log.ts'
import { analyze } from './analyze.ts'

const folder = mkdtempSync(join(tmpdir(), 'longhaul-analyze-'))
afterAll(() => {
  rmSync(folder, { recursive: true })
})

const startMs = Date.UTC(2026, 0, 5)
const gauges = {
  overruns: 0,
  missingSnapshots: 0,
  staleSymbols: 0,
  openTrades: 0,
  blockedSymbols: 0,
  intents: 0,
  busySymbols: 0,
  quotes: [],
}
const loop = { firstLoop: 1, loopCount: 1, periodsMs: [null], loopTimesMs: [50] }
const metrics = [{ level: 'info', time: startMs, event: 'loops', ...loop, ...gauges }]
const plan = { attempt: 1, symbols: ['KRW-BTC'], startAtMs: startMs, endAtMs: startMs + 5000, loopIntervalMs: 1000 }
const application = [
  { level: 'info', time: startMs, event: 'engine-started', ...plan },
  { level: 'info', time: startMs + 5000, event: 'engine-stopped', reason: 'completed', loops: 1, overruns: 0 },
]

function write(name: string, events: readonly object[]): string {
  const file = join(folder, name)
  writeFileSync(file, events.map((event) => `${JSON.stringify(event)}\n`).join(''))
  return file
}

async function run(...args: string[]): Promise<{ code: number; text: string }> {
  let text = ''
  const code = await analyze(args, (printed) => (text += printed))
  return { code, text }
}

it('application.log is read with its siblings and summed up, verdict first', async () => {
  const file = write('application.log', application)
  write('trading.log', soundLog())
  write('metrics.log', metrics)
  const { code, text } = await run('--log-file', file, '--symbols', 'KRW-BTC,KRW-ETH')
  expect(code).toBe(0)
  expect(text).toMatch(/^PASS: All \d+ assertions hold over 1 loops, 2 entries and 2 exits\.\n/)
  expect(text).toMatch(/^KRW-BTC +2 +2 +1 +100\.0 % +₩22,933 /m)
  expect(text).toMatch(/^KRW-ETH +0 /m)
})

it('one log with everything in it gives the same, as JSON', async () => {
  const { code, text } = await run('--log-file', write('mixed.log', [...application, ...soundLog(), ...metrics]), '--json')
  expect(code).toBe(0)
  expect(JSON.parse(text)).toMatchObject({
    analysis: { loops: 1, overall: { entries: 2, profit: { totalKrw: '22932.8' } } },
    judgement: { verdict: 'pass' },
  })
})

it('a campaign’s budgets are judged where they are named', async () => {
  const file = write('mixed.log', [...application, ...soundLog(), ...metrics])
  const { text } = await run('--log-file', file, '--budgets', resolve(import.meta.dirname, '../../configs/s0.yaml'))
  expect(text).toMatch(/^missing snapshots +pass /m)
  expect(text).toMatch(/^ran its full duration +fail /m)
})

it('a broken check ends with exit code 1, an empty log with 2', async () => {
  const events = [...application, ...soundLog().filter(({ event }) => event !== 'unwind'), ...metrics]
  expect((await run('--log-file', write('broken.log', events))).code).toBe(1)
  const empty = await run('--log-file', write('empty.log', []))
  expect(empty.code).toBe(2)
  expect(empty.text).toMatch(/^UNKNOWN: /)
})

it('what a log says cannot reach the terminal as a control character', async () => {
  const file = join(folder, 'raw.log')
  writeFileSync(file, `${String.fromCharCode(27)}[2J gone\n`)
  expect((await run('--log-file', file)).text).not.toContain(String.fromCharCode(27))
})

it.each([
  ['a log that does not exist', ['--log-file', '/none/application.log'], 'LOG_NOT_FOUND', 'there is no log /none/application.log'],
  ['a folder', ['--log-file', folder], 'LOG_UNREADABLE', 'is not a file'],
  ['no log', [], 'CONFIG_INVALID', '--log-file is missing'],
  ['an unknown option', ['--log-fle', 'x'], 'CONFIG_INVALID', "Unknown option '--log-fle'"],
  ['an empty symbol', ['--log-file', folder, '--symbols', 'KRW-BTC,'], 'CONFIG_INVALID', 'expects names with commas between them'],
])('%s is refused with a hint', async (_what, args, code, message) => {
  const refused = run(...args)
  await expect(refused).rejects.toMatchObject({ code, hint: expect.any(String) as string })
  await expect(refused).rejects.toThrow(message)
})

it('--help says how', async () => {
  expect(await run('--help')).toMatchObject({ code: 0, text: expect.stringContaining('--log-file FILE') as string })
})
