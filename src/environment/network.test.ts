import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { simulatedMarketSchema } from '../config/simulated-market-schema.ts'
import { tradingPlan } from '../config/venue-rules.ts'
import { venuesSchema } from '../config/venues-schema.ts'
import type { InstrumentFacts } from '../model/instrument.ts'
import { findProcess } from '../store/process-identity.ts'
import { openNetwork, type NetworkNeeds, type NetworkOptions } from './network.ts'
import { ProcessRegister } from './processes.ts'
import type { VenueServerPlan } from './venue-servers.ts'

let folder: string
let steps: [name: string, detail: string][]

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'longhaul-network-'))
  steps = []
})

afterEach(() => rmSync(folder, { recursive: true }))

function tradedWith(overrides: object = {}): InstrumentFacts[] {
  return tradingPlan(['KRW-BTC'], venuesSchema.parse({ instruments: overrides })).instruments
}

function options(): NetworkOptions {
  return {
    folder,
    runId: 'N-1',
    register: new ProcessRegister(join(folder, 'processes')),
    step: async (name, action) => {
      steps.push([name, 'begun'])
      steps[steps.length - 1] = [name, await action()]
    },
  }
}

const checked = { instruments: tradedWith(), requestTimeoutMs: 2000, maxClockOffsetMs: 1000 }

/** Our own servers, which list what `instruments` says. */
function ownServers(instruments = tradedWith()): NetworkNeeds {
  const settings = simulatedMarketSchema.parse({})
  const serverPlan = (startMs: number): VenueServerPlan => ({
    seed: 62,
    instruments,
    market: { kind: 'simulated', settings, startMs },
    ports: { upbit: 0, binance: 0 },
    switches: { upbit: {}, binance: {} },
    faults: null,
    faultsLog: '',
  })
  return { ...checked, serverPlan }
}

function serverPid(): number {
  return Number(/process (\d+)$/.exec(steps[0]?.[1] ?? '')?.[1])
}

test('our own servers are started, checked, ready for a start some seconds ahead, and gone when stopped', async () => {
  const beforeMs = Date.now()
  const network = await openNetwork(ownServers(), options())
  expect(steps.map(([name]) => name)).toEqual(['start-venues', 'check-venues'])
  expect(steps[1]?.[1]).toContain(`upbit lists 2 instruments at ${network.endpoints.upbit.restUrl}`)
  expect([network.startMs % 1000, network.startMs >= beforeMs + 5000, network.startMs <= Date.now() + 6000]).toEqual([0, true, true])
  expect(findProcess(serverPid())).not.toBeNull()
  await network.stop()
  expect([findProcess(serverPid()), readdirSync(join(folder, 'processes'))]).toEqual([null, []])
})

test('servers of ours that fail the check are stopped, and the error is the one of the check', async () => {
  const opening = openNetwork(ownServers(tradedWith({ 'binance:BTCUSDT': { tick: '0.1' } })), options())
  await expect(opening).rejects.toMatchObject({
    code: 'ENVIRONMENT_NOT_READY',
    message: 'binance BTCUSDT has other rules at the venue: tick 0.1, not 0.01',
  })
  expect(steps[1]).toEqual(['check-venues', 'begun'])
  expect([findProcess(serverPid()), readdirSync(join(folder, 'processes'))]).toEqual([null, []])
})

test('venues that are there already are checked and not started', async () => {
  const gone = createServer().listen(0, '127.0.0.1')
  await once(gone, 'listening')
  const { port } = gone.address() as AddressInfo
  gone.close()
  await once(gone, 'close')
  const endpoint = { restUrl: `http://127.0.0.1:${port}`, streamUrl: `ws://127.0.0.1:${port}` }
  const opening = openNetwork({ ...checked, endpoints: { upbit: endpoint, binance: endpoint } }, options())
  await expect(opening).rejects.toMatchObject({
    code: 'ENVIRONMENT_NOT_READY',
    message:
      `upbit: the connection was refused (ECONNREFUSED), at http://127.0.0.1:${port}; ` +
      `binance: the connection was refused (ECONNREFUSED), at http://127.0.0.1:${port}`,
  })
  expect([steps, readdirSync(folder)]).toEqual([[['check-venues', 'begun']], []])
})
