import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { OperatingError } from '../base/error.ts'
import { SeededPrng } from '../base/prng.ts'
import { CountingClock } from '../clock/counting-clock.ts'
import { StreamConnection, type StreamConnectionOptions } from './stream-connection.ts'
import type { HttpResponse, SocketEvents, SocketRequest, Transport, VenueSocket } from './transport.ts'
import { VenueError } from './venue-error.ts'

const startMs = 1_767_571_200_000

/** The venue's end of a socket. */
class VenueEnd implements VenueSocket {
  readonly openedAtMs: number
  readonly sent: string[] = []
  readonly pingedAtMs: number[] = []
  isOpen = true
  readonly #venue: ScriptedVenue
  readonly #events: SocketEvents

  constructor(venue: ScriptedVenue, events: SocketEvents) {
    this.#venue = venue
    this.#events = events
    this.openedAtMs = venue.clock.nowMs()
  }

  send(text: string): void {
    this.sent.push(text)
  }

  ping(): void {
    this.pingedAtMs.push(this.#venue.clock.nowMs() - this.openedAtMs)
  }

  close(): void {
    if (this.#venue.closesAfterMs !== null) this.cutIn(this.#venue.closesAfterMs, 1000)
  }

  cutIn(delayMs: number, code: number): void {
    this.#venue.clock.schedule(this.#venue.clock.nowMs() + delayMs, () => this.cut(code))
  }

  cut(code: number): void {
    if (!this.isOpen) return
    this.isOpen = false
    this.#events.onClose(code, '')
  }

  /** Also after its close: what a broken transport might still deliver. */
  frame(text: string): void {
    this.#events.onFrame(text)
  }
}

/** Opens sockets in virtual time, and does to them what the test says. */
class ScriptedVenue implements Transport {
  readonly clock = new CountingClock({ startMs, pace: null })
  readonly ends: VenueEnd[] = []
  connectsAfterMs = 10
  /** Null: a close is never answered. */
  closesAfterMs: number | null = 5
  refusal: OperatingError | null = null
  readonly attemptsAtMs: number[] = []

  request(): Promise<HttpResponse> {
    throw new Error('this venue has no REST')
  }

  async connect(_request: SocketRequest, events: SocketEvents): Promise<VenueSocket> {
    this.attemptsAtMs.push(this.clock.nowMs() - startMs)
    await this.clock.sleepUntil(this.clock.nowMs() + this.connectsAfterMs)
    if (this.refusal !== null) throw this.refusal
    const end = new VenueEnd(this, events)
    this.ends.push(end)
    return end
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  get openEnds(): VenueEnd[] {
    return this.ends.filter((end) => end.isOpen)
  }

  get end(): VenueEnd {
    return this.ends.at(-1)!
  }
}

function world(options: Partial<StreamConnectionOptions> = {}) {
  const venue = new ScriptedVenue()
  const log: string[] = []
  const connection = new StreamConnection(
    {
      transport: venue,
      clock: venue.clock,
      prng: new SeededPrng(1),
      venue: 'binance',
      target: '/stream',
      connectTimeoutMs: 1000,
      pingIntervalMs: null,
      maxLifetimeMs: null,
      ...options,
    },
    {
      onOpen: () => {
        log.push('open')
        connection.send('subscribe')
      },
      onFrame: (text) => log.push(text),
      onDown: () => log.push('down'),
    },
  )
  connection.open()
  return { venue, clock: venue.clock, connection, log }
}

/** Lets a connection become one that was of use: it delivers after it has stood for a while. */
async function makeUseful({ venue, clock }: ReturnType<typeof world>): Promise<void> {
  await clock.advance(20_000)
  venue.end.frame('useful')
}

test('it connects, subscribes, and hands over frames', async () => {
  const { venue, clock, connection, log } = world()
  expect(connection.failure?.message).toBe('binance: the stream is not connected yet')
  await clock.advance(10)
  venue.end.frame('{"a":1}')
  expect(log).toEqual(['open', '{"a":1}'])
  expect(venue.end.sent).toEqual(['subscribe'])
  expect(connection.failure).toBeNull()
  expect(connection.takeCounts()).toEqual({ frames: 1, connects: 1, reconnects: 0, liveSockets: 1 })
  expect(connection.takeCounts()).toEqual({ frames: 0, connects: 0, reconnects: 0, liveSockets: 1 })
})

test('what is asked before it stands does nothing', () => {
  const { connection } = world()
  connection.open()
  connection.send('too early')
  connection.reconnect('too early')
  expect(connection.isOpen).toBe(false)
  expect(connection.takeCounts()).toMatchObject({ connects: 0 })
})

test('a lost connection that was of use is replaced at once, and subscribed again', async () => {
  const w = world()
  await makeUseful(w)
  w.venue.end.cut(1006)
  expect(w.connection.failure).toMatchObject({ code: 'VENUE_UNREACHABLE', message: 'binance: the venue closed the stream: 1006' })
  await w.clock.advance(10)
  expect(w.log).toEqual(['open', 'useful', 'down', 'open'])
  expect(w.venue.end.sent).toEqual(['subscribe'])
  expect(w.connection.failure).toBeNull()
  expect(w.connection.takeCounts()).toMatchObject({ connects: 2, reconnects: 1, liveSockets: 1 })
})

test('attempts that fail come ever more rarely, between a half and the whole of a doubling time, 30 s at most', async () => {
  const w = world()
  w.venue.refusal = new OperatingError('VENUE_UNREACHABLE', 'down', { hint: '' })
  w.venue.connectsAfterMs = 0
  await w.clock.advance(200_000)
  const [, ...attempts] = w.venue.attemptsAtMs
  expect(attempts.length).toBeGreaterThan(8)
  const waits = attempts.map((atMs, index) => atMs - (attempts[index - 1] ?? 0))
  for (const [index, waitMs] of waits.entries()) {
    const wholeMs = Math.min(30_000, 500 * 2 ** index)
    expect(waitMs).toBeGreaterThanOrEqual(wholeMs / 2)
    expect(waitMs).toBeLessThanOrEqual(wholeMs)
  }
  expect(w.connection.failure?.message).toBe('down')
})

test('a venue that cuts each connection after its first frames is backed off from', async () => {
  const w = world()
  for (let cut = 0; cut < 8; cut++) {
    while (w.venue.openEnds.length === 0) await w.clock.advance(10)
    w.venue.end.frame('{}')
    w.venue.end.cut(1006)
  }
  expect(w.clock.nowMs() - startMs).toBeGreaterThan((500 * (2 ** 7 - 1)) / 2)
})

test('a venue that asks to be left alone is left alone for as long', async () => {
  const w = world()
  w.venue.refusal = new VenueError('binance', 'VENUE_RATE_LIMITED', 'status 429', { hint: '', retryAfterMs: 60_000 })
  await w.clock.advance(60_009)
  expect(w.venue.attemptsAtMs).toHaveLength(1)
  await w.clock.advance(1)
  expect(w.venue.attemptsAtMs).toHaveLength(2)
})

test('it pings as often as it is told, and each connection anew', async () => {
  const { venue, clock } = world({ pingIntervalMs: 25_000 })
  await clock.advance(60_000)
  venue.end.cut(1006)
  await clock.advance(40_000)
  expect(venue.ends.map((end) => end.pingedAtMs)).toEqual([[25_000, 50_000], [25_000]])
})

test('it is renewed before the venue cuts it, with one socket at a time', async () => {
  const w = world({ maxLifetimeMs: 100_000 })
  await makeUseful(w)
  await w.clock.advance(79_999 + 10)
  expect(w.venue.ends).toHaveLength(1)
  await w.clock.advance(1)
  expect(w.connection.failure?.message).toBe('binance: it is renewed before the venue cuts it')
  await w.clock.advance(15)
  expect(w.venue.ends.map(({ isOpen, openedAtMs }) => [isOpen, openedAtMs - startMs])).toEqual([
    [false, 10],
    [true, 100_025],
  ])
  expect(w.connection.failure).toBeNull()
  expect(w.connection.takeCounts()).toMatchObject({ connects: 2, reconnects: 1, liveSockets: 1 })
})

test('a close that is never answered holds nothing up for long, and the gauge tells of it', async () => {
  const w = world()
  await makeUseful(w)
  w.venue.closesAfterMs = null
  w.connection.reconnect('stalled')
  await w.clock.advance(5010)
  expect(w.connection.isOpen).toBe(true)
  expect(w.connection.takeCounts()).toMatchObject({ liveSockets: 2 })
})

describe('after close() no timer is left and no socket', () => {
  test.for<[string, (w: ReturnType<typeof world>) => Promise<void>]>([
    ['while connecting', (w) => w.clock.advance(5)],
    ['while open', (w) => w.clock.advance(15)],
    [
      'while closing',
      async (w) => {
        await w.clock.advance(15)
        w.connection.reconnect('stalled')
      },
    ],
    [
      'while waiting for the next attempt',
      async (w) => {
        await w.clock.advance(15)
        w.venue.end.cut(1006)
      },
    ],
  ])('%s', async ([_name, reach]) => {
    const w = world({ pingIntervalMs: 20, maxLifetimeMs: 1000 })
    await reach(w)
    w.connection.close()
    await w.clock.advance(15)
    expect([w.venue.openEnds.length, w.connection.takeCounts().liveSockets, w.clock.pendingCount]).toEqual([0, 0, 0])
    await w.clock.advance(100_000)
    expect(w.venue.attemptsAtMs).toHaveLength(1)
    expect(w.log.filter((line) => line === 'open').length).toBeLessThanOrEqual(1)
  })
})

test('after a thousand drops in every state there is one socket, and what old ones say changes nothing', async () => {
  const w = world({ pingIntervalMs: 20_000, maxLifetimeMs: 80_000_000 })
  w.venue.connectsAfterMs = 200
  w.venue.closesAfterMs = 300
  const prng = new SeededPrng(7)
  const states = new Map<string, number>()
  for (let drop = 0; drop < 1000; drop++) {
    await w.clock.advance(Math.floor(prng.next() ** 4 * 40_000))
    const state = w.connection.isOpen ? 'open' : w.venue.openEnds.length > 0 ? 'closing' : 'connecting or waiting'
    states.set(state, (states.get(state) ?? 0) + 1)
    if (w.connection.isOpen && prng.next() < 0.5) w.connection.reconnect('stalled')
    else if (w.connection.isOpen) w.venue.end.cut(1006)
    else w.venue.end?.cut(1006)
    w.venue.refusal = prng.next() < 0.2 ? new OperatingError('VENUE_TIMEOUT', 'no answer', { hint: '' }) : null
    expect(w.venue.openEnds.length).toBeLessThanOrEqual(1)
  }
  w.venue.refusal = null
  await w.clock.advance(60_000)
  expect([...states.values()].every((count) => count > 20)).toBe(true)
  expect(states.size).toBe(3)
  expect(w.venue.openEnds).toEqual([w.venue.end])
  expect(w.connection.isOpen).toBe(true)
  expect(w.connection.takeCounts()).toMatchObject({ liveSockets: 1, connects: w.venue.ends.length, reconnects: w.venue.ends.length - 1 })
  // One ping is due, and the renewal.
  expect(w.clock.pendingCount).toBe(2)
  for (const end of w.venue.ends.slice(0, -1)) end.frame('late')
  expect(w.connection.takeCounts().frames).toBe(0)
  expect(w.log).not.toContain('late')
})

test('whatever a venue does, opens and ends alternate, and only one socket stands', async () => {
  const act = fc.constantFrom('wait', 'cut', 'reconnect', 'refuse', 'accept', 'frame')
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(act, fc.nat(12_000)), { maxLength: 30 }), async (acts) => {
      const w = world({ pingIntervalMs: 9000, maxLifetimeMs: 50_000 })
      for (const [what, waitMs] of acts) {
        if (what === 'cut') w.venue.openEnds[0]?.cut(1006)
        if (what === 'reconnect') w.connection.reconnect('asked')
        if (what === 'refuse') w.venue.refusal = new OperatingError('VENUE_TIMEOUT', 'no answer', { hint: '' })
        if (what === 'accept') w.venue.refusal = null
        if (what === 'frame') w.venue.openEnds[0]?.frame('{}')
        await w.clock.advance(waitMs)
        expect(w.venue.openEnds.length).toBeLessThanOrEqual(1)
        expect(w.connection.takeCounts().liveSockets).toBe(w.venue.openEnds.length)
      }
      const changes = w.log.filter((line) => line !== '{}')
      expect(changes.every((line, index) => line === (index % 2 === 0 ? 'open' : 'down'))).toBe(true)
      expect(changes.at(-1) === 'open').toBe(w.connection.isOpen)
      w.connection.close()
      await w.clock.advance(1100)
      expect([w.clock.pendingCount, w.venue.openEnds.length]).toEqual([0, 0])
    }),
    { numRuns: 50 },
  )
})
