/** UUIDs that stand for numbers: the same seed gives the same ones, and none has to be remembered to be read back. */

import type { Prng } from '../../base/prng.ts'

const pattern = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-([0-9a-f]{12})$/

/** Shaped like version 4; the last 48 bits are the number, the others follow from seed, kind and number. */
export function numberedUuid(prng: Prng, kind: string, number: number): string {
  const draws = prng.fork(`${kind} ${number}`)
  const word = (): string => hex(Math.floor(draws.next() * 2 ** 32), 8)
  const [first, second, third] = [word(), word(), word()]
  return `${first}-${second.slice(0, 4)}-4${second.slice(5)}-8${third.slice(1, 4)}-${hex(number, 12)}`
}

/** Null where no such UUID was ever handed out. */
export function numberOfUuid(prng: Prng, kind: string, uuid: string): number | null {
  const digits = pattern.exec(uuid)?.[1]
  if (digits === undefined) return null
  const number = parseInt(digits, 16)
  return numberedUuid(prng, kind, number) === uuid ? number : null
}

function hex(value: number, width: number): string {
  return value.toString(16).padStart(width, '0')
}
