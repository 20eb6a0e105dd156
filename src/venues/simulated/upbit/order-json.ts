/** Orders and trades as Upbit writes them, in REST answers (strings) and myOrder frames (numbers). Upbit's trading face calls this. */

import { assert } from '../../../base/assert.ts'
import { Decimal } from '../../../base/decimal.ts'
import type { Prng } from '../../../base/prng.ts'
import type { Instrument } from '../../../model/instrument.ts'
import type { DeskEvent, DeskFill, DeskOrder } from '../desk.ts'
import { numberOfUuid, numberedUuid } from '../numbered-uuid.ts'
import { feeOn } from '../order-rules.ts'
import { upbitSide } from './refusal.ts'

const kstOffsetMs = 9 * 3_600_000
const timesInForce = { gtc: undefined, ioc: 'ioc', fok: 'fok', 'post-only': 'post_only' } as const

type UpbitOrderType = 'limit' | 'price' | 'market' | 'best'

/** `2025-07-04T15:00:00+09:00`. */
function kstTime(atMs: number): string {
  return `${new Date(atMs + kstOffsetMs).toISOString().slice(0, 19)}+09:00`
}

function upbitOrderType(order: DeskOrder): UpbitOrderType {
  if (order.limitPrice !== null) return 'limit'
  if (order.timeInForce !== 'gtc') return 'best'
  return order.side === 'buy' ? 'price' : 'market'
}

/** What buys for a total ends in `cancel` even where all of it was spent: the last won are never enough for a smallest volume. */
export function upbitState(order: DeskOrder): 'wait' | 'done' | 'cancel' {
  if (order.state === 'open') return 'wait'
  return order.state === 'filled' && order.quoteTotal === null ? 'done' : 'cancel'
}

interface Amounts {
  price: Decimal | null
  volume: Decimal | null
  remainingVolume: Decimal | null
  reservedFee: Decimal
  remainingFee: Decimal
  locked: Decimal
}

/**
 * What is reserved follows from the documentation's examples: a buy holds its total and the fee on top, a sell holds its volume and pays
 * the fee from what it gets. An order that has ended still shows what was not used.
 */
function amountsOf(order: DeskOrder, instrument: Instrument): Amounts {
  const { limitPrice, quantity, quoteTotal, executedNotional } = order
  const remainingVolume = quantity?.subtract(order.executedQuantity) ?? null
  const common = { price: limitPrice ?? quoteTotal, volume: quantity, remainingVolume }
  if (order.side === 'sell') {
    return { ...common, reservedFee: Decimal.zero, remainingFee: Decimal.zero, locked: remainingVolume ?? Decimal.zero }
  }
  const valueOf = (volume: Decimal | null): Decimal => limitPrice?.multiply(volume ?? Decimal.zero) ?? Decimal.zero
  const total = quoteTotal ?? valueOf(quantity)
  const remaining = quoteTotal?.subtract(executedNotional) ?? valueOf(remainingVolume)
  const remainingFee = feeOn(instrument, executedNotional.add(remaining)).subtract(order.paidFee)
  return { ...common, reservedFee: feeOn(instrument, total), remainingFee, locked: remaining.add(remainingFee) }
}

/** Writes one account's orders. Absent fields are left out, as the venue leaves them out. */
export class UpbitOrderJson {
  readonly #prng: Prng
  readonly #instruments: ReadonlyMap<string, Instrument>

  constructor(prng: Prng, instruments: ReadonlyMap<string, Instrument>) {
    this.#prng = prng
    this.#instruments = instruments
  }

