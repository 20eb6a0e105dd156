import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Decimal, sumDecimals } from '../base/decimal.ts'
import { OperatingError } from '../base/error.ts'
import { SeededPrng } from '../base/prng.ts'
import { VirtualClock } from '../clock/virtual-clock.ts'
import type { MarketDataProvider } from '../market-data/market-data-provider.ts'
import { type Instrument, instrumentOf, type Side } from '../model/instrument.ts'
import { binanceBitcoin, upbitBitcoin } from '../model/sample-instruments.ts'
import type { OrderBook, PriceLevel } from '../model/order-book.ts'
import type { OrderReport, OrderRequest } from '../model/order.ts'
import { type ExecutionSettings, PaperOrderGateway } from './paper-order-gateway.ts'

const startMs = Date.UTC(2026, 0, 5)

const upbit = instrumentOf(upbitBitcoin)
const binance = instrumentOf(binanceBitcoin)

const bids = [
  { price: 99_000, size: 0.5 },
  { price: 98_990, size: 1 },
]
const asks = [
  { price: 99_010, size: 0.2 },
  { price: 99_020, size: 0.3 },
  { price: 99_100, size: 2 },
]

const prompt: ExecutionSettings = {
  minOrderDelayMs: 5,
  maxOrderDelayMs: 25,
  rejectProbability: 0,
  timeoutProbability: 0,
  orderTimeoutMs: 800,
}

/** A venue that shows what it is told to, from when it is told so. */
class Venue implements Pick<MarketDataProvider, 'fetchBook'> {
  readonly #clock: VirtualClock
  #sides: { bids: readonly PriceLevel[]; asks: readonly PriceLevel[] } = { bids, asks }
  #changedAtMs = startMs
  readonly askedAtMs: number[] = []
  failure: Error | null = null

  constructor(clock: VirtualClock) {
    this.#clock = clock
  }

  show(sides: { bids?: readonly PriceLevel[]; asks?: readonly PriceLevel[] }): void {
    this.#sides = { ...this.#sides, ...sides }
    this.#changedAtMs = this.#clock.nowMs()
  }

