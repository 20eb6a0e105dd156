/** One WebSocket between a client and the simulated exchange, in event time. SimulatedTransport makes it. */

import { OperatingError } from '../../base/error.ts'
import type { Clock, ScheduledCall } from '../../clock/clock.ts'
import type { SocketEvents, SocketRequest, VenueSocket } from '../transport.ts'
import { upgradeRefused } from '../upgrade-refused.ts'
import type { ExchangeSocket } from './exchange.ts'
import type { FaceAnswer, FaceSession } from './face.ts'

export interface SimulatedConnectionOptions {
  clock: Clock
  request: SocketRequest
  events: SocketEvents
  /** The way to the venue, and back. */
  outMs: number
  backMs: number
  /** Called when the request has reached the venue. */
  open: (socket: ExchangeSocket) => FaceSession | FaceAnswer
  /** Called when nothing comes of it any more. */
  onEnded: (connection: SimulatedConnection) => void
}

const normalCode = 1000
const brokenCode = 1006
/** How long a venue may take to answer a close, as in the transport over real sockets. */
const closeTimeoutMs = 1000

export class SimulatedConnection {
  readonly request: SocketRequest
  readonly #options: SimulatedConnectionOptions
  readonly #toVenue: Line
  readonly #toClient: Line
  readonly #opening = Promise.withResolvers<VenueSocket>()
  readonly #timeout: ScheduledCall | null
  #session: FaceSession | null = null
  #isVenueOpen = false
  /** Nothing passes any more, in either direction. */
  #isFrozen = false
  #client: 'opening' | 'open' | 'ended' = 'opening'

  constructor(options: SimulatedConnectionOptions) {
    const { clock, request, outMs, backMs } = options
    this.request = request
    this.#options = options
    // What happens at the venue's end settles no promise.
    this.#toVenue = new Line(clock, outMs, (atMs, deliver) => clock.scheduleQuietly(atMs, deliver))
    this.#toClient = new Line(clock, backMs, (atMs, deliver) => clock.schedule(atMs, deliver))
    this.#toVenue.carry(() => this.#arrive())
    const isLate = outMs + backMs > request.timeoutMs
    this.#timeout = isLate ? clock.schedule(clock.nowMs() + request.timeoutMs, () => this.break(timedOut(request))) : null
  }

  /** Resolves when the connection stands; rejects where it does not in time, or where the venue refuses it. */
  get opened(): Promise<VenueSocket> {
    return this.#opening.promise
  }

