/** The real Transport: HTTP through one connection pool a venue, and WebSockets. The composition root makes it, with a system clock. */

import type { IncomingMessage } from 'node:http'
import { Pool } from 'undici'
import { type RawData, WebSocket } from 'ws'
import { OperatingError } from '../base/error.ts'
import type { Clock } from '../clock/clock.ts'
import type { Venue } from '../model/instrument.ts'
import { type HttpAnswer, HttpExchange, plainHeaders } from './http-exchange.ts'
import { closed, isTrouble, timedOut, troubleOf, unreachable } from './network-trouble.ts'
import type { HttpRequest, HttpResponse, SocketEvents, SocketRequest, Transport, VenueSocket } from './transport.ts'
import { upgradeRefused } from './upgrade-refused.ts'

/** Bases without a path: `https://api.upbit.com`, `wss://api.upbit.com`. */
export interface VenueEndpoint {
  restUrl: string
  streamUrl: string
}

export type VenueEndpoints = Readonly<Record<Venue, VenueEndpoint>>

export interface NetworkTransportOptions {
  clock: Clock
  endpoints: VenueEndpoints
}

/** More than a loop of 10 depth requests and as many orders need. */
const maxConnections = 16
/** Under way and waiting for a connection, for each venue. */
const maxRequests = 64
const maxFrameBytes = 8 * 2 ** 20
/** Of the answer that refuses an upgrade: enough for the venue's words. */
const maxRefusalBytes = 4096
/** How long a venue may take to answer a close frame. */
const closeTimeoutMs = 1000
/** Below the 60 to 75 s after which HTTP servers close idle connections, so that a request seldom meets one that is being closed. */
const idleConnectionMs = 50_000
/** Never an Origin: with one, Upbit allows a request in 10 seconds. */
const requestHeaders = { accept: 'application/json', 'accept-encoding': 'gzip' }

export class NetworkTransport implements Transport {
  readonly #clock: Clock
  readonly #venues: Record<Venue, VenueNetwork>

  constructor({ clock, endpoints }: NetworkTransportOptions) {
    this.#clock = clock
    this.#venues = { upbit: new VenueNetwork(endpoints.upbit), binance: new VenueNetwork(endpoints.binance) }
  }

  async request(request: HttpRequest): Promise<HttpResponse> {
    const { venue, target, timeoutMs } = request
    const network = this.#venues[venue]
    if (network.isClosed) throw closed(venue)
    if (network.requestCount >= maxRequests) throw unreachable(venue, `${maxRequests} requests are under way already`)
    const exchange = new HttpExchange(venue, () => network.requestCount--)
    const timer = this.#clock.schedule(this.#clock.nowMs() + timeoutMs, () => {
      exchange.abandon(timedOut(venue, `no answer within ${timeoutMs} ms`))
    })
    network.requestCount++
    try {
      network.pool.dispatch({ method: 'GET', path: target, headers: requestHeaders }, exchange)
      const answer = await exchange.answer
      return { ...answer, receivedAtMs: this.#clock.nowMs() }
    } catch (error) {
      if (error instanceof OperatingError) throw error
      if (network.isClosed) throw closed(venue)
      throw isTrouble(error) ? troubleOf(venue, error) : error
    } finally {
      timer.cancel()
    }
  }

  connect(request: SocketRequest, events: SocketEvents): Promise<VenueSocket> {
    const { venue, target, timeoutMs } = request
    const network = this.#venues[venue]
    if (network.isClosed) return Promise.reject(closed(venue))
    const socket = new WebSocket(network.streamUrl + target, {
      perMessageDeflate: false,
      maxPayload: maxFrameBytes,
      followRedirects: false,
    })
    network.sockets.add(socket)
    return new Promise((resolve, reject) => {
      let fail = (error: OperatingError): void => {
        timer.cancel()
        reject(error)
        socket.terminate()
      }
      const timer = this.#clock.schedule(this.#clock.nowMs() + timeoutMs, () => fail(timedOut(venue, `no socket within ${timeoutMs} ms`)))
      let brokeBecause = ''
      let isOpen = false
      socket.on('open', () => {
        isOpen = true
        timer.cancel()
        fail = (error) => (brokeBecause = error.message)
        resolve(this.#venueSocket(socket))
      })
      socket.on('unexpected-response', (_request, response) => {
        void refusalOf(response).then((answer) => fail(upgradeRefused(venue, { ...answer, receivedAtMs: this.#clock.nowMs() })))
      })
      socket.on('error', (error) => fail(network.isClosed ? closed(venue) : troubleOf(venue, error)))
      socket.on('message', (data) => events.onFrame(textOf(data)))
      socket.on('close', (code, reason) => {
        network.sockets.delete(socket)
        if (isOpen) events.onClose(code, reason.length > 0 ? reason.toString() : brokeBecause)
        else fail(closed(venue))
      })
    })
  }

  async close(): Promise<void> {
    await Promise.all(
      Object.values(this.#venues).map(async (network) => {
        network.isClosed = true
        const sockets = [...network.sockets].map((socket) => this.#end(socket))
        await Promise.all([network.pool.destroy(), ...sockets])
      }),
    )
  }

  #venueSocket(socket: WebSocket): VenueSocket {
    return {
      send: (text) => {
        if (socket.readyState === WebSocket.OPEN) socket.send(text)
      },
      ping: () => {
        if (socket.readyState === WebSocket.OPEN) socket.ping()
      },
      close: () => void this.#end(socket),
    }
  }

  /** Resolves once the socket is closed, by the venue's answer or without it. */
  #end(socket: WebSocket): Promise<void> {
    if (socket.readyState === WebSocket.CLOSED) return Promise.resolve()
    const timer = this.#clock.schedule(this.#clock.nowMs() + closeTimeoutMs, () => socket.terminate())
    return new Promise((resolve) => {
      socket.once('close', () => {
        timer.cancel()
        resolve()
      })
      socket.close(1000)
    })
  }
}

/** One venue's connections. */
class VenueNetwork {
  readonly pool: Pool
  readonly streamUrl: string
  readonly sockets = new Set<WebSocket>()
  requestCount = 0
  isClosed = false

  constructor({ restUrl, streamUrl }: VenueEndpoint) {
    this.streamUrl = streamUrl
    // The deadline of the whole exchange is ours, so undici's own ones are off, but for that of a connection.
    this.pool = new Pool(restUrl, {
      connections: maxConnections,
      keepAliveTimeout: idleConnectionMs,
      headersTimeout: 0,
      bodyTimeout: 0,
      allowH2: false,
    })
  }
}

/** The answer to an upgrade that the venue refuses. Where its body breaks off, the status and what came of the body say enough. */
async function refusalOf(response: IncomingMessage): Promise<HttpAnswer> {
  let body = ''
  await new Promise<void>((resolve) => {
    response.on('data', (chunk: Buffer) => {
      if (body.length < maxRefusalBytes) body += chunk.toString('utf8')
      else response.destroy()
    })
    response.on('error', (error) => (body ||= error.message))
    response.on('close', resolve)
  })
  return { status: response.statusCode ?? 0, headers: plainHeaders(response.headers), body }
}

function textOf(data: RawData): string {
  if (Array.isArray(data)) return Buffer.concat(data).toString('utf8')
  return Buffer.isBuffer(data) ? data.toString('utf8') : Buffer.from(data).toString('utf8')
}
