/** Writes a small sound trading log, event by event, with its own plain arithmetic; the analyzer's tests start from it and spoil it. */

import { Decimal } from '../base/decimal.ts'
import { schemaVersion, type OrderFilled, type TradingEvent } from '../model/event.ts'
import type { InstrumentFacts, Side, Venue } from '../model/instrument.ts'
import { binanceBitcoin, upbitBitcoin } from '../model/sample-instruments.ts'
import type { Balance } from '../model/money.ts'
import type { OrderPurpose } from '../model/order.ts'
import type { Direction, Leg } from '../model/route.ts'
import type { Realised, Trade } from '../model/trade.ts'

const sampleStartMs = Date.UTC(2026, 0, 5)

const instruments: Record<Leg, InstrumentFacts> = {
  a: upbitBitcoin,
  b: binanceBitcoin,
}

const symbol = 'KRW-BTC'

/** One trade of the sample: amounts as decimal strings, prices in each leg's own currency. */
export interface SampleTrade {
  direction: Direction
  quantity: string
  entryPrices: Record<Leg, string>
  exitPrices: Record<Leg, string>
  entryFx: number
  exitFx: number
}

export const sampleTrade: SampleTrade = {
  direction: 'sell-a',
  quantity: '0.01',
  entryPrices: { a: '140000000', b: '99000' },
  exitPrices: { a: '139000000', b: '99500' },
  entryFx: 1400,
  exitFx: 1410,
}

/** Of `sampleTrade`, by hand: 1,400,000 - 990 x 1400 - 1,390,000 + 995 x 1410; 700 + 1386 + 695 + 1402.95; -990 x 10. */
export const sampleRealised: Realised = { edgeKrw: '26950', feesKrw: '4183.95', fxKrw: '-9900', totalKrw: '12866.05' }

