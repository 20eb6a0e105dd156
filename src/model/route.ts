/** A symbol: the route between two instruments on two venues that the engine trades against each other. Pure; anyone may call it. */

import type { Instrument, Side, Venue } from './instrument.ts'

export type Leg = 'a' | 'b'

/** Which way a trade is open: `sell-a` sells leg A's instrument and buys leg B's; `buy-a` the reverse. */
export type Direction = 'sell-a' | 'buy-a'

export interface Route {
  /** The symbol's name: leg A's code. */
  symbol: string
  a: Instrument
  b: Instrument
}

/** A route by name, as it is logged and handed to the engine. */
export interface RouteFacts {
  symbol: string
  a: { venue: Venue; code: string }
  b: { venue: Venue; code: string }
}

export const directions: readonly Direction[] = ['sell-a', 'buy-a']
export const legs: readonly Leg[] = ['a', 'b']

export function opposite(direction: Direction): Direction {
  return direction === 'sell-a' ? 'buy-a' : 'sell-a'
}

export function sideOf(direction: Direction, leg: Leg): Side {
  return (direction === 'sell-a') === (leg === 'a') ? 'sell' : 'buy'
}
