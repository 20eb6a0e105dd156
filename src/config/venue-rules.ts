/** What the venues list and charge, by rule: a campaign's symbols in, routes, instruments and opening balances out. Pure. */

import { OperatingError } from '../base/error.ts'
import type { InstrumentFacts, Venue } from '../model/instrument.ts'
import type { Balance } from '../model/money.ts'
import type { RouteFacts } from '../model/route.ts'
import type { VenuesSettings } from './venues-schema.ts'

export interface TradingPlan {
  routes: RouteFacts[]
  instruments: InstrumentFacts[]
  openingBalances: Balance[]
}

type TickTable = InstrumentFacts['tickBands']
type Leg = RouteFacts['a']

/** What a market's rules are before overrides. */
type Rules = Pick<InstrumentFacts, 'tickBands' | 'lotSize' | 'minNotional' | 'takerFee'>

/** KRW per USDT comes from this book, whether or not a symbol trades it. */
const fxLeg: Leg = { venue: 'upbit', code: 'KRW-USDT' }

/** Upbit's KRW market: ticks in force since 2025-07-31 (docs.upbit.com, "KRW market order price unit", page of 2026-05-04). */
const upbitKrwTicks: TickTable = [
  { fromPrice: '1000000', tickSize: '1000' },
  { fromPrice: '500000', tickSize: '500' },
  { fromPrice: '100000', tickSize: '100' },
  { fromPrice: '50000', tickSize: '50' },
  { fromPrice: '10000', tickSize: '10' },
  { fromPrice: '5000', tickSize: '5' },
  { fromPrice: '100', tickSize: '1' },
  { fromPrice: '10', tickSize: '0.1' },
  { fromPrice: '1', tickSize: '0.01' },
  { fromPrice: '0.1', tickSize: '0.001' },
  { fromPrice: '0.01', tickSize: '0.0001' },
  { fromPrice: '0.001', tickSize: '0.00001' },
  { fromPrice: '0.0001', tickSize: '0.000001' },
  { fromPrice: '0.00001', tickSize: '0.0000001' },
  { fromPrice: '0', tickSize: '0.00000001' },
]

/** Upbit's USDT market (docs.upbit.com, 2025). */
const upbitUsdtTicks: TickTable = [
  { fromPrice: '10', tickSize: '0.01' },
  { fromPrice: '1', tickSize: '0.001' },
  { fromPrice: '0.1', tickSize: '0.0001' },
  { fromPrice: '0.01', tickSize: '0.00001' },
  { fromPrice: '0.001', tickSize: '0.000001' },
  { fromPrice: '0.0001', tickSize: '0.0000001' },
  { fromPrice: '0', tickSize: '0.00000001' },
]

/**
 * Binance sets tick and lot for each market (`exchangeInfo`), by no published rule. An assumption for markets other than BTC and ETH: four
 * to five significant digits of the price, as its majors have; a market's own values belong in `venues.instruments`.
 */
const binanceOtherTicks: TickTable = [
  { fromPrice: '10', tickSize: '0.01' },
  { fromPrice: '1', tickSize: '0.0001' },
  { fromPrice: '0.1', tickSize: '0.00001' },
  { fromPrice: '0.01', tickSize: '0.000001' },
  { fromPrice: '0', tickSize: '0.00000001' },
]

/** Lots of `exchangeInfo`: LOT_SIZE.stepSize of BTCUSDT and ETHUSDT (2021-10-12); for others that of TSLABUSDT (2026-09-26) stands in. */
const binanceLots: Readonly<Record<string, string>> = { BTCUSDT: '0.00001', ETHUSDT: '0.0001' }
const binanceOtherLot = '0.001'

/** Upbit counts volume in eight decimals on all markets. */
const upbitLot = '0.00000001'

/**
 * Least totals: 5,000 KRW (`orders/chance`, bid.min_total), 0.5 USDT (docs.upbit.com, 2025). Taker fees: 0.05 % on the KRW market
 * (`orders/chance`, bid_fee), 0.25 % on the USDT market (fee schedule).
 */
const upbitRules: Readonly<Record<string, Rules>> = {
  KRW: { tickBands: upbitKrwTicks, lotSize: upbitLot, minNotional: '5000', takerFee: '0.0005' },
  USDT: { tickBands: upbitUsdtTicks, lotSize: upbitLot, minNotional: '0.5', takerFee: '0.0025' },
}

/** Binance spot: NOTIONAL.minNotional 5 USDT (`exchangeInfo`), taker commission 0.1 % (`account`, commissionRates.taker). */
function binanceRules(code: string, quote: string): Rules | undefined {
  if (quote !== 'USDT') return undefined
  const lot = binanceLots[code]
  return {
    tickBands: lot === undefined ? binanceOtherTicks : [{ fromPrice: '0', tickSize: '0.01' }],
    lotSize: lot ?? binanceOtherLot,
    minNotional: '5',
    takerFee: '0.001',
  }
}

