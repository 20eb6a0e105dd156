/** No key or password that a campaign is given leaves its environment: not for a log, a report, Allure, the terminal or a command line. */

import { spawn } from 'node:child_process'
import { once as event } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { commandsOfFamily } from '../fixtures/orphans.ts'
import { once, removeLater, removeRunsUnlessFailed } from '../fixtures/run.ts'
import { repoRoot } from '../src/campaign/run-campaign.ts'
import { isRedisInstalled, startRedisServer, type RedisServer } from '../src/environment/redis-server.ts'

/** Six campaigns begin at once, and a busy machine has others besides. */
const timeout = 240_000
const planted = 'PLANTED'
/** Credentials of the venues' own kinds; nothing asks for them, and nothing may tell them. */
const keys = Object.fromEntries(
  ['UPBIT_ACCESS_KEY', 'UPBIT_SECRET_KEY', 'BINANCE_API_KEY', 'LONGHAUL_UPBIT_SECRET_KEY', 'LONGHAUL_BINANCE_SECRET_KEY'].map((name) => [
    name,
    `${planted}-${name}`,
  ]),
)
const password = `${planted}-password`

interface Case {
  title: string
  /** Given the port of a server that asks for the password. */
  redisUrl: (port: number) => string
  /** Written into the config in place of the environment. */
  isInConfig?: true
  end: number
}

const cases: Case[] = [
  { title: 'a server with a password', redisUrl: (port) => `redis://:${password}@127.0.0.1:${port}`, end: 0 },
  { title: 'a password among the options', redisUrl: (port) => `redis://127.0.0.1:${port}?password=${password}`, end: 0 },
  { title: 'the wrong password', redisUrl: (port) => `redis://${planted}-user:${planted}-wrong@127.0.0.1:${port}`, end: 4 },
  { title: 'a server that is not there', redisUrl: () => `redis://:${password}@127.0.0.1:1`, end: 4 },
  { title: 'an address that is broken', redisUrl: (port) => `redis://:${planted}/slash@ed@127.0.0.1:${port}`, end: 4 },
  { title: 'a password in a config', redisUrl: (port) => `redis://:${password}@127.0.0.1:${port}`, isInConfig: true, end: 3 },
]

interface Trace {
  end: number | null
  output: string
  /** Command lines of all processes that were seen while it ran. */
  commands: Set<string>
  folders: string[]
}

const folder = mkdtempSync(join(tmpdir(), 'longhaul-secrets-'))
let server: RedisServer
let port = 0

beforeAll(async () => {
  if (!isRedisInstalled()) return
  const serverFolder = join(folder, 'redis')
  mkdirSync(serverFolder)
  server = await startRedisServer(serverFolder)
  port = await freePort()
  const admin = new Redis({ path: server.socketPath })
  await admin.config('SET', 'bind', '127.0.0.1')
  await admin.config('SET', 'port', port)
  await admin.config('SET', 'requirepass', password)
  admin.disconnect()
})

afterAll(async ({}, suite) => {
  await server?.stop()
  removeRunsUnlessFailed(suite)
  rmSync(folder, { recursive: true })
})

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await event(probe, 'listening')
  const { port: free } = probe.address() as AddressInfo
  probe.close()
  return free
}

async function runS0({ redisUrl, isInConfig }: Case, index: number): Promise<Trace> {
  const allureFolder = join(folder, `allure-${index}`)
  const configFile = join(folder, `s0-${index}.yaml`)
  const inConfig = isInConfig === true ? `\nredis: { mode: url, url: '${redisUrl(port)}' }\n` : ''
  writeFileSync(configFile, `${readFileSync(join(repoRoot, 'configs/s0.yaml'), 'utf8')}${inConfig}`)
  const url = isInConfig === true ? {} : { REDIS_URL: redisUrl(port) }
  const results = { LONGHAUL_ALLURE_RESULTS: allureFolder, LONGHAUL_RESULTS: join(allureFolder, 'vitest.json') }
  const env = { ...process.env, ...keys, ...url, ...results, LONGHAUL_REDIS: 'url' }
  const args = ['src/main.ts', 'run', '--scenario', 'S0', '--config', configFile]
  const child = spawn(process.execPath, args, { cwd: repoRoot, env, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  const commands = new Set<string>()
  const look = (): void => commandsOfFamily(child.pid ?? NaN).forEach((command) => commands.add(command))
  // Now too: one that is refused may be gone at the first interval.
  look()
  const watch = setInterval(look, 100)
  const [end] = (await event(child, 'close')) as [number | null]
  clearInterval(watch)
  const runFolder = /\| (reports\/runs\/\S+)/.exec(output)?.[1]
  if (runFolder !== undefined) removeLater(join(repoRoot, runFolder))
  return { end, output, commands, folders: [allureFolder, ...(runFolder === undefined ? [] : [join(repoRoot, runFolder)])] }
}

const traces = once(() => Promise.all(cases.map(runS0)))

async function traceOf(of: Case): Promise<Trace> {
  const trace = (await traces())[cases.indexOf(of)]
  if (trace === undefined) throw new Error(`${of.title} did not run`)
  return trace
}

function filesWithSecrets(below: string): string[] {
  if (!existsSync(below)) return []
  return readdirSync(below, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => readFileSync(file).includes(planted))
}

describe.skipIf(!isRedisInstalled())('(skipped where there is no redis-server on the PATH)', () => {
  describe.each(cases)('with $title', (given) => {
    test('the campaign ends as documented', { timeout }, async () => {
      const { end, output } = await traceOf(given)
      expect(end, output).toBe(given.end)
    })

    test('nothing that is printed, and no command line, holds a secret', { timeout }, async () => {
      const { output, commands } = await traceOf(given)
      expect(output).not.toContain(planted)
      expect([...commands].filter((command) => command.includes(planted))).toEqual([])
      expect([...commands].some((command) => command.includes('main.ts'))).toBe(true)
    })

    test('nothing that is left on disk holds a secret', { timeout }, async () => {
      const { folders } = await traceOf(given)
      expect(folders.flatMap(filesWithSecrets)).toEqual([])
    })
  })

  test('nothing of all of them got into what campaigns share', { timeout }, async () => {
    await traces()
    const shared = ['reports/processes', 'reports/vitest-attachments', 'node_modules/.vite', 'node_modules/.cache/longhaul']
    expect(shared.flatMap((name) => filesWithSecrets(join(repoRoot, name)))).toEqual([])
  })
})
