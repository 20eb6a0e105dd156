/** Numbers as the venues spell them: plain digits, at most eight after the point. The wire faces call this. */

/** Always eight digits after the point, rounded. `value` must be finite, not negative, and below 2^53. */
export function decimal8(value: number): string {
  const whole = Math.floor(value)
  const fraction = Math.round((value - whole) * 1e8)
  // Adding a leading one pads with zeros and stays a small integer, which is the fastest to print.
  return fraction < 1e8 ? `${whole}.${String(1e8 + fraction).slice(1)}` : `${whole + 1}.00000000`
}

/** A JSON number: without a point where the value is whole. */
export function plainNumber(value: number): string {
  return Number.isSafeInteger(value) ? String(value) : decimal8(value)
}

/** As Java prints a double: never without a point, and in exponent form (`1.16539E8`, `5.0E-4`) from 1e7 up and below 1e-3. */
export function javaDouble(value: number): string {
  const rounded = Number.isSafeInteger(value) ? value : Number(decimal8(value))
  if (rounded === 0 || (rounded >= 1e-3 && rounded < 1e7)) return Number.isInteger(rounded) ? `${rounded}.0` : String(rounded)
  const text = rounded.toExponential()
  const mark = text.indexOf('e')
  const mantissa = text.slice(0, mark)
  return `${mantissa.includes('.') ? mantissa : `${mantissa}.0`}E${Number(text.slice(mark + 1))}`
}
