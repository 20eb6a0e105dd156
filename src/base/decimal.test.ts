import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Decimal, minDecimal, type Rounding, sumDecimals } from './decimal.ts'

const commonScale = 40

/** The model: units of 10^-40 as one bigint, read from the printed digits. */
function unitsOf(decimal: Decimal): bigint {
  const [whole = '', fraction = ''] = decimal.toString().split('.')
  return BigInt(whole + fraction.padEnd(commonScale, '0'))
}

const texts = fc.tuple(fc.bigInt({ min: -(10n ** 24n), max: 10n ** 24n }), fc.nat({ max: 12 })).map(([units, scale]) => {
  const digits = (units < 0n ? -units : units).toString().padStart(scale + 1, '0')
  const point = digits.length - scale
  return `${units < 0n ? '-' : ''}${digits.slice(0, point)}${scale > 0 ? `.${digits.slice(point)}` : ''}`
})
const decimals = texts.map((text) => Decimal.parse(text))
const positives = decimals.map((value) => value.abs()).filter((value) => value.isPositive())
const finite = fc.double({ noNaN: true, noDefaultInfinity: true })
const roundings = fc.constantFrom<Rounding>('down', 'up', 'half-even')

describe('parse', () => {
  test.each([
    ['12', '12'],
    ['-0.50', '-0.5'],
    ['+7', '7'],
    ['007.700', '7.7'],
    ['1.16539E8', '116539000'],
    ['7.9276E-4', '0.00079276'],
    ['1e+21', '1000000000000000000000'],
    ['-0', '0'],
    ['0.00', '0'],
  ])('reads %s as %s', (text, digits) => {
    expect(Decimal.parse(text).toString()).toBe(digits)
  })

  test.each(['', ' 1', '1 ', '.5', '5.', '1e', 'NaN', 'Infinity', '0x10', '1,000', '--1', '1e1000'])('refuses %j', (text) => {
    expect(() => Decimal.parse(text)).toThrow('not a decimal number')
  })

  test('reads back what it printed', () => {
    fc.assert(fc.property(decimals, (value) => Decimal.parse(value.toString()).equals(value)))
  })

  test('reads a double as the shortest digits that give the double back', () => {
    fc.assert(fc.property(finite, (value) => Decimal.fromNumber(value).toNumber() === value + 0))
  })

  test('refuses a number that is not finite', () => {
    expect(() => Decimal.fromNumber(Number.NaN)).toThrow('not a finite number')
    expect(() => Decimal.fromNumber(Number.POSITIVE_INFINITY)).toThrow('not a finite number')
  })
})

describe('arithmetic agrees with whole units', () => {
  test('adds and subtracts', () => {
    fc.assert(
      fc.property(decimals, decimals, (left, right) => {
        expect(unitsOf(left.add(right))).toBe(unitsOf(left) + unitsOf(right))
        expect(unitsOf(left.subtract(right))).toBe(unitsOf(left) - unitsOf(right))
      }),
    )
  })

  test('multiplies', () => {
    fc.assert(
      fc.property(decimals, decimals, (left, right) => {
        expect(unitsOf(left.multiply(right)) * 10n ** BigInt(commonScale)).toBe(unitsOf(left) * unitsOf(right))
      }),
    )
  })

  test('compares', () => {
    fc.assert(
      fc.property(decimals, decimals, (left, right) => {
        const difference = unitsOf(left) - unitsOf(right)
        expect(Math.sign(left.compare(right))).toBe(difference < 0n ? -1 : difference > 0n ? 1 : 0)
        expect(left.equals(right)).toBe(difference === 0n)
        expect(left.isLessThan(right)).toBe(difference < 0n)
        expect(left.isGreaterThan(right)).toBe(difference > 0n)
        expect(minDecimal(left, right).equals(difference < 0n ? left : right)).toBe(true)
      }),
    )
  })

  test('sums a list as repeated addition', () => {
    fc.assert(
      fc.property(fc.array(decimals), (values) => {
        expect(unitsOf(sumDecimals(values))).toBe(values.reduce((sum, value) => sum + unitsOf(value), 0n))
      }),
    )
  })

  test('equal values are equal in form, however they were made', () => {
    fc.assert(
      fc.property(decimals, decimals, (left, right) => {
        const roundTrip = left.add(right).subtract(right)
        expect(roundTrip.equals(left)).toBe(true)
        expect(roundTrip.toString()).toBe(left.toString())
      }),
    )
  })

  test('signs and zero', () => {
    fc.assert(
      fc.property(decimals, (value) => {
        expect(value.add(value.negate()).isZero()).toBe(true)
        expect([value.isNegative(), value.isZero(), value.isPositive()].filter(Boolean)).toHaveLength(1)
        expect(value.abs().isNegative()).toBe(false)
      }),
    )
  })
})

