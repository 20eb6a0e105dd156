import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decimal8, javaDouble, plainNumber } from './wire-number.ts'

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

test.for<[number, string]>([
  [0, '0.0'],
  [1431, '1431.0'],
  [81_234.56, '81234.56'],
  [9_999_999.5, '9999999.5'],
  [10_000_000, '1.0E7'],
  [116_539_000, '1.16539E8'],
  [12_345_678.5, '1.23456785E7'],
  [0.001, '0.001'],
  [0.00079276, '7.9276E-4'],
  [0.0005, '5.0E-4'],
  [0.00000001, '1.0E-8'],
  [0.0004 + 0.0000000001, '4.0E-4'],
])('Java spells %d as %s', ([value, text]) => {
  expect(javaDouble(value)).toBe(text)
})

test("Java's spelling of any number of eight decimals reads back as itself", () => {
  fc.assert(
    fc.property(fc.nat(400_000_000), fc.oneof(fc.constant(0), fc.nat(99_999), fc.nat(99_999_999)), (whole, units) => {
      // Where a double has room for eight decimals.
      const value = Number(`${units === 0 ? whole : whole % 10_000_000}.${String(units).padStart(8, '0')}`)
      expect(Number(javaDouble(value))).toBe(value)
    }),
  )
})
