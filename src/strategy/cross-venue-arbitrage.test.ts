import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Decimal } from '../base/decimal.ts'
import { instrumentOf, type InstrumentFacts, roundQuantity } from '../model/instrument.ts'
import type { EntryIntent, ExitIntent } from '../model/intent.ts'
import type { OrderBook } from '../model/order-book.ts'
import type { Direction, Route } from '../model/route.ts'
import type { Trade } from '../model/trade.ts'
import { CrossVenueArbitrage, type StrategySettings, type StrategyView } from './cross-venue-arbitrage.ts'

type Rules = Pick<InstrumentFacts, 'lotSize' | 'minNotional' | 'takerFee'> & { tickSize: string }

function instrument(venue: InstrumentFacts['venue'], code: string, quote: string, { tickSize, ...rules }: Rules) {
  const feeAsset = venue === 'upbit' ? 'quote' : 'received'
  return instrumentOf({ venue, code, base: 'BTC', quote, feeAsset, tickBands: [{ fromPrice: '0', tickSize }], ...rules })
}

const binance = instrument('binance', 'BTCUSDT', 'USDT', { tickSize: '0.01', lotSize: '0.00001', minNotional: '5', takerFee: '0.001' })
const krwRoute: Route = {
  symbol: 'KRW-BTC',
  a: instrument('upbit', 'KRW-BTC', 'KRW', { tickSize: '1000', lotSize: '0.00000001', minNotional: '5000', takerFee: '0.0005' }),
  b: binance,
}
const usdtRoute: Route = {
  symbol: 'BTCUSDT',
  a: binance,
  b: instrument('upbit', 'USDT-BTC', 'USDT', { tickSize: '0.01', lotSize: '0.00000001', minNotional: '0.5', takerFee: '0.0025' }),
}

const settings: StrategySettings = {
  notionalKrw: 1_400_500,
  minEntryNetEdgeBps: 25,
  takeProfitBps: 15,
  stopLossBps: 120,
  reversalGrossEdgeBps: 0,
  maxHoldingMs: 150_000,
  limitSlackBps: 5,
}

function book(bid: number, ask: number, size = 10): OrderBook {
  return { bids: [{ price: bid, size }], asks: [{ price: ask, size }], exchangeTimeMs: null, changedAtMs: 0, receivedAtMs: 0 }
}

function view(route: Route, a: OrderBook, b: OrderBook, trade: Trade | null = null, nowMs = 0): StrategyView {
  const fxBToA = route.a.quote === 'KRW' ? 1400 : 1
  const fees = { takerFeeA: route.a.takerFee.toNumber(), takerFeeB: route.b.takerFee.toNumber() }
  return { route, quotes: { a, b, ...fees, fxBToA }, krwPerUsdt: 1400, quoteAgeMs: 40, trade, nowMs }
}

function entry(seen: StrategyView, changes: Partial<StrategySettings> = {}): EntryIntent | null {
  const intent = new CrossVenueArbitrage({ ...settings, ...changes }).decide(seen)
  expect(intent?.kind).not.toBe('exit')
  return intent as EntryIntent | null
}

function exit(seen: StrategyView, changes: Partial<StrategySettings> = {}): ExitIntent | null {
  const intent = new CrossVenueArbitrage({ ...settings, ...changes }).decide(seen)
  expect(intent?.kind).not.toBe('entry')
  return intent as ExitIntent | null
}

/** Exact amounts as text. */
function told<T extends EntryIntent | ExitIntent>({ quantity, legs, ...rest }: T) {
  const texts = [legs.a, legs.b].map((plan) => `${plan.quantity.toString()} at ${plan.limitPrice.toString()}`)
  return { ...rest, quantity: quantity.toString(), legs: texts }
}

