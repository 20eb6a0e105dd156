import { describe, expect, test } from 'vitest'
import { Decimal } from '../../base/decimal.ts'
import { SeededPrng } from '../../base/prng.ts'
import { type Instrument, instrumentOf } from '../../model/instrument.ts'
import type { DeskEvent, DeskOrder, DeskRefusal, NewOrder } from './desk.ts'
import { OrderDesk } from './order-desk.ts'
import { ScriptedMarket } from '../../market/scripted-market.ts'
import { TradeFlow } from './trade-flow.ts'

const nowMs = Date.UTC(2026, 0, 5)

function upbitMarket(base: string, tickSize = '1000', minNotional = '5000'): Instrument {
  const rules = { tickBands: [{ fromPrice: '0', tickSize }], lotSize: '0.00000001', minNotional, takerFee: '0.0005' }
  return instrumentOf({ venue: 'upbit', code: `KRW-${base}`, base, quote: 'KRW', feeAsset: 'quote', ...rules })
}

function binanceMarket(base: string, tickSize = '0.01', minNotional = '5'): Instrument {
  const rules = { tickBands: [{ fromPrice: '0', tickSize }], lotSize: '0.00001', minNotional, takerFee: '0.001' }
  return instrumentOf({ venue: 'binance', code: `${base}USDT`, base, quote: 'USDT', feeAsset: 'received', ...rules })
}

interface Wish extends Partial<Omit<NewOrder, 'quantity' | 'quoteTotal' | 'limitPrice'>> {
  quantity?: string
  quoteTotal?: string
  limitPrice?: string
}

/** A desk of one venue with one market, and the orders of its client in words. */
function deskOf(instrument: Instrument, openingBalances: Record<string, string>, trades?: TradeFlow) {
  const market = new ScriptedMarket()
  const { venue, code } = instrument
  const balances = Object.entries(openingBalances).map(([asset, amount]) => ({ asset, amount }))
  const desk = new OrderDesk({ venue, market, instruments: [instrument], openingBalances: balances, ...(trades ? { trades } : {}) })
  const events: DeskEvent[] = []
  desk.onEvent((event) => events.push(event))
  const show = (bids: readonly number[], asks: readonly number[]) =>
    market.set(venue, code, { bids, asks, changedAtMs: nowMs, updateId: 1 })
  const wished = ({ quantity, quoteTotal, limitPrice, ...rest }: Wish): NewOrder => ({
    code,
    side: 'buy',
    timeInForce: 'gtc',
    clientOrderId: null,
    ...rest,
    quantity: quantity === undefined ? null : Decimal.parse(quantity),
    quoteTotal: quoteTotal === undefined ? null : Decimal.parse(quoteTotal),
    limitPrice: limitPrice === undefined ? null : Decimal.parse(limitPrice),
  })
  const place = (wish: Wish) => desk.place(wished(wish), nowMs)
  const placed = (wish: Wish): DeskOrder => {
    const order = place(wish)
    if (typeof order === 'string') throw new Error(order)
    return order
  }
  const balance = (asset: string) => {
    const found = desk.balances().find((each) => each.asset === asset)
    return `${found?.free.toString()} free, ${found?.locked.toString()} locked`
  }
  return { desk, market, events, show, wished, place, placed, balance }
}

const btcKrw = upbitMarket('BTC')
const btcUsdt = binanceMarket('BTC')
const bids = [99_000, 0.5, 98_990, 1]
const asks = [99_010, 0.2, 99_020, 0.3, 99_100, 2]

function binanceDesk() {
  const made = deskOf(btcUsdt, { USDT: '1000000', BTC: '10' })
  made.show(bids, asks)
  return made
}

/** An order as text, so that a whole one can be compared. */
function told({ state, fills, locked, executedQuantity }: DeskOrder): unknown {
  const fillOf = ({ quantity, price, fee, feeAsset, isMaker }: DeskOrder['fills'][number]) =>
    `${quantity.toString()} at ${price.toString()} for ${fee.toString()} ${feeAsset}${isMaker ? ' as maker' : ''}`
  return { state, fills: fills.map(fillOf), executed: executedQuantity.toString(), locked: locked.toString() }
}