  uuid(order: DeskOrder): string {
    return numberedUuid(this.#prng, 'order', order.id)
  }

  /** The order's number, or null where no order could have this UUID. */
  idOf(uuid: string): number | null {
    return numberOfUuid(this.#prng, 'order', uuid)
  }

  order(order: DeskOrder): object {
    const amounts = amountsOf(order, this.#instrumentOf(order))
    return {
      market: order.code,
      uuid: this.uuid(order),
      side: upbitSide(order.side),
      ord_type: upbitOrderType(order),
      price: amounts.price?.toString(),
      state: upbitState(order),
      created_at: kstTime(order.createdAtMs),
      volume: amounts.volume?.toString(),
      remaining_volume: amounts.remainingVolume?.toString(),
      executed_volume: order.executedQuantity.toString(),
      reserved_fee: amounts.reservedFee.toString(),
      remaining_fee: amounts.remainingFee.toString(),
      paid_fee: order.paidFee.toString(),
      locked: amounts.locked.toString(),
      prevented_volume: amounts.volume === null ? undefined : '0',
      prevented_locked: '0',
      trades_count: order.fills.length,
      time_in_force: timesInForce[order.timeInForce],
      identifier: order.clientOrderId ?? undefined,
    }
  }

  orderWithTrades(order: DeskOrder): object {
    return { ...this.order(order), trades: order.fills.map((fill, index) => this.#trade(order, fill, index)) }
  }

  /** A row of the lists of open and closed orders. */
  orderRow(order: DeskOrder): object {
    return { ...this.order(order), executed_funds: order.executedNotional.toString() }
  }

  /** What a batch cancellation says of an order. */
  reference(order: DeskOrder): object {
    return { uuid: this.uuid(order), market: order.code, identifier: order.clientOrderId ?? undefined }
  }

  /** A myOrder frame. A `fill` tells of that trade, everything else of the whole order. */
  myOrder(event: DeskEvent, state: 'wait' | 'trade' | 'done' | 'cancel'): Record<string, unknown> {
    const { order, atMs } = event
    const fill = state === 'trade' ? event.fill : null
    const amounts = amountsOf(order, this.#instrumentOf(order))
    const { executedQuantity, executedNotional } = order
    const averagePrice = executedQuantity.isZero() ? Decimal.zero : executedNotional.divide(executedQuantity, 8, 'half-even')
    const lastFill = order.fills.at(-1) ?? null
    return {
      type: 'myOrder',
      code: order.code,
      uuid: this.uuid(order),
      ask_bid: order.side === 'buy' ? 'BID' : 'ASK',
      order_type: upbitOrderType(order),
      state,
      trade_uuid: fill === null ? null : this.#tradeUuid(order, fill),
      price: (fill?.price ?? amounts.price)?.toNumber() ?? null,
      avg_price: averagePrice.toNumber(),
      volume: (fill?.quantity ?? amounts.volume)?.toNumber() ?? null,
      remaining_volume: amounts.remainingVolume?.toNumber() ?? null,
      executed_volume: executedQuantity.toNumber(),
      trades_count: order.fills.length,
      reserved_fee: amounts.reservedFee.toNumber(),
      remaining_fee: amounts.remainingFee.toNumber(),
      paid_fee: order.paidFee.toNumber(),
      locked: amounts.locked.toNumber(),
      executed_funds: executedNotional.toNumber(),
      time_in_force: timesInForce[order.timeInForce] ?? null,
      trade_fee: fill?.fee.toNumber() ?? null,
      is_maker: fill?.isMaker ?? null,
      identifier: order.clientOrderId,
      smp_type: null,
      prevented_volume: 0,
      prevented_locked: 0,
      trade_timestamp: (fill ?? lastFill)?.atMs ?? null,
      order_timestamp: order.createdAtMs,
      timestamp: atMs,
      stream_type: 'REALTIME',
    }
  }

  #trade(order: DeskOrder, fill: DeskFill, index: number): object {
    const before = order.fills[index - 1]
    return {
      market: order.code,
      uuid: this.#tradeUuid(order, fill),
      price: fill.price.toString(),
      volume: fill.quantity.toString(),
      funds: fill.price.multiply(fill.quantity).toString(),
      // Against the order's own last fill: the market's is not known here.
      trend: before !== undefined && fill.price.isLessThan(before.price) ? 'down' : 'up',
      created_at: `${new Date(fill.atMs + kstOffsetMs).toISOString().slice(0, 23)}000+09:00`,
      side: upbitSide(order.side),
    }
  }

  /** Trades are numbered in each market. */
  #tradeUuid({ code }: DeskOrder, { tradeId }: DeskFill): string {
    return numberedUuid(this.#prng, `trade ${code}`, tradeId)
  }

  #instrumentOf({ code }: DeskOrder): Instrument {
    const instrument = this.#instruments.get(code)
    assert(instrument, `the desk trades ${code}, which is not listed`)
    return instrument
  }
}
