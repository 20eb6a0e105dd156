import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Decimal } from '../base/decimal.ts'
import { type Instrument, instrumentOf, roundQuantity, type Side, type Venue } from '../model/instrument.ts'
import type { OrderPurpose } from '../model/order.ts'
import { type Direction, directions, type Leg, legs, opposite, sideOf } from '../model/route.ts'
import type { Realised, Trade } from '../model/trade.ts'
import { PortfolioState } from './portfolio-state.ts'

function instrument(venue: Venue, code: string, quote: string, lotSize: string, feeAsset: Instrument['feeAsset']): Instrument {
  const tickBands = [{ fromPrice: '0', tickSize: '0.01' }]
  return instrumentOf({ venue, code, base: 'BTC', quote, tickBands, lotSize, minNotional: '5', takerFee: '0.001', feeAsset })
}

const binance = instrument('binance', 'BTCUSDT', 'USDT', '0.00001', 'received')
const routes: Record<string, Record<Leg, Instrument>> = {
  'KRW-BTC': { a: instrument('upbit', 'KRW-BTC', 'KRW', '0.00000001', 'quote'), b: binance },
  BTCUSDT: { a: binance, b: instrument('upbit', 'USDT-BTC', 'USDT', '0.00000001', 'quote') },
}

const opening = [
  { venue: 'upbit', asset: 'KRW', amount: '1000000000000' },
  { venue: 'upbit', asset: 'USDT', amount: '1000000000' },
  { venue: 'upbit', asset: 'BTC', amount: '1000000' },
  { venue: 'binance', asset: 'USDT', amount: '1000000000' },
  { venue: 'binance', asset: 'BTC', amount: '1000000' },
] as const

/** One `order-filled` line, as far as money goes. */
interface LoggedFill {
  tradeId: string
  symbol: string
  leg: Leg
  side: Side
  quantity: string
  notional: string
  feeAsset: string
  fee: string
  fxKrwPerUsdt: number
  isBeforeEntry: boolean
}

/** Drives the portfolio as the engine does, keeps what the trading log would tell, and restarts the portfolio from its store when asked. */
class Desk {
  state = PortfolioState.fresh(opening)
  readonly fills: LoggedFill[] = []
  readonly entered = new Set<string>()
  readonly #stored = new Map<string, string>()

  open(symbol: string, direction: Direction, fxKrwPerUsdt: number): string {
    const request = { symbol, direction, notionalKrw: 1_000_000, entryNetEdgeBps: 30, entryFxKrwPerUsdt: fxKrwPerUsdt, nowMs: 0 }
    return this.state.openTrade(request).tradeId
  }

  fill(tradeId: string, leg: Leg, purpose: OrderPurpose, side: Side, quantity: string, price: string, fxKrwPerUsdt: number): void {
    if (Decimal.parse(quantity).isZero()) return
    const { symbol } = this.state.trade(tradeId)
    const traded = routes[symbol]![leg]
    const exact = Decimal.parse(quantity)
    const notional = exact.multiply(Decimal.parse(price))
    const isFeeInBase = traded.feeAsset === 'received' && side === 'buy'
    const feeAsset = isFeeInBase ? traded.base : traded.quote
    const fee = (isFeeInBase ? exact : notional).multiply(traded.takerFee).round(8, 'up')
    const order = { orderId: this.state.nextOrderId(), tradeId, symbol, leg, purpose, instrument: traded, side, quantity: exact }
    const book = { bookExchangeTimeMs: null, bookChangedAtMs: 0, bookReceivedAtMs: 0, bestBid: Decimal.one, bestAsk: Decimal.one }
    this.state.applyFill(
      { ...order, limitPrice: Decimal.parse(price) },
      { levels: [], quantity: exact, notional, feeAsset, fee, ...book },
      fxKrwPerUsdt,
    )
    const isBeforeEntry = !this.entered.has(tradeId)
    const amounts = { quantity, notional: notional.toString(), feeAsset, fee: fee.toString() }
    this.fills.push({ tradeId, symbol, leg, side, ...amounts, fxKrwPerUsdt, isBeforeEntry })
  }