  fetchBook(): Promise<OrderBook> {
    const nowMs = this.#clock.nowMs()
    this.askedAtMs.push(nowMs)
    if (this.failure) return Promise.reject(this.failure)
    return Promise.resolve({ ...this.#sides, exchangeTimeMs: null, changedAtMs: this.#changedAtMs, receivedAtMs: nowMs })
  }
}

function paperVenue(settings: Partial<ExecutionSettings> = {}, seed = 1) {
  const clock = new VirtualClock({ startMs, pace: null })
  const venue = new Venue(clock)
  const gateway = new PaperOrderGateway({
    provider: venue,
    clock,
    prng: new SeededPrng(seed),
    settings: { ...prompt, ...settings },
    freshness: { maxQuoteAgeMs: 3000, maxUnchangedMs: 30_000 },
  })
  let orderCount = 0
  const send = (side: Side, quantity: string, limitPrice: string, instrument: Instrument = binance, orderId = `O${++orderCount}`) =>
    clock.run(endOf(gateway, order(side, quantity, limitPrice, instrument, orderId)))
  return { clock, venue, gateway, send }
}

/** Asks where no answer comes, as an executor does. */
async function endOf(gateway: PaperOrderGateway, request: OrderRequest): Promise<OrderReport> {
  return (await gateway.send(request)) ?? gateway.lookUp(request)
}

function order(side: Side, quantity: string, limitPrice: string, instrument: Instrument, orderId: string): OrderRequest {
  return {
    orderId,
    tradeId: 'T1',
    symbol: 'KRW-BTC',
    leg: 'b',
    purpose: 'entry',
    instrument,
    side,
    quantity: Decimal.parse(quantity),
    limitPrice: Decimal.parse(limitPrice),
  }
}

/** A report as text, so that a whole one can be compared. */
function told({ status, reason, fill }: OrderReport): unknown {
  if (!fill) return { status, reason }
  const levels = fill.levels.map(
    ({ price, quantity, displayedSize }) => `${quantity.toString()} of ${displayedSize.toString()} at ${price.toString()}`,
  )
  return { status, levels, notional: fill.notional.toString(), fee: `${fill.fee.toString()} ${fill.feeAsset}` }
}

describe('walks the book that stands at the venue', () => {
  test('a buy takes the asks, best first, level by level', async () => {
    const { send } = paperVenue()
    expect(told(await send('buy', '0.4', '99020'))).toEqual({
      status: 'filled',
      levels: ['0.2 of 0.2 at 99010', '0.2 of 0.3 at 99020'],
      notional: '39606',
      fee: '0.0004 BTC',
    })
  })

  test('a sell takes the bids', async () => {
    const { send } = paperVenue()
    expect(told(await send('sell', '0.6', '98990'))).toEqual({
      status: 'filled',
      levels: ['0.5 of 0.5 at 99000', '0.1 of 1 at 98990'],
      notional: '59399',
      fee: '59.399 USDT',
    })
  })

  test.each<[Side, string, string, string[]]>([
    ['buy', '1', '99020', ['0.2 of 0.2 at 99010', '0.3 of 0.3 at 99020']],
    ['buy', '1', '99019.99', ['0.2 of 0.2 at 99010']],
    ['sell', '1', '98990.01', ['0.5 of 0.5 at 99000']],
    ['sell', '9', '1', ['0.5 of 0.5 at 99000', '1 of 1 at 98990']],
  ])('%s %s to %s: never beyond the limit, never more than is displayed', async (side, quantity, limitPrice, levels) => {
    const { send } = paperVenue()
    expect(told(await send(side, quantity, limitPrice))).toMatchObject({ status: 'partial', levels })
  })

  test('nothing inside the limit is an order that is not filled', async () => {
    const { send } = paperVenue()
    expect(told(await send('buy', '0.1', '99000'))).toEqual({ status: 'unfilled', reason: 'nothing displayed inside the limit price' })
  })

  test('as it is when the order arrives, not when it left', async () => {
    const { clock, venue, gateway } = paperVenue({ minOrderDelayMs: 20, maxOrderDelayMs: 20 })
    clock.schedule(startMs + 19, () => venue.show({ asks: [{ price: 99_015, size: 1 }] }))
    clock.schedule(startMs + 21, () => venue.show({ asks: [{ price: 99_999, size: 1 }] }))
    const report = await clock.run(endOf(gateway, order('buy', '0.1', '99020', binance, 'O1')))
    expect(told(report)).toMatchObject({ levels: ['0.1 of 1 at 99015'] })
    expect(venue.askedAtMs).toEqual([startMs + 20])
    expect(report.fill).toMatchObject({ bookChangedAtMs: startMs + 19, bookReceivedAtMs: startMs + 20, bookExchangeTimeMs: null })
    expect([report.fill?.bestBid.toString(), report.fill?.bestAsk.toString()]).toEqual(['99000', '99015'])
  })

  test('in whole lots: what is displayed beyond the last one stays', async () => {
    const { venue, send } = paperVenue()
    venue.show({ asks: [{ price: 99_010, size: 0.123456789 }] })
    expect(told(await send('buy', '1', '99010'))).toMatchObject({ status: 'partial', levels: ['0.12345 of 0.123456789 at 99010'] })
  })
})

describe('what was taken', () => {
  test('is gone for the next order, until the level shows another size', async () => {
    const { venue, send } = paperVenue()
    expect(told(await send('buy', '0.15', '99010'))).toMatchObject({ status: 'filled', levels: ['0.15 of 0.2 at 99010'] })
    expect(told(await send('buy', '0.15', '99010'))).toMatchObject({ status: 'partial', levels: ['0.05 of 0.2 at 99010'] })
    expect(told(await send('buy', '0.15', '99010'))).toMatchObject({ status: 'unfilled' })
    venue.show({ asks: [{ price: 99_010, size: 0.21 }] })
    expect(told(await send('buy', '0.15', '99010'))).toMatchObject({ status: 'filled', levels: ['0.15 of 0.21 at 99010'] })
  })

  test('is gone on its own side and market only', async () => {
    const { venue, send } = paperVenue()
    const same = { bids: [{ price: 99_000, size: 0.1 }], asks: [{ price: 100_000, size: 0.1 }] }
    venue.show(same)
    await send('buy', '0.1', '100000')
    expect(told(await send('sell', '0.1', '99000'))).toMatchObject({ status: 'filled' })
    expect(told(await send('buy', '0.1', '100000', upbit))).toMatchObject({ status: 'filled' })
    expect(told(await send('buy', '0.1', '100000'))).toMatchObject({ status: 'unfilled' })
  })

  test('never comes to more than was displayed, however many orders come', async () => {
    const sizes = fc.integer({ min: 1, max: 300 }).map((lots) => lots / 1e5)
    // The venue sees a quote only when an order arrives, so each one here gets an order.
    const orderLots = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 5 })
    const quotes = fc.array(fc.record({ size: sizes, orders: orderLots }), { maxLength: 5 })
    await fc.assert(
      fc.asyncProperty(quotes, async (all) => {
        const { venue, send } = paperVenue()
        let lastSize = -1
        let taken = Decimal.zero
        for (const { size, orders } of all) {
          venue.show({ asks: [{ price: 99_010, size }] })
          if (size !== lastSize) taken = Decimal.zero
          lastSize = size
          for (const lots of orders) {
            const { fill, status } = await send('buy', `${lots}e-5`, '99010')
            const left = Decimal.fromNumber(size).subtract(taken)
            taken = taken.add(fill?.quantity ?? Decimal.zero)
            expect(taken.isGreaterThan(Decimal.fromNumber(size))).toBe(false)
            if (!left.isLessThan(Decimal.parse(`${lots}e-5`)) && lots >= 6) expect(status).toBe('filled')
          }
        }
      }),
      { numRuns: 50 },
    )
  })
})

