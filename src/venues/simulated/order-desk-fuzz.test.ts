import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Decimal, sumDecimals } from '../../base/decimal.ts'
import { type Instrument, instrumentOf, type Side } from '../../model/instrument.ts'
import type { DeskEvent, DeskOrder, DeskTimeInForce, NewOrder } from './desk.ts'
import { OrderDesk } from './order-desk.ts'
import { ScriptedMarket } from '../../market/scripted-market.ts'

const lotSize = '0.00000001'

/** Two markets that share their quote, cheap enough that a lot is worth far less than the least fee. */
function instrumentsOf(feeAsset: 'quote' | 'received', tickSize: string): Instrument[] {
  const rules = { tickBands: [{ fromPrice: '0', tickSize }], lotSize, minNotional: '0.00000001', takerFee: '0.001' }
  return ['A', 'B'].map((base) => instrumentOf({ venue: 'upbit', code: `Q-${base}`, base, quote: 'Q', feeAsset, ...rules }))
}

interface Placing {
  kind: 'place'
  codeIndex: number
  side: Side
  /** Of what is free, or a number of lots, of base or quote. */
  amount: { of: 'all' | 'quantity' | 'quoteTotal'; lots: number }
  /** Ticks; null for a market order. */
  limitTicks: number | null
  timeInForce: DeskTimeInForce
  clientOrderId: string | null
}

type Action =
  | Placing
  | { kind: 'cancel'; orderIndex: number }
  | { kind: 'advance' }
  | { kind: 'show'; codeIndex: number; midTicks: number; bids: Level[]; asks: Level[] }

interface Level {
  gapTicks: number
  lots: number
}

const lots = fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 1_000_000 }))
const sideOfBook = fc.array(fc.record({ gapTicks: fc.integer({ min: 1, max: 3 }), lots }), { maxLength: 4 })
const codeIndex = fc.constantFrom(0, 1)
const common = { kind: fc.constant('place' as const), codeIndex, side: fc.constantFrom('buy' as const, 'sell' as const) }
const someClientOrderId = fc.option(fc.integer({ min: 1, max: 30 }).map(String), { freq: 2 })
const limitOrder: fc.Arbitrary<Placing> = fc.record({
  ...common,
  amount: fc.record({ of: fc.constantFrom('all', 'quantity'), lots }),
  limitTicks: fc.integer({ min: 92, max: 108 }),
  timeInForce: fc.constantFrom('gtc', 'gtc', 'gtc', 'ioc', 'fok', 'post-only'),
  clientOrderId: someClientOrderId,
})
const anyOrder: fc.Arbitrary<Placing> = fc.record({
  ...common,
  amount: fc.record({ of: fc.constantFrom('all', 'quantity', 'quoteTotal'), lots }),
  limitTicks: fc.option(fc.integer({ min: 92, max: 108 }), { freq: 2 }),
  timeInForce: fc.constantFrom('gtc', 'ioc', 'fok', 'post-only'),
  clientOrderId: someClientOrderId,
})
const showing = fc.record({
  kind: fc.constant('show' as const),
  codeIndex,
  midTicks: fc.integer({ min: 95, max: 105 }),
  bids: sideOfBook,
  asks: sideOfBook,
})
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 3, arbitrary: limitOrder },
  { weight: 1, arbitrary: anyOrder },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cancel' as const), orderIndex: fc.nat(30) }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'advance' as const }) },
  { weight: 2, arbitrary: showing },
)

/** Drives a desk, and keeps an account of its own from the fills that it hears of. */
class Auditor {
  readonly #instruments: Instrument[]
  readonly #tick: Decimal
  readonly #market = new ScriptedMarket()
  readonly #desk: OrderDesk
  readonly #orders = new Map<number, DeskOrder>()
  readonly #totals = new Map<string, Decimal>()
  readonly #toldBalances = new Map<string, string>()
  /** What is displayed and not taken yet, a market and side: an upper bound, since a level may stand through a change of the book. */
  readonly #displayed = new Map<string, Decimal>()
  #nowMs = 0

  constructor(feeAsset: 'quote' | 'received', tickSize: string, opening: Record<string, string>) {
    this.#instruments = instrumentsOf(feeAsset, tickSize)
    this.#tick = Decimal.parse(tickSize)
    const openingBalances = Object.entries(opening).map(([asset, amount]) => ({ asset, amount }))
    for (const { asset, amount } of openingBalances) this.#totals.set(asset, Decimal.parse(amount))
    this.#desk = new OrderDesk({ venue: 'upbit', market: this.#market, instruments: this.#instruments, openingBalances })
    this.#desk.onEvent((event) => this.#hear(event))
    for (const index of [0, 1]) {
      const levels = [{ gapTicks: 1, lots: 1000 }]
      this.apply({ kind: 'show', codeIndex: index, midTicks: 100, bids: levels, asks: levels })
    }
  }

