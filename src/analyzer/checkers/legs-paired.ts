/** Checks that every trade is hedged: both legs filled on their sides, brought to an end, nothing left over but declared dust. */

import { Decimal, sumDecimals } from '../../base/decimal.ts'
import type {
  Entry,
  EntryFailed,
  Exit,
  OrderFilled,
  OrderSent,
  SessionClosed,
  SessionOpened,
  TradingEvent,
  Unwound,
} from '../../model/event.ts'
import type { Side } from '../../model/instrument.ts'
import type { Direction, Leg } from '../../model/route.ts'
import type { CheckResult } from '../analysis.ts'
import { type Checker, Findings, Listing } from '../checker.ts'
import { IdSet } from '../id-set.ts'

interface PairedTrade {
  symbol: string
  /** `moving`: orders of its entry, its exit or an unwind may be under way, so that its legs may differ. */
  phase: 'entering' | 'open' | 'moving'
  direction: Direction | null
  /** Hedged, as its `entry` said. */
  quantity: Decimal
  entrySide: Record<Leg, Side | null>
  entryFilled: Record<Leg, Decimal>
}

const legs: readonly Leg[] = ['a', 'b']

/** Longer than a venue or a store may be away in any campaign of ours: an engine that can trade levels its legs within seconds. */
const maxUnevenMs = 15 * 60_000
/** Dust is less than the venue's least order; prices move between the fill that its worth is taken from and the unwind that leaves it. */
const maxDustOrders = Decimal.parse('2')
const priceScale = 18

/**
 * On each symbol and leg, base bought minus base sold over all fills must be what the open trades hold plus the dust that the last unwind
 * declared. That is judged whenever no trade of the symbol is on the move, so it also catches a fill that no trade knows of. While one is,
 * both legs together may differ from the dust, but not for ever; and what is called dust must be too small for an order.
 */
export class LegsPaired implements Checker {
  readonly name = 'legs-paired'
  readonly #findings = new Findings(this.name, 'entries', 'failed entries', 'exits')
  readonly #trades = new Map<string, PairedTrade>()
  readonly #ended = new IdSet()
  /** Base bought minus base sold, and declared dust, by symbol and leg. */
  readonly #net = new Map<string, Decimal>()
  readonly #dust = new Map<string, Decimal>()
  readonly #listing = new Listing()
  /** Base quantity of the venue's least order, at the last fill's price, by symbol and leg. */
  readonly #leastOrders = new Map<string, Decimal>()
  /** Symbols whose legs together are not even, and since when. */
  readonly #unevenSinceMs = new Map<string, number>()
  #isOpen = false

  observe(event: TradingEvent): void {
    this.#judgeDeadlines(event)
    switch (event.event) {
      case 'session-opened':
        return this.#opened(event)
      case 'guard-decided':
        if (event.outcome === 'allow' && event.tradeId !== null && !this.#ended.has(event.tradeId)) this.#begin(event.tradeId, event.symbol)
        return
      case 'order-sent':
        return this.#sent(event)
      case 'order-filled':
        return this.#filled(event)
      case 'unwind':
        return this.#unwound(event)
      case 'entry':
        return this.#entered(event)
      case 'entry-failed':
        this.#findings.examine('failed entries')
        return this.#end(event)
      case 'exit':
        this.#findings.examine('exits')
        return this.#end(event)
      case 'session-closed':
        return this.#closed(event)
      default:
    }
  }

  finish(): CheckResult {
    return this.#findings.result()
  }

  /** Trades of an earlier run come with what they hold; of those that this log saw begin, we know better. */
  #opened(event: SessionOpened): void {
    this.#listing.open(event.instruments)
    if (this.#isOpen) return
    this.#isOpen = true
    for (const { tradeId, symbol, direction, quantity, phase, excess } of event.openTrades) {
      const trade = this.#begin(tradeId, symbol)
      trade.direction = direction
      if (phase !== 'opening') trade.phase = phase === 'open' ? 'open' : 'moving'
      trade.quantity = Decimal.parse(quantity)
      for (const leg of legs) this.#move(symbol, leg, held(trade, leg).add(Decimal.parse(excess[leg])))
    }
  }

  #begin(tradeId: string, symbol: string): PairedTrade {
    const known = this.#trades.get(tradeId)
    if (known) return known
    const trade: PairedTrade = {
      symbol,
      phase: 'entering',
      direction: null,
      quantity: Decimal.zero,
      entrySide: { a: null, b: null },
      entryFilled: { a: Decimal.zero, b: Decimal.zero },
    }
    this.#trades.set(tradeId, trade)
    return trade
  }

