/** Binance's order books over its depth streams: one socket, one local book an instrument. The market data provider makes it. */

import { assert } from '../../base/assert.ts'
import { OperatingError } from '../../base/error.ts'
import type { Prng } from '../../base/prng.ts'
import type { Clock, ScheduledCall } from '../../clock/clock.ts'
import type { OrderBook } from '../../model/order-book.ts'
import { StreamConnection } from '../stream-connection.ts'
import type { Transport } from '../transport.ts'
import type { VenueGate } from '../venue-gate.ts'
import { VenueError } from '../venue-error.ts'
import type { StreamCounts, StreamListener, VenueStream } from '../venue-stream.ts'
import { type DepthSnapshot, LocalBook } from './local-book.ts'
import { type BinanceStreamFrame, parseDepthSnapshot, parseStreamFrame } from './parse.ts'
import { binanceCost } from './rest.ts'

export interface BinanceStreamOptions {
  transport: Transport
  /** Snapshots go through it. */
  gate: VenueGate
  clock: Clock
  prng: Prng
  codes: readonly string[]
  depthLevels: number
  connectTimeoutMs: number
  requestTimeoutMs: number
  onChange: StreamListener
}

type DepthFrame = Extract<BinanceStreamFrame, { kind: 'depth' }>

interface SnapshotDepth {
  limit: number
  weight: number
}

interface Followed {
  readonly local: LocalBook
  /** What it last showed: while the local book is rebuilt after a lost connection, this one ages. */
  book: OrderBook | null
  /** The newest update, and when it happened at the venue. */
  event: { id: number; atMs: number } | null
  /** The update that the book stands at. */
  shownId: number | null
  /** Its local book was lost, and is to be fetched anew. */
  isResync: boolean
  /** The snapshot that is on its way. */
  fetch: Promise<DepthSnapshot> | null
}

/** Documented: cut after 24 hours. */
const maxLifetimeMs = 23 * 3_600_000
/** Documented. */
const maxStreamsPerConnection = 1024
/** Of streams in one message; with one message a tick, and pongs, it stays below the five a second that are allowed. */
const subscribeBatch = 200
const tickMs = 250
/** One event a 100 ms: a minute of them. */
const maxKeptUpdates = 600
const maxFetches = 4
/** Of a snapshot that could not be used, or was not given. */
const refetchAfterMs = 500
/** The same where the venue does not list the instrument. */
const unknownRefetchAfterMs = 60_000
/** What a snapshot weighs (documented). */
const deep = { limit: 1000, weight: 50 }
const shallow = { limit: 100, weight: 5 }
/** What deep snapshots of all instruments together may weigh, of 6000 a minute. */
const maxDeepWeight = 3000

export class BinanceStream implements VenueStream {
  readonly source = 'depth-stream'
  readonly connection: StreamConnection
  readonly #options: BinanceStreamOptions
  readonly #followed: ReadonlyMap<string, Followed>
  /** Deep ones first, where they are for all; shallow ones when there is no room for more of those. */
  readonly #depths: readonly SnapshotDepth[]
  /** Codes of a subscription by its id: those up to `#sentId` are sent, those acknowledged are gone. */
  #batches = new Map<number, readonly string[]>()
  #sentId = 0
  #lastSentAtMs = 0
  /** Codes whose snapshot is wanted, with when to ask for it. */
  readonly #wanted = new Map<string, number>()
  #fetchCount = 0
  #tick: ScheduledCall | null = null
  #trouble: OperatingError | null = null
  #counts = { gaps: 0, resyncs: 0, dropped: 0 }

