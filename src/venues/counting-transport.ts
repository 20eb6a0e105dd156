/** Counts the sockets that are really open, whoever has forgotten them: the composition root puts it right around the real transport. */

import type { Venue } from '../model/instrument.ts'
import type { HttpRequest, HttpResponse, SocketEvents, SocketRequest, Transport, VenueSocket } from './transport.ts'

export class CountingTransport implements Transport {
  readonly #transport: Transport
  readonly #openSockets: Record<Venue, number> = { upbit: 0, binance: 0 }

  constructor(transport: Transport) {
    this.#transport = transport
  }

  openSockets(venue: Venue): number {
    return this.#openSockets[venue]
  }

  request(request: HttpRequest): Promise<HttpResponse> {
    return this.#transport.request(request)
  }

  connect(request: SocketRequest, events: SocketEvents): Promise<VenueSocket> {
    const { venue } = request
    const opened = this.#transport.connect(request, {
      onFrame: events.onFrame,
      onClose: (code, reason) => {
        this.#openSockets[venue]--
        events.onClose(code, reason)
      },
    })
    // A refusal is for whoever asked, who gets this very promise: nothing was opened.
    opened.then(
      () => this.#openSockets[venue]++,
      () => undefined,
    )
    return opened
  }

  close(): Promise<void> {
    return this.#transport.close()
  }
}
