/** Bitcoin as both venues list it, for the tests of any folder. */

import type { InstrumentFacts } from './instrument.ts'

export const upbitBitcoin: InstrumentFacts = {
  venue: 'upbit',
  code: 'KRW-BTC',
  base: 'BTC',
  quote: 'KRW',
  tickBands: [{ fromPrice: '0', tickSize: '1000' }],
  lotSize: '0.00000001',
  minNotional: '5000',
  takerFee: '0.0005',
  feeAsset: 'quote',
}

export const binanceBitcoin: InstrumentFacts = {
  venue: 'binance',
  code: 'BTCUSDT',
  base: 'BTC',
  quote: 'USDT',
  tickBands: [{ fromPrice: '0', tickSize: '0.01' }],
  lotSize: '0.00001',
  minNotional: '5',
  takerFee: '0.001',
  feeAsset: 'received',
}