  #sent(event: OrderSent): void {
    const { tradeId, orderId, purpose, leg, side } = event
    if (this.#ended.has(tradeId)) return this.#findings.violate(event, `${orderId} is for ${tradeId}, which has ended`)
    const known = this.#trades.get(tradeId)
    if (known === undefined && purpose !== 'entry') return this.#findings.violate(event, `${orderId} is for an unknown trade ${tradeId}`)
    const trade = known ?? this.#begin(tradeId, event.symbol)
    if (purpose === 'entry') {
      if (trade.phase !== 'entering') this.#findings.violate(event, `${orderId} enters ${tradeId} again`)
      trade.entrySide[leg] = side
    } else if (purpose === 'exit') {
      if (trade.phase === 'entering') this.#findings.violate(event, `${orderId} exits ${tradeId}, which was never hedged`)
      if (trade.direction !== null && side === sideOf(trade.direction, leg)) {
        this.#findings.violate(event, `${orderId} is to ${side} on leg ${leg}: that is ${tradeId}'s entry side`)
      }
    }
    if (trade.phase === 'open') trade.phase = 'moving'
  }

  #filled(event: OrderFilled): void {
    const quantity = Decimal.parse(event.quantity)
    this.#move(event.symbol, event.leg, event.side === 'buy' ? quantity : quantity.negate())
    this.#findEven(event)
    const { minNotional, lotSize } = this.#listing.get(event.venue, event.instrument)
    const price = Decimal.parse(event.notional).divide(quantity, priceScale, 'half-even')
    const byNotional = minNotional.divide(price, priceScale, 'half-even')
    this.#leastOrders.set(`${event.symbol}:${event.leg}`, byNotional.isGreaterThan(lotSize) ? byNotional : lotSize)
    const trade = this.#trades.get(event.tradeId)
    if (trade === undefined) return this.#findings.violate(event, `${event.orderId} fills for an unknown or ended trade ${event.tradeId}`)
    if (event.purpose === 'entry') trade.entryFilled[event.leg] = trade.entryFilled[event.leg].add(quantity)
  }

  #unwound(event: Unwound): void {
    const { symbol, leg, tradeId } = event
    const dust = Decimal.parse(event.dustQuantity)
    this.#dust.set(`${symbol}:${leg}`, dust)
    this.#findEven(event)
    const leastOrder = this.#leastOrders.get(`${symbol}:${leg}`)
    if (leastOrder === undefined || !dust.abs().isGreaterThan(leastOrder.multiply(maxDustOrders))) return
    this.#findings.violate(event, `${tradeId} leaves ${event.dustQuantity} on leg ${leg} as dust, an order can be ${leastOrder.toString()}`)
  }

  /** The legs of a hedge are opposite: what both legs hold together is dust, or not paired. */
  #findEven(event: OrderFilled | Unwound): void {
    const { symbol, time } = event
    const sum = (amounts: ReadonlyMap<string, Decimal>): Decimal =>
      sumDecimals(legs.map((leg) => amounts.get(`${symbol}:${leg}`) ?? Decimal.zero))
    if (sum(this.#net).equals(sum(this.#dust))) this.#unevenSinceMs.delete(symbol)
    else if (!this.#unevenSinceMs.has(symbol)) this.#unevenSinceMs.set(symbol, time)
  }

  /** Each uneven stretch is told of once. */
  #judgeDeadlines(event: TradingEvent): void {
    for (const [symbol, sinceMs] of this.#unevenSinceMs) {
      if (event.time - sinceMs <= maxUnevenMs) continue
      this.#unevenSinceMs.set(symbol, Infinity)
      this.#findings.violate(event, `the legs of ${symbol} have not been even since ${new Date(sinceMs).toISOString()}`)
    }
  }

  #entered(event: Entry): void {
    this.#findings.examine('entries')
    const { tradeId, direction } = event
    const trade = this.#trades.get(tradeId)
    if (trade?.phase !== 'entering') {
      return this.#findings.violate(event, `entry of ${tradeId}, which ${trade ? 'is open already' : 'is unknown'}`)
    }
    trade.phase = 'open'
    trade.direction = direction
    trade.quantity = Decimal.parse(event.quantity)
    if (!trade.quantity.isPositive()) this.#findings.violate(event, `${tradeId} enters with nothing`)
    for (const leg of legs) {
      const side = trade.entrySide[leg]
      if (side !== null && side !== sideOf(direction, leg)) {
        this.#findings.violate(event, `${tradeId} is ${direction}, its leg ${leg} was to ${side}`)
      }
      const filled = trade.entryFilled[leg]
      if (filled.isLessThan(trade.quantity)) {
        this.#findings.violate(event, `${tradeId} enters ${event.quantity}, its leg ${leg} filled ${filled.toString()}`)
      }
    }
    this.#judge(event)
  }

  #end(event: Exit | EntryFailed): void {
    const { tradeId } = event
    const trade = this.#trades.get(tradeId)
    if (trade === undefined) this.#findings.violate(event, `${event.event} of ${tradeId}, which is unknown or has ended`)
    else if ((trade.phase === 'entering') === (event.event === 'exit')) {
      this.#findings.violate(event, `${event.event} of ${tradeId}, which was ${trade.phase === 'entering' ? 'never' : 'already'} hedged`)
    }
    this.#trades.delete(tradeId)
    this.#ended.add(tradeId)
    this.#judge(event)
  }

  #closed(event: SessionClosed): void {
    if (event.reason !== 'completed') return
    const stated = new Map(event.openTrades.map((trade) => [trade.tradeId, trade]))
    for (const [tradeId, trade] of this.#trades) {
      if (trade.phase !== 'entering' || stated.has(tradeId)) continue
      this.#findings.violate(event, `${tradeId} on ${trade.symbol} was begun and never came to an end`)
    }
  }

  #judge(event: Entry | Exit | EntryFailed): void {
    const trades = [...this.#trades.values()].filter((trade) => trade.symbol === event.symbol)
    if (trades.some(isOnTheMove)) return
    for (const leg of legs) {
      const key = `${event.symbol}:${leg}`
      const expected = trades.reduce((sum, trade) => sum.add(held(trade, leg)), this.#dust.get(key) ?? Decimal.zero)
      const net = this.#net.get(key) ?? Decimal.zero
      if (net.equals(expected)) continue
      const what = `leg ${leg} of ${event.symbol} is ${net.toString()}, trades and dust make ${expected.toString()}`
      this.#findings.violate(event, `after ${event.event} of ${event.tradeId}, ${what}`)
      this.#net.set(key, expected)
    }
  }

  #move(symbol: string, leg: Leg, amount: Decimal): void {
    const key = `${symbol}:${leg}`
    this.#net.set(key, (this.#net.get(key) ?? Decimal.zero).add(amount))
  }
}

/** A trade that was only allowed has moved nothing yet. */
function isOnTheMove({ phase, entrySide }: PairedTrade): boolean {
  return phase === 'moving' || (phase === 'entering' && (entrySide.a !== null || entrySide.b !== null))
}

/** Base bought, or sold (negative), on this leg while the trade is open. */
function held(trade: PairedTrade, leg: Leg): Decimal {
  if (trade.direction === null) return Decimal.zero
  return sideOf(trade.direction, leg) === 'buy' ? trade.quantity : trade.quantity.negate()
}

function sideOf(direction: Direction, leg: Leg): Side {
  if (direction === 'sell-a') return leg === 'a' ? 'sell' : 'buy'
  return leg === 'a' ? 'buy' : 'sell'
}