describe('fees', () => {
  test.each<[string, Instrument, Side, string, number, string]>([
    ['Upbit takes quote of a buy', upbit, 'buy', '0.00012347', 99_010_000, '6.11238235 KRW'],
    ['Upbit takes quote of a sell', upbit, 'sell', '0.1', 99_010_000, '4950.5 KRW'],
    ['Binance takes base of a buy', binance, 'buy', '0.00012', 99_010, '0.00000012 BTC'],
    ['Binance takes quote of a sell', binance, 'sell', '0.00012', 99_010, '0.0118812 USDT'],
    ['what lies beyond the eighth digit is rounded up', binance, 'sell', '0.00007', 99_000.01, '0.00693001 USDT'],
  ])('%s', async (_name, instrument, side, quantity, price, fee) => {
    const { venue, send } = paperVenue()
    const level = [{ price, size: 1 }]
    venue.show(side === 'buy' ? { bids: [{ price: 1, size: 1 }], asks: level } : { bids: level, asks: [{ price: 1e9, size: 1 }] })
    expect(told(await send(side, quantity, String(price), instrument))).toMatchObject({ status: 'filled', fee })
  })

  test('are rounded once an order, not once a level', async () => {
    const { venue, send } = paperVenue()
    venue.show({
      bids: [
        { price: 99_000.01, size: 0.00007 },
        { price: 98_999.99, size: 0.00007 },
      ],
    })
    // 13.86 USDT in all, of which 0.1 % is 0.01386; the levels alone make 0.0069300007 and 0.0069299993.
    expect(told(await send('sell', '0.00014', '98000'))).toMatchObject({ fee: '0.01386 USDT' })
  })

  test('belong to a notional that is the sum of its levels', async () => {
    const { send } = paperVenue()
    const { fill } = await send('buy', '1', '99100')
    expect(fill!.notional.equals(sumDecimals(fill!.levels.map(({ price, quantity }) => price.multiply(quantity))))).toBe(true)
    expect(fill!.quantity.toString()).toBe('1')
  })
})

describe('refusals', () => {
  test.each<[string, { bids?: PriceLevel[]; asks?: PriceLevel[] }, string]>([
    ['crossed', { bids: [{ price: 99_010, size: 1 }] }, 'market is crossed'],
    ['one-sided', { bids: [] }, 'market is empty'],
  ])('a %s market takes no order', async (_name, sides, reason) => {
    const { venue, send } = paperVenue()
    venue.show(sides)
    expect(told(await send('buy', '0.1', '99020'))).toEqual({ status: 'rejected', reason })
  })

  test('a market that stands still takes no order', async () => {
    const { clock, send } = paperVenue()
    await clock.run(clock.sleepUntil(startMs + 29_900))
    expect(told(await send('buy', '0.1', '99020'))).toMatchObject({ status: 'filled' })
    await clock.run(clock.sleepUntil(startMs + 30_001))
    expect(told(await send('buy', '0.1', '99020'))).toEqual({ status: 'rejected', reason: 'market is frozen' })
  })

  test.each<[string, string, string, OrderReport['status']]>([
    ['0.00005', '99010', 'below it', 'rejected'],
    ['0.00006', '99010', 'above it', 'filled'],
  ])('%s BTC at %s USDT lies %s: the least order of 5 USDT makes it %s', async (quantity, limitPrice, _where, status) => {
    const { send } = paperVenue()
    const report = await send('buy', quantity, limitPrice)
    expect(report.status).toBe(status)
    if (status === 'rejected') expect(report.reason).toBe('below the minimum notional')
  })

  test('the venue rejects at its own rate, and takes nothing then', async () => {
    const { send } = paperVenue({ rejectProbability: 1 })
    expect(told(await send('buy', '0.1', '99020'))).toEqual({ status: 'rejected', reason: 'venue rejected the order' })
  })

  test('an order that is lost is in doubt at its deadline, and the venue, asked, never got it', async () => {
    const { clock, venue, send } = paperVenue({ timeoutProbability: 1 })
    expect(told(await send('buy', '0.1', '99020'))).toEqual({ status: 'timed-out', reason: 'no answer within 800 ms' })
    expect(clock.nowMs()).toBe(startMs + 800)
    expect(venue.askedAtMs).toEqual([])
  })

  test('an order of an engine that was killed never came either: its venue died with it', async () => {
    const { gateway } = paperVenue()
    const report = await gateway.lookUp(order('buy', '0.1', '99020', binance, 'O1'))
    expect(told(report)).toEqual({ status: 'timed-out', reason: 'the venue never got the order' })
  })

  test('a venue that does not answer is a report; a defect is not', async () => {
    const { venue, send } = paperVenue()
    venue.failure = new OperatingError('VENUE_TIMEOUT', 'binance: no answer', { hint: 'none' })
    expect(told(await send('buy', '0.1', '99020'))).toEqual({ status: 'timed-out', reason: 'VENUE_TIMEOUT: binance: no answer' })
    venue.failure = new TypeError('a defect')
    await expect(send('buy', '0.1', '99020')).rejects.toThrow('a defect')
  })
})

