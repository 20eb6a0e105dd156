/** The simulated exchange behind real sockets: one HTTP and WebSocket server a venue, on this machine only. `longhaul venues` starts it. */

import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { getRequestListener, type HttpBindings } from '@hono/node-server'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { WebSocketServer } from 'ws'
import { messageOf, OperatingError } from '../../base/error.ts'
import type { Clock, ScheduledCall } from '../../clock/clock.ts'
import type { Venue } from '../../model/instrument.ts'
import type { VenueEndpoints } from '../network-transport.ts'
import type { Exchange, ExchangeAnswer } from './exchange.ts'
import type { FaceAnswer, FaceRequest } from './face.ts'
import { ServedSocket } from './served-socket.ts'

export interface VenueServerOptions {
  exchange: Exchange
  /** The exchange's time; it runs as fast as real time. */
  clock: Clock
  /** 0 for any that is free. */
  ports: Readonly<Record<Venue, number>>
}

/** Never another: the exchange is for this machine. */
const host = '127.0.0.1'
const maxBodyBytes = 2 ** 20
/** Requests of one venue that are kept open without an answer, until their clients give them up. */
const maxUnanswered = 256
/** Longer than a client's pause between two polls, so that connections are used again. */
const keepAliveMs = 65_000
/** Real time that clients have to answer the close of their sockets. */
const stopDeadlineMs = 1000
/** RFC 6455, section 7.4.1: the server is going down. */
const goingAwayCode = 1001
const methods = 'GET, HEAD, POST, DELETE, OPTIONS'

export class VenueServer {
  readonly endpoints: VenueEndpoints
  readonly #options: VenueServerOptions
  readonly #venues: readonly ServedVenue[]
  #step: ScheduledCall

  private constructor(options: VenueServerOptions, upbit: ServedVenue, binance: ServedVenue) {
    this.#options = options
    this.#venues = [upbit, binance]
    this.endpoints = { upbit: upbit.endpoint(), binance: binance.endpoint() }
    this.#step = this.#nextStep()
  }

  /** Throws ENVIRONMENT_NOT_READY where a port is taken. */
  static async start(options: VenueServerOptions): Promise<VenueServer> {
    const upbit = new ServedVenue('upbit', options)
    const binance = new ServedVenue('binance', options)
    try {
      await upbit.listen(options.ports.upbit)
      await binance.listen(options.ports.binance)
    } catch (error) {
      await upbit.stop()
      throw error
    }
    return new VenueServer(options, upbit, binance)
  }

  /** Clients that were cut because they did not read, or because too many waited for answers that never come. */
  get cutClients(): number {
    return this.#venues.reduce((sum, venue) => sum + venue.cutClients, 0)
  }

  /** Closes every socket and both servers; those who do not answer in time are cut. */
  async stop(): Promise<void> {
    this.#step.cancel()
    await Promise.all(this.#venues.map((venue) => venue.stop()))
  }

  /** Each from the market's grid and not from the last one: lateness does not add up. */
  #nextStep(): ScheduledCall {
    const { exchange, clock } = this.#options
    return clock.schedule(exchange.nextStepMs(clock.nowMs()), () => {
      exchange.advance(clock.nowMs())
      this.#step = this.#nextStep()
    })
  }
}

class ServedVenue {
  readonly #venue: Venue
  readonly #exchange: Exchange
  readonly #clock: Clock
  readonly #server: Server
  // Deflate is offered by some clients; a server may decline, and compressing frames for one machine only costs time.
  readonly #sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload: maxBodyBytes })
  #cutClients = 0
  #unansweredCount = 0

