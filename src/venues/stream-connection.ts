/** One WebSocket to a venue, kept alive: connected, pinged, renewed, and replaced when it is lost. The venues' streams each own one. */

import { OperatingError } from '../base/error.ts'
import type { Prng } from '../base/prng.ts'
import type { Clock, ScheduledCall } from '../clock/clock.ts'
import type { FeedCounts } from '../model/event.ts'
import type { Venue } from '../model/instrument.ts'
import type { Transport, VenueSocket } from './transport.ts'
import { VenueError } from './venue-error.ts'

export interface StreamConnectionOptions {
  transport: Transport
  clock: Clock
  /** Spreads reconnects. */
  prng: Prng
  venue: Venue
  /** Path and query. */
  target: string
  connectTimeoutMs: number
  /** How often to ping, or null where the venue pings. */
  pingIntervalMs: number | null
  /** How long a connection may stand before it is renewed, or null where the venue sets no end. */
  maxLifetimeMs: number | null
}

/** None of them may throw. */
export interface StreamConnectionEvents {
  /** A new connection stands, and nothing is subscribed on it. */
  onOpen: () => void
  /** A data frame. */
  onFrame: (text: string) => void
  /** It stands no longer: what follows on the next one need not go on where this one ended. */
  onDown: () => void
}

export type ConnectionCounts = Pick<FeedCounts, 'frames' | 'connects' | 'reconnects' | 'liveSockets'>

/** Backoff after the n-th connection in a row that was of no use: between a half and the whole of 500 ms x 2^n, 30 s at most. */
const minBackoffMs = 500
const maxBackoffMs = 30_000
/** A connection that still delivers after this long was of use; one that is cut right after its first frames was not. */
const usefulAfterMs = 10_000
/** The transport breaks a connection whose close is not answered; one that does not even do that is left to itself. */
const closeDeadlineMs = 5000

/** One attempt: from asking the transport for a socket to the socket's end. */
interface Link {
  /** Null until it stands. */
  socket: VenueSocket | null
  openedAtMs: number
  /** It still delivered frames after a while. */
  isUseful: boolean
  /** Told to close: its frames no longer count. */
  isGivenUp: boolean
  isEnded: boolean
}

/**
 * A renewal is a plain reconnect: the old socket closes before the new one is asked for. To overlap the two would spare a second without
 * quotes each day, and would be the only case of two sockets feeding one book.
 *
 * Invariant: at most one link is current; whatever another one does changes nothing but the gauge of live sockets.
 */
export class StreamConnection {
  readonly #options: StreamConnectionOptions
  readonly #events: StreamConnectionEvents
  #counts = { frames: 0, connects: 0, reconnects: 0 }
  /** Sockets that stand, among them those that are still closing. */
  #liveSocketCount = 0
  #hasStood = false
  #link: Link | null = null
  #failure: OperatingError
  /** In a row, without one that was of use. */
  #uselessCount = 0
  #isClosed = false
  /** The next step: a connect after a backoff, a renewal, or the deadline of a close. */
  #step: ScheduledCall | null = null
  #nextPing: ScheduledCall | null = null

  constructor(options: StreamConnectionOptions, events: StreamConnectionEvents) {
    this.#options = options
    this.#events = events
    this.#failure = this.#lost('the stream is not connected yet')
  }

  get isOpen(): boolean {
    return this.#link !== null && this.#link.socket !== null && !this.#link.isGivenUp
  }

