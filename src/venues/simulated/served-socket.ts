/** The venue's end of a real WebSocket: what a face is given to speak to a client. VenueServer makes one for each client. */

import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import type { Clock } from '../../clock/clock.ts'
import type { ExchangeSocket } from './exchange.ts'
import type { FaceSession } from './face.ts'

export interface ServedSocketOptions {
  clock: Clock
  /** Upbit's frames are binary, Binance's are text. */
  isBinary: boolean
  /** Called when a client that does not read is cut. */
  onCut: () => void
}

/** What may wait for a client that does not read. */
const maxWaitingBytes = 16 * 2 ** 20
/** How long a socket that nothing passes through is kept for a client that does not go. */
const maxFrozenMs = 600_000

export class ServedSocket implements ExchangeSocket {
  readonly #options: ServedSocketOptions
  #socket: WebSocket | null = null
  #isFrozen = false
  #stream: Duplex | null = null
  /** What the face asks for while it opens the session: the handshake is answered afterwards. */
  #early: ((socket: WebSocket) => void)[] = []

  constructor(options: ServedSocketOptions) {
    this.#options = options
  }

  get isAttached(): boolean {
    return this.#socket !== null
  }

  /** `stream`: what the socket reads from and writes to. */
  attach(socket: WebSocket, stream: Duplex, session: FaceSession): void {
    const { clock } = this.#options
    this.#socket = socket
    this.#stream = stream
    socket.on('message', (data: Buffer) => {
      if (socket.readyState === socket.OPEN) session.received(data.toString('utf8'), clock.nowMs())
    })
    socket.on('ping', () => session.pinged(clock.nowMs()))
    socket.on('pong', (payload) => session.ponged(payload.toString('utf8'), clock.nowMs()))
    // A client's breach of the protocol closes the socket, and that is all there is to do about it.
    socket.on('error', () => socket.terminate())
    socket.on('close', () => session.closed())
    for (const act of this.#early.splice(0)) act(socket)
  }

  send(text: string): void {
    this.#act((socket) => {
      socket.send(this.#options.isBinary ? Buffer.from(text) : text)
      if (socket.bufferedAmount <= maxWaitingBytes) return
      this.#options.onCut()
      socket.terminate()
    })
  }

  ping(payload: string): void {
    this.#act((socket) => socket.ping(payload))
  }

  close(code: number, reason: string): void {
    this.#act((socket) => socket.close(code, reason))
  }

  terminate(): void {
    this.#act((socket) => socket.terminate())
  }

  freeze(): void {
    this.#act((socket) => {
      this.#isFrozen = true
      // What still comes is read, or the end of the client would not be seen; nobody is told of it.
      this.#stream?.removeAllListeners('data').resume()
      const { clock } = this.#options
      const end = clock.schedule(clock.nowMs() + maxFrozenMs, () => socket.terminate())
      socket.once('close', () => end.cancel())
    })
  }

  #act(act: (socket: WebSocket) => void): void {
    if (this.#socket === null) this.#early.push(act)
    else if (!this.#isFrozen && this.#socket.readyState === this.#socket.OPEN) act(this.#socket)
  }
}