  /** Trades back what is in excess, as much as the share of it that the book gives, and leaves the rest as dust. */
  unwind(tradeId: string, price: string, share: bigint, fxKrwPerUsdt: number): void {
    for (const leg of legs) {
      if (Decimal.parse(this.state.trade(tradeId).excess[leg]).isZero()) continue
      const excess = this.state.foldDust(tradeId, leg)
      const lots = roundQuantity(routes[this.state.trade(tradeId).symbol]![leg], excess.abs().multiply(Decimal.parse(`${share}e-2`)))
      this.fill(tradeId, leg, 'unwind', excess.isPositive() ? 'sell' : 'buy', lots.toString(), price, fxKrwPerUsdt)
      if (!Decimal.parse(this.state.trade(tradeId).excess[leg]).isZero()) this.state.leaveDust(tradeId, leg)
    }
  }

  commit(): void {
    const { set, remove } = this.state.takeChanges()
    for (const key of remove) this.#stored.delete(key)
    for (const [key, value] of Object.entries(set)) this.#stored.set(key, value)
  }

  /** Commits, and goes on with what a new engine would read, in whatever order its store gives it. */
  restart(): void {
    this.commit()
    this.state = PortfolioState.restore(new Map([...this.#stored].toReversed()))!
  }
}

/** The rule of the docstring, once more, from the logged fills alone. */
function derive(fills: readonly LoggedFill[], exitFx: number, hasEntered: boolean): Record<keyof Realised, number> {
  const entryFx = fills[0]?.fxKrwPerUsdt ?? 0
  let [edgeKrw, feesKrw, entryUsdt] = [0, 0, 0]
  for (const fill of fills) {
    const quote = routes[fill.symbol]![fill.leg].quote
    const cash = Number(fill.notional) * (fill.side === 'sell' ? 1 : -1)
    const rate = quote === 'USDT' ? (fill.isBeforeEntry ? entryFx : fill.fxKrwPerUsdt) : 1
    edgeKrw += cash * rate
    if (fill.isBeforeEntry && quote === 'USDT') entryUsdt += cash
    const feeInQuote = fill.feeAsset === quote ? Number(fill.fee) : (Number(fill.fee) * Number(fill.notional)) / Number(fill.quantity)
    feesKrw += feeInQuote * (quote === 'USDT' ? fill.fxKrwPerUsdt : 1)
  }
  const fxKrw = hasEntered ? entryUsdt * (exitFx - entryFx) : 0
  return { edgeKrw, feesKrw, fxKrw, totalKrw: edgeKrw - feesKrw + fxKrw }
}

function expectRealised(realised: Realised, derived: Record<keyof Realised, number>, scaleKrw: number): void {
  for (const key of ['edgeKrw', 'feesKrw', 'fxKrw', 'totalKrw'] as const) {
    expect(Math.abs(Number(realised[key]) - derived[key])).toBeLessThanOrEqual(1e-6 + scaleKrw * 1e-12)
  }
}

describe('an entry whose legs end as', () => {
  const filled: Record<string, string> = { filled: '1', partial: '0.4', none: '0' }
  const combinations = Object.keys(filled).flatMap((a) => Object.keys(filled).map((b) => [a, b] as const))

  test.each(combinations)('%s and %s is hedged at what both have, and the rest is unwound', (a, b) => {
    for (const direction of directions) {
      const desk = new Desk()
      const tradeId = desk.open('KRW-BTC', direction, 1400)
      desk.fill(tradeId, 'a', 'entry', sideOf(direction, 'a'), filled[a]!, '150000000', 1400)
      desk.fill(tradeId, 'b', 'entry', sideOf(direction, 'b'), filled[b]!, '107000', 1400)
      desk.state.settleEntry(tradeId)
      desk.unwind(tradeId, '107000', 100n, 1400)
      const hedged = Math.min(Number(filled[a]), Number(filled[b]))
      const isNothingFilled = a === 'none' && b === 'none'
      expect(desk.state.trade(tradeId)).toMatchObject({
        phase: hedged > 0 ? 'open' : isNothingFilled ? 'opening' : 'unbalanced',
        quantity: String(hedged),
        excess: { a: '0', b: '0' },
      })
      if (hedged === 0) {
        expectRealised(desk.state.closeTrade(tradeId, 1400), derive(desk.fills, 1400, false), 2e8)
        expect(desk.state.trades()).toEqual([])
      }
    }
  })
})

describe('an exit whose legs end as', () => {
  test.each([
    ['1', '1', '0', 'closing'],
    ['1', '0.4', '0.6', 'open'],
    ['0.4', '1', '0.6', 'open'],
    ['0.4', '0.4', '0.6', 'open'],
    ['1', '0', '1', 'open'],
    ['0', '0.4', '1', 'open'],
    ['0', '0', '1', 'open'],
  ])('%s and %s of 1 leaves %s hedged', (a, b, left, phase) => {
    const desk = new Desk()
    const tradeId = hedgedTrade(desk, 'KRW-BTC', 'sell-a')
    desk.state.startExit(tradeId)
    desk.fill(tradeId, 'a', 'exit', 'buy', a, '150000000', 1400)
    desk.fill(tradeId, 'b', 'exit', 'sell', b, '107000', 1400)
    desk.state.settleExit(tradeId)
    desk.unwind(tradeId, '107000', 100n, 1400)
    expect(desk.state.trade(tradeId)).toMatchObject({ phase, quantity: left, excess: { a: '0', b: '0' } })
  })
})

function hedgedTrade(desk: Desk, symbol: string, direction: Direction): string {
  const tradeId = desk.open(symbol, direction, 1400)
  for (const leg of legs) desk.fill(tradeId, leg, 'entry', sideOf(direction, leg), '1', leg === 'a' ? '150000000' : '107000', 1400)
  desk.state.settleEntry(tradeId)
  desk.entered.add(tradeId)
  return tradeId
}

test('profit is split into edge, fees and FX to the last digit', () => {
  const desk = new Desk()
  const tradeId = desk.open('KRW-BTC', 'sell-a', 1400)
  desk.fill(tradeId, 'a', 'entry', 'sell', '0.01', '151000000', 1400)
  desk.fill(tradeId, 'b', 'entry', 'buy', '0.01', '107000', 1400)
  desk.state.settleEntry(tradeId)
  desk.state.startExit(tradeId)
  desk.fill(tradeId, 'a', 'exit', 'buy', '0.01', '150000000', 1410)
  desk.fill(tradeId, 'b', 'exit', 'sell', '0.01', '106900', 1410)
  desk.state.settleExit(tradeId)
  // Entry: +1,510,000 KRW and -1,070 USDT at 1,400; exit: -1,500,000 KRW and +1,069 USDT at 1,410.
  // Fees: 0.1 % of 1,510,000 + 1,500,000 KRW; 0.1 % of 1,070 USDT, taken in BTC, at 1,400; 0.1 % of 1,069 USDT at 1,410.
  expect(desk.state.closeTrade(tradeId, 1410)).toEqual({
    edgeKrw: '19290',
    feesKrw: '6015.29',
    fxKrw: '-10700',
    totalKrw: '2574.71',
  })
  expect(desk.state.realisedKrw.toString()).toBe('2574.71')
})

test('dust of one trade is swept by the unwind of a later one on the same symbol and leg', () => {
  const desk = new Desk()
  const first = desk.open('KRW-BTC', 'sell-a', 1400)
  desk.fill(first, 'a', 'entry', 'sell', '0.01000007', '150000000', 1400)
  desk.fill(first, 'b', 'entry', 'buy', '0.01', '107000', 1400)
  desk.state.settleEntry(first)
  expect(desk.state.foldDust(first, 'a').toString()).toBe('-0.00000007')
  desk.state.leaveDust(first, 'a')
  expect(desk.state.dust('KRW-BTC', 'a').toString()).toBe('-0.00000007')
  expect(desk.state.trade(first)).toMatchObject({ phase: 'open', quantity: '0.01' })

  const second = desk.open('KRW-BTC', 'sell-a', 1400)
  desk.fill(second, 'a', 'entry', 'sell', '0.01', '150000000', 1400)
  desk.state.settleEntry(second)
  expect(desk.state.foldDust(second, 'a').toString()).toBe('-0.01000007')
  expect(desk.state.dust('KRW-BTC', 'a').toString()).toBe('0')
})

test('a hedge too small for orders is dissolved into dust, and the trade can be closed', () => {
  const desk = new Desk()
  const tradeId = desk.open('BTCUSDT', 'buy-a', 1400)
  desk.fill(tradeId, 'a', 'entry', 'buy', '0.00001', '107000', 1400)
  desk.fill(tradeId, 'b', 'entry', 'sell', '0.00001', '107100', 1400)
  desk.state.settleEntry(tradeId)
  desk.state.dissolveHedge(tradeId)
  desk.restart()
  expect(desk.state.settleExit(tradeId)).toMatchObject({ quantity: '0', excess: { a: '0.00001', b: '-0.00001' } })
  for (const leg of legs) desk.state.leaveDust(tradeId, leg)
  expect(legs.map((leg) => desk.state.dust('BTCUSDT', leg).toString())).toEqual(['0.00001', '-0.00001'])
  expect(Number(desk.state.closeTrade(tradeId, 1400).edgeKrw)).toBeCloseTo(0.00001 * 100 * 1400, 9)
})

test('dust larger than a dissolved hedge is no exit: settling it again after a restart closes nothing', () => {
  const desk = new Desk()
  const first = desk.open('KRW-BTC', 'sell-a', 1400)
  desk.fill(first, 'a', 'entry', 'sell', '0.00003', '150000000', 1400)
  desk.state.settleEntry(first)
  desk.state.leaveDust(first, 'a')
  desk.state.closeTrade(first, 1400)
  const second = desk.open('KRW-BTC', 'sell-a', 1400)
  desk.fill(second, 'b', 'entry', 'buy', '0.00003', '107000', 1400)
  desk.state.settleEntry(second)
  desk.state.leaveDust(second, 'b')
  desk.state.closeTrade(second, 1400)
  const third = desk.open('KRW-BTC', 'buy-a', 1400)
  for (const leg of legs) desk.fill(third, leg, 'entry', sideOf('buy-a', leg), '0.00001', '150000000', 1400)
  desk.state.settleEntry(third)
  desk.state.dissolveHedge(third)
  for (const leg of legs) desk.state.foldDust(third, leg)
  desk.restart()
  expect(desk.state.settleExit(third)).toMatchObject({ quantity: '0', excess: { a: '-0.00002', b: '0.00002' } })
})

describe('our own bugs are refused', () => {
  const wrong: [string, (desk: Desk, tradeId: string) => void, string][] = [
    ['an entry fill on an open trade', (desk, id) => desk.fill(id, 'a', 'entry', 'sell', '1', '1', 1), 'entry fill of O3 on T1'],
    ['an exit fill before the exit has started', (desk, id) => desk.fill(id, 'a', 'exit', 'buy', '1', '1', 1), 'exit fill of O3 on T1'],
    ['an unwind where nothing is in excess', (desk, id) => desk.fill(id, 'a', 'unwind', 'buy', '1', '1', 1), 'unwind fill of O3 on T1'],
    ['closing a trade that still holds something', (desk, id) => desk.state.closeTrade(id, 1), 'T1 cannot be closed'],
    ['settling an entry twice', (desk, id) => desk.state.settleEntry(id), 'cannot settle an entry while open'],
    ['an unknown trade', (desk) => desk.state.startExit('T9'), 'no open trade T9'],
    ['folding dust without excess', (desk, id) => desk.state.foldDust(id, 'a'), 'no excess on leg a'],
  ]
  test.each(wrong)('%s', (_name, act, message) => {
    const desk = new Desk()
    const tradeId = hedgedTrade(desk, 'KRW-BTC', 'sell-a')
    expect(() => act(desk, tradeId)).toThrow(message)
  })

  test('unwinding more than is in excess, and so opening a position the other way', () => {
    const desk = new Desk()
    const tradeId = desk.open('KRW-BTC', 'sell-a', 1400)
    desk.fill(tradeId, 'b', 'entry', 'buy', '0.4', '107000', 1400)
    desk.state.settleEntry(tradeId)
    expect(() => desk.fill(tradeId, 'b', 'unwind', 'sell', '0.41', '107000', 1400)).toThrow('0.41 of 0.4 in excess')
    expect(() => desk.fill(tradeId, 'b', 'unwind', 'buy', '0.4', '107000', 1400)).toThrow('0.4 of -0.4 in excess')
  })

  test('filling more than was ordered, or on another symbol than the trade’s', () => {
    const { state } = new Desk()
    const request = { direction: 'sell-a', notionalKrw: 1, entryNetEdgeBps: 0, entryFxKrwPerUsdt: 1400, nowMs: 0 } as const
    const { tradeId } = state.openTrade({ ...request, symbol: 'KRW-BTC' })
    const [one, two] = [Decimal.one, Decimal.parse('2')]
    const ends = { leg: 'b', purpose: 'entry', side: 'buy', instrument: binance, quantity: one, limitPrice: one } as const
    const book = { bookExchangeTimeMs: null, bookChangedAtMs: 0, bookReceivedAtMs: 0, bestBid: one, bestAsk: one }
    const fill = { levels: [], quantity: one, notional: one, feeAsset: 'BTC', fee: Decimal.zero, ...book }
    const order = { orderId: 'O1', tradeId, symbol: 'KRW-BTC', ...ends }
    expect(() => state.applyFill(order, { ...fill, quantity: two }, 1400)).toThrow('2 filled')
    expect(() => state.applyFill({ ...order, symbol: 'BTCUSDT' }, fill, 1400)).toThrow('order of T1 on BTCUSDT')
    expect(state.ledger.balances()).toEqual(PortfolioState.fresh(opening).ledger.balances())
  })

  test('closing more than is open', () => {
    const desk = new Desk()
    const tradeId = hedgedTrade(desk, 'KRW-BTC', 'sell-a')
    desk.state.startExit(tradeId)
    expect(() => desk.fill(tradeId, 'a', 'exit', 'buy', '1.1', '150000000', 1400)).toThrow('exit fill of O3 on T1: 1.1 of 1')
  })
})

describe('stored state', () => {
  test('is nothing at first', () => {
    expect(PortfolioState.restore(new Map())).toBeNull()
  })

  test('holds every change once', () => {
    const desk = new Desk()
    const tradeId = hedgedTrade(desk, 'KRW-BTC', 'sell-a')
    expect(Object.keys(desk.state.takeChanges().set).sort()).toMatchInlineSnapshot(`
      [
        "balance:binance:BTC",
        "balance:binance:USDT",
        "balance:upbit:BTC",
        "balance:upbit:KRW",
        "balance:upbit:USDT",
        "meta",
        "trade:T1",
      ]
    `)
    expect(desk.state.takeChanges()).toEqual({ set: {}, remove: [] })
    desk.state.startExit(tradeId)
    expect(Object.keys(desk.state.takeChanges().set)).toEqual(['trade:T1'])
  })

  test('gives the trades back oldest first, and the next ids', () => {
    const desk = new Desk()
    for (let i = 0; i < 12; i++) desk.open(i % 2 === 0 ? 'KRW-BTC' : 'BTCUSDT', 'sell-a', 1400)
    desk.state.nextOrderId()
    const trades = desk.state.trades()
    desk.restart()
    expect(desk.state.trades()).toEqual(trades)
    expect(desk.state.tradesOf('KRW-BTC').map((trade) => trade.tradeId)).toEqual(['T1', 'T3', 'T5', 'T7', 'T9', 'T11'])
    expect([desk.state.nextTradeId, desk.state.nextOrderId()]).toEqual(['T13', 'O2'])
    desk.restart()
    expect(desk.state.nextOrderId()).toBe('O3')
  })

  test('that cannot be read is an operating error', () => {
    const desk = new Desk()
    const { set } = desk.state.takeChanges()
    for (const [key, text] of [
      ['balance:upbit:KRW', '"many"'],
      ['meta', '{'],
      ['meta', '{}'],
      ['trade:T1', '{}'],
    ] as const) {
      const stored = new Map(Object.entries({ ...set, [key]: text }))
      expect(() => PortfolioState.restore(stored)).toThrow(expect.objectContaining({ code: 'STORE_CORRUPT' }))
    }
  })
})

/** A share of the quantity, in hundredths: how much of an order the book gives. */
const shares = fc.oneof(fc.constantFrom(0n, 100n), fc.bigInt({ min: 0n, max: 100n }))
const life = fc.record({
  symbol: fc.constantFrom('KRW-BTC', 'BTCUSDT'),
  direction: fc.constantFrom<Direction>('sell-a', 'buy-a'),
  lots: fc.bigInt({ min: 1n, max: 10n ** 7n }),
  entryShares: fc.record({ a: shares, b: shares }),
  unwindShare: shares,
  exits: fc.array(fc.record({ a: shares, b: shares }), { maxLength: 3 }),
  prices: fc.record({ a: fc.integer({ min: 1, max: 10 ** 7 }), b: fc.integer({ min: 1, max: 10 ** 7 }) }),
  fx: fc.integer({ min: 9000, max: 20_000 }),
  isRestarted: fc.boolean(),
})

/** What an order for this quantity gets of it, in whole lots of the leg's venue. */
function part(instrumentOfLeg: Instrument, quantity: Decimal, share: bigint): string {
  return roundQuantity(instrumentOfLeg, quantity.multiply(Decimal.parse(`${share}e-2`))).toString()
}

test('whatever the venues fill, nothing is lost: base, balances and profit follow from the fills alone, over restarts too', () => {
  fc.assert(
    fc.property(fc.array(life, { minLength: 1, maxLength: 6, size: 'max' }), (lives) => {
      const desk = new Desk()
      let realisedKrw = 0
      for (const { symbol, direction, lots, entryShares, unwindShare, exits, prices, fx, isRestarted } of lives) {
        const step = (): void => (isRestarted ? desk.restart() : undefined)
        const route = routes[symbol]!
        const price = { a: String(prices.a), b: String(prices.b) }
        // The strategy saw another rate than the one that the first fill met.
        const tradeId = desk.open(symbol, direction, fx / 10 - 7)
        step()
        for (const leg of legs) {
          const quantity = part(route[leg], Decimal.parse(`${lots}e-8`), entryShares[leg])
          desk.fill(tradeId, leg, 'entry', sideOf(direction, leg), quantity, price[leg], fx / 10)
          step()
        }
        desk.state.settleEntry(tradeId)
        step()
        desk.unwind(tradeId, '100', unwindShare, fx / 10 + 1)
        if (desk.state.trade(tradeId).phase === 'open') desk.entered.add(tradeId)
        let exitFx = fx / 10 + 2
        for (const exit of exits) {
          if (desk.state.trade(tradeId).phase !== 'open') break
          exitFx++
          desk.state.startExit(tradeId)
          step()
          const open = Decimal.parse(desk.state.trade(tradeId).quantity)
          for (const leg of legs) {
            desk.fill(tradeId, leg, 'exit', sideOf(opposite(direction), leg), part(route[leg], open, exit[leg]), price[leg], exitFx)
            step()
          }
          desk.state.settleExit(tradeId)
          desk.unwind(tradeId, '100', unwindShare, exitFx)
          step()
        }
        if (Number(desk.state.trade(tradeId).quantity) === 0) {
          const fills = desk.fills.filter((fill) => fill.tradeId === tradeId)
          const turnover = fills.reduce((sum, fill) => sum + Number(fill.notional) * 2000, 0)
          const realised = desk.state.closeTrade(tradeId, exitFx)
          expectRealised(realised, derive(fills, exitFx, desk.entered.has(tradeId)), turnover)
          realisedKrw += Number(realised.totalKrw)
        }
        step()
        expectConserved(desk)
      }
      expect(desk.state.realisedKrw.toNumber()).toBeCloseTo(realisedKrw, 3)
    }),
  )
})

/** Base: fills = open trades + dust, on each symbol and leg. Balances: opening + fills - fees, in each wallet. */
function expectConserved(desk: Desk): void {
  const wallets = new Map<string, Decimal>(opening.map(({ venue, asset, amount }) => [`${venue} ${asset}`, Decimal.parse(amount)]))
  const base = new Map<string, Decimal>()
  const add = (map: Map<string, Decimal>, key: string, amount: Decimal): unknown => map.set(key, (map.get(key) ?? Decimal.zero).add(amount))
  for (const { symbol, leg, side, quantity, notional, feeAsset, fee } of desk.fills) {
    const { venue, quote } = routes[symbol]![leg]
    const [bought, paid] = [Decimal.parse(quantity), Decimal.parse(notional)]
    add(base, `${symbol} ${leg}`, side === 'buy' ? bought : bought.negate())
    add(wallets, `${venue} BTC`, side === 'buy' ? bought : bought.negate())
    add(wallets, `${venue} ${quote}`, side === 'buy' ? paid.negate() : paid)
    add(wallets, `${venue} ${feeAsset}`, Decimal.parse(fee).negate())
  }
  for (const symbol of Object.keys(routes)) {
    for (const leg of legs) {
      const held = desk.state.tradesOf(symbol).reduce((sum, trade) => sum.add(heldBy(trade, leg)), desk.state.dust(symbol, leg))
      expect(held.toString()).toBe((base.get(`${symbol} ${leg}`) ?? Decimal.zero).toString())
    }
  }
  for (const { venue, asset, amount } of desk.state.ledger.balances()) expect(amount).toBe(wallets.get(`${venue} ${asset}`)?.toString())
}

function heldBy(trade: Trade, leg: Leg): Decimal {
  const quantity = Decimal.parse(trade.quantity)
  return Decimal.parse(trade.excess[leg]).add(sideOf(trade.direction, leg) === 'buy' ? quantity : quantity.negate())
}
