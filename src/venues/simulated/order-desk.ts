/** One account's orders at one simulated venue, in exact decimals: checked, matched against the market's books, and paid for. */

import { assert } from '../../base/assert.ts'
import { Decimal } from '../../base/decimal.ts'
import type { Instrument, Side, Venue } from '../../model/instrument.ts'
import type { Balance } from '../../model/money.ts'
import { Account } from './account.ts'
import { BoundedMap } from './bounded-map.ts'
import type { Desk, DeskBalance, DeskEvent, DeskFill, DeskOrder, DeskRefusal, NewOrder, OrderName } from './desk.ts'
import type { Market, MarketBook } from '../../market/market.ts'
import { faultOf, feeAssetOf, feeOn, isFeeOnTop, mayRest, nextFee, paidAsset, receivedAsset, type Walk, walkLevels } from './order-rules.ts'
import { type DisplayedLevel, TakenLiquidity } from './taken-liquidity.ts'
import type { TradeFlow } from './trade-flow.ts'

export interface OrderDeskOptions {
  venue: Venue
  market: Market
  /** Those of other venues are left out. */
  instruments: readonly Instrument[]
  openingBalances: readonly Pick<Balance, 'asset' | 'amount'>[]
  /** Where fills are made public. Their ids come from there; without it the desk counts its own. */
  trades?: Pick<TradeFlow, 'record'>
}

const maxLevels = 30
/** Binance's MAX_NUM_ORDERS, here of the whole account. */
const maxOpenOrders = 200
const maxClosedOrders = 1000
const maxClientOrderIds = 100_000

/** An open order with what its matching needs. Orders are values: each change makes a new one. */
interface Working {
  readonly instrument: Instrument
  order: DeskOrder
  /** The executed quantity at which it is filled, or null where the book cannot give all that a total in quote would buy. */
  readonly targetQuantity: Decimal | null
  /** What a market order pays at most, without a fee on top. */
  readonly maxPayment: Decimal
}

interface Accepted {
  instrument: Instrument
  walk: Walk
  maxPayment: Decimal
}

export class OrderDesk implements Desk {
  readonly #venue: Venue
  readonly #market: Market
  readonly #instruments: ReadonlyMap<string, Instrument>
  readonly #account: Account
  readonly #trades: Pick<TradeFlow, 'record'> | undefined
  readonly #taken = new TakenLiquidity()
  /** By id, oldest first. */
  readonly #open = new Map<number, Working>()
  /** By id, in the order of closing. */
  readonly #closed = new BoundedMap<number, DeskOrder>(maxClosedOrders)
  readonly #idsByClientOrderId = new BoundedMap<string, number>(maxClientOrderIds)
  readonly #listeners = new Set<(event: DeskEvent) => void>()
  #lastOrderId = 0
  #lastTradeId = 0
  #isTelling = false

  constructor({ venue, market, instruments, openingBalances, trades }: OrderDeskOptions) {
    this.#venue = venue
    this.#market = market
    this.#instruments = new Map(instruments.filter((each) => each.venue === venue).map((each) => [each.code, each]))
    this.#account = new Account(openingBalances)
    this.#trades = trades
  }

  /** What the desk's bounds have dropped so far, the oldest first. */
  get forgotten(): { closedOrders: number; clientOrderIds: number; takenLevels: number } {
    return {
      closedOrders: this.#closed.forgottenCount,
      clientOrderIds: this.#idsByClientOrderId.forgottenCount,
      takenLevels: this.#taken.forgottenCount,
    }
  }

  place(order: NewOrder, nowMs: number): DeskOrder | DeskRefusal {
    this.#assertNotTelling()
    const accepted = this.#check(order)
    if (typeof accepted === 'string') return accepted
    const { walk } = accepted
    const working = this.#accept(order, accepted, nowMs)
    const takes = order.timeInForce === 'fok' && !walk.isComplete ? [] : walk.takes
    for (const { level, quantity } of takes) {
      this.#taken.take(level, quantity)
      this.#fill(working, level.price, quantity, false, nowMs)
    }
    if (working.order.state === 'open' && !mayRest(order)) this.#close(working, 'expired', nowMs)
    return working.order
  }

  test(order: NewOrder): DeskRefusal | null {
    const accepted = this.#check(order)
    return typeof accepted === 'string' ? accepted : null
  }

  cancel(name: OrderName, nowMs: number): DeskOrder | DeskRefusal {
    this.#assertNotTelling()
    const id = this.#idOf(name)
    const working = this.#open.get(id)
    if (working === undefined) return this.#closed.has(id) ? 'order-not-open' : 'unknown-order'
    this.#close(working, 'cancelled', nowMs)
    return working.order
  }

