import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { afterEach, expect, test } from 'vitest'
import { venues } from './venues.ts'

const entryFile = join(import.meta.dirname, '../main.ts')
const children: ChildProcessByStdio<null, Readable, Readable>[] = []

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

/** Started by hand, as from a shell; resolves when it has said how to stop it. */
async function start(args: readonly string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [entryFile, 'venues', '--port-upbit', '0', '--port-binance', '0', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  })
  children.push(child)
  const said = { text: '' }
  for (const output of [child.stdout, child.stderr]) output.setEncoding('utf8').on('data', (text: string) => (said.text += text))
  while (!said.text.includes('Ctrl-C')) await once(child.stdout, 'data')
  const [upbit = '', binance = ''] = [...said.text.matchAll(/REST +(\S+)\/(?:v1|api\/v3)\n/g)].map(([, url]) => url)
  return { child, said, upbit, binance }
}

test('both venues serve the symbols asked for, at the time asked for, until Ctrl-C', async () => {
  const args = ['--symbols', 'KRW-ETH', '--seed', '7', '--start', '2026-01-05T00:00:00Z']
  const { child, said, upbit, binance } = await start(args)
  const markets = (await (await fetch(`${upbit}/v1/market/all`)).json()) as { market: string }[]
  const { serverTime } = (await (await fetch(`${binance}/api/v3/time`)).json()) as { serverTime: number }
  expect(markets.map(({ market }) => market)).toEqual(['KRW-ETH', 'KRW-USDT'])
  expect(new Date(serverTime).toISOString().slice(0, 16)).toBe('2026-01-05T00:00')
  expect(said.text.match(/access key +(.*)/g)).toEqual([
    'access key   longhaul-demo-upbit-access-key',
    'access key   longhaul-demo-binance-access-key',
  ])
  expect(said.text.match(/balances +(.*)/g)).toEqual([
    'balances     100000000 KRW, 50000 USDT, 2 BTC, 40 ETH',
    'balances     150000 USDT, 2 BTC, 40 ETH',
  ])
  child.kill('SIGINT')
  expect(await once(child, 'exit')).toEqual([0, null])
  expect(said.text).toMatch(/stopped; 0 steps of the market skipped, 0 clients cut/)
})

test('without a start the venues have the real time, and keys that they are given are not printed', async () => {
  const keys = { LONGHAUL_BINANCE_API_KEY: 'my own key', LONGHAUL_BINANCE_SECRET_KEY: 'my own secret', LONGHAUL_UPBIT_ACCESS_KEY: '' }
  const { binance, said } = await start([], keys)
  const askedMs = Date.now()
  const { serverTime } = (await (await fetch(`${binance}/api/v3/time`)).json()) as { serverTime: number }
  expect(serverTime).toBeGreaterThanOrEqual(askedMs - 1000)
  expect(serverTime).toBeLessThanOrEqual(Date.now() + 1000)
  expect(said.text.match(/key +(.*)/g)).toEqual([
    'key   longhaul-demo-upbit-access-key',
    'key   longhaul-demo-upbit-secret-key',
    'key   as in the environment',
    'key   as in the environment',
  ])
  expect(said.text).not.toContain('my own')
})

test.for([
  { args: ['--port-upbit', 'any'], expected: '--port-upbit expects a port from 0 to 65535, was "any"' },
  { args: ['--port-binance', '65536'], expected: '--port-binance expects a port from 0 to 65535, was "65536"' },
  { args: ['--seed', 'x'], expected: '--seed: `seed`: invalid input: expected number' },
  { args: ['--seed', ''], expected: '--seed expects a value, and was left empty' },
  { args: ['--symbols', 'KRW-BTC,'], expected: '--symbols: `symbols.1`: expected a symbol such as KRW-BTC' },
  { args: ['--symbols', 'BTC-KRW'], expected: 'symbol BTC-KRW has no route' },
  { args: ['--start', 'tomorrow'], expected: '--start: `startAt`: invalid ISO datetime' },
  { args: ['--port', '1'], expected: "Unknown option '--port'" },
])('$args is refused with what was expected', async ({ args, expected }) => {
  await expect(venues(args)).rejects.toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringContaining(expected) as string })
})

test('a plan is for whoever forks the servers, and bad input ends with its own exit code', async () => {
  const child = spawn(process.execPath, [entryFile, 'venues', '--plan', 'plan.json'], { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
  expect(await once(child, 'close')).toEqual([3, null])
  expect(said).toContain('--plan is for the campaign that starts the servers itself')
})