describe('the venue’s own statement', () => {
  test('has every order that was taken, and to the last unit what it changed', async () => {
    const { gateway, send } = paperVenue()
    expect(gateway.statement()).toEqual({ orders: 0, changes: [] })
    await send('buy', '0.4', '99020')
    await send('sell', '0.6', '98990')
    await send('buy', '0.1', '99000')
    await send('sell', '0.1', '99000', upbit)
    expect(gateway.statement()).toEqual({
      orders: 4,
      changes: [
        // Bought 0.4 and sold 0.6, and 0.1 % of what was bought as the fee.
        { venue: 'binance', asset: 'BTC', amount: '-0.2004' },
        // Paid 39,606 and got 59,399, less 0.1 % of that.
        { venue: 'binance', asset: 'USDT', amount: '19733.601' },
        { venue: 'upbit', asset: 'BTC', amount: '-0.1' },
        { venue: 'upbit', asset: 'KRW', amount: '9895.05' },
      ],
    })
  })

  test.each<[string, Partial<ExecutionSettings>]>([
    ['rejected', { rejectProbability: 1 }],
    ['lost', { timeoutProbability: 1 }],
  ])('has no order that was %s', async (_name, settings) => {
    const { gateway, send } = paperVenue(settings)
    await send('buy', '0.1', '99020')
    expect(gateway.statement()).toEqual({ orders: 0, changes: [] })
  })
})

describe('chance', () => {
  const uncertain = { rejectProbability: 0.3, timeoutProbability: 0.3 }
  const names = Array.from({ length: 40 }, (_, index) => `O${index + 1}`)

  /** What becomes of each order, and when, whatever came before it: each in a venue of its own or all in one, in this order. */
  async function fates(orderIds: readonly string[], isRestarted: boolean): Promise<Map<string, string>> {
    let paper = paperVenue(uncertain, 7)
    const found = new Map<string, string>()
    for (const orderId of orderIds) {
      if (isRestarted) paper = paperVenue(uncertain, 7)
      const sentAtMs = paper.clock.nowMs()
      const { status } = await paper.send('buy', '0.001', '99010', binance, orderId)
      found.set(orderId, `${status} after ${paper.clock.nowMs() - sentAtMs} ms`)
    }
    return found
  }

  test('goes by the order’s id alone, so that a restarted engine draws what the killed one would have drawn', async () => {
    const together = await fates(names, false)
    expect(await fates(names.toReversed(), true)).toEqual(new Map([...together].toReversed()))
    expect(new Set([...together.values()].map((fate) => fate.split(' ')[0]))).toEqual(new Set(['filled', 'rejected', 'timed-out']))
  })

  test('keeps to the delays and to the rates that are set', async () => {
    const fatesOf = [
      ...(
        await fates(
          Array.from({ length: 400 }, (_, index) => `O${index}`),
          true,
        )
      ).values(),
    ]
    const share = (status: string): number => fatesOf.filter((fate) => fate.startsWith(status)).length / fatesOf.length
    expect(share('timed-out')).toBeCloseTo(0.3, 1)
    expect(share('rejected')).toBeCloseTo(0.7 * 0.3, 1)
    const delaysMs = fatesOf.filter((fate) => fate.startsWith('filled')).map((fate) => Number(/\d+/.exec(fate)?.[0]))
    expect(Math.min(...delaysMs)).toBe(prompt.minOrderDelayMs)
    expect(Math.max(...delaysMs)).toBe(prompt.maxOrderDelayMs)
  })
})