  constructor(venue: Venue, { exchange, clock }: VenueServerOptions) {
    this.#venue = venue
    this.#exchange = exchange
    this.#clock = clock
    const listener = getRequestListener(this.#app().fetch)
    this.#server = createServer({ keepAliveTimeout: keepAliveMs }, (request, response) => void listener(request, response))
    this.#server.on('upgrade', (request, stream, head) => this.#upgrade(request, stream, head))
  }

  get cutClients(): number {
    return this.#cutClients
  }

  async listen(port: number): Promise<void> {
    this.#server.listen(port, host)
    try {
      await once(this.#server, 'listening')
    } catch (error) {
      throw notListening(this.#venue, port, error)
    }
  }

  endpoint(): VenueEndpoints[Venue] {
    const { port } = this.#server.address() as AddressInfo
    return { restUrl: `http://${host}:${port}`, streamUrl: `ws://${host}:${port}` }
  }

  async stop(): Promise<void> {
    const serverClosed = new Promise<void>((resolve) => {
      // Also called, with an error, where it does not listen: then there is nothing to close.
      this.#server.close(() => resolve())
    })
    const sessionsClosed = new Promise<void>((resolve) => {
      this.#sockets.close(() => resolve())
    })
    for (const client of this.#sockets.clients) client.close(goingAwayCode, 'the server is going down')
    const deadline = this.#clock.schedule(this.#clock.nowMs() + stopDeadlineMs, () => {
      for (const client of this.#sockets.clients) client.terminate()
      this.#server.closeAllConnections()
    })
    await Promise.all([serverClosed, sessionsClosed])
    deadline.cancel()
  }

  #app(): Hono<{ Bindings: HttpBindings }> {
    const app = new Hono<{ Bindings: HttpBindings }>()
    // What is left of the body is not read, so the connection cannot be used again.
    app.use(
      bodyLimit({
        maxSize: maxBodyBytes,
        onError: () => new Response('Payload Too Large', { status: 413, headers: { connection: 'close' } }),
      }),
    )
    app.all('*', async ({ req, env: { incoming, outgoing } }) => {
      if (req.method === 'OPTIONS') return new Response(null, { status: 204, headers: { allow: methods } })
      const answer = this.#answer(faceRequest(incoming, await req.text()))
      if ('lost' in answer) {
        if (answer.lost === 'reset') incoming.socket.resetAndDestroy()
        else this.#leaveUnanswered(outgoing)
        return RESPONSE_ALREADY_SENT
      }
      // Upbit's clock is told by this header alone.
      const headers = { date: new Date(this.#clock.nowMs()).toUTCString(), ...answer.headers }
      const { status, body, lateMs = 0, breaksAfter } = answer
      if (lateMs > 0) await this.#delay(lateMs, outgoing)
      if (breaksAfter === undefined) return new Response(body, { status, headers })
      outgoing.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) })
      outgoing.write(body.slice(0, breaksAfter), () => outgoing.destroy())
      return RESPONSE_ALREADY_SENT
    })
    // Nothing else can fail here: the client went away before its body was complete.
    app.onError((error) => new Response(messageOf(error), { status: 400 }))
    return app
  }

  #answer(request: FaceRequest): ExchangeAnswer {
    try {
      return this.#exchange.answer(this.#venue, request, this.#clock.nowMs())
    } catch (error) {
      // Hono would make an answer of it, and go on: a defect of the exchange has to end the process.
      queueMicrotask(() => {
        throw error
      })
      return { status: 500, headers: {}, body: '' }
    }
  }

  #leaveUnanswered(outgoing: ServerResponse): void {
    if (this.#unansweredCount >= maxUnanswered) {
      this.#cutClients++
      outgoing.destroy()
      return
    }
    this.#unansweredCount++
    outgoing.once('close', () => this.#unansweredCount--)
  }

  /** Not for a client that has gone. */
  #delay(byMs: number, outgoing: ServerResponse): Promise<void> {
    return new Promise((resolve) => {
      const wait = this.#clock.schedule(this.#clock.nowMs() + byMs, resolve)
      outgoing.once('close', () => {
        wait.cancel()
        resolve()
      })
    })
  }

  #upgrade(request: IncomingMessage, stream: Duplex, head: Buffer): void {
    // The client may go away at any time; the socket's close says so where there is a session.
    stream.on('error', () => stream.destroy())
    const socket = new ServedSocket({ clock: this.#clock, isBinary: this.#venue === 'upbit', onCut: () => this.#cutClients++ })
    const opened = this.#exchange.open(this.#venue, faceRequest(request, ''), socket, this.#clock.nowMs())
    if ('status' in opened) {
      refuseUpgrade(stream, opened)
      return
    }
    this.#sockets.handleUpgrade(request, stream, head, (webSocket) => socket.attach(webSocket, stream, opened))
    // It calls back at once, or never where the handshake is no WebSocket's.
    if (!socket.isAttached) opened.closed()
  }
}

/** The target as it came: signatures are over the very characters. */
function faceRequest({ method = 'GET', url = '/', headers }: IncomingMessage, body: string): FaceRequest {
  const joined: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) joined[name] = Array.isArray(value) ? value.join(', ') : value
  }
  return { method: method === 'HEAD' ? 'GET' : method, target: url, headers: joined, body }
}

function refuseUpgrade(stream: Duplex, { status, headers, body }: FaceAnswer): void {
  const lines = Object.entries({ ...headers, connection: 'close', 'content-length': String(Buffer.byteLength(body)) })
  const head = [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`, ...lines.map(([name, value]) => `${name}: ${value}`)]
  stream.once('finish', () => stream.destroy())
  stream.end(`${head.join('\r\n')}\r\n\r\n${body}`)
}

function notListening(venue: Venue, port: number, cause: unknown): OperatingError {
  return new OperatingError('ENVIRONMENT_NOT_READY', `${venue} cannot listen on ${host}:${port}: ${messageOf(cause)}`, {
    hint: 'Stop what listens there, or choose another port (0 for any that is free).',
    cause,
  })
}