describe('what is held and paid', () => {
  test("is Upbit's own example of a limit bid: notional and 0.05 % of it are locked", () => {
    const { show, placed, balance, desk } = deskOf(btcKrw, { KRW: '20000' })
    show([155_000_000, 1], [156_000_000, 1])
    const order = placed({ quantity: '0.0001', limitPrice: '155772000' })
    expect(told(order)).toEqual({ state: 'open', fills: [], executed: '0', locked: '15584.9886' })
    expect(balance('KRW')).toBe('4415.0114 free, 15584.9886 locked')
    desk.cancel({ id: order.id }, nowMs)
    expect(balance('KRW')).toBe('20000 free, 0 locked')
  })

  test("is Upbit's own example of a market bid of 6000 KRW: filled down to less than a lot, with the fee on top", () => {
    const { show, placed, balance, events } = deskOf(btcKrw, { KRW: '6003' })
    show([91_000_000, 1], [91_768_000, 1])
    const order = placed({ quoteTotal: '6000' })
    expect(events[0]?.order.locked.toString()).toBe('6003')
    expect(told(order)).toEqual({
      state: 'filled',
      fills: ['0.00006538 at 91768000 for 2.99989592 KRW'],
      executed: '0.00006538',
      locked: '0',
    })
    expect(order.executedNotional.toString()).toBe('5999.79184')
    expect(balance('KRW')).toBe('0.20826408 free, 0 locked')
  })

  test("takes Upbit's fee of an ask from its proceeds, and holds the base alone", () => {
    const { show, placed, balance } = deskOf(btcKrw, { BTC: '0.001' })
    show([100_000_000, 1], [101_000_000, 1])
    expect(told(placed({ side: 'sell', quantity: '0.0005', limitPrice: '100500000' }))).toMatchObject({ state: 'open', locked: '0.0005' })
    placed({ side: 'sell', quantity: '0.0005' })
    expect([balance('BTC'), balance('KRW')]).toEqual(['0 free, 0.0005 locked', '49975 free, 0 locked'])
  })

  test("takes Binance's fee from what is received: base of a buy, quote of a sell", () => {
    const { placed } = binanceDesk()
    expect(told(placed({ quantity: '0.1' }))).toMatchObject({ fills: ['0.1 at 99010 for 0.0001 BTC'] })
    expect(told(placed({ side: 'sell', quantity: '0.1' }))).toMatchObject({ fills: ['0.1 at 99000 for 9.9 USDT'] })
  })

  test('rounds the fee up once an order and not once a fill', () => {
    const { show, placed } = deskOf(btcUsdt, { USDT: '1000' })
    show([99_000, 1], [99_010, 0.00001, 99_020, 0.00001, 99_030, 0.00053])
    expect(placed({ quantity: '0.00055' }).paidFee.toString()).toBe('0.00000055')
  })

  test('takes no more for a fee than a fill brings, and the rest from the next one', () => {
    const { show, placed, balance } = deskOf(upbitMarket('SHIB', '0.001'), { SHIB: '1000000' })
    show([0.5, 0.00000001, 0.4, 1_000_000], [0.6, 1])
    expect(told(placed({ side: 'sell', quantity: '20000' }))).toMatchObject({
      fills: ['0.00000001 at 0.5 for 0.000000005 KRW', '19999.99999999 at 0.4 for 4.000000005 KRW'],
    })
    expect(balance('KRW')).toBe('7995.999999991 free, 0 locked')
  })

  test('frees at once what a better price than the limit has saved', () => {
    const { placed, balance } = binanceDesk()
    expect(told(placed({ quantity: '0.3', limitPrice: '99015' }))).toMatchObject({ state: 'open', executed: '0.2', locked: '9901.5' })
    expect(balance('USDT')).toBe('970296.5 free, 9901.5 locked')
  })
})