  constructor(options: BinanceStreamOptions) {
    const { codes } = options
    assert(codes.length <= maxStreamsPerConnection, `${codes.length} streams do not fit a connection of ${maxStreamsPerConnection}`)
    this.#options = options
    this.#depths = codes.length * deep.weight <= maxDeepWeight ? [deep, shallow] : [shallow]
    const followed = (): Followed => ({
      local: new LocalBook(maxKeptUpdates),
      book: null,
      event: null,
      shownId: null,
      isResync: false,
      fetch: null,
    })
    this.#followed = new Map(codes.map((code) => [code, followed()]))
    this.connection = new StreamConnection(
      { ...options, venue: 'binance', target: '/stream', pingIntervalMs: null, maxLifetimeMs },
      { onOpen: () => this.#opened(), onFrame: (text) => this.#framed(text), onDown: () => this.#down() },
    )
  }

  book(code: string): OrderBook | null {
    return this.#followed.get(code)?.book ?? null
  }

  isFollowing(code: string): boolean {
    const lastId = this.#followed.get(code)?.local.lastId ?? null
    return this.connection.isOpen && lastId !== null
  }

  /** A book that has yet to be fetched is not the stream's to show. */
  quietSinceMs(code: string): number | null {
    return this.isFollowing(code) ? (this.book(code)?.receivedAtMs ?? null) : null
  }

  confirm(code: string, receivedAtMs: number): void {
    const followed = this.#followed.get(code)
    if (followed !== undefined) followed.book &&= { ...followed.book, receivedAtMs }
  }

  discard(code: string): void {
    const followed = this.#followed.get(code)
    if (followed !== undefined) followed.book = null
  }

  takeTrouble(): OperatingError | null {
    const trouble = this.#trouble
    this.#trouble = null
    return trouble
  }

  takeCounts(): StreamCounts {
    const counts = this.#counts
    this.#counts = { gaps: 0, resyncs: 0, dropped: 0 }
    return { ...this.connection.takeCounts(), ...counts }
  }

  close(): void {
    this.#stopTicking()
    this.connection.close()
  }

  #opened(): void {
    const { codes } = this.#options
    this.#batches.clear()
    this.#sentId = 0
    for (let i = 0; i < codes.length; i += subscribeBatch) this.#batches.set(this.#batches.size + 1, codes.slice(i, i + subscribeBatch))
    this.#ticked()
  }

