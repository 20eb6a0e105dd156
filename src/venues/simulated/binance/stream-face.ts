/** Binance's market streams over a Market: raw and combined connections, as documented. SimulatedExchange makes and steps it. */

import { Channels } from './channels.ts'
import { DepthDiff } from './feeds.ts'
import { BinanceSession, type BinanceSwitches } from './session.ts'
import { BinanceSubscriber, maxStreams } from './subscriber.ts'
import {
  type FaceAnswer,
  type FaceRequest,
  type FaceSession,
  type FaceSocket,
  outageAnswer,
  parseTarget,
  type StreamFace,
  UsageWindow,
} from '../face.ts'
import type { Market } from '../../../market/market.ts'
import type { PublicTrades } from '../public-trades.ts'

export interface BinanceStreamFaceOptions extends BinanceSwitches {
  market: Market
  /** Without it the streams of trades and of the day's figures stay silent. */
  trades?: PublicTrades
}

/** Documented: of a connection, pings and pongs among them. */
const maxMessagesPerSecond = 5
/** Documented: attempts of an address to connect in five minutes. */
const maxAttempts = 300
const attemptsWindowMs = 300_000
/** From `serverShutdown` to the end: the documentation only says that it follows; an assumption. */
const shutDownDelayMs = 10_000

/** `/ws`, `/ws/<stream>/<stream>…`, `/ws/<n>`; some clients put `/stream` before it and still expect raw payloads. */
const rawPath = /^(?:\/stream)?\/ws(?:\/(.+))?$/

export class BinanceStreamFace implements StreamFace {
  readonly #market: Market
  readonly #cutAfterMs: number | undefined
  readonly #channels: Channels
  readonly #attempts = new UsageWindow(attemptsWindowMs)
  readonly #sessions = new Map<BinanceSession, BinanceSubscriber>()

  constructor({ market, trades, cutAfterMs }: BinanceStreamFaceOptions) {
    this.#market = market
    this.#cutAfterMs = cutAfterMs
    this.#channels = new Channels({ market, trades: trades ?? null })
  }

  open(request: FaceRequest, socket: FaceSocket, nowMs: number): FaceSession | FaceAnswer {
    const { path, query } = parseTarget(request.target)
    const raw = rawPath.exec(path)
    if (raw === null && path !== '/stream') return refusal(404, 'Not Found')
    const outage = outageAnswer(this.#market, 'binance')
    if (outage !== null) return outage
    if (this.#attempts.use(nowMs, 1) > maxAttempts) return refusal(429, 'Too Many Requests')
    const names = (raw === null ? query.get('streams') : raw[1]) ?? ''
    const subscriber = new BinanceSubscriber(socket, this.#channels, raw === null)
    if (!subscriber.subscribe(names.split('/').filter((name) => /\D/.test(name)))) return refusal(400, `More than ${maxStreams} streams`)
    const session = new BinanceSession({
      socket,
      openedAtMs: nowMs,
      cutAfterMs: this.#cutAfterMs,
      maxMessagesPerSecond,
      answer: (text) => subscriber.answer(text),
      onEnd: (ended) => {
        subscriber.leave()
        this.#sessions.delete(ended)
      },
    })
    this.#sessions.set(session, subscriber)
    return session
  }

  advance(nowMs: number): void {
    const isDown = this.#market.outage('binance') !== null
    if (!isDown) this.#channels.step(nowMs)
    for (const session of this.#sessions.keys()) {
      if (isDown) session.cut()
      else session.advance(nowMs)
    }
  }

  /** As before a restart of the server: tells every connection that now stands, and closes it ten seconds later. New ones may come. */
  shutDown(nowMs: number): void {
    for (const [session, subscriber] of this.#sessions) {
      subscriber.announceShutDown(nowMs)
      session.endBy(nowMs + shutDownDelayMs)
    }
  }

  /** Loses the next `depthUpdate` of the code's diff streams, so that whoever follows the update ids finds a gap. */
  skipNextUpdate(code: string): void {
    for (const speed of ['', '@100ms']) {
      const feed = this.#channels.feed(`${code.toLowerCase()}@depth${speed}`)
      if (feed instanceof DepthDiff) feed.skipNext()
    }
  }
}

/** What refuses an upgrade is not documented beyond its status: an assumption. */
function refusal(status: number, body: string): FaceAnswer {
  return { status, headers: { 'content-type': 'text/plain' }, body }
}
