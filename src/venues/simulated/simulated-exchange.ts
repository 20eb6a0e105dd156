/** The simulated exchange: both venues over one market, step by step of event time. Transports and servers stand in front of it. */

import { assert } from '../../base/assert.ts'
import type { Prng } from '../../base/prng.ts'
import type { Instrument, Venue } from '../../model/instrument.ts'
import type { Balance } from '../../model/money.ts'
import { BinanceFace } from './binance/face.ts'
import type { BinanceSwitches } from './binance/session.ts'
import { BinanceStreamFace } from './binance/stream-face.ts'
import { BinanceTradingFace } from './binance/trading-face.ts'
import { BinanceWeight } from './binance/weight.ts'
import type { Exchange } from './exchange.ts'
import type { Face, FaceAnswer, FaceRequest, FaceSession, FaceSocket, TradingFace } from './face.ts'
import type { Market } from '../../market/market.ts'
import { OrderDesk } from './order-desk.ts'
import type { Credentials } from './signing.ts'
import { TradeFlow } from './trade-flow.ts'
import { UpbitFace } from './upbit/face.ts'
import type { UpbitSwitches } from './upbit/session.ts'
import { UpbitStreamFace } from './upbit/stream-face.ts'
import { UpbitTradingFace } from './upbit/trading-face.ts'

export interface SimulatedExchangeOptions {
  market: Market
  /** What the venues list. */
  instruments: readonly Instrument[]
  /** Where the market begins, where that may be ahead: before it the market is seen as it begins. */
  startMs?: number
  /** How the venues do what they do in more than one way. */
  upbit?: UpbitSwitches
  binance?: BinanceSwitches
  /** The public's trades, and one account a venue. Without it there are books and nothing else, which costs less. */
  trading?: Trading
}

export interface Trading {
  prng: Prng
  accounts: Readonly<Record<Venue, VenueAccount>>
}

export interface VenueAccount {
  credentials: Credentials
  openingBalances: readonly Pick<Balance, 'asset' | 'amount'>[]
}

/** The market's own step: what happens between two of them is not seen by streams. */
const stepMs = 100
/** Ten seconds: after a longer pause (a laptop that slept) all but the market goes on from the present, and what was missed is counted. */
const maxStepsBehind = 100

export class SimulatedExchange implements Exchange {
  /** For tests that have to plant a fault in a stream. */
  readonly streams: { readonly upbit: UpbitStreamFace; readonly binance: BinanceStreamFace }
  readonly #market: Market
  readonly #startMs: number
  readonly #faces: Readonly<Record<Venue, Face>>
  readonly #trades: TradeFlow | null
  readonly #desks: readonly OrderDesk[]
  readonly #trading: Readonly<Record<Venue, TradingFace>> | null
  /** Null before it was driven for the first time. */
  #lastStepMs: number | null = null
  #openCount = 0
  #skippedSteps = 0

