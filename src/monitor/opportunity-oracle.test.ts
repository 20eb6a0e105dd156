import { describe, expect, test } from 'vitest'
import { quoteOf } from './hand-made-logs.ts'
import { bestNetEdgeBps, OpportunityOracle } from './opportunity-oracle.ts'

const pricing = { takerFeeA: 0.0005, takerFeeB: 0.001, minEntryNetEdgeBps: 25 }
const quote = { symbol: 'KRW-BTC', bidA: 140_000_000, askA: 140_010_000, bidB: 100_000, askB: 100_001, fx: 1400, quoteAgeMs: 5 }

describe('bestNetEdgeBps', () => {
  test('prices selling A and buying B after both fees', () => {
    // 141,400,000 x 0.9995 / (100,000 x 1,400 x 1.001) - 1
    expect(bestNetEdgeBps({ ...quote, bidA: 141_400_000, askA: 141_500_000, askB: 100_000 }, pricing)).toBeCloseTo(84.865, 3)
  })

  test('prices buying A and selling B after both fees', () => {
    // 100,000 x 1,400 x 0.999 / (138,600,000 x 1.0005) - 1
    expect(bestNetEdgeBps({ ...quote, bidA: 138_500_000, askA: 138_600_000 }, pricing)).toBeCloseTo(85.8662, 3)
  })

  test('loses both fees where both venues agree', () => {
    expect(bestNetEdgeBps({ ...quote, bidA: 140_000_000, askA: 140_000_000, askB: 100_000 }, pricing)).toBeCloseTo(-14.985, 3)
  })

  test.each([{ fx: 0 }, { askA: Number.NaN, bidA: Number.NaN }, { askB: 0, askA: 0 }])('gives none for the broken quote %o', (broken) => {
    expect(bestNetEdgeBps({ ...quote, ...broken }, pricing)).toBe(Number.NEGATIVE_INFINITY)
  })
})

describe('OpportunityOracle', () => {
  const sampleAll = (edges: readonly number[], everyMs = 1000): boolean[] => {
    const oracle = new OpportunityOracle(pricing, 1000)
    return edges.map((edge, index) => oracle.sample(quoteOf('KRW-BTC', edge), index * everyMs) !== null)
  }

  test.each([
    ['three samples over two seconds above threshold and margin', [36, 36, 36], 1000, [false, false, true]],
    ['three samples in less than two seconds', [36, 36, 36], 900, [false, false, false]],
    ['two samples two seconds apart', [36, 36], 2000, [false, false]],
    ['samples above the threshold but inside the margin', [34, 34, 34, 34], 1000, [false, false, false, false]],
    ['a stretch broken by one sample below', [36, 36, 20, 36, 36], 1000, [false, false, false, false, false]],
    ['samples too far apart to be one stretch', [36, 36, 36], 5001, [false, false, false]],
  ])('%s', (_, edges, everyMs, expected) => {
    expect(sampleAll(edges, everyMs)).toEqual(expected)
  })

  test('a dismissed stretch starts anew', () => {
    const oracle = new OpportunityOracle(pricing, 1000)
    oracle.sample(quoteOf('KRW-BTC', 50), 0)
    oracle.sample(quoteOf('KRW-BTC', 50), 1000)
    oracle.dismiss()
    expect(oracle.sample(quoteOf('KRW-BTC', 50), 2000)).toBeNull()
  })

  test('says since when, until when and how much', () => {
    const oracle = new OpportunityOracle(pricing, 1000)
    const [, , last] = [40, 60, 50].map((edge, index) => oracle.sample(quoteOf('KRW-BTC', edge), index * 1000))
    expect(last).toMatchObject({ sinceMs: 0, untilMs: 2000, sampleCount: 3 })
    expect(last?.maxNetEdgeBps).toBeCloseTo(60, 6)
  })
})
