import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { faultsSchema } from '../config/faults-schema.ts'
import { campaignSchema, type CampaignConfig } from '../config/schema.ts'
import { faultTraits } from '../faults/fault-traits.ts'
import { faultKinds, type FaultKind } from '../model/fault.ts'
import { drawFaults } from './fault-plan.ts'

function config(changes: Record<string, unknown> = {}): CampaignConfig {
  return campaignSchema.parse({
    scenario: 'T1',
    symbols: ['KRW-BTC', 'KRW-ETH'],
    duration_minutes: 60,
    data_source: 'ws',
    faults: { swarm: 'on', healedMinutes: 10 },
    ...changes,
  })
}

const cuts: readonly FaultKind[] = ['stream-close', 'stream-reset', 'stream-half-open', 'maintenance']
const seeds = fc.integer({ min: 0, max: 2 ** 32 })

describe('a swarm', () => {
  test('is drawn from the seed alone', () => {
    expect(drawFaults(config({ seed: 7 }))).toEqual(drawFaults(config({ seed: 7 })))
    expect(drawFaults(config({ seed: 7 }))).not.toEqual(drawFaults(config({ seed: 8 })))
  })

  test('leaves the start and the healed phase alone, and stays within what its kinds may be', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        for (const { kind, fromMs, untilMs, share, strength } of drawFaults(config({ seed }))) {
          const traits = faultTraits[kind]
          expect(fromMs).toBeGreaterThanOrEqual(60_000)
          expect(untilMs).toBeLessThanOrEqual(50 * 60_000)
          expect(untilMs - fromMs).toBeGreaterThanOrEqual(kind === 'kill' ? 0 : 1)
          expect(share).toBeGreaterThanOrEqual(traits.share[0])
          expect(share).toBeLessThanOrEqual(traits.share[1])
          expect(strength).toBeGreaterThanOrEqual(traits.strength[0])
          expect(strength).toBeLessThanOrEqual(traits.strength[1])
        }
      }),
    )
  })

  test('always cuts streams and fills orders in part, and leaves some kinds out', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const kinds = new Set(drawFaults(config({ seed })).map(({ kind }) => kind))
        expect(kinds).toContain('partial-fill')
        expect([...kinds].some((kind) => cuts.includes(kind))).toBe(true)
        expect(kinds.size).toBeLessThan(faultKinds.length)
      }),
    )
  })

  test('of a few kinds never draws nothing, and cuts streams where one of them does', () => {
    const isCut = (kind: FaultKind): boolean => cuts.includes(kind)
    const sources = fc.constantFrom('rest', 'ws').chain((source) => {
      const possible = faultKinds.filter((kind) => source === 'ws' || faultTraits[kind].strikes !== 'streams')
      return fc.record({ source: fc.constant(source), swarmKinds: fc.subarray(possible, { minLength: 1 }) })
    })
    fc.assert(
      fc.property(seeds, sources, (seed, { source, swarmKinds }) => {
        const faults = { swarm: 'on', healedMinutes: 10, swarmKinds }
        const kinds = drawFaults(config({ seed, data_source: source, faults })).map(({ kind }) => kind)
        expect(kinds).not.toEqual([])
        if (source === 'ws' && swarmKinds.some(isCut)) expect(kinds.some(isCut)).toBe(true)
      }),
    )
  })

  test('breaks a stream before each fault on requests, also where that is the only kind', () => {
    const faults = drawFaults(config({ faults: { swarm: 'on', healedMinutes: 10, swarmKinds: ['latency'] } }))
    const breaks = faults.filter(({ kind }) => kind === 'stream-reset').map(({ fromMs, venue }) => [fromMs, venue])
    expect(faults.filter(({ kind }) => kind === 'latency').map(({ fromMs, venue }) => [fromMs, venue])).toEqual(breaks)
  })

  test('can be listed as it was drawn, so that a failing one can be cut down', () => {
    fc.assert(
      fc.property(seeds, fc.constantFrom('rest', 'ws'), (seed, source) => {
        const plan = drawFaults(config({ seed, data_source: source }))
        expect(faultsSchema.parse({ plan }).plan).toEqual(plan)
      }),
    )
  })

  test('draws every kind for some seed', () => {
    const kinds = Array.from({ length: 40 }, (_, seed) => drawFaults(config({ seed })).map(({ kind }) => kind))
    expect(new Set(kinds.flat())).toEqual(new Set(faultKinds))
  })

  test('begins patterns in one order and ends them in another', () => {
    const overlapping = Array.from({ length: 20 }, (_, seed) => drawFaults(config({ seed })))
      .flatMap((faults) => faults.filter(({ kind }) => !['orders', 'process'].includes(faultTraits[kind].strikes)))
      .filter((fault, index, all) => {
        const before = all[index - 1]
        return before !== undefined && before.fromMs < fault.fromMs && fault.untilMs < before.untilMs
      })
    expect(overlapping.length).toBeGreaterThan(5)
  })

  test('cuts no streams where there are none', () => {
    const kinds = Array.from({ length: 20 }, (_, seed) => drawFaults(config({ seed, data_source: 'rest' }))).flat()
    expect(kinds.filter(({ kind }) => faultTraits[kind].strikes === 'streams')).toEqual([])
  })
})

test('what the config lists stands first, as it is', () => {
  const listed = { kind: 'rejection', fromMs: 60_000, untilMs: 120_000 }
  const faults = drawFaults(config({ faults: { plan: [listed], swarm: 'on', healedMinutes: 10 } }))
  expect(faults[0]).toEqual({ ...listed, venue: null, code: null, share: 1, strength: 0 })
  expect(faults.length).toBeGreaterThan(1)
  expect(drawFaults(config({ faults: { plan: [listed], healedMinutes: 10 } }))).toHaveLength(1)
})
