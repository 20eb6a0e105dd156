import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decimal8, plainNumber } from './wire-number.ts'

test.for<[number, string, string]>([
  [0, '0.00000000', '0'],
  [116_233_000, '116233000.00000000', '116233000'],
  [81_234.56, '81234.56000000', '81234.56000000'],
  [0.00000001, '0.00000001', '0.00000001'],
  [0.1 + 0.2, '0.30000000', '0.30000000'],
  [0.999999999, '1.00000000', '1.00000000'],
  [2_999_999_999.5, '2999999999.50000000', '2999999999.50000000'],
])('%d', ([value, fixed, plain]) => {
  expect(decimal8(value)).toBe(fixed)
  expect(plainNumber(value)).toBe(plain)
})

test('any number of eight decimals reads back as itself', () => {
  fc.assert(
    fc.property(fc.nat(10_000_000), fc.nat(99_999_999), (whole, units) => {
      const value = Number(`${whole}.${String(units).padStart(8, '0')}`)
      expect(Number(decimal8(value))).toBe(value)
      expect(Number(plainNumber(value))).toBe(value)
    }),
  )
})
