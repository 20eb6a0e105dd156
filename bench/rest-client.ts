/** Times our REST client against ccxt on the same server: processor time for a snapshot of many books. The bench table calls this. */

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import ccxt from 'ccxt'
import { assert } from '../src/base/assert.ts'
import { SystemClock } from '../src/clock/system-clock.ts'
import { NetworkTransport } from '../src/venues/network-transport.ts'
import { RestMarketDataProvider } from '../src/venues/rest-market-data-provider.ts'

/** Processor time of this process for one snapshot, in milliseconds, by how many levels were asked for: ccxt asks for 30 unless told. */
export interface RestClientFigures {
  ours: Readonly<Record<LevelCount, number>>
  ccxt: Readonly<Record<LevelCount, number>>
}

type LevelCount = 5 | 30
/** Resolves to the best bid of each book. */
type TakeSnapshot = () => Promise<number[]>

/** Blocks of one client follow blocks of another, so that whatever slows the machine down meets them all; the median block counts. */
const warmUpBlocks = 3
const measuredBlocks = 21
/** Enough that a block pays for its own garbage. */
const snapshotsPerBlock = 100
const codes = Array.from({ length: 100 }, (_, index) => `KRW-C${index}`)
const symbols = codes.map((code) => code.split('-').toReversed().join('/'))

/** Throws where the two clients do not read the same prices. */
export async function measureRestClients(): Promise<RestClientFigures> {
  const server = fork(join(import.meta.dirname, 'upbit-server.ts'), codes)
  const transports: NetworkTransport[] = []
  try {
    const url = `http://127.0.0.1:${await portOf(server)}`
    const clock = new LeapingClock()
    const ours = (depthLevels: LevelCount): TakeSnapshot => {
      const endpoint = { restUrl: url, streamUrl: url }
      const transport = new NetworkTransport({ clock, endpoints: { upbit: endpoint, binance: endpoint } })
      transports.push(transport)
      return ourSnapshot(transport, clock, depthLevels)
    }
    const theirs = new ccxt.upbit({ enableRateLimit: false, urls: { api: { public: url, private: url } } })
    await theirs.loadMarkets()
    const clients = [ours(5), ours(30), ccxtSnapshot(theirs, 5), ccxtSnapshot(theirs)]
    const [ours5 = NaN, ours30 = NaN, ccxt5 = NaN, ccxt30 = NaN] = await medianCpuMs(clients)
    return { ours: { 5: ours5, 30: ours30 }, ccxt: { 5: ccxt5, 30: ccxt30 } }
  } finally {
    await Promise.all(transports.map((transport) => transport.close()))
    if (server.connected) server.disconnect()
  }
}

/** Jumps ahead of every snapshot, so that the ledger of the venue's limits, which is part of ours, never holds one back. */
class LeapingClock extends SystemClock {
  #leapMs = 0

  leap(): void {
    this.#leapMs += 1000
  }

  override nowMs(): number {
    return super.nowMs() + this.#leapMs
  }

  override preciseMs(): number {
    return super.preciseMs() + this.#leapMs
  }
}

function ourSnapshot(transport: NetworkTransport, clock: LeapingClock, depthLevels: LevelCount): TakeSnapshot {
  const instruments = codes.map((code) => ({ venue: 'upbit' as const, code }))
  const options = { transport, clock, instruments, depthLevels, requestTimeoutMs: 5000, loopIntervalMs: 1000 }
  const provider = new RestMarketDataProvider(options)
  return async () => {
    clock.leap()
    const [failure] = await provider.refresh()
    assert(failure === undefined, `a snapshot of ours failed: ${failure?.message}`)
    return instruments.map((instrument) => provider.book(instrument)?.bids[0]?.price ?? NaN)
  }
}

function ccxtSnapshot(exchange: InstanceType<typeof ccxt.upbit>, depthLevels?: LevelCount): TakeSnapshot {
  return async () => {
    const books = await exchange.fetchOrderBooks(symbols, depthLevels)
    return symbols.map((symbol) => books[symbol]?.bids[0]?.[0] ?? NaN)
  }
}

async function medianCpuMs(clients: readonly TakeSnapshot[]): Promise<number[]> {
  const blocks: number[][] = clients.map(() => [])
  const prices = await Promise.all(clients.map((takeSnapshot) => takeSnapshot()))
  assert(new Set(prices.map(String)).size === 1 && !prices.flat().includes(NaN), 'the clients do not read the same prices')
  for (let round = 0; round < warmUpBlocks + measuredBlocks; round++) {
    for (const [index, takeSnapshot] of clients.entries()) {
      // Of the whole process: what is collected, compiled and unzipped on other threads is work too.
      const before = process.cpuUsage()
      for (let i = 0; i < snapshotsPerBlock; i++) await takeSnapshot()
      const { user, system } = process.cpuUsage(before)
      if (round >= warmUpBlocks) blocks[index]?.push((user + system) / 1000 / snapshotsPerBlock)
    }
  }
  return blocks.map((values) => values.toSorted((x, y) => x - y)[values.length >> 1] ?? NaN)
}

async function portOf(server: ChildProcess): Promise<number> {
  const ended = once(server, 'exit').then(([code]) => {
    throw new Error(`the venue's process ended with ${String(code)}`)
  })
  const [port] = (await Promise.race([once(server, 'message'), ended])) as unknown[]
  assert(typeof port === 'number', 'the venue tells its port and nothing else')
  return port
}