describe('taking from the book', () => {
  test.each<[string, Wish, unknown]>([
    ['ioc takes what is inside its limit and expires', { timeInForce: 'ioc', quantity: '0.4', limitPrice: '99010' }, ['expired', '0.2']],
    ['ioc that meets nothing expires', { timeInForce: 'ioc', quantity: '0.4', limitPrice: '99009' }, ['expired', '0']],
    ['fok takes all', { timeInForce: 'fok', quantity: '0.5', limitPrice: '99020' }, ['filled', '0.5']],
    ['fok takes nothing where all is not there', { timeInForce: 'fok', quantity: '0.50001', limitPrice: '99020' }, ['expired', '0']],
    ['gtc rests with what is left', { quantity: '0.4', limitPrice: '99010' }, ['open', '0.2']],
    ['a market order expires what the book cannot give', { quantity: '3' }, ['expired', '2.5']],
    ['a market order sells', { side: 'sell', quantity: '0.6' }, ['filled', '0.6']],
    ['a market buy spends a total', { quoteTotal: '19802' }, ['filled', '0.2']],
    ['a market buy spends less than a total where that is no whole lot', { quoteTotal: '9.9' }, ['filled', '0.00009']],
    ['a market sell raises a total', { side: 'sell', quoteTotal: '9900' }, ['filled', '0.1']],
    ['a total that the book cannot take expires', { side: 'sell', quoteTotal: '900000' }, ['expired', '1.5']],
    ['a total takes all or nothing', { quoteTotal: '900000', timeInForce: 'fok' }, ['expired', '0']],
    ['post-only rests', { timeInForce: 'post-only', quantity: '0.1', limitPrice: '99009.99' }, ['open', '0']],
  ])('%s', (_name, wish, expected) => {
    const { placed } = binanceDesk()
    const order = placed(wish)
    expect([order.state, order.executedQuantity.toString()]).toEqual(expected)
  })

  test('does not find again what it took, until the level shows another size', () => {
    const { show, placed } = binanceDesk()
    const ioc = { timeInForce: 'ioc', quantity: '0.15', limitPrice: '99010' } as const
    const executed = () => placed(ioc).executedQuantity.toString()
    expect([executed(), executed(), executed()]).toEqual(['0.15', '0.05', '0'])
    show(bids, [99_010, 0.1, ...asks.slice(2)])
    expect(executed()).toBe('0.1')
  })

  test('takes whole lots of levels that show a part of one more', () => {
    const { show, placed } = binanceDesk()
    show(bids, [99_010, 0.100015, 99_020, 0.000009, 99_030, 1])
    expect(told(placed({ quantity: '0.2', timeInForce: 'ioc' }))).toMatchObject({
      fills: ['0.10001 at 99010 for 0.00010001 BTC', '0.09999 at 99030 for 0.00009999 BTC'],
    })
  })
})

