import { expect, test } from 'vitest'
import { SeededPrng } from '../base/prng.ts'
import { VirtualClock } from '../clock/virtual-clock.ts'
import { ScriptedMarket } from '../market/scripted-market.ts'
import { CountingTransport } from './counting-transport.ts'
import { SimulatedTransport } from './simulated/simulated-transport.ts'

const startMs = Date.UTC(2026, 0, 5)
const deaf = { onFrame: () => undefined, onClose: () => undefined }

function counted() {
  const clock = new VirtualClock({ startMs, pace: null })
  const latency = { upbit: { minMs: 10, maxMs: 10 }, binance: { minMs: 10, maxMs: 10 } }
  const inner = new SimulatedTransport({ clock, market: new ScriptedMarket(), prng: new SeededPrng(1), latency })
  return { clock, transport: new CountingTransport(inner) }
}

test('counts sockets by venue from when they stand until they are closed', async () => {
  const { clock, transport } = counted()
  const connect = (timeoutMs = 1000) => transport.connect({ venue: 'binance', target: '/stream', timeoutMs }, deaf)
  const opening = connect()
  expect(transport.openSockets('binance')).toBe(0)
  const socket = await clock.run(opening)
  await clock.run(connect())
  expect([transport.openSockets('binance'), transport.openSockets('upbit')]).toEqual([2, 0])
  socket.close()
  await clock.run(clock.sleepUntil(startMs + 10_000))
  expect(transport.openSockets('binance')).toBe(1)
})

test('a socket that was refused was never open, and all are closed with the transport', async () => {
  const { clock, transport } = counted()
  const refused = transport.connect({ venue: 'binance', target: '/stream', timeoutMs: 1 }, deaf)
  await expect(clock.run(refused)).rejects.toThrow()
  await clock.run(transport.connect({ venue: 'binance', target: '/stream', timeoutMs: 1000 }, deaf))
  await clock.run(clock.sleepUntil(startMs + 10_000))
  expect(transport.openSockets('binance')).toBe(1)
  await transport.close()
  await clock.run(clock.sleepUntil(startMs + 20_000))
  expect(transport.openSockets('binance')).toBe(0)
})
