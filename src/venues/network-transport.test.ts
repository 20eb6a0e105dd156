import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Server as TcpServer, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test } from 'vitest'
import { type WebSocket, WebSocketServer } from 'ws'
import type { OperatingError } from '../base/error.ts'
import { SystemClock } from '../clock/system-clock.ts'
import { NetworkTransport } from './network-transport.ts'

const clock = new SystemClock()
const cleanUps: (() => unknown)[] = []

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp()
})

async function portOf(server: Server | TcpServer): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

function transportTo(port: number, protocol = ''): NetworkTransport {
  const endpoint = { restUrl: `http${protocol}://127.0.0.1:${port}`, streamUrl: `ws${protocol}://127.0.0.1:${port}` }
  const transport = new NetworkTransport({ clock, endpoints: { upbit: endpoint, binance: endpoint } })
  cleanUps.push(() => transport.close())
  return transport
}

/** A venue of one handler. */
async function httpVenue(handler: (request: IncomingMessage, response: ServerResponse) => void) {
  const server = createServer(handler)
  cleanUps.push(() => {
    server.closeAllConnections()
    server.close()
  })
  const port = await portOf(server)
  return { server, transport: transportTo(port) }
}

/** What speaks no HTTP at all. */
async function tcpVenue(onConnection: (socket: Socket) => void, protocol = '') {
  const server = createTcpServer(onConnection)
  cleanUps.push(() => server.close())
  return transportTo(await portOf(server), protocol)
}

/** A venue of one WebSocket; refuses upgrades where `refusal` says with what. */
async function streamVenue(onSocket: (socket: WebSocket, request: IncomingMessage) => void, refusal: string | null = null) {
  const { server, transport } = await httpVenue((_request, response) => void response.end())
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: true })
  server.on('upgrade', (request: IncomingMessage, raw: Duplex, head: Buffer) => {
    if (refusal === null) sockets.handleUpgrade(request, raw, head, (socket) => onSocket(socket, request))
    else raw.end(refusal)
  })
  cleanUps.push(() => {
    for (const socket of sockets.clients) socket.terminate()
  })
  return transport
}

const ask = (transport: NetworkTransport, timeoutMs = 5000, target = '/v1/orderbook?markets=KRW-BTC') =>
  transport.request({ venue: 'upbit', target, timeoutMs })

describe('a request', () => {
  test('brings status, headers, body and our time, and carries no Origin', async () => {
    let seen: IncomingMessage | null = null
    const { transport } = await httpVenue((request, response) => {
      seen = request
      response.writeHead(429, { 'Remaining-Req': 'group=orderbook; min=600; sec=0' }).end('비트코인')
    })
    const beforeMs = clock.nowMs()
    const answer = await ask(transport)
    expect(answer).toMatchObject({ status: 429, headers: { 'remaining-req': 'group=orderbook; min=600; sec=0' }, body: '비트코인' })
    expect(answer.receivedAtMs).toBeGreaterThanOrEqual(beforeMs)
    expect(seen).toMatchObject({ method: 'GET', url: '/v1/orderbook?markets=KRW-BTC', headers: { 'accept-encoding': 'gzip' } })
    expect(Object.keys(seen!.headers)).not.toContain('origin')
  })

  test('keeps its connections for the next one', async () => {
    const ports = new Set<number | undefined>()
    const { transport } = await httpVenue((request, response) => {
      ports.add(request.socket.remotePort)
      response.end('[]')
    })
    for (let i = 0; i < 20; i++) await ask(transport)
    // A connection is free again a moment after its answer is complete, so the second request may open another.
    expect(ports.size).toBeLessThanOrEqual(2)
  })

  test.for([
    ['an empty', ''],
    ['a short', '[1,2]'],
    ['a long', `[${'"비트코인",'.repeat(100_000)}0]`],
  ] as const)('reads %s body that is zipped', async ([, body]) => {
    const { transport } = await httpVenue((_request, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(body))
    })
    expect((await ask(transport)).body).toBe(body)
  })

  test('beyond those that may wait is refused, and the others are answered', async () => {
    const waiting: ServerResponse[] = []
    const { transport } = await httpVenue((_request, response) => void waiting.push(response))
    const asked = Array.from({ length: 64 }, () => ask(transport))
    await expect(ask(transport)).rejects.toMatchObject({ code: 'VENUE_UNREACHABLE', message: 'upbit: 64 requests are under way already' })
    const answerAll = setInterval(() => waiting.splice(0).forEach((response) => response.end('[]')), 1)
    cleanUps.push(() => clearInterval(answerAll))
    expect((await Promise.all(asked)).map(({ status }) => status)).toEqual(Array.from({ length: 64 }, () => 200))
  })
})

