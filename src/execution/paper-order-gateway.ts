/**
 * The paper venue: fills an order from the book that stands at the venue when the order arrives, never more than is displayed, and what
 * it took is gone until that level is quoted anew. Live, recorded and simulated quotes all go through it.
 */

import { Decimal, minDecimal } from '../base/decimal.ts'
import { OperatingError } from '../base/error.ts'
import type { Prng } from '../base/prng.ts'
import type { Clock } from '../clock/clock.ts'
import { quoteTrouble, type FreshnessSettings } from '../market-data/freshness.ts'
import type { MarketDataProvider } from '../market-data/market-data-provider.ts'
import { isTradable, type Instrument } from '../model/instrument.ts'
import type { Fill, FillLevel, OrderReport, OrderRequest, OrderStatus, VenueStatement } from '../model/order.ts'
import { exactLevel, levelsFor, type OrderBook } from '../model/order-book.ts'
import { DropCopy } from './drop-copy.ts'
import type { OrderGateway } from './order-gateway.ts'

export interface ExecutionSettings {
  /** What our own side takes before an order leaves: uniform between the two. */
  minOrderDelayMs: number
  maxOrderDelayMs: number
  /** Chance that the paper venue refuses an order. */
  rejectProbability: number
  /** Chance that an order is lost: it is not taken, and no answer comes before the deadline. */
  timeoutProbability: number
  orderTimeoutMs: number
}

export interface PaperOrderGatewayOptions {
  provider: Pick<MarketDataProvider, 'fetchBook'>
  clock: Clock
  prng: Prng
  settings: ExecutionSettings
  freshness: FreshnessSettings
}

/** What becomes of an order at the venue's door: an answer, or none, because it never got in. */
type Arrival = OrderReport | { lostBecause: string }

/** Fees are charged in whole units of the eighth digit, rounded up. */
const feeScale = 8

export class PaperOrderGateway implements OrderGateway {
  readonly #options: PaperOrderGatewayOptions
  readonly #consumed = new ConsumedLiquidity()
  readonly #dropCopy = new DropCopy()
  /** Why the venue did not get the orders that are in doubt now. */
  readonly #lost = new Map<string, string>()

  constructor(options: PaperOrderGatewayOptions) {
    this.#options = options
  }

  async send(order: OrderRequest): Promise<OrderReport | null> {
    const arrival = await this.#arrive(order)
    if (!('lostBecause' in arrival)) return arrival
    this.#lost.set(order.orderId, arrival.lostBecause)
    return null
  }

  /**
   * In doubt here are only orders that never came: one that was taken is answered. That goes for those of a killed engine too. The paper
   * venue lives in the engine's process, and all that it had taken dies with it: after a restart it never got any order of before.
   */
  lookUp(order: OrderRequest): Promise<OrderReport> {
    const reason = this.#lost.get(order.orderId) ?? 'the venue never got the order'
    this.#lost.delete(order.orderId)
    return Promise.resolve(unfilled(order, 'timed-out', reason))
  }

  statement(): VenueStatement {
    return this.#dropCopy.statement()
  }

  async #arrive(order: OrderRequest): Promise<Arrival> {
    const { clock, settings } = this.#options
    // Drawn by the order's own name, so that a restarted engine draws what the killed one would have drawn.
    const prng = this.#options.prng.fork(order.orderId)
    const sentAtMs = clock.nowMs()
    const delayMs = settings.minOrderDelayMs + prng.next() * (settings.maxOrderDelayMs - settings.minOrderDelayMs)
    await clock.sleepUntil(sentAtMs + Math.round(delayMs))
    if (prng.next() < settings.timeoutProbability) {
      await clock.sleepUntil(sentAtMs + settings.orderTimeoutMs)
      return { lostBecause: `no answer within ${settings.orderTimeoutMs} ms` }
    }
    let book: OrderBook
    try {
      book = await this.#options.provider.fetchBook(order.instrument)
    } catch (error) {
      if (error instanceof OperatingError) return { lostBecause: `${error.code}: ${error.message}` }
      throw error
    }
    if (prng.next() < settings.rejectProbability) return unfilled(order, 'rejected', 'venue rejected the order')
    const trouble = quoteTrouble(book, clock.nowMs(), this.#options.freshness)
    if (trouble) return unfilled(order, 'rejected', `market is ${trouble}`)
    if (!isTradable(order.instrument, order.quantity, order.limitPrice)) {
      return unfilled(order, 'rejected', 'below the minimum notional')
    }
    const report = this.#match(order, book)
    this.#dropCopy.took(order, report.fill)
    return report
  }

