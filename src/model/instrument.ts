/** What a venue says of one of its markets: tick and lot, least notional, fees. Pure; anyone may call it. */

import { assert } from '../base/assert.ts'
import { Decimal, type Rounding } from '../base/decimal.ts'

export type Venue = 'upbit' | 'binance'
export type Side = 'buy' | 'sell'

/** One row of a tick table: prices at or above `fromPrice` move in multiples of `tickSize`. */
export interface TickBand {
  fromPrice: Decimal
  tickSize: Decimal
}

export interface Instrument {
  venue: Venue
  /** The venue's own code: `KRW-BTC` on Upbit, `BTCUSDT` on Binance. */
  code: string
  base: string
  quote: string
  /** Highest band first; the last starts at 0. */
  tickBands: readonly TickBand[]
  lotSize: Decimal
  /** Least price x quantity of an order, in the quote currency. */
  minNotional: Decimal
  /** A fraction of the notional: 0.0005 is 5 basis points. */
  takerFee: Decimal
  /** What the fee is taken in: Upbit takes quote; Binance takes whatever the order receives (base for a buy, quote for a sell). */
  feeAsset: 'quote' | 'received'
}

/** An instrument as it is logged and handed to the engine: exact amounts as decimal strings. */
export interface InstrumentFacts extends Pick<Instrument, 'venue' | 'code' | 'base' | 'quote' | 'feeAsset'> {
  tickBands: { fromPrice: string; tickSize: string }[]
  lotSize: string
  minNotional: string
  takerFee: string
}

export function instrumentOf(facts: InstrumentFacts): Instrument {
  return {
    ...facts,
    tickBands: facts.tickBands.map((band) => ({
      fromPrice: Decimal.parse(band.fromPrice),
      tickSize: Decimal.parse(band.tickSize),
    })),
    lotSize: Decimal.parse(facts.lotSize),
    minNotional: Decimal.parse(facts.minNotional),
    takerFee: Decimal.parse(facts.takerFee),
  }
}

export function tickSizeAt(instrument: Instrument, price: Decimal): Decimal {
  const band = instrument.tickBands.find((candidate) => price.compare(candidate.fromPrice) >= 0)
  assert(band, `${instrument.code} has no tick for the price ${price.toString()}`)
  return band.tickSize
}

export function roundPrice(instrument: Instrument, price: Decimal, rounding: Rounding): Decimal {
  return price.roundToMultiple(tickSizeAt(instrument, price), rounding)
}

/** Always down: rounding a quantity up would trade more than was asked for. */
export function roundQuantity(instrument: Instrument, quantity: Decimal): Decimal {
  return quantity.roundToMultiple(instrument.lotSize, 'down')
}

export function isTradable(instrument: Instrument, quantity: Decimal, price: Decimal): boolean {
  return quantity.isPositive() && quantity.multiply(price).compare(instrument.minNotional) >= 0
}

/** A limit price that lies `slackBps` beyond a price, rounded to the tick on the side that is worse for us. */
export function limitPriceBeyond(instrument: Instrument, side: Side, price: number, slackBps: number): Decimal {
  const factor = side === 'buy' ? 1 + slackBps / 10_000 : 1 - slackBps / 10_000
  // Twelve digits: more than any price has, fewer than where doubles go wrong.
  const beyond = Decimal.fromNumber(Number((price * factor).toPrecision(12)))
  const rounded = roundPrice(instrument, beyond, side === 'buy' ? 'up' : 'down')
  return rounded.isPositive() ? rounded : tickSizeAt(instrument, rounded)
}