/** Everything that the symbols need, and the FX book. Throws CONFIG_INVALID where a symbol cannot be routed. */
export function tradingPlan(symbols: readonly string[], venues: VenuesSettings): TradingPlan {
  const routes = symbols.map((symbol) => routeFacts(symbol, venues))
  const instruments = new Map<string, InstrumentFacts>()
  for (const leg of [...routes.flatMap((route) => [route.a, route.b]), fxLeg]) {
    const key = `${leg.venue}:${leg.code}`
    if (!instruments.has(key)) instruments.set(key, instrumentFacts(leg, venues))
  }
  const listed = [...instruments.values()]
  return { routes, instruments: listed, openingBalances: openingBalances(listed, venues) }
}

/** `KRW-X` is Upbit KRW-X against Binance XUSDT; `XUSDT` is Binance XUSDT against Upbit USDT-X; anything else needs a route of its own. */
function routeFacts(symbol: string, venues: VenuesSettings): RouteFacts {
  const { a, b } = venues.routes[symbol] ?? routeByName(symbol)
  const instrumentA = instrumentFacts(a, venues)
  const instrumentB = instrumentFacts(b, venues)
  if (a.venue === b.venue) throw invalidRoute(symbol, `both legs are on ${a.venue}`)
  if (instrumentA.base !== instrumentB.base) {
    throw invalidRoute(symbol, `its legs trade ${instrumentA.base} and ${instrumentB.base}; where that is one asset, say so by \`base\``)
  }
  if (instrumentB.quote !== 'USDT') throw invalidRoute(symbol, `leg B is quoted in ${instrumentB.quote}, not USDT`)
  return { symbol, a, b }
}

function routeByName(symbol: string): { a: Leg; b: Leg } {
  const krw = /^KRW-([A-Z0-9]+)$/.exec(symbol)?.[1]
  if (krw !== undefined && krw !== 'USDT') {
    return { a: { venue: 'upbit', code: symbol }, b: { venue: 'binance', code: `${krw}USDT` } }
  }
  const base = /^([A-Z0-9]+)USDT$/.exec(symbol)?.[1]
  if (base !== undefined) return { a: { venue: 'binance', code: symbol }, b: { venue: 'upbit', code: `USDT-${base}` } }
  throw invalidRoute(symbol, 'it is neither KRW-X nor XUSDT')
}

function invalidRoute(symbol: string, why: string): OperatingError {
  return new OperatingError('CONFIG_INVALID', `symbol ${symbol} has no route: ${why}`, {
    hint: `Correct the name, or give its two legs under venues.routes.${symbol}.`,
  })
}

function instrumentFacts({ venue, code }: Leg, venues: VenuesSettings): InstrumentFacts {
  const own = venues.instruments[`${venue}:${code}`] ?? {}
  const byName = venue === 'upbit' ? upbitAssets(code) : binanceAssets(code)
  const base = own.base ?? byName?.base
  const quote = own.quote ?? byName?.quote
  if (base === undefined || quote === undefined) throw invalidInstrument(venue, code, 'its name does not tell base and quote')
  const rules = venue === 'upbit' ? upbitRules[quote] : binanceRules(code, quote)
  if (rules === undefined) throw invalidInstrument(venue, code, `${quote} is no quote currency here`)
  return {
    venue,
    code,
    base,
    quote,
    feeAsset: venue === 'upbit' ? 'quote' : 'received',
    tickBands: own.tick === undefined ? rules.tickBands : [{ fromPrice: '0', tickSize: own.tick }],
    lotSize: own.lot ?? rules.lotSize,
    minNotional: own.minNotional ?? rules.minNotional,
    takerFee: own.takerFee ?? rules.takerFee,
  }
}

function upbitAssets(code: string): { base: string; quote: string } | null {
  const [quote, base] = code.split('-')
  return quote === undefined || base === undefined ? null : { base, quote }
}

function binanceAssets(code: string): { base: string; quote: string } | null {
  return code.length > 4 && code.endsWith('USDT') ? { base: code.slice(0, -4), quote: 'USDT' } : null
}

function invalidInstrument(venue: Venue, code: string, why: string): OperatingError {
  return new OperatingError('CONFIG_INVALID', `instrument ${venue} ${code} cannot be traded: ${why}`, {
    hint: `Correct the code, or give base and quote under venues.instruments['${venue}:${code}'].`,
  })
}

/** What `venues.inventory` names, then what the instruments need besides, in a fixed order. */
function openingBalances(instruments: readonly InstrumentFacts[], venues: VenuesSettings): Balance[] {
  const { upbit, binance, otherBase } = venues.inventory
  const amounts = { upbit: new Map(Object.entries(upbit)), binance: new Map(Object.entries(binance)) }
  for (const { venue, base } of instruments) {
    if (!amounts[venue].has(base)) amounts[venue].set(base, otherBase)
  }
  const balances: Balance[] = []
  for (const venue of ['upbit', 'binance'] as const) {
    for (const [asset, amount] of amounts[venue]) balances.push({ venue, asset, amount })
  }
  return balances
}
