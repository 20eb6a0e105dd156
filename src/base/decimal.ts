/** Exact decimal numbers on bigint: all money that is owned or owed. Signals (edges, spreads) are plain numbers. */

import { assert } from './assert.ts'

/** `down` is towards negative infinity, `up` towards positive infinity, `half-even` to the nearest, ties to even. */
export type Rounding = 'down' | 'up' | 'half-even'

const powersOfTen: bigint[] = [1n]

function powerOfTen(exponent: number): bigint {
  for (let i = powersOfTen.length; i <= exponent; i++) powersOfTen.push((powersOfTen[i - 1] ?? 1n) * 10n)
  return powersOfTen[exponent] ?? 1n
}

/** Integer division with a named direction; `divisor` must be positive. */
function divide(dividend: bigint, divisor: bigint, rounding: Rounding): bigint {
  assert(divisor > 0n, `divisor must be positive, was ${divisor}`)
  const quotient = dividend / divisor
  const remainder = dividend % divisor
  if (remainder === 0n) return quotient
  const floor = remainder < 0n ? quotient - 1n : quotient
  if (rounding === 'down') return floor
  if (rounding === 'up') return floor + 1n
  const twice = 2n * (dividend - floor * divisor)
  if (twice === divisor) return floor % 2n === 0n ? floor : floor + 1n
  return twice > divisor ? floor + 1n : floor
}

const pattern = /^([+-]?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,3}))?$/

/** An immutable decimal: `units / 10^scale`, kept without trailing zeros so that equal values are equal in form. */
export class Decimal {
  static readonly zero = new Decimal(0n, 0)
  static readonly one = new Decimal(1n, 0)

  readonly #units: bigint
  readonly #scale: number

  private constructor(units: bigint, scale: number) {
    this.#units = units
    this.#scale = scale
  }

  static #of(units: bigint, scale: number): Decimal {
    if (units === 0n) return scale === 0 ? new Decimal(0n, 0) : Decimal.zero
    while (scale > 0 && units % 10n === 0n) {
      units /= 10n
      scale--
    }
    return new Decimal(units, scale)
  }

  /** Reads `12`, `-0.5`, `1.16539E8`; throws an assertion on anything else: venue input is checked before it gets here. */
  static parse(text: string): Decimal {
    const match = pattern.exec(text)
    assert(match, `not a decimal number: ${JSON.stringify(text.slice(0, 40))}`)
    const fraction = match[3] ?? ''
    const exponent = Number(match[4] ?? '0')
    const digits = BigInt(`${match[2]}${fraction}`)
    const units = match[1] === '-' ? -digits : digits
    const scale = fraction.length - exponent
    return scale >= 0 ? Decimal.#of(units, scale) : Decimal.#of(units * powerOfTen(-scale), 0)
  }

  /** The shortest decimal that reads back as this double: for a number that came off the wire, the digits sent. */
  static fromNumber(value: number): Decimal {
    assert(Number.isFinite(value), `not a finite number: ${value}`)
    return Decimal.parse(String(value))
  }

  add(other: Decimal): Decimal {
    if (this.#scale === other.#scale) return Decimal.#of(this.#units + other.#units, this.#scale)
    return this.#scale > other.#scale
      ? Decimal.#of(this.#units + other.#units * powerOfTen(this.#scale - other.#scale), this.#scale)
      : Decimal.#of(this.#units * powerOfTen(other.#scale - this.#scale) + other.#units, other.#scale)
  }

  subtract(other: Decimal): Decimal {
    return this.add(other.negate())
  }

  multiply(other: Decimal): Decimal {
    return Decimal.#of(this.#units * other.#units, this.#scale + other.#scale)
  }

  /** The quotient at `scale` digits after the point, rounded in the named direction. */
  divide(other: Decimal, scale: number, rounding: Rounding): Decimal {
    assert(other.#units !== 0n, 'division by zero')
    const sign = other.#units < 0n ? -1n : 1n
    const exponent = scale + other.#scale - this.#scale
    const dividend = sign * this.#units * (exponent > 0 ? powerOfTen(exponent) : 1n)
    const divisor = sign * other.#units * (exponent < 0 ? powerOfTen(-exponent) : 1n)
    return Decimal.#of(divide(dividend, divisor, rounding), scale)
  }

  /** The multiple of `step` (a tick, a lot) next to this value in the named direction. */
  roundToMultiple(step: Decimal, rounding: Rounding): Decimal {
    assert(step.#units > 0n, `step must be positive, was ${step.toString()}`)
    return step.multiply(this.divide(step, 0, rounding))
  }

  /** Rounded to `scale` digits after the point. */
  round(scale: number, rounding: Rounding): Decimal {
    if (this.#scale <= scale) return this
    return Decimal.#of(divide(this.#units, powerOfTen(this.#scale - scale), rounding), scale)
  }

  negate(): Decimal {
    return this.#units === 0n ? this : new Decimal(-this.#units, this.#scale)
  }

  abs(): Decimal {
    return this.#units < 0n ? this.negate() : this
  }

  /** Negative, zero or positive, as for a sort. */
  compare(other: Decimal): number {
    const scale = Math.max(this.#scale, other.#scale)
    const left = this.#units * powerOfTen(scale - this.#scale)
    const right = other.#units * powerOfTen(scale - other.#scale)
    return left < right ? -1 : left > right ? 1 : 0
  }

  equals(other: Decimal): boolean {
    return this.#units === other.#units && this.#scale === other.#scale
  }

  isLessThan(other: Decimal): boolean {
    return this.compare(other) < 0
  }

  isGreaterThan(other: Decimal): boolean {
    return this.compare(other) > 0
  }

  isZero(): boolean {
    return this.#units === 0n
  }

  isNegative(): boolean {
    return this.#units < 0n
  }

  isPositive(): boolean {
    return this.#units > 0n
  }

  /** The nearest double: for signals and display, never for the ledger. */
  toNumber(): number {
    return Number(this.toString())
  }

  /** Plain digits, no exponent, no trailing zeros. */
  toString(): string {
    const digits = (this.#units < 0n ? -this.#units : this.#units).toString().padStart(this.#scale + 1, '0')
    const point = digits.length - this.#scale
    const sign = this.#units < 0n ? '-' : ''
    return this.#scale === 0 ? sign + digits : `${sign}${digits.slice(0, point)}.${digits.slice(point)}`
  }

  toJSON(): string {
    return this.toString()
  }
}

export function minDecimal(left: Decimal, right: Decimal): Decimal {
  return left.compare(right) <= 0 ? left : right
}

export function sumDecimals(values: Iterable<Decimal>): Decimal {
  let total = Decimal.zero
  for (const value of values) total = total.add(value)
  return total
}
