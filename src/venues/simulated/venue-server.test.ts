import { once } from 'node:events'
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http'
import { connect, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { Decimal } from '../../base/decimal.ts'
import { SystemClock } from '../../clock/system-clock.ts'
import type { Instrument, Venue } from '../../model/instrument.ts'
import { madeInstruments } from '../../market/made-instruments.ts'
import { ScriptedMarket } from '../../market/scripted-market.ts'
import { SimulatedExchange } from './simulated-exchange.ts'
import { VenueServer } from './venue-server.ts'

const clock = new SystemClock()
const rules = {
  lotSize: Decimal.parse('0.00001'),
  minNotional: Decimal.parse('5'),
  takerFee: Decimal.parse('0.001'),
  feeAsset: 'quote',
} as const
const instruments = madeInstruments('BTC').map((made): Instrument => ({ ...made, ...rules }))
const agent = new Agent({ keepAlive: true, maxSockets: 1 })
const started: VenueServer[] = []

afterEach(async () => {
  agent.destroy()
  for (const server of started.splice(0)) await server.stop()
})

async function serve(ports: Record<Venue, number> = { upbit: 0, binance: 0 }) {
  const market = new ScriptedMarket()
  const quote = (bid: number, updateId: number): void => {
    const book = { bids: [bid, 1], asks: [bid + 1, 1], changedAtMs: clock.nowMs(), updateId }
    market.set('upbit', 'KRW-BTC', book)
    market.set('binance', 'BTCUSDT', book)
  }
  quote(100, 1)
  const exchange = new SimulatedExchange({ market, instruments })
  const server = await VenueServer.start({ exchange, clock, ports })
  started.push(server)
  return { server, exchange, market, quote, endpoints: server.endpoints }
}

async function ask(url: string, options: { method?: string; body?: string } = {}): Promise<IncomingMessage & { text: string }> {
  const request = httpRequest(url, { method: options.method ?? 'GET', agent })
  request.end(options.body)
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) text += chunk
  return Object.assign(response, { text })
}

/** Resolves once it stands, with what it receives from then on. */
async function open(url: string): Promise<{ socket: WebSocket; frames: { isBinary: boolean; text: string }[] }> {
  const socket = new WebSocket(url)
  const frames: { isBinary: boolean; text: string }[] = []
  socket.on('message', (data: Buffer, isBinary) => frames.push({ isBinary, text: data.toString() }))
  await once(socket, 'open')
  return { socket, frames }
}

/** Speaks for itself: it neither reads nor answers but where a test says so. */
async function rawUpgrade(url: string, headers: readonly string[]): Promise<Socket> {
  const { hostname, port, pathname } = new URL(url)
  const socket = connect(Number(port), hostname)
  await once(socket, 'connect')
  socket.write([`GET ${pathname} HTTP/1.1`, `Host: ${hostname}`, ...headers, '', ''].join('\r\n'))
  return socket
}

const webSocketHeaders = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
]

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setTimeout(resolve, 5))
}

test("an answer is the venue's own, status, headers and body, with the venue's date", async () => {
  const { endpoints, exchange } = await serve()
  const target = '/v1/orderbook?markets=KRW-BTC&count=1'
  const { statusCode, headers, text } = await ask(endpoints.upbit.restUrl + target)
  const own = exchange.answer('upbit', { method: 'GET', target, headers: {}, body: '' }, clock.nowMs())
  expect([statusCode, text]).toEqual([200, own.body])
  expect(headers).toMatchObject({ 'content-type': own.headers['content-type'], 'remaining-req': 'group=orderbook; min=600; sec=9' })
  expect(Math.abs(Date.parse(headers.date!) - clock.nowMs())).toBeLessThan(3000)
})

test.for([
  { what: 'HEAD is a GET without its body', method: 'HEAD', target: '/api/v3/time', status: 200, headers: { 'x-mbx-used-weight-1m': '1' } },
  {
    what: 'OPTIONS tells the methods',
    method: 'OPTIONS',
    target: '/x',
    status: 204,
    headers: { allow: 'GET, HEAD, POST, DELETE, OPTIONS' },
  },
  { what: 'a method that nothing is there for is refused', method: 'POST', target: '/api/v3/time', status: 405, headers: { allow: 'GET' } },
  { what: 'a path that is not there is not found', method: 'GET', target: '/api/v9/time', status: 404, headers: {} },
])('$what', async ({ method, target, status, headers }) => {
  const { endpoints } = await serve()
  const answer = await ask(endpoints.binance.restUrl + target, { method })
  expect([answer.statusCode, answer.headers]).toMatchObject([status, headers])
})

