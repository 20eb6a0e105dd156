/** Upbit's public WebSocket interface over a Market: whole books at each step where they changed, trades and tickers as they happen. */

import { type FaceAnswer, type FaceRequest, type FaceSession, type FaceSocket, parseTarget, type StreamFace } from '../face.ts'
import type { Market } from '../../../market/market.ts'
import type { PublicTrade, PublicTrades } from '../public-trades.ts'
import { UpbitGate } from './gate.ts'
import { maxUnits, orderbookFrame, tickerFrame, tradeFrame, type UpbitFormat, type UpbitStreamType, type UpbitWire } from './rows.ts'
import { UpbitSession, type UpbitSwitches } from './session.ts'
import { parsePublicRequest, type UpbitDataType, type UpbitSubscribe } from './stream-request.ts'

export interface UpbitStreamFaceOptions extends UpbitSwitches {
  market: Market
  /** Subscribing to any other code is met with silence. */
  listedCodes: readonly string[]
  /** Without it nothing has ever been traded. */
  trades?: PublicTrades
}

type Session = UpbitSession<UpbitDataType>

/** Those who get the same frames. */
interface Audience {
  depth: number
  format: UpbitFormat
  sessions: Set<Session>
}

/** What is subscribed to of one code. */
interface Feed {
  key: string
  type: UpbitDataType
  code: string
  /** The book's update, or the last trade, that has been sent. */
  version: number
  audiences: Map<string, Audience>
}

/** Writes one event, once for each audience. */
type Write = (depth: number, format: UpbitFormat, streamType: UpbitStreamType) => string

const path = '/websocket/v1'
const defaultWire: UpbitWire = { exponentNumbers: true, hasZeroSlots: false, rateLimitBody: 'json' }
/** Other depths are read as the whole book. */
const depthSuffix = /^(.+)\.(\d+)$/
const depths: readonly number[] = [1, 5, 15, maxUnits]

export class UpbitStreamFace implements StreamFace {
  readonly #market: Market
  readonly #listedCodes: ReadonlySet<string>
  readonly #trades: PublicTrades | null
  readonly #wire: UpbitWire
  readonly #idleCloseMs: number | undefined
  readonly #gate: UpbitGate
  /** Each session, and the places where it listens. */
  readonly #sessions = new Map<Session, { feed: Feed; audienceKey: string }[]>()
  readonly #feeds = new Map<string, Feed>()

  constructor(options: UpbitStreamFaceOptions) {
    this.#market = options.market
    this.#listedCodes = new Set(options.listedCodes)
    this.#trades = options.trades ?? null
    this.#wire = { ...defaultWire, ...options.wire }
    this.#idleCloseMs = options.idleCloseMs
    this.#gate = new UpbitGate(options.market, this.#wire.rateLimitBody)
  }

  open({ target, headers }: FaceRequest, socket: FaceSocket, nowMs: number): FaceSession | FaceAnswer {
    const group = parseTarget(target).path === path ? 'websocket' : null
    const { refusal } = this.#gate.admit(group, nowMs, headers['origin'])
    if (refusal !== null) return refusal
    const session = new UpbitSession({
      socket,
      openedAtMs: nowMs,
      idleCloseMs: this.#idleCloseMs,
      parse: parsePublicRequest,
      onSubscribe: (subscriber, request, atMs) => this.#subscribe(subscriber, request, atMs),
      onEnd: (ended) => {
        this.#leave(ended)
        this.#sessions.delete(ended)
      },
    })
    this.#sessions.set(session, [])
    return session
  }