export class SampleLog {
  readonly events: TradingEvent[] = []
  readonly #balances = new Map<string, Decimal>([
    ['upbit:KRW', Decimal.parse('100000000')],
    ['upbit:BTC', Decimal.parse('2')],
    ['binance:USDT', Decimal.parse('100000')],
    ['binance:BTC', Decimal.parse('2')],
  ])
  /** What the venues did in this session. */
  readonly #changes = new Map<string, Decimal>()
  #takenOrders = 0
  #openTrades: Trade[] = []
  #realisedKrw = Decimal.zero
  #attempt = 0
  #nextTrade = 1
  #nextOrder = 1
  #timeMs = sampleStartMs

  openSession(): this {
    this.#attempt++
    this.#takenOrders = 0
    this.#changes.clear()
    return this.#add({
      event: 'session-opened',
      schema: schemaVersion,
      attempt: this.#attempt,
      seed: 62,
      routes: [{ symbol, a: { venue: 'upbit', code: 'KRW-BTC' }, b: { venue: 'binance', code: 'BTCUSDT' } }],
      instruments: Object.values(instruments),
      limits: {
        global: {
          maxNotionalKrw: 2_000_000,
          maxOpenTrades: 2,
          maxExposureKrw: 3_000_000,
          maxDailyLossKrw: 500_000,
          maxQuoteAgeMs: 3000,
          maxUnchangedMs: 30_000,
        },
        symbols: { [symbol]: { maxCapitalKrw: 2_000_000, maxOpenTrades: 1, maxConcurrentOrders: 2, maxDailyLossKrw: 200_000 } },
      },
      balances: this.#stated(),
      openTrades: this.#openTrades,
    })
  }

  closeSession(): this {
    return this.stateBalances().stateVenues().#add({
      event: 'session-closed',
      reason: 'completed',
      balances: this.#stated(),
      openTrades: this.#openTrades,
      realisedKrw: this.#realisedKrw.toString(),
    })
  }

  stateBalances(): this {
    const realisedKrw = this.#realisedKrw.toString()
    return this.#add({ event: 'balances-stated', balances: this.#stated(), openTrades: this.#openTrades.length, realisedKrw })
  }

  stateVenues(): this {
    return this.#add({ event: 'venue-stated', orders: this.#takenOrders, changes: listed(this.#changes) })
  }

  block(): this {
    return this.#decide('block', null)
  }

  stop(): this {
    return this.#decide('stop-session', null)
  }

  /** Allowed and hedged; returns its id. */
  enter(trade: SampleTrade = sampleTrade): string {
    const tradeId = this.#begin()
    for (const leg of ['a', 'b'] as const) this.#order(tradeId, 'entry', leg, trade, trade.quantity)
    this.#add({
      event: 'entry',
      tradeId,
      symbol,
      direction: trade.direction,
      quantity: trade.quantity,
      notionalKrw: Decimal.parse(trade.quantity).multiply(Decimal.parse(trade.entryPrices.a)).toString(),
      grossEdgeBps: 40,
      netEdgeBps: Math.min(25, netEdgeBps(trade)),
      fxKrwPerUsdt: trade.entryFx,
    })
    this.#openTrades.push({
      tradeId,
      symbol,
      direction: trade.direction,
      phase: 'open',
      openedAtMs: this.#timeMs,
      quantity: trade.quantity,
      excess: { a: '0', b: '0' },
      notionalKrw: '1400000',
      entryNetEdgeBps: 25,
      entryFxKrwPerUsdt: trade.entryFx,
      cash: { entryKrw: '0', entryUsdt: '0', exitValueKrw: '0', feesKrw: '0' },
    })
    return tradeId
  }

  exit(tradeId: string, realised: Realised, trade: SampleTrade = sampleTrade): this {
    for (const leg of ['a', 'b'] as const) this.#order(tradeId, 'exit', leg, trade, trade.quantity)
    this.#openTrades = this.#openTrades.filter((open) => open.tradeId !== tradeId)
    this.#realisedKrw = this.#realisedKrw.add(Decimal.parse(realised.totalKrw))
    return this.#add({
      event: 'exit',
      tradeId,
      symbol,
      direction: trade.direction,
      reason: 'take-profit',
      holdingMs: 5000,
      netEdgeBps: 12,
      fxKrwPerUsdt: trade.exitFx,
      realised,
    })
  }

  /**
   * Leg A fills, leg B does not, and the whole of leg A but `dustQuantity` is sold back at the price it was bought for: what it costs is
   * two fees, and the dust as bought.
   */
  failEntry(dustQuantity: string, realised: Realised): this {
    const trade: SampleTrade = { ...sampleTrade, direction: 'buy-a' }
    const tradeId = this.#begin()
    this.#order(tradeId, 'entry', 'a', trade, trade.quantity)
    this.#order(tradeId, 'entry', 'b', trade, null)
    const unwound = Decimal.parse(trade.quantity).subtract(Decimal.parse(dustQuantity)).toString()
    this.#order(tradeId, 'unwind', 'a', trade, unwound)
    this.#realisedKrw = this.#realisedKrw.add(Decimal.parse(realised.totalKrw))
    this.#add({ event: 'unwind', tradeId, symbol, leg: 'a', side: 'sell', quantity: unwound, dustQuantity, excessQuantity: '0' })
    return this.#add({ event: 'entry-failed', tradeId, symbol, reason: 'leg b unfilled', realised })
  }

  #begin(): string {
    const tradeId = `T${this.#nextTrade++}`
    this.#decide('allow', tradeId)
    return tradeId
  }

  #decide(outcome: 'allow' | 'block' | 'stop-session', tradeId: string | null): this {
    return this.#add({
      event: 'guard-decided',
      symbol,
      direction: 'sell-a',
      outcome,
      reason: outcome === 'allow' ? null : 'max-daily-loss',
      tradeId,
      seen: {
        notionalKrw: 1_400_000,
        openTrades: this.#openTrades.length,
        symbolOpenTrades: this.#openTrades.length,
        exposureKrw: 0,
        symbolCapitalKrw: 0,
        dailyLossKrw: 0,
        symbolDailyLossKrw: 0,
        quoteAgeMs: 40,
      },
      suppressedCount: 0,
    })
  }

  /** `quantity` null: nothing is filled. */
  #order(tradeId: string, purpose: OrderPurpose, leg: Leg, trade: SampleTrade, quantity: string | null): void {
    const isEntrySide = purpose === 'entry'
    const isSell = (trade.direction === 'sell-a') === (leg === 'a') ? isEntrySide : !isEntrySide
    const side: Side = isSell ? 'sell' : 'buy'
    const instrument = instruments[leg]
    const price = (purpose === 'exit' ? trade.exitPrices : trade.entryPrices)[leg]
    const orderId = `O${this.#nextOrder++}`
    this.#takenOrders++
    const common = { orderId, tradeId, symbol, leg }
    const where = { venue: instrument.venue, instrument: instrument.code, side }
    this.#add({ event: 'order-sent', ...common, purpose, ...where, quantity: quantity ?? trade.quantity, limitPrice: price })
    if (quantity !== null) {
      const fx = purpose === 'exit' ? trade.exitFx : trade.entryFx
      this.#add({ event: 'order-filled', ...common, purpose, ...where, ...this.#fill(instrument, side, quantity, price), fxKrwPerUsdt: fx })
    }
    this.#add({
      event: 'order-done',
      ...common,
      status: quantity === null ? 'unfilled' : 'filled',
      filledQuantity: quantity ?? '0',
      reason: quantity === null ? 'nothing inside the limit' : null,
    })
  }

  #fill(
    instrument: InstrumentFacts,
    side: Side,
    quantityText: string,
    price: string,
  ): Pick<OrderFilled, 'quantity' | 'notional' | 'feeAsset' | 'fee' | 'levels' | 'book'> {
    const quantity = Decimal.parse(quantityText)
    const notional = quantity.multiply(Decimal.parse(price))
    const isFeeInBase = instrument.feeAsset === 'received' && side === 'buy'
    const fee = (isFeeInBase ? quantity : notional).multiply(Decimal.parse(instrument.takerFee)).round(8, 'up')
    const feeAsset = isFeeInBase ? instrument.base : instrument.quote
    this.#move(instrument.venue, instrument.base, side === 'buy' ? quantity : quantity.negate())
    this.#move(instrument.venue, instrument.quote, side === 'buy' ? notional.negate() : notional)
    this.#move(instrument.venue, feeAsset, fee.negate())
    const tick = Decimal.parse(instrument.tickBands[0]?.tickSize ?? '0')
    const best = Decimal.parse(price)
    return {
      quantity: quantityText,
      notional: notional.toString(),
      feeAsset,
      fee: fee.toString(),
      levels: [{ price, quantity: quantityText, displayedSize: '5' }],
      book: {
        exchangeTimeMs: null,
        changedAtMs: this.#timeMs - 200,
        receivedAtMs: this.#timeMs,
        bestBid: (side === 'buy' ? best.subtract(tick) : best).toString(),
        bestAsk: (side === 'buy' ? best : best.add(tick)).toString(),
      },
    }
  }

  #move(venue: Venue, asset: string, amount: Decimal): void {
    const key = `${venue}:${asset}`
    for (const sums of [this.#balances, this.#changes]) sums.set(key, (sums.get(key) ?? Decimal.zero).add(amount))
  }

  #stated(): Balance[] {
    return listed(this.#balances)
  }

  #add(event: Unnumbered<TradingEvent>): this {
    this.#timeMs += 100
    this.events.push({ level: 'info', time: this.#timeMs, seq: this.events.length + 1, ...structuredClone(event) })
    return this
  }
}

/** As the strategy reckons it: what is received for a unit of base, less the fee, over what is paid for one, with the fee. */
function netEdgeBps({ direction, entryPrices, entryFx }: SampleTrade): number {
  const priceA = Number(entryPrices.a)
  const priceB = Number(entryPrices.b) * entryFx
  const isSellA = direction === 'sell-a'
  const received = isSellA ? priceA * (1 - 0.0005) : priceB * (1 - 0.001)
  const paid = isSellA ? priceB * (1 + 0.001) : priceA * (1 + 0.0005)
  return (received / paid - 1) * 10_000
}

function listed(sums: ReadonlyMap<string, Decimal>): Balance[] {
  return [...sums].map(([key, amount]) => {
    const [venue, asset] = key.split(':') as [Venue, string]
    return { venue, asset, amount: amount.toString() }
  })
}

type Unnumbered<E> = E extends unknown ? Omit<E, 'level' | 'time' | 'seq'> : never

/** Two attempts, the first killed with a trade open; a failed entry that leaves dust; a block. */
export function soundLog(): TradingEvent[] {
  const log = new SampleLog()
  log.openSession()
  log.exit(log.enter(), sampleRealised)
  // Bought 0.01 and sold 0.00999 at 140,000,000: 1,400,000 out, 1,398,600 in, fees 700 and 699.3.
  log.block().failEntry('0.00001', { edgeKrw: '-1400', feesKrw: '1399.3', fxKrw: '0', totalKrw: '-2799.3' })
  const tradeId = log.enter()
  log.openSession().exit(tradeId, sampleRealised).closeSession()
  return log.events
}
