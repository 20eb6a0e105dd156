/** Instruments with the venues' tick tables as far as tests of the markets need them; campaigns take theirs from the config. */

import { Decimal } from '../base/decimal.ts'
import type { TickBand, Venue } from '../model/instrument.ts'
import type { MarketInstrument } from './simulated-market.ts'

function bands(...rows: readonly [string, string][]): TickBand[] {
  return rows.map(([fromPrice, tickSize]) => ({ fromPrice: Decimal.parse(fromPrice), tickSize: Decimal.parse(tickSize) }))
}

export const krwBands = bands(
  ['1000000', '1000'],
  ['500000', '500'],
  ['100000', '100'],
  ['50000', '50'],
  ['10000', '10'],
  ['5000', '5'],
  ['100', '1'],
  ['10', '0.1'],
  ['1', '0.01'],
  ['0', '0.001'],
)
export const centBands = bands(['0', '0.01'])

function made(venue: Venue, code: string, base: string, quote: string): MarketInstrument {
  return { venue, code, base, quote, tickBands: quote === 'KRW' ? krwBands : centBands }
}

/** KRW per USDT, and each base asset on both venues. */
export function madeInstruments(...bases: readonly string[]): MarketInstrument[] {
  return [
    made('upbit', 'KRW-USDT', 'USDT', 'KRW'),
    ...bases.flatMap((base) => [
      made('upbit', `KRW-${base}`, base, 'KRW'),
      made('upbit', `USDT-${base}`, base, 'USDT'),
      made('binance', `${base}USDT`, base, 'USDT'),
    ]),
  ]
}