describe('entry', () => {
  test('sells the dear leg A and buys the cheap leg B, priced in KRW', () => {
    const seen = view(krwRoute, book(140_000_000, 140_100_000), book(97_990, 98_000.01))
    expect(told(entry(seen)!)).toEqual({
      kind: 'entry',
      symbol: 'KRW-BTC',
      direction: 'sell-a',
      // 1,400,500 KRW at leg A's mid of 140,050,000.
      quantity: '0.01',
      notionalKrw: 1_400_500,
      // 140,000,000 for 98,000.01 x 1,400; then x 0.9995 for x 1.001.
      grossEdgeBps: 204.08,
      netEdgeBps: 188.79,
      // 140,000,000 x 0.9995 down to 1,000; 98,000.01 x 1.0005 = 98,049.010005 up to 0.01.
      legs: ['0.01 at 139930000', '0.01 at 98049.02'],
      fxKrwPerUsdt: 1400,
      quoteAgeMs: 40,
    })
  })

  test('buys the cheap leg A and sells the dear leg B', () => {
    const seen = view(krwRoute, book(136_900_000, 137_000_000), book(99_000, 99_010))
    expect(told(entry(seen)!)).toMatchObject({
      direction: 'buy-a',
      grossEdgeBps: 116.79,
      netEdgeBps: 101.62,
      // 1,400,500 / 136,950,000 = 0.010226..., down to leg B's lot; 137,068,500 up to 1,000; 99,000 x 0.9995 = 98,950.5.
      quantity: '0.01022',
      legs: ['0.01022 at 137069000', '0.01022 at 98950.5'],
    })
  })

  test('on a USDT route takes no rate for the edge, and the rate for the size', () => {
    const seen = view(usdtRoute, book(98_990, 99_000), book(99_600, 99_610))
    const intent = entry(seen)
    expect(told(intent!)).toMatchObject({
      direction: 'buy-a',
      grossEdgeBps: 60.61,
      // 99,600 x 0.9975 for 99,000 x 1.001.
      netEdgeBps: 25.43,
      // 1,400,500 / (98,995 x 1,400) = 0.010105...
      quantity: '0.0101',
      legs: ['0.0101 at 99049.5', '0.0101 at 99550.2'],
    })
    expect(intent!.notionalKrw).toBeCloseTo(0.0101 * 98_995 * 1400, 6)
  })

  test.each([
    ['at the least edge', 25.42, true],
    ['just below it', 25.43, false],
  ])('%s of %s bps net: enters %s', (_name, minEntryNetEdgeBps, isEntry) => {
    // 25.4291... bps net.
    const seen = view(usdtRoute, book(98_990, 99_000), book(99_600, 99_610))
    expect(entry(seen, { minEntryNetEdgeBps }) !== null).toBe(isEntry)
  })

  test('looks through fees: a gross edge that fees eat is none', () => {
    expect(entry(view(usdtRoute, book(98_990, 99_000), book(99_300, 99_310)))).toBeNull()
  })

  test.each<[Direction, number]>([
    ['sell-a', 138_900_000],
    ['buy-a', 138_300_000],
  ])('takes the better of two directions: %s', (direction, midA) => {
    const seen = view(krwRoute, book(midA - 1000, midA), book(98_999, 99_001))
    expect(entry(seen, { minEntryNetEdgeBps: -1000 })?.direction).toBe(direction)
  })

  test.each([
    ['leg A', view(krwRoute, book(140_000_000, 140_100_000, 0.009), book(97_990, 98_000))],
    ['leg B', view(krwRoute, book(140_000_000, 140_100_000), book(97_990, 98_000, 0.009))],
  ])('stays out where %s displays less than the size', (_name, seen) => {
    expect(entry(seen)).toBeNull()
  })

  test('stays out where the size is below a venue’s least order', () => {
    const seen = view(krwRoute, book(140_000_000, 140_100_000), book(97_990, 98_000))
    // 5 USDT on leg B is 7,000 KRW.
    expect(entry(seen, { notionalKrw: 8500 })).not.toBeNull()
    expect(entry(seen, { notionalKrw: 6500 })).toBeNull()
  })

  test('prices what lies behind the best, and limits there', () => {
    const deep: OrderBook = {
      ...book(140_000_000, 140_100_000, 0.004),
      bids: [
        { price: 140_000_000, size: 0.004 },
        { price: 139_000_000, size: 1 },
      ],
    }
    const intent = entry(view(krwRoute, deep, book(97_990, 98_000)))
    // 0.004 x 140,000,000 + 0.006 x 139,000,000 = 1,394,000.
    expect(intent?.netEdgeBps).toBeCloseTo(((1_394_000 * 0.9995) / (1_372_000 * 1.001) - 1) * 10_000, 2)
    expect(intent?.legs.a.limitPrice.toString()).toBe('138930000')
  })

  test('has a size that is a multiple of both lots, and no more than was asked', () => {
    const lots = fc.constantFrom('0.00000001', '0.0001', '0.001', '0.1', '1')
    const figures = fc.record({
      lotA: lots,
      lotB: lots,
      notionalKrw: fc.integer({ min: 1e5, max: 1e9 }),
      midA: fc.integer({ min: 1e5, max: 2e8 }),
    })
    fc.assert(
      fc.property(figures, ({ lotA, lotB, notionalKrw, midA }) => {
        const rules = { tickSize: '0.0001', minNotional: '0', takerFee: '0' }
        const route = {
          symbol: 'KRW-BTC',
          a: instrument('upbit', 'KRW-BTC', 'KRW', { ...rules, lotSize: lotA }),
          b: instrument('binance', 'BTCUSDT', 'USDT', { ...rules, lotSize: lotB }),
        }
        const intent = entry(view(route, book(midA * 0.9999, midA * 1.0001, 1e9), book(midA / 1500, midA / 1450, 1e9)), { notionalKrw })
        const asked = notionalKrw / midA
        if (intent === null) {
          expect(asked).toBeLessThan(Math.max(Number(lotA), Number(lotB)))
          return
        }
        for (const leg of ['a', 'b'] as const) {
          expect(roundQuantity(route[leg], intent.quantity).equals(intent.quantity)).toBe(true)
          expect(intent.legs[leg].quantity).toBe(intent.quantity)
        }
        expect(intent.quantity.toNumber()).toBeLessThanOrEqual(asked + 1e-8)
        expect(asked - intent.quantity.toNumber()).toBeLessThan(Math.max(Number(lotA), Number(lotB)) + 1e-8)
      }),
    )
  })
})

