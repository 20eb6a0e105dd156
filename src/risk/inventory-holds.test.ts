import { describe, expect, test } from 'vitest'
import { Decimal } from '../base/decimal.ts'
import { type Instrument, instrumentOf } from '../model/instrument.ts'
import { InventoryHolds, requiredAsset } from './inventory-holds.ts'

function instrument(feeAsset: Instrument['feeAsset']): Instrument {
  const tickBands = [{ fromPrice: '0', tickSize: '1' }]
  const sizes = { lotSize: '0.00000001', minNotional: '5000', takerFee: '0.0005' }
  return instrumentOf({ venue: 'upbit', code: 'KRW-BTC', base: 'BTC', quote: 'KRW', tickBands, ...sizes, feeAsset })
}

describe('an order requires', () => {
  test.each([
    ['buy', 'quote', 'KRW', '1000.5', 'the limit price, and the fee on top'],
    ['buy', 'received', 'KRW', '1000', 'the limit price: the fee comes out of what is bought'],
    ['sell', 'quote', 'BTC', '0.00001', 'what is sold: the fee comes out of the proceeds'],
  ] as const)('for a %s with the fee in %s: %s %s, %s', (side, feeAsset, asset, amount, _why) => {
    const required = requiredAsset(instrument(feeAsset), side, Decimal.parse('0.00001'), Decimal.parse('100000000'))
    expect([required.venue, required.asset, required.amount.toString()]).toEqual(['upbit', asset, amount])
  })

  test('a fee rounded up to the eighth digit', () => {
    const required = requiredAsset(instrument('quote'), 'buy', Decimal.parse('0.00000001'), Decimal.parse('1'))
    expect(required.amount.toString()).toBe('0.00000002')
  })
})

describe('holds', () => {
  const krw = (amount: string): { venue: 'upbit'; asset: string; amount: Decimal } => ({
    venue: 'upbit',
    asset: 'KRW',
    amount: Decimal.parse(amount),
  })
  const hundred = (): Decimal => Decimal.parse('100')

  test('never promise more than there is', () => {
    const holds = new InventoryHolds()
    expect(holds.take('T1', [krw('60')], hundred)).toBe(true)
    expect(holds.take('T2', [krw('40.00000001')], hundred)).toBe(false)
    expect(holds.take('T2', [krw('40')], hundred)).toBe(true)
  })

  test('take all or nothing', () => {
    const holds = new InventoryHolds()
    expect(holds.take('T1', [krw('60'), krw('60')], hundred)).toBe(false)
    expect(holds.orderCount('T1')).toBe(0)
    expect(holds.take('T2', [krw('100')], hundred)).toBe(true)
  })

  test('are free again once released, and releasing twice frees nothing more', () => {
    const holds = new InventoryHolds()
    holds.take('T1', [krw('60')], hundred)
    holds.take('T2', [krw('40')], hundred)
    holds.release('T1')
    holds.release('T1')
    expect(holds.take('T3', [krw('60.1')], hundred)).toBe(false)
    expect(holds.take('T3', [krw('60')], hundred)).toBe(true)
  })
})