describe('division', () => {
  test('down is the greatest multiple not above, up the least not below, half-even the nearer', () => {
    fc.assert(
      fc.property(
        decimals,
        decimals.filter((value) => !value.isZero()),
        fc.nat({ max: 10 }),
        (dividend, divisor, scale) => {
          const step = Decimal.parse(`1e-${scale}`)
          const down = dividend.divide(divisor, scale, 'down')
          const up = dividend.divide(divisor, scale, 'up')
          const nearest = dividend.divide(divisor, scale, 'half-even')
          const isAbove = (quotient: Decimal): number => quotient.multiply(divisor).compare(dividend) * (divisor.isNegative() ? -1 : 1)
          expect(isAbove(down)).toBeLessThanOrEqual(0)
          expect(isAbove(up)).toBeGreaterThanOrEqual(0)
          expect(up.subtract(down).equals(isAbove(down) === 0 ? Decimal.zero : step)).toBe(true)
          const toDown = dividend.subtract(down.multiply(divisor)).abs()
          const toUp = up.multiply(divisor).subtract(dividend).abs()
          if (toDown.compare(toUp) !== 0) expect(nearest.equals(toDown.isLessThan(toUp) ? down : up)).toBe(true)
        },
      ),
    )
  })

  test.each<[string, string, number, Rounding, string]>([
    ['1', '3', 4, 'down', '0.3333'],
    ['1', '3', 4, 'up', '0.3334'],
    ['-1', '3', 4, 'down', '-0.3334'],
    ['-1', '3', 4, 'up', '-0.3333'],
    ['1', '-3', 4, 'down', '-0.3334'],
    ['0.5', '1', 0, 'half-even', '0'],
    ['1.5', '1', 0, 'half-even', '2'],
    ['2.5', '1', 0, 'half-even', '2'],
    ['-0.5', '1', 0, 'half-even', '0'],
    ['-1.5', '1', 0, 'half-even', '-2'],
    ['-2.5', '1', 0, 'half-even', '-2'],
  ])('%s / %s at %i digits, %s, is %s', (dividend, divisor, scale, rounding, quotient) => {
    expect(Decimal.parse(dividend).divide(Decimal.parse(divisor), scale, rounding).toString()).toBe(quotient)
  })

  test('refuses zero', () => {
    expect(() => Decimal.one.divide(Decimal.zero, 8, 'down')).toThrow('division by zero')
  })
})

describe('rounding', () => {
  test('to digits is the division by one', () => {
    fc.assert(
      fc.property(decimals, fc.nat({ max: 14 }), roundings, (value, scale, rounding) => {
        expect(value.round(scale, rounding).toString()).toBe(value.divide(Decimal.one, scale, rounding).toString())
      }),
    )
  })

  test('to a step gives a multiple of it, less than a step away and on the named side', () => {
    fc.assert(
      fc.property(decimals, positives, roundings, (value, step, rounding) => {
        const rounded = value.roundToMultiple(step, rounding)
        expect(unitsOf(rounded) % unitsOf(step)).toBe(0n)
        const moved = rounded.subtract(value)
        expect(moved.abs().isLessThan(step)).toBe(true)
        if (rounding === 'down') expect(moved.isPositive()).toBe(false)
        if (rounding === 'up') expect(moved.isNegative()).toBe(false)
        if (rounding === 'half-even') expect(moved.abs().add(moved.abs()).isGreaterThan(step)).toBe(false)
        expect(rounded.roundToMultiple(step, rounding).equals(rounded)).toBe(true)
      }),
    )
  })

  test('refuses a step that is not positive', () => {
    expect(() => Decimal.one.roundToMultiple(Decimal.zero, 'down')).toThrow('step must be positive')
  })
})

test('floats drift where decimals do not', () => {
  const tenth = Decimal.parse('0.1')
  expect(sumDecimals(Array.from({ length: 1000 }, () => tenth)).toString()).toBe('100')
  expect(Array.from({ length: 1000 }, () => 0.1).reduce((sum, value) => sum + value, 0)).not.toBe(100)
})

test('is written to JSON as a string of digits', () => {
  expect(JSON.stringify({ amount: Decimal.parse('0.00000001') })).toBe('{"amount":"0.00000001"}')
})