describe('a request that brings nothing says why', () => {
  const rejection = async (asked: Promise<unknown>): Promise<string> => {
    const error = await asked.then(
      () => null,
      (reason: OperatingError) => reason,
    )
    expect(error?.hint).toBeTruthy()
    return `${error?.code} ${error?.message}`
  }

  test('no answer in time', async () => {
    const { transport } = await httpVenue(() => undefined)
    expect(await rejection(ask(transport, 20))).toBe('VENUE_TIMEOUT upbit: no answer within 20 ms')
  })

  test('a body that never ends in time', async () => {
    const { transport } = await httpVenue((_request, response) => void response.write('['))
    expect(await rejection(ask(transport, 50))).toBe('VENUE_TIMEOUT upbit: no answer within 50 ms')
  })

  test('nobody listens', async () => {
    const server = createTcpServer()
    const port = await portOf(server)
    await new Promise((resolve) => server.close(resolve))
    expect(await rejection(ask(transportTo(port)))).toBe('VENUE_UNREACHABLE upbit: the connection was refused (ECONNREFUSED)')
  })

  test('the connection is reset', async () => {
    const transport = await tcpVenue((socket) => void socket.once('data', () => socket.resetAndDestroy()))
    expect(await rejection(ask(transport))).toBe('VENUE_UNREACHABLE upbit: the connection was reset (ECONNRESET)')
  })

  test('the connection is closed in the middle of a body', async () => {
    const transport = await tcpVenue(
      (socket) => void socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n[')),
    )
    expect(await rejection(ask(transport))).toMatch(/^VENUE_(UNREACHABLE|MALFORMED) upbit: /)
  })

  test('the name is unknown', async () => {
    const endpoint = { restUrl: 'http://upbit.invalid', streamUrl: 'ws://upbit.invalid' }
    const transport = new NetworkTransport({ clock, endpoints: { upbit: endpoint, binance: endpoint } })
    cleanUps.push(() => transport.close())
    expect(await rejection(ask(transport))).toMatch(/^VENUE_UNREACHABLE upbit: its name cannot be resolved/)
  })

  test('the other side speaks no TLS', async () => {
    const transport = await tcpVenue((socket) => void socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')), 's')
    expect(await rejection(ask(transport))).toMatch(/^VENUE_UNREACHABLE upbit: it does not speak TLS/)
  })

  test('the other side speaks no HTTP', async () => {
    const transport = await tcpVenue((socket) => void socket.once('data', () => socket.end('SSH-2.0-OpenSSH\r\n')))
    expect(await rejection(ask(transport))).toMatch(/^VENUE_MALFORMED upbit: the answer breaks the protocol/)
  })

  test.for<[string, Record<string, string>, Buffer]>([
    ['a body that is too long', {}, Buffer.alloc(9 * 2 ** 20, ' ')],
    ['a body that is too long once it is unzipped', { 'content-encoding': 'gzip' }, gzipSync(Buffer.alloc(9 * 2 ** 20, ' '))],
    ['a body that says it is zipped and is not', { 'content-encoding': 'gzip' }, Buffer.from('[]')],
  ])('%s', async ([, headers, body]) => {
    const { transport } = await httpVenue((_request, response) => void response.writeHead(200, headers).end(body))
    expect(await rejection(ask(transport))).toMatch(/^VENUE_MALFORMED upbit: the body is (?:too long|not gzip)/)
  })

  test('the transport is closed, before the request or while it is under way', async () => {
    const { transport } = await httpVenue(() => undefined)
    const asked = rejection(ask(transport))
    await transport.close()
    expect(await asked).toBe('VENUE_UNREACHABLE upbit: the transport is closed')
    expect(await rejection(ask(transport))).toBe('VENUE_UNREACHABLE upbit: the transport is closed')
  })
})

/** Connects, and gathers what the socket tells. */
async function connected(transport: NetworkTransport, timeoutMs = 5000) {
  const frames: string[] = []
  const closes: string[] = []
  const waiting: (() => void)[] = []
  const happened = (): void => waiting.splice(0).forEach((resolve) => resolve())
  const socket = await transport.connect(
    { venue: 'binance', target: '/stream?streams=btcusdt@depth@100ms', timeoutMs },
    {
      onFrame: (text) => {
        frames.push(text)
        happened()
      },
      onClose: (code, reason) => {
        closes.push(`${code} ${reason}`)
        happened()
      },
    },
  )
  const until = async (isTrue: () => boolean): Promise<void> => {
    while (!isTrue()) await new Promise<void>((resolve) => waiting.push(resolve))
  }
  return { socket, frames, closes, until }
}

describe('a socket', () => {
  test('brings binary and text frames as text, answers pings, and asks for no compression and with no Origin', async () => {
    let seen: IncomingMessage['headers'] = {}
    let pong = ''
    const transport = await streamVenue((socket, request) => {
      seen = request.headers
      socket.on('pong', (payload: Buffer) => {
        pong = payload.toString()
        socket.send('end')
      })
      socket.send(Buffer.from('비트코인'), { binary: true })
      socket.send('{"e":"depthUpdate"}')
      socket.ping('payload')
    })
    const { frames, until } = await connected(transport)
    await until(() => frames.includes('end'))
    expect(frames).toEqual(['비트코인', '{"e":"depthUpdate"}', 'end'])
    expect(pong).toBe('payload')
    expect(Object.keys(seen)).not.toEqual(expect.arrayContaining(['origin']))
    expect(seen['sec-websocket-extensions']).toBeUndefined()
  })

  test('sends and pings, and does nothing once it is closed', async () => {
    const got: string[] = []
    const transport = await streamVenue((socket) => {
      socket.on('message', (data: Buffer) => socket.send(`echo ${data.toString()}`))
      socket.on('ping', () => got.push('ping'))
    })
    const { socket, frames, closes, until } = await connected(transport)
    socket.ping()
    socket.send('SUBSCRIBE')
    await until(() => frames.length === 1)
    expect([frames, got]).toEqual([['echo SUBSCRIBE'], ['ping']])
    socket.close()
    await until(() => closes.length === 1)
    socket.send('late')
    socket.ping()
    socket.close()
    expect(closes).toEqual(['1000 '])
  })

  test('tells with which code and words the venue closed it', async () => {
    const transport = await streamVenue((socket) => socket.close(1008, 'slow'))
    const { closes, until } = await connected(transport)
    await until(() => closes.length === 1)
    expect(closes).toEqual(['1008 slow'])
  })

  test('that breaks without a close frame ends with 1006', async () => {
    const transport = await streamVenue((socket) => socket.terminate())
    const { closes, until } = await connected(transport)
    await until(() => closes.length === 1)
    expect(closes[0]).toMatch(/^1006/)
  })

  test('whose venue does not answer the close frame is broken off after a second', async () => {
    const transport = await streamVenue((socket) => socket.pause())
    const { socket, closes, until } = await connected(transport)
    const startMs = clock.nowMs()
    socket.close()
    await until(() => closes.length === 1)
    expect(closes[0]).toMatch(/^1006/)
    expect(clock.nowMs() - startMs).toBeGreaterThanOrEqual(1000)
  })

  test('is broken off by a frame that is too long, with the reason', async () => {
    const transport = await streamVenue((socket) => socket.send(Buffer.alloc(9 * 2 ** 20)))
    const { frames, closes, until } = await connected(transport)
    await until(() => closes.length === 1)
    expect(frames).toEqual([])
    expect(closes[0]).toContain('Max payload size exceeded')
  })

  test('closes with the transport', async () => {
    const transport = await streamVenue(() => undefined)
    const { closes } = await connected(transport)
    await transport.close()
    expect(closes).toEqual(['1000 '])
    await expect(connected(transport)).rejects.toMatchObject({ code: 'VENUE_UNREACHABLE', message: 'binance: the transport is closed' })
  })
})

describe('a socket that does not come about says why', () => {
  test.for<[string, string, Partial<Record<string, unknown>>]>([
    [
      'too many connections, with the time to wait',
      'HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Length: 8\r\n\r\ntoo many',
      { code: 'VENUE_RATE_LIMITED', message: 'binance: status 429: too many', retryAfterMs: 7000, isBan: false },
    ],
    [
      'a ban',
      'HTTP/1.1 418 I am a teapot\r\nContent-Length: 0\r\n\r\n',
      { code: 'VENUE_RATE_LIMITED', retryAfterMs: 120_000, isBan: true },
    ],
    [
      'an unknown path',
      'HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno',
      { code: 'VENUE_STATUS', message: 'binance: status 404: no' },
    ],
    ['no upgrade', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', { code: 'VENUE_STATUS' }],
    [
      'a body that breaks off',
      'HTTP/1.1 503 Down\r\nContent-Length: 99\r\n\r\nsor',
      { code: 'VENUE_STATUS', message: 'binance: status 503: sor' },
    ],
    ['a refusal without end', `HTTP/1.1 503 Down\r\n\r\n${'x'.repeat(100_000)}`, { code: 'VENUE_STATUS' }],
    [
      'a handshake that is none',
      'HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
      { code: 'VENUE_UNREACHABLE' },
    ],
  ])('%s', async ([, refusal, error]) => {
    await expect(connected(await streamVenue(() => undefined, refusal))).rejects.toMatchObject(error)
  })

  test('no answer to the upgrade in time', async () => {
    const transport = await tcpVenue(() => undefined)
    await expect(connected(transport, 20)).rejects.toMatchObject({ code: 'VENUE_TIMEOUT', message: 'binance: no socket within 20 ms' })
  })

  test('the transport is closed meanwhile', async () => {
    const transport = await tcpVenue(() => undefined)
    const asked = connected(transport)
    const closing = transport.close()
    await expect(asked).rejects.toMatchObject({ code: 'VENUE_UNREACHABLE', message: 'binance: the transport is closed' })
    await closing
  })
})