  order(name: OrderName): DeskOrder | null {
    const id = this.#idOf(name)
    return this.#open.get(id)?.order ?? this.#closed.get(id) ?? null
  }

  openOrders(code: string | null): readonly DeskOrder[] {
    return [...this.#open.values()].map(({ order }) => order).filter((order) => code === null || order.code === code)
  }

  closedOrders(code: string | null): readonly DeskOrder[] {
    const newestFirst = this.#closed.values().toReversed()
    return newestFirst.filter((order) => code === null || order.code === code)
  }

  balances(): readonly DeskBalance[] {
    return this.#account.balances()
  }

  /** A listener may look at the desk, but may not place, cancel or advance. */
  onEvent(listener: (event: DeskEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** The best price comes first, then the oldest order. A resting order trades at its own price. */
  advance(nowMs: number): void {
    this.#assertNotTelling()
    if (this.#open.size === 0) return
    const books = new Map<string, MarketBook | null>()
    for (const working of [...this.#open.values()].sort(byPriority)) {
      const { order, instrument } = working
      const book = books.get(order.code) ?? this.#market.book(this.#venue, order.code, maxLevels)
      books.set(order.code, book)
      if (book === null) continue
      assert(order.quantity !== null && order.limitPrice !== null, 'only limit orders rest')
      const wanted = { quantity: order.quantity.subtract(order.executedQuantity), quoteTotal: null, limitPrice: order.limitPrice }
      const walk = walkLevels(wanted, instrument, levelsOf(book, order), this.#taken)
      for (const take of walk.takes) this.#taken.take(take.level, take.quantity)
      if (walk.quantity.isPositive()) this.#fill(working, order.limitPrice, walk.quantity, true, nowMs)
    }
  }

  #check(order: NewOrder): Accepted | DeskRefusal {
    const instrument = this.#instruments.get(order.code)
    const book = this.#market.book(this.#venue, order.code, maxLevels)
    if (instrument === undefined || book === null) return 'unknown-instrument'
    const best = levelsOf(book, order).next().value
    const fault = faultOf(order, instrument, best?.price ?? null)
    if (fault !== null) return fault
    if (mayRest(order) && this.#open.size >= maxOpenOrders) return 'too-many-orders'
    const walk = walkLevels(order, instrument, levelsOf(book, order), this.#taken)
    const maxPayment = maxPaymentOf(order, walk)
    const held = isFeeOnTop(instrument, order) ? maxPayment.add(feeOn(instrument, maxPayment)) : maxPayment
    if (held.isGreaterThan(this.#account.balance(paidAsset(instrument, order)).free)) return 'insufficient-balance'
    if (order.clientOrderId !== null && this.#idsByClientOrderId.has(order.clientOrderId)) return 'duplicate-client-order-id'
    if (order.timeInForce === 'post-only' && walk.takes.length > 0) return 'would-take'
    return { instrument, walk, maxPayment }
  }

  #accept(newOrder: NewOrder, { instrument, walk, maxPayment }: Accepted, nowMs: number): Working {
    const order: DeskOrder = {
      ...newOrder,
      id: ++this.#lastOrderId,
      state: 'open',
      fills: [],
      executedQuantity: Decimal.zero,
      executedNotional: Decimal.zero,
      paidFee: Decimal.zero,
      locked: Decimal.zero,
      createdAtMs: nowMs,
      updatedAtMs: nowMs,
    }
    const targetQuantity = order.quantity ?? (walk.isComplete ? walk.quantity : null)
    const working: Working = { instrument, order, targetQuantity, maxPayment }
    this.#open.set(order.id, working)
    if (order.clientOrderId !== null) this.#idsByClientOrderId.set(order.clientOrderId, order.id)
    this.#hold(working, heldFor(working), Decimal.zero)
    this.#tell('accepted', working, null, [paidAsset(instrument, order)], nowMs)
    return working
  }

  #fill(working: Working, price: Decimal, quantity: Decimal, isMaker: boolean, nowMs: number): void {
    const { instrument, order, targetQuantity } = working
    const notional = price.multiply(quantity)
    const executedQuantity = order.executedQuantity.add(quantity)
    const executedNotional = order.executedNotional.add(notional)
    const isBuy = order.side === 'buy'
    const [paid, received] = isBuy ? [notional, quantity] : [quantity, notional]
    const fee = nextFee(instrument, { ...order, executedQuantity, executedNotional }, received)
    const isOnTop = isFeeOnTop(instrument, order)
    const takerSide: Side = isBuy === isMaker ? 'sell' : 'buy'
    const feeAsset = feeAssetOf(instrument, order)
    const tradeId = this.#publish(order.code, price, quantity, takerSide, nowMs)
    const fill: DeskFill = { tradeId, price, quantity, fee, feeAsset, isMaker, atMs: nowMs }
    working.order = {
      ...order,
      state: targetQuantity?.equals(executedQuantity) ? 'filled' : 'open',
      fills: [...order.fills, fill],
      executedQuantity,
      executedNotional,
      paidFee: order.paidFee.add(fee),
      updatedAtMs: nowMs,
    }
    this.#hold(working, heldFor(working), isOnTop ? paid.add(fee) : paid)
    this.#account.change(receivedAsset(instrument, order), isOnTop ? received : received.subtract(fee), Decimal.zero)
    if (working.order.state === 'filled') this.#retire(working)
    this.#tell('fill', working, fill, [instrument.base, instrument.quote], nowMs)
  }

  #close(working: Working, state: 'cancelled' | 'expired', nowMs: number): void {
    working.order = { ...working.order, state, updatedAtMs: nowMs }
    this.#hold(working, Decimal.zero, Decimal.zero)
    this.#retire(working)
    this.#tell(state, working, null, [paidAsset(working.instrument, working.order)], nowMs)
  }

  /** Sets what is held for the order; what it spent comes out of what was held, and the rest of the difference is free again. */
  #hold(working: Working, locked: Decimal, spent: Decimal): void {
    const freed = working.order.locked.subtract(locked)
    this.#account.change(paidAsset(working.instrument, working.order), freed.subtract(spent), freed.negate())
    working.order = { ...working.order, locked }
  }

  #retire({ order }: Working): void {
    this.#open.delete(order.id)
    this.#closed.set(order.id, order)
  }

  #idOf(name: OrderName): number {
    return 'id' in name ? name.id : (this.#idsByClientOrderId.get(name.clientOrderId) ?? 0)
  }

  #publish(code: string, price: Decimal, size: Decimal, takerSide: Side, atMs: number): number {
    const trade = { price: price.toNumber(), size: size.toNumber(), takerSide, atMs }
    return this.#trades?.record(this.#venue, code, trade) ?? ++this.#lastTradeId
  }

  #tell(kind: DeskEvent['kind'], { order }: Working, fill: DeskFill | null, assets: readonly string[], atMs: number): void {
    const event: DeskEvent = { kind, order, fill, balances: assets.map((asset) => this.#account.balance(asset)), atMs }
    this.#isTelling = true
    for (const listener of this.#listeners) listener(event)
    this.#isTelling = false
  }

  #assertNotTelling(): void {
    assert(!this.#isTelling, 'a listener wants to change the desk that it listens to')
  }
}

/** Best first, in exact decimals: the digits that the venue shows. */
function* levelsOf(book: MarketBook, { code, side }: Pick<NewOrder, 'code' | 'side'>): Generator<DisplayedLevel, undefined> {
  const levels = side === 'buy' ? book.asks : book.bids
  for (let index = 0; index + 1 < levels.length; index += 2) {
    yield { code, side, price: Decimal.fromNumber(levels[index] ?? 0), size: Decimal.fromNumber(levels[index + 1] ?? 0) }
  }
  return undefined
}

/** What an order pays at most, without a fee on top; a market order takes what the walk found and no more. */
function maxPaymentOf({ side, quantity, quoteTotal, limitPrice }: NewOrder, walk: Walk): Decimal {
  if (side === 'sell') return quantity ?? walk.quantity
  return limitPrice === null || quantity === null ? (quoteTotal ?? walk.notional) : limitPrice.multiply(quantity)
}

/** What has to be held for what is still open of an order. */
function heldFor({ instrument, order, maxPayment }: Working): Decimal {
  const { side, quantity, limitPrice, executedQuantity, executedNotional, paidFee } = order
  if (order.state !== 'open') return Decimal.zero
  if (side === 'sell') return maxPayment.subtract(executedQuantity)
  const payment =
    limitPrice === null || quantity === null
      ? maxPayment.subtract(executedNotional)
      : limitPrice.multiply(quantity.subtract(executedQuantity))
  return isFeeOnTop(instrument, order) ? payment.add(feeOn(instrument, executedNotional.add(payment))).subtract(paidFee) : payment
}

/** Of two resting orders of one side the better price trades first. Sides do not meet, and a sort leaves the older one in front. */
function byPriority(left: Working, right: Working): number {
  return rankOf(left).compare(rankOf(right))
}

function rankOf({ order: { side, limitPrice } }: Working): Decimal {
  const price = limitPrice ?? Decimal.zero
  return side === 'buy' ? price.negate() : price
}