  /** Since when the connection stands, or null where it does not. */
  get openedAtMs(): number | null {
    return this.isOpen ? (this.#link?.openedAtMs ?? null) : null
  }

  /** Why the connection does not stand, or null where it does. */
  get failure(): OperatingError | null {
    return this.isOpen ? null : this.#failure
  }

  /** Connects, and keeps connecting until it is closed. */
  open(): void {
    if (this.#link === null && this.#step === null && !this.#isClosed) this.#connect()
  }

  /** Does nothing where the connection does not stand. */
  send(text: string): void {
    if (this.isOpen) this.#link?.socket?.send(text)
  }

  /** Gives the connection up and makes another, at once where it was of use. Does nothing where none stands. */
  reconnect(reason: string): void {
    const link = this.#link
    if (!this.isOpen || link === null) return
    this.#failure = this.#lost(reason)
    link.isGivenUp = true
    this.#stopTimers()
    this.#step = this.#in(closeDeadlineMs, () => this.#ended(link))
    this.#events.onDown()
    link.socket?.close()
  }

  /** The gauge apart, since this was last asked. */
  takeCounts(): ConnectionCounts {
    const counts = this.#counts
    this.#counts = { frames: 0, connects: 0, reconnects: 0 }
    return { ...counts, liveSockets: this.#liveSocketCount }
  }

  /** Leaves no timer behind; the socket closes on its own. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#failure = this.#lost('the stream is closed')
    this.#stopTimers()
    const link = this.#link
    this.#link = null
    link?.socket?.close()
  }

  #connect(): void {
    const { transport, venue, target, connectTimeoutMs } = this.#options
    const link: Link = { socket: null, openedAtMs: 0, isUseful: false, isGivenUp: false, isEnded: false }
    this.#link = link
    this.#step = null
    const events = {
      onFrame: (text: string): void => this.#framed(link, text),
      onClose: (code: number, reason: string): void => this.#closed(link, code, reason),
    }
    transport.connect({ venue, target, timeoutMs: connectTimeoutMs }, events).then(
      (socket) => this.#opened(link, socket),
      (error: unknown) => this.#refused(link, error),
    )
  }

  #opened(link: Link, socket: VenueSocket): void {
    if (link.isEnded) return
    link.socket = socket
    this.#liveSocketCount++
    if (link !== this.#link) {
      socket.close()
      return
    }
    link.openedAtMs = this.#options.clock.nowMs()
    this.#counts.connects++
    if (this.#hasStood) this.#counts.reconnects++
    this.#hasStood = true
    const { maxLifetimeMs } = this.#options
    if (maxLifetimeMs !== null) this.#step = this.#in(maxLifetimeMs, () => this.reconnect('it is renewed before the venue cuts it'))
    this.#pingLater(link)
    this.#events.onOpen()
  }

  #refused(link: Link, error: unknown): void {
    if (!(error instanceof OperatingError)) throw error
    link.isEnded = true
    if (link !== this.#link) return
    this.#failure = error
    this.#ended(link)
  }

  #framed(link: Link, text: string): void {
    if (link !== this.#link || link.isGivenUp || link.socket === null) return
    this.#counts.frames++
    link.isUseful ||= this.#options.clock.nowMs() - link.openedAtMs >= usefulAfterMs
    this.#events.onFrame(text)
  }

  #closed(link: Link, code: number, reason: string): void {
    if (link.isEnded) return
    link.isEnded = true
    if (link.socket !== null) this.#liveSocketCount--
    if (link !== this.#link) return
    if (!link.isGivenUp) {
      this.#failure = this.#lost(`the venue closed the stream: ${code}${reason === '' ? '' : ` ${reason}`}`)
      this.#stopTimers()
      if (link.socket !== null) this.#events.onDown()
    }
    this.#ended(link)
  }

  /** The current link is done with: the next one follows. */
  #ended(link: Link): void {
    if (link !== this.#link) return
    this.#link = null
    this.#stopTimers()
    if (link.isUseful) this.#uselessCount = 0
    const backoffMs = link.isUseful ? 0 : this.#backoffMs()
    if (!link.isUseful) this.#uselessCount++
    const retryAfterMs = this.#failure instanceof VenueError ? (this.#failure.retryAfterMs ?? 0) : 0
    this.#step = this.#in(Math.max(backoffMs, retryAfterMs), () => this.#connect())
  }

  #backoffMs(): number {
    const wholeMs = Math.min(maxBackoffMs, minBackoffMs * 2 ** Math.min(this.#uselessCount, 10))
    return Math.round(wholeMs * (0.5 + 0.5 * this.#options.prng.next()))
  }

  #pingLater(link: Link): void {
    const { pingIntervalMs } = this.#options
    if (pingIntervalMs === null) return
    this.#nextPing = this.#in(pingIntervalMs, () => {
      link.socket?.ping()
      this.#pingLater(link)
    })
  }

  #stopTimers(): void {
    this.#step?.cancel()
    this.#step = null
    this.#nextPing?.cancel()
    this.#nextPing = null
  }

  #in(delayMs: number, callback: () => void): ScheduledCall {
    return this.#options.clock.schedule(this.#options.clock.nowMs() + delayMs, callback)
  }

  #lost(what: string): VenueError {
    return new VenueError(this.#options.venue, 'VENUE_UNREACHABLE', what, {
      hint: 'It is connected again by itself; where it stays down, look at the network and at the status page of the venue.',
    })
  }
}