test('escapes reach the venue as they were sent', async () => {
  const { endpoints } = await serve()
  const { text } = await ask(`${endpoints.binance.restUrl}/api/v3/ticker/bookTicker?symbols=%5B%22BTCUSDT%22%5D`)
  expect(JSON.parse(text)).toMatchObject([{ symbol: 'BTCUSDT', bidPrice: '100.00000000' }])
})

test('one connection serves many requests', async () => {
  const { endpoints } = await serve()
  const first = await ask(`${endpoints.binance.restUrl}/api/v3/ping`)
  const second = await ask(`${endpoints.binance.restUrl}/api/v3/ping`)
  expect([second.text, second.socket === first.socket]).toEqual(['{}', true])
})

test('a body over a mebibyte is refused, and the server goes on', async () => {
  const { endpoints } = await serve()
  const large = await ask(`${endpoints.upbit.restUrl}/v1/orders`, { method: 'POST', body: 'x'.repeat(2 ** 20 + 1) })
  const next = await ask(`${endpoints.upbit.restUrl}/v1/market/all`)
  expect([large.statusCode, next.statusCode]).toEqual([413, 200])
})

test('streams follow the market, in text on Binance and in binary frames on Upbit', async () => {
  const { endpoints, quote } = await serve()
  const binance = await open(`${endpoints.binance.streamUrl}/ws/btcusdt@bookTicker`)
  const upbit = await open(`${endpoints.upbit.streamUrl}/websocket/v1`)
  upbit.socket.send('[{"ticket":"x"},{"type":"orderbook","codes":["KRW-BTC"]}]')
  await until(() => upbit.frames.length > 0)
  quote(200, 2)
  await until(() => binance.frames.some(({ text }) => text.includes('"b":"200.')))
  await until(() => upbit.frames.some(({ text }) => text.includes('REALTIME')))
  expect([binance, upbit].map(({ frames }) => frames.at(-1)?.isBinary)).toEqual([false, true])
})

test('a refused upgrade has a status and a body, as any answer', async () => {
  const { endpoints } = await serve()
  const socket = new WebSocket(`${endpoints.binance.streamUrl}/nowhere`)
  const [, response] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage]
  const chunks: Buffer[] = await response.toArray()
  expect([response.statusCode, Buffer.concat(chunks).toString()]).toEqual([404, 'Not Found'])
})

test('a handshake that is none leaves no session', async () => {
  const { endpoints, exchange } = await serve()
  const socket = await rawUpgrade(`${endpoints.binance.streamUrl}/ws`, ['Connection: Upgrade', 'Upgrade: websocket'])
  const [answer] = (await once(socket, 'data')) as [Buffer]
  expect([answer.toString().split('\r\n')[0], exchange.openCount]).toEqual(['HTTP/1.1 400 Bad Request', 0])
  socket.destroy()
})

test('a client that goes away, or breaks the protocol, leaves no session', async () => {
  const { endpoints, exchange } = await serve()
  const gone = await open(`${endpoints.binance.streamUrl}/ws`)
  const breaking = await rawUpgrade(`${endpoints.upbit.streamUrl}/websocket/v1`, webSocketHeaders)
  await until(() => exchange.openCount === 2)
  gone.socket.terminate()
  breaking.write(Buffer.from([0xff, 0xff, 0xff, 0xff]))
  await until(() => exchange.openCount === 0)
  breaking.destroy()
})

test('stopping says goodbye to every socket, frees the ports, and waits for no client for ever', async () => {
  const { server, endpoints, exchange } = await serve()
  const polite = await open(`${endpoints.binance.streamUrl}/ws`)
  const deaf = await rawUpgrade(`${endpoints.upbit.streamUrl}/websocket/v1`, webSocketHeaders)
  await until(() => exchange.openCount === 2)
  const goodbye = once(polite.socket, 'close')
  await server.stop()
  expect((await goodbye)[0]).toBe(1001)
  expect(exchange.openCount).toBe(0)
  const ports = { upbit: Number(new URL(endpoints.upbit.restUrl).port), binance: Number(new URL(endpoints.binance.restUrl).port) }
  expect((await serve(ports)).endpoints).toEqual(endpoints)
  deaf.destroy()
})

test('a port that is taken is an operating error, and the other one is not kept', async () => {
  const { endpoints } = await serve()
  const taken = Number(new URL(endpoints.binance.restUrl).port)
  const { endpoints: free, server } = await serve()
  await server.stop()
  const upbit = Number(new URL(free.upbit.restUrl).port)
  await expect(serve({ upbit, binance: taken })).rejects.toMatchObject({
    code: 'ENVIRONMENT_NOT_READY',
    message: expect.stringContaining(`binance cannot listen on 127.0.0.1:${taken}`) as string,
  })
  await expect(serve({ upbit: taken, binance: 0 })).rejects.toMatchObject({ code: 'ENVIRONMENT_NOT_READY' })
  await serve({ upbit, binance: 0 })
})