describe('a resting order', () => {
  test('waits for the market, then trades as maker at its own price with no more than is displayed', () => {
    const { desk, show, placed, balance } = binanceDesk()
    const { id } = placed({ quantity: '0.5', limitPrice: '99005' })
    desk.advance(nowMs)
    expect(told(desk.order({ id })!)).toMatchObject({ state: 'open', executed: '0' })
    show(bids, [99_001, 0.1, 99_005, 0.2, 99_006, 5])
    desk.advance(nowMs + 100)
    desk.advance(nowMs + 200)
    expect(told(desk.order({ id })!)).toEqual({
      state: 'open',
      fills: ['0.3 at 99005 for 0.0003 BTC as maker'],
      executed: '0.3',
      locked: '19801',
    })
    show(bids, [99_004, 0.7])
    desk.advance(nowMs + 300)
    expect(told(desk.order({ id })!)).toMatchObject({ state: 'filled', executed: '0.5', locked: '0' })
    expect(balance('USDT')).toBe('950497.5 free, 0 locked')
  })

  test.each([
    ['sell', ['99200', '99100', '99100', '99200'], [99_300, 0.5], [99_400, 1]],
    ['buy', ['98800', '98900', '98900', '98800'], [98_000, 1], [98_700, 0.5]],
  ] as const)('to %s comes after those with a better price and before younger ones', (side, prices, shownBids, shownAsks) => {
    const { desk, show, placed } = binanceDesk()
    const ids = prices.map((limitPrice) => placed({ side, quantity: '0.2', limitPrice }).id)
    show(shownBids, shownAsks)
    desk.advance(nowMs + 100)
    expect(ids.map((id) => desk.order({ id })!.executedQuantity.toString())).toEqual(['0.1', '0.2', '0.2', '0'])
  })

  test('is cancelled once, by either name, and keeps what it has executed', () => {
    const { desk, placed, balance } = binanceDesk()
    placed({ quantity: '0.3', limitPrice: '99010', clientOrderId: 'mine' })
    expect(desk.cancel({ clientOrderId: 'mine' }, nowMs)).toMatchObject({ state: 'cancelled', clientOrderId: 'mine' })
    expect(desk.cancel({ id: 1 }, nowMs)).toBe('order-not-open')
    expect(desk.cancel({ id: 2 }, nowMs)).toBe('unknown-order')
    expect(desk.cancel({ clientOrderId: 'other' }, nowMs)).toBe('unknown-order')
    expect([balance('USDT'), balance('BTC')]).toEqual(['980198 free, 0 locked', '10.1998 free, 0 locked'])
  })
})

describe('refuses', () => {
  const limit = { quantity: '0.1', limitPrice: '99000' }
  test.each<[DeskRefusal, string, Wish]>([
    ['unknown-instrument', 'a market of no desk', { ...limit, code: 'ETHUSDT' }],
    ['invalid-order', 'no amount', { limitPrice: '99000' }],
    ['invalid-order', 'two amounts', { ...limit, quoteTotal: '100' }],
    ['invalid-order', 'a total with a limit', { quoteTotal: '100', limitPrice: '99000' }],
    ['invalid-order', 'a quantity of zero', { ...limit, quantity: '0' }],
    ['invalid-order', 'a price below zero', { ...limit, limitPrice: '-1' }],
    ['invalid-order', 'post-only without a price', { quantity: '0.1', timeInForce: 'post-only' }],
    ['quantity-off-lot', 'a part of a lot', { ...limit, quantity: '0.100001' }],
    ['price-off-tick', 'a part of a tick', { ...limit, limitPrice: '99000.001' }],
    ['below-minimum', 'less than the least notional', { quantity: '0.00005', limitPrice: '99000' }],
    ['below-minimum', 'less than the least notional at the market', { side: 'sell', quantity: '0.00005' }],
    ['below-minimum', 'a total that is too small', { quoteTotal: '4.99' }],
    ['insufficient-balance', 'more quote than is free', { quantity: '10.10111', limitPrice: '99000' }],
    ['insufficient-balance', 'more base than is free', { side: 'sell', quantity: '10.00001' }],
    ['would-take', 'post-only that takes', { ...limit, timeInForce: 'post-only', limitPrice: '99010' }],
  ])('%s: %s', (refusal, _name, wish) => {
    const { desk, wished, place, events } = binanceDesk()
    expect(desk.test(wished(wish))).toBe(refusal)
    expect(place(wish)).toBe(refusal)
    expect(events).toEqual([])
    expect(desk.test(wished(limit))).toBeNull()
  })

  test("a bid on Upbit whose fee the balance doesn't cover", () => {
    const { show, place, placed } = deskOf(btcKrw, { KRW: '6002.99999999' })
    show([91_000_000, 1], [91_768_000, 1])
    expect(place({ quoteTotal: '6000' })).toBe('insufficient-balance')
    expect(placed({ quoteTotal: '5999' }).state).toBe('filled')
  })

  test('a client id that was used before, also by an order that is closed', () => {
    const { place, placed } = binanceDesk()
    placed({ quantity: '0.1', clientOrderId: 'mine' })
    expect(place({ quantity: '0.1', clientOrderId: 'mine' })).toBe('duplicate-client-order-id')
  })

  test('a market that the venue has taken from its list', () => {
    const { desk, market, place, placed } = binanceDesk()
    placed(limit)
    market.delist('binance', 'BTCUSDT')
    expect(place(limit)).toBe('unknown-instrument')
    desk.advance(nowMs + 100)
    expect(desk.openOrders(null)).toHaveLength(1)
  })
})

