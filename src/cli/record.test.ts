import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { repoRoot } from '../campaign/run-campaign.ts'
import { processRegister } from '../environment/prepare-environment.ts'
import { RecordedMarket } from '../market/recorded-market.ts'
import { record as recordHere } from './record.ts'

const children: ChildProcessByStdio<null, Readable, Readable>[] = []
let folder: string
let out: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'longhaul-record-test-'))
  out = join(folder, 'tape')
})

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  rmSync(folder, { recursive: true })
})

/** As from a shell. What it keeps for itself goes into `folder`. */
function start(args: readonly string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [join(repoRoot, 'src/main.ts'), 'record', '--out', out, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, TMPDIR: folder, ...env },
  })
  children.push(child)
  const said = { text: '' }
  for (const output of [child.stdout, child.stderr]) output.setEncoding('utf8').on('data', (text: string) => (said.text += text))
  const ended = once(child, 'close').then(([code]) => code as number)
  const says = async (words: string): Promise<void> => {
    while (!said.text.includes(words)) await once(child.stdout, 'data')
  }
  return { child, said, ended, says }
}

/** What stands in the folder besides the tape. */
function leftovers(): string[] {
  return readdirSync(folder).filter((name) => name !== 'tape')
}

describe('a recording', () => {
  test('of a simulated market runs in virtual time, and tells how to replay what it wrote', async () => {
    const { said, ended } = start(['--market', 'simulated', '--minutes', '3', '--symbols', 'KRW-ETH'])
    expect(await ended).toBe(0)
    expect(said.text).toMatch(/^recording KRW-ETH from simulated over ws, 3 minutes, into .*\nrecorded \d+ books and outages, \d+ bytes\n/)
    const replayed = `replay with\n  market: tape\n  tape: { format: books, folder: "${out}" }\n  duration_minutes: 2.9`
    expect(said.text).toContain(replayed)
    expect(new RecordedMarket({ folder: out }).header.instruments).toHaveLength(3)
    expect(leftovers()).toEqual([])
  })

  test('that is ended by Ctrl-C has a tape to its last second', async () => {
    const { child, said, ended } = start(['--minutes', '80000', '--symbols', 'KRW-BTC'])
    const file = join(out, '000001.ndjson.gz')
    // Some ten seconds of the market, which pass at once.
    while (!existsSync(file) || statSync(file).size < 20_000) await new Promise((resolve) => setTimeout(resolve, 5))
    child.kill('SIGINT')
    expect(await ended).toBe(0)
    const minutes = Number(/duration_minutes: (.*)\n/.exec(said.text)?.[1])
    const tape = new RecordedMarket({ folder: out })
    tape.advance(tape.fromMs + minutes * 60_000 - 2000)
    expect([minutes > 0, tape.outage('upbit'), tape.outage('binance')]).toEqual([true, null, null])
    expect(leftovers()).toEqual([])
  })

  test('that is ended by Ctrl-C before it began leaves no servers, no files and no record of them', async () => {
    const { child, said, ended, says } = start(['--market', 'loopback', '--minutes', '1'])
    await says('prepare start-venues')
    child.kill('SIGINT')
    expect(await ended).toBe(130)
    const pid = Number(/process (\d+)\n/.exec(said.text)?.[1])
    expect(() => process.kill(pid, 0)).toThrow('ESRCH')
    expect(processRegister(repoRoot).liveRunIds()).not.toContain(`record-${child.pid}`)
    expect([leftovers(), readdirSync(out)]).toEqual([[], []])
  })

  test('that is too short to be replayed says so', async () => {
    const { said, ended } = start(['--minutes', '0.001'])
    expect(await ended).toBe(2)
    expect(said.text).toMatch(/longhaul: the tape in .* is too short to be replayed\n {2}hint: Record for longer\.\n/)
  })

  test('takes its data source from the flag, else from the environment, and not from the config', async () => {
    const { said, ended } = start(['--minutes', '0.1', '--seed', '5'], { LONGHAUL_DATA_SOURCE: 'rest', LONGHAUL_SEED: 'x' })
    expect(await ended).toBe(0)
    expect(said.text).toContain('from simulated over rest, 0.1 minutes')
  })
})

function noFeed(): never {
  throw new Error('nothing is to be composed here')
}

test.for<{ args: string[]; expected: string }>([
  { args: ['--minutes', 'x'], expected: '--minutes: `duration_minutes`: invalid input: expected number, received string' },
  { args: ['--minutes=-1'], expected: '--minutes: `duration_minutes`: too small' },
  { args: ['--minutes', ''], expected: '--minutes expects a value, and was left empty' },
  { args: ['--market', 'paper'], expected: '--market: `market`: invalid option' },
  { args: ['--market', 'tape'], expected: '`market` is tape, and no tape is named' },
  { args: ['--symbols', 'KRW-BTC,'], expected: '--symbols: `symbols.1`: expected a symbol such as KRW-BTC' },
  { args: ['--data-source', 'http'], expected: '--data-source: `data_source`: invalid option' },
  { args: ['--speed', '2'], expected: "Unknown option '--speed'" },
  { args: ['tape'], expected: "Unexpected argument 'tape'" },
])('$args is refused with what was expected', async ({ args, expected }) => {
  await expect(recordHere(['--out', out, ...args], noFeed)).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining(expected) as string,
  })
})

test.for<{ what: string; place: () => string[]; expected: string }>([
  { what: 'no folder', place: () => [], expected: '--out expects a folder for the tape, and was left out' },
  { what: 'an empty name', place: () => ['--out', ''], expected: '--out expects a value, and was left empty' },
  {
    what: 'a folder with something in it',
    place: () => {
      mkdirSync(out)
      writeFileSync(join(out, '000001.ndjson.gz'), '')
      return ['--out', out]
    },
    expected: '--out expects a new or an empty folder, and there is 000001.ndjson.gz in',
  },
  {
    what: 'a file',
    place: () => {
      writeFileSync(out, '')
      return ['--out', out]
    },
    expected: '--out expects a folder to write into: EEXIST',
  },
])('$what to record into is refused before anything is started', async ({ place, expected }) => {
  await expect(recordHere(place(), noFeed)).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining(expected) as string,
    hint: 'longhaul record --help lists every option.',
  })
})

test('venues that are not there end it before anything is recorded', async () => {
  const config = join(folder, 'away.yaml')
  const loopback = { upbitUrl: 'http://127.0.0.1:1', binanceUrl: 'http://127.0.0.1:1' }
  writeFileSync(config, JSON.stringify({ scenario: 'T1', symbols: ['KRW-BTC'], duration_minutes: 1, market: 'loopback', loopback }))
  await expect(recordHere(['--config', config, '--out', out], noFeed)).rejects.toMatchObject({
    code: 'ENVIRONMENT_NOT_READY',
    message: expect.stringMatching(/^upbit: .*, at http:\/\/127\.0\.0\.1:1; binance: .*, at http:\/\/127\.0\.0\.1:1$/) as string,
  })
  expect(readdirSync(out)).toEqual([])
})