  apply(step: Action): void {
    this.#nowMs += 100
    if (step.kind === 'place') this.#place(this.#orderOf(step))
    else if (step.kind === 'cancel') this.#cancel(step.orderIndex)
    else if (step.kind === 'advance') this.#desk.advance(this.#nowMs)
    else this.#show(step)
    this.#auditBalances()
    for (const order of this.#orders.values()) this.#auditOrder(order)
  }

  #show({ codeIndex: index, midTicks, bids, asks }: Extract<Action, { kind: 'show' }>): void {
    const { code } = this.#instruments[index]!
    const flat = (levels: readonly Level[], direction: number): number[] => {
      let ticks = midTicks
      return levels.flatMap(({ gapTicks, lots: count }) => {
        ticks += direction * gapTicks
        return [this.#tick.multiply(Decimal.fromNumber(ticks)).toNumber(), Decimal.parse(`${count}e-8`).toNumber()]
      })
    }
    this.#market.set('upbit', code, { bids: flat(bids, -1), asks: flat(asks, 1), changedAtMs: this.#nowMs, updateId: this.#nowMs })
    const total = (levels: readonly Level[]) => sumDecimals(levels.map((level) => Decimal.parse(`${level.lots}e-8`)))
    this.#displayed.set(`${code}:buy`, total(asks))
    this.#displayed.set(`${code}:sell`, total(bids))
  }

  #orderOf({ codeIndex: index, side, amount, limitTicks, timeInForce, clientOrderId }: Placing): NewOrder {
    const { code, base } = this.#instruments[index]!
    const limitPrice = limitTicks === null ? null : this.#tick.multiply(Decimal.fromNumber(limitTicks))
    const free = (asset: string) => this.#desk.balances().find((each) => each.asset === asset)?.free ?? Decimal.zero
    const some = Decimal.parse(`${amount.lots}e-8`)
    const order = { code, side, limitPrice, timeInForce, clientOrderId }
    if (amount.of === 'quantity') return { ...order, quantity: some, quoteTotal: null }
    if (amount.of === 'quoteTotal') return { ...order, quantity: null, quoteTotal: some }
    if (side === 'sell') return { ...order, quantity: free(base), quoteTotal: null }
    const total = free('Q').divide(Decimal.parse('1.001'), 8, 'down')
    if (limitPrice === null) return { ...order, quantity: null, quoteTotal: total }
    return { ...order, quantity: total.divide(limitPrice, 8, 'down'), quoteTotal: null }
  }