describe('bounds', () => {
  test('at most 200 orders rest, and others are still taken', () => {
    const { desk, place, placed } = binanceDesk()
    const resting = { quantity: '0.001', limitPrice: '90000' }
    for (let count = 0; count < 200; count++) placed(resting)
    expect(place(resting)).toBe('too-many-orders')
    expect(placed({ quantity: '0.001' }).state).toBe('filled')
    desk.cancel({ id: 1 }, nowMs)
    expect(placed(resting).state).toBe('open')
  })

  test('the last 1000 closed orders are remembered, the newest first', () => {
    const { desk, placed } = binanceDesk()
    const { id } = placed({ quantity: '0.001', limitPrice: '90000' })
    for (let count = 0; count < 1001; count++) placed({ quantity: '0.001', limitPrice: '90000', timeInForce: 'ioc' })
    const closed = desk.closedOrders('BTCUSDT')
    expect([closed.length, closed[0]?.id, closed.at(-1)?.id]).toEqual([1000, 1002, 3])
    expect(desk.order({ id: 2 })).toBeNull()
    expect(desk.order({ id })).toMatchObject({ state: 'open' })
    expect(desk.forgotten).toEqual({ closedOrders: 1, clientOrderIds: 0, takenLevels: 0 })
    expect(desk.closedOrders('ETHUSDT')).toEqual([])
  })
})

describe('tells its listeners', () => {
  test('each step of an order with the balances that it changed', () => {
    const { events, placed } = binanceDesk()
    placed({ quantity: '0.3', limitPrice: '99010', timeInForce: 'ioc' })
    const balancesOf = ({ balances }: DeskEvent) =>
      balances.map(({ asset, free, locked }) => `${asset} ${free.toString()} + ${locked.toString()}`)
    expect(events.map((event) => [event.kind, event.order.state, event.fill?.quantity.toString(), balancesOf(event)])).toEqual([
      ['accepted', 'open', undefined, ['USDT 970297 + 29703']],
      ['fill', 'open', '0.2', ['BTC 10.1998 + 0', 'USDT 970297 + 9901']],
      ['expired', 'expired', undefined, ['USDT 980198 + 0']],
    ])
  })

  test('until they are taken back, and lets none of them change the desk', () => {
    const { desk, placed } = binanceDesk()
    const seen: string[] = []
    const stop = desk.onEvent(({ kind }) => seen.push(kind))
    placed({ quantity: '0.1' })
    stop()
    placed({ quantity: '0.1' })
    expect(seen).toEqual(['accepted', 'fill'])
    desk.onEvent(() => desk.cancel({ id: 1 }, nowMs))
    expect(() => placed({ quantity: '0.1' })).toThrow('a listener')
  })

  test('the public too, with the taker on the right side and the ids of the public trades', () => {
    const prng = new SeededPrng(1)
    const trades = new TradeFlow({ market: new ScriptedMarket(), prng, instruments: [btcUsdt] })
    const { desk, show, placed } = deskOf(btcUsdt, { USDT: '1000000' }, trades)
    show(bids, asks)
    const { id } = placed({ quantity: '0.3', limitPrice: '99010' })
    show(bids, [99_005, 0.4])
    desk.advance(nowMs + 100)
    expect(desk.order({ id })!.fills.map(({ tradeId }) => tradeId)).toEqual([1, 2])
    expect(trades.recent('binance', 'BTCUSDT', 9)).toEqual([
      { id: 1, atMs: nowMs, price: 99_010, size: 0.2, takerSide: 'buy' },
      { id: 2, atMs: nowMs + 100, price: 99_010, size: 0.1, takerSide: 'sell' },
    ])
  })
})