  /** Breaks it at both ends at once, and leaves nothing under way. */
  break(reason: OperatingError): void {
    this.#toVenue.cut()
    this.#toClient.cut()
    this.#leaveVenue()
    if (this.#client === 'opening') this.#fail(reason)
    else this.#endClient(brokenCode, reason.message)
  }

  #arrive(): void {
    let opened: FaceSession | FaceAnswer | null = null
    let defect: unknown = null
    // Under way before anything that the venue sends on the new connection.
    this.#toClient.carry(() => {
      if (opened === null) this.#fail(defect)
      else if ('status' in opened) this.#fail(upgradeRefused(this.request.venue, { ...opened, receivedAtMs: this.#options.clock.nowMs() }))
      else this.#stand()
    })
    this.#isVenueOpen = true
    try {
      opened = this.#options.open(this.#venueEnd())
      if ('status' in opened) this.#isVenueOpen = false
      else this.#session = opened
    } catch (error) {
      // A callback of the clock must not throw; whoever asked learns of the defect when the answer is due.
      defect = error
      this.#isVenueOpen = false
    }
  }

  #stand(): void {
    this.#client = 'open'
    this.#opening.resolve(this.#clientEnd())
  }

  #fail(reason: unknown): void {
    this.#client = 'ended'
    this.#timeout?.cancel()
    this.#opening.reject(reason)
    this.#options.onEnded(this)
  }

  #clientEnd(): VenueSocket {
    const { clock } = this.#options
    const carry = (act: (session: FaceSession) => void): void => {
      if (this.#client === 'open') this.#toVenue.carry(() => this.#atVenue(act))
    }
    return {
      send: (text) => carry((session) => session.received(text, clock.nowMs())),
      ping: () => carry((session) => session.pinged(clock.nowMs())),
      // What follows it finds nobody at the venue.
      close: () => {
        const askedAtMs = clock.nowMs()
        if (this.#client === 'open') this.#toVenue.carry(() => this.#askedToClose(askedAtMs))
      },
    }
  }

  #venueEnd(): ExchangeSocket {
    const { clock, events } = this.#options
    const carry = (act: () => void): void => {
      if (this.#isVenueOpen && !this.#isFrozen) this.#toClient.carry(act)
    }
    const close = (code: number, reason: string): void => {
      carry(() => this.#endClient(code, reason))
      this.#isVenueOpen = false
      // Not while the venue is about to use the session.
      clock.scheduleQuietly(clock.nowMs(), () => this.#endSession())
    }
    return {
      send: (text) => carry(() => events.onFrame(text)),
      ping: (payload) => {
        carry(() => this.#toVenue.carry(() => this.#atVenue((session) => session.ponged(payload, clock.nowMs()))))
      },
      close,
      terminate: () => close(brokenCode, ''),
      freeze: () => {
        this.#isFrozen = true
      },
    }
  }

  #atVenue(act: (session: FaceSession) => void): void {
    if (this.#isVenueOpen && !this.#isFrozen && this.#session !== null) act(this.#session)
  }

  /** A venue that does not answer is not waited for. */
  #askedToClose(askedAtMs: number): void {
    const { clock, request } = this.#options
    if (this.#isFrozen) clock.schedule(askedAtMs + closeTimeoutMs, () => this.break(unanswered(request)))
    this.#atVenue(() => {
      this.#leaveVenue()
      this.#toClient.carry(() => this.#endClient(normalCode, ''))
    })
  }

  #leaveVenue(): void {
    this.#isVenueOpen = false
    this.#endSession()
  }

  #endSession(): void {
    const session = this.#session
    this.#session = null
    session?.closed()
  }

  #endClient(code: number, reason: string): void {
    if (this.#client === 'ended') return
    this.#client = 'ended'
    this.#options.onEnded(this)
    this.#options.events.onClose(code, reason)
  }
}

interface Batch {
  atMs: number
  acts: (() => void)[]
  scheduled: ScheduledCall
}

/** One direction of a connection: what is put in comes out after the delay, in order, until the line is cut. */
class Line {
  readonly #clock: Clock
  readonly #delayMs: number
  readonly #schedule: (atMs: number, deliver: () => void) => ScheduledCall
  /** By arrival: no more than a venue sends within the delay. */
  #batches: Batch[] = []

  constructor(clock: Clock, delayMs: number, schedule: (atMs: number, deliver: () => void) => ScheduledCall) {
    this.#clock = clock
    this.#delayMs = delayMs
    this.#schedule = schedule
  }

  carry(act: () => void): void {
    const atMs = this.#clock.nowMs() + this.#delayMs
    const last = this.#batches.at(-1)
    if (last?.atMs === atMs) last.acts.push(act)
    else this.#batches.push({ atMs, acts: [act], scheduled: this.#schedule(atMs, () => this.#deliver()) })
  }

  cut(): void {
    for (const { scheduled, acts } of this.#batches.splice(0)) {
      scheduled.cancel()
      // It may be the one that is being delivered.
      acts.length = 0
    }
  }

  #deliver(): void {
    const batch = this.#batches[0]
    for (const act of batch?.acts ?? []) act()
    if (batch === this.#batches[0]) this.#batches.shift()
  }
}

function unanswered({ venue }: SocketRequest): OperatingError {
  return new OperatingError('VENUE_TIMEOUT', `${venue}: its close was not answered`, { hint: 'It is connected again by itself.' })
}

export function timedOut({ venue, timeoutMs }: Pick<SocketRequest, 'venue' | 'timeoutMs'>): OperatingError {
  return new OperatingError('VENUE_TIMEOUT', `${venue}: no answer within ${timeoutMs} ms`, {
    hint: 'Raise venues.requestTimeoutMs, or look at the network to the venue.',
  })
}
