import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { simulatedMarketSchema } from '../config/simulated-market-schema.ts'
import { venuesSchema } from '../config/venues-schema.ts'
import { tradingPlan } from '../config/venue-rules.ts'
import { findProcess } from '../store/process-identity.ts'
import { ProcessRegister } from './processes.ts'
import { startVenueServers, type VenueServerPlan, type VenueServersOptions } from './venue-servers.ts'

const deadlineMs = 15_000

let folder: string
let registerFolder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'longhaul-venues-'))
  registerFolder = join(folder, 'processes')
})

afterEach(() => rmSync(folder, { recursive: true }))

function optionsFor(change: Partial<VenueServerPlan> = {}): VenueServersOptions {
  const plan: VenueServerPlan = {
    seed: 62,
    instruments: tradingPlan(['KRW-BTC'], venuesSchema.parse({})).instruments,
    market: { kind: 'simulated', settings: simulatedMarketSchema.parse({}), startMs: Date.now() + 2000 },
    ports: { upbit: 0, binance: 0 },
    switches: { upbit: {}, binance: {} },
    faults: null,
    faultsLog: join(folder, 'faults.log'),
    ...change,
  }
  const planFile = join(folder, 'plan.json')
  writeFileSync(planFile, JSON.stringify(plan))
  return { planFile, logFile: join(folder, 'venues.log'), register: new ProcessRegister(registerFolder), runId: 'S0-1', deadlineMs }
}

function recordedNames(): string[] {
  return readdirSync(registerFolder)
}

test('the servers answer, before their market begins too, stand in the register, and are gone when stopped', async () => {
  const servers = await startVenueServers(optionsFor())
  const { endpoints, pid } = servers
  const book = (await (await fetch(`${endpoints.upbit.restUrl}/v1/orderbook?markets=KRW-BTC`)).json()) as { market: string }[]
  const ping = await fetch(`${endpoints.binance.restUrl}/api/v3/ping`)
  expect([book[0]?.market, ping.status, recordedNames()]).toEqual(['KRW-BTC', 200, [`S0-1-venues-${pid}.json`]])
  await servers.stop()
  await servers.stop()
  expect([findProcess(pid), recordedNames()]).toEqual([null, []])
  expect(readFileSync(join(folder, 'venues.log'), 'utf8')).toBe('')
})

test('what is to go wrong at the venues does, and is in the log of faults at once and with its sum at the end', async () => {
  const faultsLog = join(folder, 'faults.log')
  const maintenance = { kind: 'maintenance', fromMs: 0, untilMs: 600_000, venue: 'upbit', code: null, share: 1, strength: 0 } as const
  const servers = await startVenueServers(optionsFor({ faults: { runStartMs: Date.now() - 1000, seed: 62, faults: [maintenance] } }))
  const { upbit, binance } = servers.endpoints
  const counts = (): unknown[] =>
    readFileSync(faultsLog, 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => (JSON.parse(line) as { event: string; count: number }).count)
  const statuses = [await fetch(`${upbit.restUrl}/v1/market/all`), await fetch(`${binance.restUrl}/api/v3/ping`)].map(
    ({ status }) => status,
  )
  expect([statuses, counts()]).toEqual([[503, 200], [1]])
  await fetch(`${upbit.restUrl}/v1/market/all`)
  await servers.stop()
  expect(counts()).toEqual([1, 2])
})

test('Ctrl-C is for whoever started the servers: they go on until they are stopped', async () => {
  const servers = await startVenueServers(optionsFor())
  process.kill(servers.pid, 'SIGINT')
  await new Promise((resolve) => setTimeout(resolve, 200))
  expect((await fetch(`${servers.endpoints.binance.restUrl}/api/v3/ping`)).status).toBe(200)
  await servers.stop()
})

test('servers that cannot start are an operating error with their last words, and leave nothing', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  const { port } = other.address() as AddressInfo
  await expect(startVenueServers(optionsFor({ ports: { upbit: 0, binance: port } }))).rejects.toMatchObject({
    code: 'ENVIRONMENT_NOT_READY',
    message: 'the venue servers did not start: their process ended with exit code 4',
    hint: expect.stringContaining(`binance cannot listen on 127.0.0.1:${port}`) as string,
  })
  expect(recordedNames()).toEqual([])
  other.close()
})

test('servers that cannot be recorded are stopped: no clean-up would find them', async () => {
  writeFileSync(registerFolder, 'in the way')
  await expect(startVenueServers(optionsFor())).rejects.toMatchObject({
    code: 'ENVIRONMENT_NOT_READY',
    message: expect.stringContaining('the venue servers did not start: EEXIST') as string,
  })
})

test('servers that say nothing in time are stopped', async () => {
  const starting = startVenueServers({ ...optionsFor(), deadlineMs: 1 })
  await expect(starting).rejects.toMatchObject({ code: 'ENVIRONMENT_NOT_READY', message: expect.stringContaining('no word') as string })
  expect(recordedNames()).toEqual([])
})

test('the servers go away with whoever started them, however that ended', async () => {
  const { planFile, logFile } = optionsFor()
  const script = `
    import { ProcessRegister } from ${JSON.stringify(join(import.meta.dirname, 'processes.ts'))}
    import { startVenueServers } from ${JSON.stringify(join(import.meta.dirname, 'venue-servers.ts'))}
    const register = new ProcessRegister(${JSON.stringify(registerFolder)})
    const files = { planFile: ${JSON.stringify(planFile)}, logFile: ${JSON.stringify(logFile)} }
    const { pid } = await startVenueServers({ ...files, register, runId: 'S0-1', deadlineMs: ${deadlineMs} })
    process.stdout.write(String(pid))`
  const parent = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [pid] = await once(parent.stdout, 'data')
  parent.kill('SIGKILL')
  while (findProcess(Number(pid)) !== null) await new Promise((resolve) => setTimeout(resolve, 10))
  const { staleCount, stopped } = await new ProcessRegister(registerFolder).stopLeftovers(1000)
  expect([staleCount, stopped]).toEqual([1, []])
})
