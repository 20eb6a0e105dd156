/** The venue's end of a real WebSocket: what a face is given to speak to a client. VenueServer makes one for each client. */

import type { WebSocket } from 'ws'
import type { Clock } from '../../clock/clock.ts'
import type { FaceSession, FaceSocket } from './face.ts'

export interface ServedSocketOptions {
  clock: Clock
  /** Upbit's frames are binary, Binance's are text. */
  isBinary: boolean
  /** Called when a client that does not read is cut. */
  onCut: () => void
}

/** What may wait for a client that does not read. */
const maxWaitingBytes = 16 * 2 ** 20

export class ServedSocket implements FaceSocket {
  readonly #options: ServedSocketOptions
  #socket: WebSocket | null = null
  /** What the face asks for while it opens the session: the handshake is answered afterwards. */
  #early: ((socket: WebSocket) => void)[] = []

  constructor(options: ServedSocketOptions) {
    this.#options = options
  }

  get isAttached(): boolean {
    return this.#socket !== null
  }

  attach(socket: WebSocket, session: FaceSession): void {
    const { clock } = this.#options
    this.#socket = socket
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

  #act(act: (socket: WebSocket) => void): void {
    if (this.#socket === null) this.#early.push(act)
    else if (this.#socket.readyState === this.#socket.OPEN) act(this.#socket)
  }
}