  #match(order: OrderRequest, book: OrderBook): OrderReport {
    const levels: FillLevel[] = []
    let left = order.quantity
    for (const displayed of levelsFor(book, order.side)) {
      if (!left.isPositive()) break
      const { price, size } = exactLevel(displayed)
      const isBeyondLimit = order.side === 'buy' ? price.isGreaterThan(order.limitPrice) : price.isLessThan(order.limitPrice)
      if (isBeyondLimit) break
      const quantity = this.#consumed.take(order, price, size, left)
      if (!quantity.isPositive()) continue
      levels.push({ price, quantity, displayedSize: size })
      left = left.subtract(quantity)
    }
    if (levels.length === 0) return unfilled(order, 'unfilled', 'nothing displayed inside the limit price')
    const fill = fillOf(order.instrument, order.side === 'buy', levels, book)
    const status: OrderStatus = left.isPositive() ? 'partial' : 'filled'
    return { orderId: order.orderId, status, reason: left.isPositive() ? 'the book was thinner than the order' : null, fill }
  }
}

/** What we took from levels that still show the size they had then: the venue of a paper trade does not know that we took it. */
class ConsumedLiquidity {
  /** Levels remembered at most, the oldest forgotten first: at a hundred symbols what five minutes of trading take. */
  static readonly capacity = 2_000
  readonly #levels = new Map<string, { displayedSize: Decimal; taken: Decimal }>()

  /** Takes up to `wanted` from what is left of the level, down to whole lots, and remembers it. */
  take(order: OrderRequest, price: Decimal, displayedSize: Decimal, wanted: Decimal): Decimal {
    const key = `${order.instrument.venue}:${order.instrument.code}:${order.side}:${price.toString()}`
    const known = this.#levels.get(key)
    const taken = known?.displayedSize.equals(displayedSize) ? known.taken : Decimal.zero
    const available = displayedSize.subtract(taken).roundToMultiple(order.instrument.lotSize, 'down')
    const quantity = minDecimal(available, wanted)
    if (!quantity.isPositive()) return Decimal.zero
    this.#levels.delete(key)
    this.#levels.set(key, { displayedSize, taken: taken.add(quantity) })
    if (this.#levels.size > ConsumedLiquidity.capacity) {
      for (const oldest of this.#levels.keys()) {
        this.#levels.delete(oldest)
        break
      }
    }
    return quantity
  }
}

/** What an order gets that takes these levels of this book, its fee included. */
export function fillOf(instrument: Instrument, isBuy: boolean, levels: readonly FillLevel[], book: OrderBook): Fill {
  let quantity = Decimal.zero
  let notional = Decimal.zero
  for (const level of levels) {
    quantity = quantity.add(level.quantity)
    notional = notional.add(level.quantity.multiply(level.price))
  }
  const isFeeInBase = instrument.feeAsset === 'received' && isBuy
  const fee = (isFeeInBase ? quantity : notional).multiply(instrument.takerFee).round(feeScale, 'up')
  return {
    levels,
    quantity,
    notional,
    fee,
    feeAsset: isFeeInBase ? instrument.base : instrument.quote,
    bookExchangeTimeMs: book.exchangeTimeMs,
    bookChangedAtMs: book.changedAtMs,
    bookReceivedAtMs: book.receivedAtMs,
    bestBid: Decimal.fromNumber(book.bids[0]?.price ?? 0),
    bestAsk: Decimal.fromNumber(book.asks[0]?.price ?? 0),
  }
}

function unfilled(order: OrderRequest, status: OrderStatus, reason: string): OrderReport {
  return { orderId: order.orderId, status, reason, fill: null }
}