  constructor(options: SimulatedExchangeOptions) {
    const { market, instruments, startMs = 0, trading } = options
    this.#market = market
    this.#startMs = startMs
    const codesOf = (venue: Venue): string[] => instruments.filter((listed) => listed.venue === venue).map(({ code }) => code)
    const flow = trading === undefined ? null : new TradeFlow({ market, instruments, prng: trading.prng.fork('trades') })
    const parts = flow === null ? { market, instruments } : { market, instruments, trades: flow }
    const weight = new BinanceWeight()
    this.#trades = flow
    this.#faces = {
      upbit: new UpbitFace({ ...parts, listedCodes: codesOf('upbit'), ...options.upbit }),
      binance: new BinanceFace({ ...parts, listedCodes: codesOf('binance'), weight }),
    }
    this.streams = {
      upbit: new UpbitStreamFace({ ...parts, listedCodes: codesOf('upbit'), ...options.upbit }),
      binance: new BinanceStreamFace({ ...parts, ...options.binance }),
    }
    if (trading === undefined) {
      this.#desks = []
      this.#trading = null
      return
    }
    const partsOf = (venue: Venue) => {
      const { credentials, openingBalances } = trading.accounts[venue]
      const desk = new OrderDesk({ ...parts, venue, openingBalances })
      return { desk, instruments, credentials: [credentials], prng: trading.prng.fork(`${venue} account`) }
    }
    const [upbit, binance] = [partsOf('upbit'), partsOf('binance')]
    this.#desks = [upbit.desk, binance.desk]
    this.#trading = {
      upbit: new UpbitTradingFace({ ...upbit, market, ...options.upbit }),
      binance: new BinanceTradingFace({ ...binance, market, weight, ...options.binance }),
    }
  }

  /** WebSocket sessions that are open now. */
  get openCount(): number {
    return this.#openCount
  }

  /** Steps that were not shown to streams, trades and orders, because the exchange was driven too late. */
  get skippedSteps(): number {
    return this.#skippedSteps
  }

  /** The instant at which `advance` has something to do next. */
  nextStepMs(nowMs: number): number {
    return Math.max(this.#startMs, Math.floor(nowMs / stepMs) * stepMs) + stepMs
  }

  /** Answers a request that reached the venue at `nowMs`. */
  answer(venue: Venue, request: FaceRequest, nowMs: number): FaceAnswer {
    this.advance(nowMs)
    const answer = this.#trading?.[venue].answer(request, nowMs) ?? null
    if (answer !== null) return answer
    if (request.method !== 'GET') return { status: 405, headers: { allow: 'GET' }, body: '' }
    return this.#faces[venue].answer(request.target, nowMs, request.headers['origin'])
  }

  /** Opens a WebSocket session, or answers the upgrade with a refusal. */
  open(venue: Venue, request: FaceRequest, socket: FaceSocket, nowMs: number): FaceSession | FaceAnswer {
    this.advance(nowMs)
    const opened = this.#trading?.[venue].open(request, socket, nowMs) ?? this.streams[venue].open(request, socket, nowMs)
    return 'status' in opened ? opened : this.#counted(opened)
  }

  /** Goes to this instant; never back. */
  advance(nowMs: number): void {
    const atMs = Math.max(nowMs, this.#startMs)
    const lastStepMs = Math.floor(atMs / stepMs) * stepMs
    // Books alone are a function of time: nothing is to be seen between two requests.
    if (this.#lastStepMs !== null && (this.#openCount > 0 || this.#trades !== null)) this.#takeSteps(this.#lastStepMs, lastStepMs)
    this.#lastStepMs = lastStepMs
    this.#market.advance(atMs)
  }

  #takeSteps(fromMs: number, toMs: number): void {
    const missed = Math.max((toMs - fromMs) / stepMs - maxStepsBehind, 0)
    this.#skippedSteps += missed
    for (let atMs = fromMs + (missed + 1) * stepMs; atMs <= toMs; atMs += stepMs) {
      this.#market.advance(atMs)
      this.#trades?.advance(atMs)
      for (const desk of this.#desks) desk.advance(atMs)
      this.#trading?.upbit.advance(atMs)
      this.#trading?.binance.advance(atMs)
      this.streams.upbit.advance(atMs)
      this.streams.binance.advance(atMs)
    }
  }

  /** Whatever a client does finds the exchange at that instant. */
  #counted(session: FaceSession): FaceSession {
    this.#openCount++
    let isOpen = true
    return {
      received: (text, nowMs) => {
        this.advance(nowMs)
        session.received(text, nowMs)
      },
      pinged: (nowMs) => {
        this.advance(nowMs)
        session.pinged(nowMs)
      },
      ponged: (payload, nowMs) => {
        this.advance(nowMs)
        session.ponged(payload, nowMs)
      },
      closed: () => {
        assert(isOpen, 'a session is closed once')
        isOpen = false
        this.#openCount--
        session.closed()
      },
    }
  }
}
