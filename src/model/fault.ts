/** What can go wrong around an engine, as data: a fault plan is drawn or written before a run, injected in it, and judged after it. */

import type { Venue } from './instrument.ts'
import type { LogLine } from './event.ts'

/** Every fault that can be injected. `strength` means what is said here; where nothing is said it is not looked at. */
export const faultKinds = [
  /** REST answers come later, by up to `strength` ms each. */
  'latency',
  /** REST requests are never answered. */
  'no-answer',
  /** REST requests, and upgrades, are answered 5xx. */
  'server-error',
  /** REST requests are answered 429. */
  'rate-limited',
  /** REST requests are answered 418: the address is shut out for a while. */
  'banned',
  /** REST answers are not JSON, or JSON of another shape. */
  'malformed-body',
  /** REST answers break off in the middle. */
  'truncated-body',
  /** Streams are closed with a close frame. */
  'stream-close',
  /** Streams break without a close frame. */
  'stream-reset',
  /** Streams stand, and nothing passes in either direction, pings included. */
  'stream-half-open',
  /** Frames of one instrument stop in a stream whose other instruments go on. */
  'stream-stall',
  /** Single stream frames are lost. */
  'sequence-gap',
  /** Stream frames change places with the next one of their instrument. */
  'out-of-order',
  /** Books stand still, their times and ids with them. */
  'stale-book',
  /** The best bid lies `strength` basis points above the best ask. */
  'crossed-book',
  /** Levels of price 0 or size 0 stand in the books. */
  'zero-padded-book',
  /** The venue's clock is off by `strength` ms: its times step when this begins, and step back when it ends (or the reverse). */
  'clock-skew',
  /** The venue is in maintenance: every request is refused, streams are closed. */
  'maintenance',
  /** The venue's lot size is `strength` times what it was: orders for other quantities are rejected. */
  'filter-change',
  /** Orders fill to `strength` (0 to 1) of their quantity at most. */
  'partial-fill',
  /** Orders are rejected. */
  'rejection',
  /** Orders are taken and filled, and the answer is lost. */
  'lost-acknowledgement',
  /** Orders are filled, and the venue says so only `strength` ms later. */
  'late-fill',
  /** Orders are acknowledged, and the message of their fill is lost. */
  'lost-fill',
  /** The store is away: it refuses connections. */
  'store-down',
  /** Each commit takes `strength` ms longer. */
  'store-slow',
  /** The store refuses writes. */
  'store-read-only',
  /** The store is restarted: the commit under way was made, its answer is lost, and the next few are refused. */
  'store-restart',
  /** The disk under the logs takes no more bytes. */
  'disk-full',
  /** SIGKILL, at the moment it begins. */
  'kill',
  /** The engine's process stands still (SIGSTOP) until it ends. */
  'freeze',
] as const

export type FaultKind = (typeof faultKinds)[number]

export interface Fault {
  kind: FaultKind
  /** Event time since the run's start; the end is not part of it. */
  fromMs: number
  untilMs: number
  /** Null for both venues; null too where the kind has nothing to do with a venue. */
  venue: Venue | null
  /** The instrument's code on the venue; null for all. */
  code: string | null
  /** Chance that an occasion (a request, a frame, an order, a commit) is struck while the fault lasts, 0 to 1. */
  share: number
  strength: number
}

export interface FaultPlan {
  /** Event time of the run's start, in every attempt the same. */
  runStartMs: number
  /** For the draws of which occasions are struck. */
  seed: number
  faults: readonly Fault[]
}

/** In the run's logs folder: what the engine's process injected, and what the loopback servers did. */
export const faultLogNames = { engine: 'faults.log', venues: 'venue-faults.log' } as const

/** A line of these logs: written at a fault's first strike, and again with the sum at the end of the attempt. */
export interface FaultStruck extends LogLine {
  event: 'fault-struck'
  /** Place in the plan, from 0. */
  index: number
  kind: FaultKind
  venue: Venue | null
  code: string | null
  /** Strikes so far in this attempt. */
  count: number
}