  /** A venue that is out breaks its connections. */
  advance(nowMs: number): void {
    if (this.#market.outage('upbit') !== null) {
      for (const session of this.#sessions.keys()) session.cut()
      return
    }
    for (const feed of this.#feeds.values()) {
      for (const write of this.#news(feed)) this.#publish(feed, write, nowMs)
    }
    for (const session of this.#sessions.keys()) session.advance(nowMs)
  }

  #publish(feed: Feed, write: Write, nowMs: number): void {
    for (const { depth, format, sessions } of feed.audiences.values()) {
      const text = write(depth, format, 'REALTIME')
      for (const session of sessions) session.send(text, nowMs)
    }
  }

  #subscribe(session: Session, request: UpbitSubscribe<UpbitDataType>, nowMs: number): void {
    this.#leave(session)
    const { format } = request
    for (const { type, codes, level, isOnlySnapshot, isOnlyRealtime } of request.subscriptions) {
      // Books are not grouped here: any level but 0 is one that the market does not support.
      if (level !== 0) continue
      for (const name of codes) {
        const { code, depth } = type === 'orderbook' ? depthOf(name) : { code: name, depth: maxUnits }
        if (!this.#listedCodes.has(code)) continue
        if (!isOnlyRealtime) {
          const write = this.#latest(type, code)
          if (write !== null) session.send(write(depth, format, 'SNAPSHOT'), nowMs)
        }
        if (!isOnlySnapshot) this.#join(session, type, code, depth, format)
      }
    }
  }

  /** Sending a snapshot may have shown that the session is gone. */
  #join(session: Session, type: UpbitDataType, code: string, depth: number, format: UpbitFormat): void {
    const places = this.#sessions.get(session)
    if (places === undefined) return
    const key = `${type} ${code}`
    const feed = this.#feeds.get(key) ?? { key, type, code, version: this.#version(type, code), audiences: new Map<string, Audience>() }
    const audienceKey = `${depth} ${format}`
    const audience = feed.audiences.get(audienceKey) ?? { depth, format, sessions: new Set() }
    this.#feeds.set(key, feed)
    feed.audiences.set(audienceKey, audience)
    audience.sessions.add(session)
    places.push({ feed, audienceKey })
  }

  #leave(session: Session): void {
    for (const { feed, audienceKey } of this.#sessions.get(session)?.splice(0) ?? []) {
      const audience = feed.audiences.get(audienceKey)
      audience?.sessions.delete(session)
      if (audience?.sessions.size === 0) feed.audiences.delete(audienceKey)
      if (feed.audiences.size === 0) this.#feeds.delete(feed.key)
    }
  }

  /** Grows with each event; 0 before the first. */
  #version(type: UpbitDataType, code: string): number {
    if (type === 'orderbook') return this.#market.book('upbit', code, 1)?.updateId ?? 0
    return this.#trades?.recent('upbit', code, 1)[0]?.id ?? 0
  }

  /** The events since the last ones, oldest first. */
  #news(feed: Feed): Write[] {
    const { type, code, version } = feed
    const newVersion = this.#version(type, code)
    if (newVersion === version) return []
    feed.version = newVersion
    if (type === 'trade')
      return (this.#trades?.after('upbit', code, version) ?? []).flatMap((trade) => this.#tradeWriter(code, trade) ?? [])
    const write = this.#latest(type, code)
    return write === null ? [] : [write]
  }

  #latest(type: UpbitDataType, code: string): Write | null {
    if (type === 'orderbook') {
      const book = this.#market.book('upbit', code, maxUnits)
      return book && ((depth, format, streamType) => orderbookFrame(code, book, depth, format, streamType, this.#wire))
    }
    if (type === 'trade') {
      const trade = this.#trades?.recent('upbit', code, 1)[0]
      return trade === undefined ? null : this.#tradeWriter(code, trade)
    }
    const stats = this.#trades?.stats('upbit', code) ?? null
    return stats && ((_depth, format, streamType) => tickerFrame(code, stats, format, streamType))
  }

  #tradeWriter(code: string, trade: PublicTrade): Write | null {
    const stats = this.#trades?.stats('upbit', code) ?? null
    const book = this.#market.book('upbit', code, 1)
    return stats && book && ((_depth, format, streamType) => tradeFrame(code, trade, stats, book, format, streamType))
  }
}

function depthOf(name: string): { code: string; depth: number } {
  const [, code = name, suffix] = depthSuffix.exec(name) ?? []
  const depth = Number(suffix)
  return { code, depth: depths.includes(depth) ? depth : maxUnits }
}