  #place(order: NewOrder): void {
    const before = this.#state()
    const expected = this.#desk.test(order)
    const outcome = this.#desk.place(order, this.#nowMs)
    if (typeof outcome === 'string') {
      expect(outcome).toBe(expected)
      expect(this.#state()).toBe(before)
      return
    }
    expect(expected).toBeNull()
    expect(this.#orders.get(outcome.id)).toBe(outcome)
    if (order.limitPrice === null || order.timeInForce === 'ioc' || order.timeInForce === 'fok') expect(outcome.state).not.toBe('open')
    if (order.timeInForce === 'fok') expect(outcome.state === 'filled').toBe(outcome.fills.length > 0)
    if (order.timeInForce === 'post-only') expect(outcome.fills).toEqual([])
  }

  #cancel(orderIndex: number): void {
    const ids = [...this.#orders.keys()]
    const id = ids[orderIndex % Math.max(1, ids.length)] ?? 1
    const isOpen = this.#orders.get(id)?.state === 'open'
    const outcome = this.#desk.cancel({ id }, this.#nowMs)
    if (isOpen) expect(outcome).toMatchObject({ id, state: 'cancelled' })
    else expect(outcome).toBe(this.#orders.has(id) ? 'order-not-open' : 'unknown-order')
  }

  #hear({ kind, order, fill, balances }: DeskEvent): void {
    this.#orders.set(order.id, order)
    for (const { asset, free, locked } of balances) this.#toldBalances.set(asset, `${free.toString()} ${locked.toString()}`)
    expect(fill !== null).toBe(kind === 'fill')
    if (fill === null) return
    const { base } = this.#instruments.find(({ code }) => code === order.code)!
    const sign = order.side === 'buy' ? Decimal.one : Decimal.one.negate()
    this.#add(base, fill.quantity.multiply(sign))
    this.#add('Q', fill.price.multiply(fill.quantity).multiply(sign).negate())
    this.#add(fill.feeAsset, fill.fee.negate())
    const key = `${order.code}:${order.side}`
    this.#displayed.set(key, this.#displayed.get(key)!.subtract(fill.quantity))
    expect(this.#displayed.get(key)!.isNegative()).toBe(false)
    if (fill.isMaker) expect(fill.price).toBe(order.limitPrice)
  }

  #add(asset: string, amount: Decimal): void {
    this.#totals.set(asset, (this.#totals.get(asset) ?? Decimal.zero).add(amount))
  }

  #auditBalances(): void {
    const open = [...this.#orders.values()].filter(({ state }) => state === 'open')
    expect(this.#desk.openOrders(null)).toEqual(open)
    for (const { asset, free, locked } of this.#desk.balances()) {
      expect(free.add(locked).toString()).toBe(this.#totals.get(asset)!.toString())
      expect(free.isNegative() || locked.isNegative()).toBe(false)
      const held = open.filter((order) => (order.side === 'buy' ? 'Q' : order.code.slice(2)) === asset).map((order) => order.locked)
      expect(locked.toString()).toBe(sumDecimals(held).toString())
      const told = this.#toldBalances.get(asset)
      if (told !== undefined) expect(`${free.toString()} ${locked.toString()}`).toBe(told)
    }
  }

  #auditOrder(order: DeskOrder): void {
    const { side, quantity, quoteTotal, limitPrice, fills, state, executedQuantity, executedNotional, paidFee, locked } = order
    expect(sumDecimals(fills.map((fill) => fill.quantity)).toString()).toBe(executedQuantity.toString())
    expect(sumDecimals(fills.map((fill) => fill.price.multiply(fill.quantity))).toString()).toBe(executedNotional.toString())
    expect(sumDecimals(fills.map((fill) => fill.fee)).toString()).toBe(paidFee.toString())
    for (const { price, quantity: filled, fee } of fills) {
      expect(filled.isPositive() && !fee.isNegative()).toBe(true)
      if (limitPrice !== null) expect(side === 'buy' ? price.isGreaterThan(limitPrice) : price.isLessThan(limitPrice)).toBe(false)
    }
    if (quantity !== null) {
      expect(executedQuantity.isGreaterThan(quantity)).toBe(false)
      expect(executedQuantity.equals(quantity)).toBe(state === 'filled')
    }
    if (quoteTotal !== null) expect(executedNotional.isGreaterThan(quoteTotal)).toBe(false)
    if (state !== 'open') expect(locked.toString()).toBe('0')
    const isFeeInBase = side === 'buy' && this.#instruments[0]!.feeAsset === 'received'
    const due = (isFeeInBase ? executedQuantity : executedNotional).multiply(Decimal.parse('0.001')).round(8, 'up')
    // A last fill that is smaller than the least fee may leave a part of it unpaid.
    const unpaid = due.subtract(paidFee)
    const maxUnpaid = side === 'buy' && !isFeeInBase ? Decimal.zero : Decimal.parse('1e-8')
    expect(unpaid.isNegative() || unpaid.isGreaterThan(maxUnpaid)).toBe(false)
  }

  #state(): string {
    return JSON.stringify([this.#desk.balances(), this.#desk.openOrders(null), this.#desk.closedOrders(null)])
  }
}

test('an account keeps to its orders and their fills, whatever the client and the market do', () => {
  const opening = fc.record({
    A: lots.map((count) => 10 * count),
    B: lots,
    Q: fc.oneof(
      fc.constant(0),
      lots.map((count) => 100 * count),
    ),
  })
  const fee = fc.constantFrom('quote' as const, 'received' as const)
  const tick = fc.constantFrom('0.001', '0.01', '1')
  fc.assert(
    fc.property(fee, tick, opening, fc.array(action, { maxLength: 60, size: 'max' }), (feeAsset, tickSize, amounts, actions) => {
      const exact = Object.fromEntries(Object.entries(amounts).map(([asset, count]) => [asset, Decimal.parse(`${count}e-8`).toString()]))
      const auditor = new Auditor(feeAsset, tickSize, exact)
      for (const step of actions) auditor.apply(step)
    }),
    { numRuns: 60 },
  )
})
