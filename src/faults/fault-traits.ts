/** What each kind of fault strikes, and how hard and how long a swarm lets it strike. Config and campaign read it. */

import type { FaultKind } from '../model/fault.ts'

export interface FaultTraits {
  /** What it strikes. */
  strikes: 'requests' | 'streams' | 'books' | 'venue' | 'orders' | 'store' | 'disk' | 'process'
  /** Bounds of what a swarm draws, each uniform between the two. A `kill` has no duration. */
  durationMs: readonly [min: number, max: number]
  share: readonly [min: number, max: number]
  /** The unit is the kind's own. */
  strength: readonly [min: number, max: number]
  /** Whether a swarm may aim it at one venue, or at one instrument. */
  aim: 'venue' | 'instrument' | 'none'
}

const always = [1, 1] as const
const unused = [0, 0] as const

/** Short of what the monitor's default rules call a failure: a symbol may be stale for two minutes, a loop late by thirty seconds. */
const brief = [5_000, 45_000] as const
/** A commit is made where a trade goes on: every minute or so. */
const untilACommit = [20_000, 90_000] as const
/** Orders are few, so what strikes them lasts until some were struck. */
const lasting = [240_000, 600_000] as const

export const faultTraits: Readonly<Record<FaultKind, FaultTraits>> = {
  latency: { strikes: 'requests', durationMs: brief, share: [0.3, 1], strength: [50, 1500], aim: 'venue' },
  'no-answer': { strikes: 'requests', durationMs: brief, share: [0.3, 1], strength: unused, aim: 'venue' },
  'server-error': { strikes: 'requests', durationMs: brief, share: [0.3, 1], strength: unused, aim: 'venue' },
  'rate-limited': { strikes: 'requests', durationMs: brief, share: [0.3, 1], strength: unused, aim: 'venue' },
  banned: { strikes: 'requests', durationMs: brief, share: always, strength: unused, aim: 'venue' },
  'malformed-body': { strikes: 'requests', durationMs: brief, share: [0.3, 1], strength: unused, aim: 'venue' },
  'truncated-body': { strikes: 'requests', durationMs: brief, share: [0.3, 1], strength: unused, aim: 'venue' },
  'stream-close': { strikes: 'streams', durationMs: [1_000, 15_000], share: always, strength: unused, aim: 'venue' },
  'stream-reset': { strikes: 'streams', durationMs: [1_000, 15_000], share: always, strength: unused, aim: 'venue' },
  'stream-half-open': { strikes: 'streams', durationMs: brief, share: always, strength: unused, aim: 'venue' },
  'stream-stall': { strikes: 'streams', durationMs: brief, share: always, strength: unused, aim: 'instrument' },
  'sequence-gap': { strikes: 'streams', durationMs: brief, share: [0.005, 0.1], strength: unused, aim: 'venue' },
  'out-of-order': { strikes: 'streams', durationMs: brief, share: [0.005, 0.1], strength: unused, aim: 'venue' },
  'stale-book': { strikes: 'books', durationMs: [15_000, 60_000], share: always, strength: unused, aim: 'instrument' },
  'crossed-book': { strikes: 'books', durationMs: brief, share: [0.3, 1], strength: [1, 200], aim: 'instrument' },
  'zero-padded-book': { strikes: 'books', durationMs: brief, share: [0.3, 1], strength: unused, aim: 'instrument' },
  'clock-skew': { strikes: 'venue', durationMs: [20_000, 120_000], share: always, strength: [-4_000, 4_000], aim: 'venue' },
  maintenance: { strikes: 'venue', durationMs: [10_000, 60_000], share: always, strength: unused, aim: 'venue' },
  // Three in a row stay below the quarter of an hour for which a checker lets legs be uneven.
  'filter-change': { strikes: 'orders', durationMs: [60_000, 240_000], share: always, strength: [2, 100], aim: 'instrument' },
  // Every swarm has it, and a run that shows no partial fill has shown too little.
  'partial-fill': { strikes: 'orders', durationMs: [600_000, 1_200_000], share: [0.4, 0.8], strength: [0.1, 0.9], aim: 'none' },
  rejection: { strikes: 'orders', durationMs: lasting, share: [0.1, 0.5], strength: unused, aim: 'venue' },
  'lost-acknowledgement': { strikes: 'orders', durationMs: lasting, share: [0.1, 0.5], strength: unused, aim: 'venue' },
  'late-fill': { strikes: 'orders', durationMs: lasting, share: [0.1, 0.5], strength: [1_000, 20_000], aim: 'venue' },
  'lost-fill': { strikes: 'orders', durationMs: lasting, share: [0.1, 0.5], strength: unused, aim: 'venue' },
  'store-down': { strikes: 'store', durationMs: untilACommit, share: always, strength: unused, aim: 'none' },
  'store-slow': { strikes: 'store', durationMs: untilACommit, share: always, strength: [10, 400], aim: 'none' },
  'store-read-only': { strikes: 'store', durationMs: untilACommit, share: always, strength: unused, aim: 'none' },
  'store-restart': { strikes: 'store', durationMs: [5_000, 60_000], share: always, strength: unused, aim: 'none' },
  'disk-full': { strikes: 'disk', durationMs: brief, share: [0.3, 1], strength: unused, aim: 'none' },
  kill: { strikes: 'process', durationMs: unused, share: always, strength: unused, aim: 'none' },
  freeze: { strikes: 'process', durationMs: [20_000, 20_000], share: always, strength: unused, aim: 'none' },
}

/** A plan may aim more finely than a swarm, which spreads what is rare. */
export function finestAim(kind: FaultKind): FaultTraits['aim'] {
  const { strikes, aim } = faultTraits[kind]
  const strikesSingleFrames = kind === 'sequence-gap' || kind === 'out-of-order'
  return strikes === 'orders' || strikesSingleFrames ? 'instrument' : aim
}

/** Where the config leaves it out: half-way between, and for a clock, whose middle is no skew at all, half of what it may be ahead. */
export function defaultStrength(kind: FaultKind): number {
  const [min, max] = faultTraits[kind].strength
  return kind === 'clock-skew' ? max / 2 : (min + max) / 2
}

/** What is injected into the venues themselves, which `live` ones do not let us. */
const atVenues: ReadonlySet<FaultTraits['strikes']> = new Set(['requests', 'streams', 'books', 'venue'])

/** Why a kind cannot be injected into a run on this market with this source of quotes; empty where it can. */
export function obstaclesTo(kind: FaultKind, { market, dataSource }: { market: string; dataSource: string }): string[] {
  const { strikes } = faultTraits[kind]
  return [
    ...(market === 'live' && atVenues.has(strikes) ? [`${kind} cannot be injected into venues that are not ours`] : []),
    ...(strikes === 'streams' && dataSource !== 'ws' ? [`${kind} strikes streams, and data_source is ${dataSource}`] : []),
  ]
}