  #down(): void {
    this.#stopTicking()
    this.#wanted.clear()
    for (const followed of this.#followed.values()) {
      followed.local.reset()
      followed.fetch = null
    }
  }

  #ticked(): void {
    const { clock, requestTimeoutMs } = this.#options
    const nowMs = clock.nowMs()
    const batch = this.#batches.get(this.#sentId + 1)
    if (batch !== undefined) {
      this.#sentId++
      this.#lastSentAtMs = nowMs
      const params = batch.map((code) => `${code.toLowerCase()}@depth@100ms`)
      this.connection.send(JSON.stringify({ method: 'SUBSCRIBE', params, id: this.#sentId }))
    } else if (this.#batches.size > 0 && nowMs - this.#lastSentAtMs >= requestTimeoutMs) {
      this.connection.reconnect('a subscription was not acknowledged')
      return
    }
    this.#fetchWanted()
    this.#tick = clock.schedule(nowMs + tickMs, () => this.#ticked())
  }

  #stopTicking(): void {
    this.#tick?.cancel()
    this.#tick = null
  }

  #framed(text: string): void {
    const arrivedAtPreciseMs = this.#options.clock.preciseMs()
    let frame
    try {
      frame = parseStreamFrame(text, this.#options.clock.nowMs())
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error
      // Where it was a depth update, the next one shows the gap.
      this.#trouble = error
      this.#counts.dropped++
      return
    }
    if (frame.kind === 'depth') this.#updated(frame, arrivedAtPreciseMs)
    else if (frame.kind === 'ack') this.#acknowledged(frame.id)
    else if (frame.kind === 'error') this.#trouble = frame.error
    else if (frame.kind === 'shutdown') this.connection.reconnect('the venue is about to shut the stream down')
  }

  /** From here on its events come, so a snapshot goes on where they do. */
  #acknowledged(id: number | string | null): void {
    const batch = typeof id === 'number' ? this.#batches.get(id) : undefined
    if (batch === undefined || typeof id !== 'number') return
    this.#batches.delete(id)
    for (const code of batch) this.#want(code, 0)
    this.#fetchWanted()
  }

  #updated(frame: DepthFrame, arrivedAtPreciseMs: number): void {
    const { code, lastId, eventTimeMs } = frame
    const followed = this.#followed.get(code)
    if (followed === undefined) return
    const outcome = followed.local.update(frame)
    if (outcome === 'overflow') this.#counts.dropped += maxKeptUpdates
    if (outcome === 'gap') this.#counts.gaps++
    if (outcome === 'gap' || outcome === 'crossed') this.#lose(code, followed)
    if (outcome !== 'known') followed.event = { id: lastId, atMs: eventTimeMs }
    if (outcome !== 'applied') return
    this.#show(code, followed, arrivedAtPreciseMs)
    if (followed.local.covers(this.#options.depthLevels)) return
    this.#want(code, 0)
    this.#fetchWanted()
  }

  #lose(code: string, followed: Followed): void {
    followed.book = null
    followed.isResync = true
    this.#want(code, 0)
    this.#fetchWanted()
  }

  #show(code: string, followed: Followed, arrivedAtPreciseMs: number): void {
    const { local, book: shown, shownId } = followed
    const receivedAtMs = this.#options.clock.nowMs()
    const isSame = shown !== null && shownId === local.lastId
    const { exchangeTimeMs, changedAtMs } = isSame ? shown : timesOf(followed, receivedAtMs)
    const levels = local.levels(this.#options.depthLevels)
    followed.book = levels && { ...levels, exchangeTimeMs, changedAtMs, receivedAtMs }
    followed.shownId = local.lastId
    if (!isSame) this.#options.onChange(code, arrivedAtPreciseMs)
  }

  #want(code: string, delayMs: number): void {
    const isOnItsWay = (this.#followed.get(code)?.fetch ?? null) !== null
    if (!isOnItsWay && !this.#wanted.has(code)) this.#wanted.set(code, this.#options.clock.nowMs() + delayMs)
  }

  #fetchWanted(): void {
    const nowMs = this.#options.clock.nowMs()
    for (const [code, dueMs] of this.#wanted) {
      if (this.#fetchCount >= maxFetches || !this.connection.isOpen) return
      const followed = this.#followed.get(code)
      if (dueMs > nowMs || followed === undefined) continue
      if (!this.#getSnapshot(code, followed)) return
    }
  }

  /** False where the venue is not to be asked now. */
  #getSnapshot(code: string, followed: Followed): boolean {
    if (this.#options.gate.pause() !== null) return false
    let asked: Promise<DepthSnapshot> | null = null
    for (const depth of this.#depths) asked ??= this.#ask(code, depth)
    if (asked === null) return false
    this.#wanted.delete(code)
    followed.local.awaitSnapshot()
    followed.fetch = asked
    this.#fetchCount++
    void this.#receive(code, followed, asked)
    return true
  }

  #ask(code: string, { limit, weight }: SnapshotDepth): Promise<DepthSnapshot> | null {
    const { gate, requestTimeoutMs } = this.#options
    const target = `/api/v3/depth?symbol=${code}&limit=${limit}`
    return gate.poll(binanceCost(weight), async () => {
      const response = await gate.request({ venue: 'binance', target, timeoutMs: requestTimeoutMs })
      return { ...parseDepthSnapshot(code, response), limit }
    })
  }

  async #receive(code: string, followed: Followed, asked: Promise<DepthSnapshot>): Promise<void> {
    let refetchMs: number | null = null
    let snapshot: DepthSnapshot | null = null
    try {
      snapshot = await asked
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error
      this.#trouble = error
      refetchMs = error instanceof VenueError && error.isUnknownCode ? unknownRefetchAfterMs : refetchAfterMs
    } finally {
      this.#fetchCount--
    }
    // A connection that was lost meanwhile asks anew when its successor is subscribed.
    if (followed.fetch === asked) {
      followed.fetch = null
      if (snapshot !== null && !this.#applied(code, followed, snapshot)) refetchMs = refetchAfterMs
      if (refetchMs !== null) this.#want(code, refetchMs)
    }
    this.#fetchWanted()
  }

  #applied(code: string, followed: Followed, snapshot: DepthSnapshot): boolean {
    const { local } = followed
    const outcome = local.snapshot(snapshot)
    if (outcome === 'crossed') followed.book = null
    if (outcome !== 'applied') return false
    if (followed.isResync) this.#counts.resyncs++
    followed.isResync = false
    this.#show(code, followed, this.#options.clock.preciseMs())
    return true
  }
}

/** A snapshot carries no time: where no event brought the book to where it stands, it has just been seen to change. */
function timesOf({ local, event }: Followed, receivedAtMs: number): Pick<OrderBook, 'exchangeTimeMs' | 'changedAtMs'> {
  const exchangeTimeMs = event?.id === local.lastId ? event.atMs : null
  return { exchangeTimeMs, changedAtMs: exchangeTimeMs ?? receivedAtMs }
}
