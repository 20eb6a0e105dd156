import { describe, expect, test } from 'vitest'
import { faultTraits } from '../faults/fault-traits.ts'
import { faultKinds, type Fault } from '../model/fault.ts'
import { faultsSchema } from './faults-schema.ts'
import { campaignSchema } from './schema.ts'

/** What is wrong with a plan of one fault, by key. */
function troubles(fault: Partial<Fault>): string[] {
  const { error } = faultsSchema.safeParse({ plan: [{ fromMs: 0, untilMs: 1000, ...fault }] })
  return (error?.issues ?? []).map(({ path }) => path.slice(2).join('.'))
}

test.each(faultKinds)('a fault may leave out all but its time: %s', (kind) => {
  const { plan } = faultsSchema.parse({ plan: [{ kind, fromMs: 1000, ...(kind === 'kill' ? {} : { untilMs: 2000 }) }] })
  const [min, max] = faultTraits[kind].strength
  expect(plan).toMatchObject([{ kind, venue: null, code: null, share: 1 }])
  expect(plan[0]!.strength).toSatisfy((strength: number) => strength >= min && strength <= max)
})

describe('a fault that could not do what it says is refused:', () => {
  test.each<[Partial<Fault>, string]>([
    [{ kind: 'latency', fromMs: 1000 }, ''],
    [{ kind: 'latency', strength: -1 }, 'strength'],
    [{ kind: 'store-slow', strength: 86_400_001 }, 'strength'],
    [{ kind: 'partial-fill', strength: 1.5 }, 'strength'],
    [{ kind: 'filter-change', strength: 0 }, 'strength'],
    [{ kind: 'clock-skew', strength: 0.5 }, 'strength'],
    [{ kind: 'latency', venue: 'upbit', code: 'KRW-BTC' }, 'code'],
    [{ kind: 'stream-reset', code: 'KRW-BTC' }, 'code'],
    [{ kind: 'maintenance', code: 'KRW-BTC' }, 'code'],
    [{ kind: 'store-down', venue: 'upbit' }, 'venue'],
    [{ kind: 'freeze', venue: 'binance' }, 'venue'],
  ])('%o', (fault, key) => {
    expect(troubles(fault)).toEqual([key])
  })
})

test.each<Partial<Fault>>([
  { kind: 'clock-skew', strength: -4000, venue: 'upbit' },
  { kind: 'filter-change', strength: 2.5, venue: 'upbit', code: 'KRW-BTC' },
  { kind: 'partial-fill', strength: 0, code: 'BTCUSDT' },
  { kind: 'sequence-gap', share: 0.01, venue: 'binance', code: 'BTCUSDT' },
  { kind: 'crossed-book', strength: 0.5, code: 'BTCUSDT' },
])('%o is what a venue may do', (fault) => {
  expect(troubles(fault)).toEqual([])
})

test.each([
  [{ data_source: 'rest' }, { swarmKinds: ['latency', 'stream-reset'] }, 'stream-reset strikes streams, and data_source is rest'],
  [{ market: 'live' }, { swarmKinds: ['maintenance'] }, 'maintenance cannot be injected into venues that are not ours'],
] as const)('a swarm may name no kind that cannot strike this run: %o', (campaign, faults, message) => {
  const { error } = campaignSchema.safeParse({ scenario: 'T1', symbols: ['KRW-BTC'], duration_minutes: 60, ...campaign, faults })
  expect(error?.issues.map((issue) => issue.message)).toEqual([message])
})
