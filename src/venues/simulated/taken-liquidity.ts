/** What an account took from levels that still show the size they had then: the market does not know of it. For the order desk. */

import { Decimal } from '../../base/decimal.ts'
import type { Side } from '../../model/instrument.ts'
import { BoundedMap } from './bounded-map.ts'

/** One displayed level of a book, and the side of the order that takes from it. */
export interface DisplayedLevel {
  code: string
  side: Side
  price: Decimal
  size: Decimal
}

const maxLevels = 10_000

export class TakenLiquidity {
  readonly #levels = new BoundedMap<string, { displayedSize: Decimal; taken: Decimal }>(maxLevels)

  get forgottenCount(): number {
    return this.#levels.forgottenCount
  }

  /** What is left of the level. */
  left(level: DisplayedLevel): Decimal {
    return level.size.subtract(this.#takenFrom(level))
  }

  take(level: DisplayedLevel, quantity: Decimal): void {
    this.#levels.set(keyOf(level), { displayedSize: level.size, taken: this.#takenFrom(level).add(quantity) })
  }

  #takenFrom(level: DisplayedLevel): Decimal {
    const known = this.#levels.get(keyOf(level))
    return known?.displayedSize.equals(level.size) ? known.taken : Decimal.zero
  }
}

function keyOf({ code, side, price }: DisplayedLevel): string {
  return `${code}:${side}:${price.toString()}`
}