function tradeOf(changes: Partial<Trade> = {}): Trade {
  return {
    tradeId: 'T7',
    symbol: 'KRW-BTC',
    direction: 'sell-a',
    phase: 'open',
    openedAtMs: 1000,
    quantity: '0.01',
    excess: { a: '0', b: '0' },
    notionalKrw: '1400000',
    entryNetEdgeBps: 30,
    entryFxKrwPerUsdt: 1400,
    cash: { entryKrw: '0', entryUsdt: '0', exitValueKrw: '0', feesKrw: '0' },
    ...changes,
  }
}

describe('exit', () => {
  // Leg A's bid is 10 bps over leg B's ask, so that no edge of the entry's direction has reversed. Closing now costs 42.14 bps.
  const usual = [book(138_138_000, 138_276_000), book(98_500, 98_571.43)] as const
  test.each<[string, Partial<Trade>, Partial<StrategySettings>, number, ExitIntent['reason'] | null]>([
    ['nothing to go by', {}, {}, 2000, null],
    ['entry and exit together earn enough', { entryNetEdgeBps: 60 }, { reversalGrossEdgeBps: -50 }, 2000, 'take-profit'],
    ['they earn a little less', { entryNetEdgeBps: 50 }, { reversalGrossEdgeBps: -50 }, 2000, null],
    ['they lose too much', { entryNetEdgeBps: -90 }, { reversalGrossEdgeBps: -50 }, 2000, 'stop-loss'],
    ['the edge of the entry has gone', {}, { reversalGrossEdgeBps: 20 }, 2000, 'spread-reversal'],
    ['held for the longest time', {}, {}, 151_000, 'max-holding-time'],
    ['a millisecond less', {}, {}, 150_999, null],
    ['profit comes before all else', { entryNetEdgeBps: 60 }, { reversalGrossEdgeBps: 20 }, 151_000, 'take-profit'],
    ['loss comes before time', { entryNetEdgeBps: -90 }, {}, 151_000, 'stop-loss'],
  ])('%s', (_name, trade, changes, nowMs, reason) => {
    expect(exit(view(krwRoute, ...usual, tradeOf(trade), nowMs), changes)?.reason ?? null).toBe(reason)
  })

  test('is the entry turned round, for all that is open', () => {
    const intent = exit(view(krwRoute, ...usual, tradeOf({ entryNetEdgeBps: 90 }), 2000))
    expect(told(intent!)).toEqual({
      kind: 'exit',
      symbol: 'KRW-BTC',
      tradeId: 'T7',
      direction: 'buy-a',
      quantity: '0.01',
      reason: 'take-profit',
      // 98,500 x 1,400 x 0.999 for 138,276,000 x 1.0005.
      netEdgeBps: -42.14,
      // 138,276,000 x 1.0005 = 138,345,138 up to 1,000; 98,500 x 0.9995 = 98,450.75.
      legs: ['0.01 at 138346000', '0.01 at 98450.75'],
      fxKrwPerUsdt: 1400,
    })
  })

  test('of a trade that bought leg A sells it', () => {
    const intent = exit(view(krwRoute, ...usual, tradeOf({ direction: 'buy-a', entryNetEdgeBps: 90 }), 2000))
    expect(intent).toMatchObject({ direction: 'sell-a' })
  })

  test('leaves what is no whole lot of the other venue', () => {
    const intent = exit(view(krwRoute, ...usual, tradeOf({ quantity: '0.00999876', entryNetEdgeBps: 90 }), 2000))
    expect(intent?.quantity.toString()).toBe('0.00999')
  })

  test('of less than a lot is asked for with nothing, so that the executor can end it', () => {
    const intent = exit(view(krwRoute, ...usual, tradeOf({ quantity: '0.000001' }), 151_000))
    expect([intent?.quantity.toString(), intent?.netEdgeBps]).toEqual(['0', 0])
  })

  test('from a thin book takes what is there: profit and loss cannot be told then, time can', () => {
    const thin = [usual[0], book(98_500, 98_571.43, 0.004)] as const
    expect(exit(view(krwRoute, ...thin, tradeOf({ entryNetEdgeBps: 90 }), 2000))).toBeNull()
    const intent = exit(view(krwRoute, ...thin, tradeOf(), 151_000))
    expect(told(intent!)).toMatchObject({ reason: 'max-holding-time', quantity: '0.01', legs: ['0.01 at 138346000', '0.01 at 98450.75'] })
    expect(Number.isFinite(intent?.netEdgeBps)).toBe(true)
  })

  test('from an empty book waits', () => {
    const empty: OrderBook = { ...usual[1], bids: [] }
    expect(exit(view(krwRoute, usual[0], empty, tradeOf(), 151_000))).toBeNull()
  })

  test('asks for one trade and is never an entry beside it', () => {
    const wide = view(krwRoute, book(140_000_000, 140_100_000), book(97_990, 98_000), tradeOf(), 2000)
    expect(exit(wide, { stopLossBps: 10_000 })).toBeNull()
  })
})

test('deciding changes nothing: the same view gives the same intent', () => {
  const seen = view(krwRoute, book(140_000_000, 140_100_000), book(97_990, 98_000))
  const strategy = new CrossVenueArbitrage(settings)
  const first = strategy.decide(seen) as EntryIntent
  expect(told(strategy.decide(seen) as EntryIntent)).toEqual(told(first))
  expect(first.quantity.equals(Decimal.parse('0.01'))).toBe(true)
})
