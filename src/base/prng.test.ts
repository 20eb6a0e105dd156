import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { hash32, mix32, type Prng, SeededPrng } from './prng.ts'

function draw(prng: Prng, count: number): number[] {
  return Array.from({ length: count }, () => prng.next())
}

const seeds = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER })

describe('next', () => {
  test('gives the same numbers for the same seed, on any machine', () => {
    expect(draw(new SeededPrng(62), 4).map((value) => value * 2 ** 32)).toMatchInlineSnapshot(`
      [
        4097292520,
        3797433367,
        3582004113,
        2806064675,
      ]
    `)
  })

  test('gives other numbers for another seed, also one that differs above 32 bits only', () => {
    fc.assert(
      fc.property(seeds, seeds, (left, right) => {
        fc.pre(left !== right)
        expect(draw(new SeededPrng(left), 4)).not.toEqual(draw(new SeededPrng(right), 4))
      }),
      { examples: [[62, 62 + 2 ** 32]] },
    )
  })

  test('stays in [0, 1) and fills sixteen bins evenly', () => {
    const counts = Array.from({ length: 16 }, () => 0)
    const prng = new SeededPrng(1)
    for (let i = 0; i < 160_000; i++) {
      const bin = Math.floor(prng.next() * 16)
      counts[bin] = (counts[bin] ?? Number.NaN) + 1
    }
    expect(Object.keys(counts)).toHaveLength(16)
    const chiSquare = counts.reduce((sum, count) => sum + (count - 10_000) ** 2 / 10_000, 0)
    // 15 degrees of freedom: above 37.7 once in a thousand seeds.
    expect(chiSquare).toBeLessThan(37.7)
  })
})

test('gaussian has mean 0, variance 1, and 0.27 % beyond three', () => {
  const prng = new SeededPrng(2)
  const values = Array.from({ length: 100_000 }, () => prng.gaussian())
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length
  expect(Math.abs(mean)).toBeLessThan(0.015)
  expect(Math.abs(variance - 1)).toBeLessThan(0.02)
  expect(values.filter((value) => Math.abs(value) > 3).length / values.length).toBeCloseTo(0.0027, 3)
})

describe('fork', () => {
  test('does not depend on how many numbers were drawn', () => {
    fc.assert(
      fc.property(seeds, fc.nat({ max: 50 }), fc.string(), (seed, drawnCount, name) => {
        const fresh = new SeededPrng(seed)
        const used = new SeededPrng(seed)
        draw(used, drawnCount)
        expect(draw(used.fork(name), 4)).toEqual(draw(fresh.fork(name), 4))
      }),
    )
  })

  test('does not shift the numbers of the generator that it was made from', () => {
    const forked = new SeededPrng(62)
    forked.fork('market')
    expect(draw(forked, 4)).toEqual(draw(new SeededPrng(62), 4))
  })

  test('differs by name', () => {
    const prng = new SeededPrng(62)
    const names = Array.from({ length: 2000 }, (_, i) => `symbol-${i}`)
    expect(new Set(names.map((name) => prng.fork(name).next())).size).toBe(names.length)
  })

  test('differs by seed, also by one that differs above 32 bits only', () => {
    fc.assert(
      fc.property(seeds, seeds, (left, right) => {
        fc.pre(left !== right)
        expect(draw(new SeededPrng(left).fork('market'), 4)).not.toEqual(draw(new SeededPrng(right).fork('market'), 4))
      }),
      { examples: [[62, 62 + 2 ** 32]] },
    )
  })
})

test('mix32 is a bijection as far as a sample shows, and flips half of the bits', () => {
  const count = 10_000
  expect(new Set(Array.from({ length: count }, (_, i) => mix32(i))).size).toBe(count)
  let flippedBits = 0
  for (let i = 0; i < count; i++) flippedBits += (mix32(i) ^ mix32(i ^ 1)).toString(2).replace(/[^1]/g, '').length
  expect(flippedBits / count).toBeGreaterThan(13)
})

test('hash32 tells names and seeds apart', () => {
  expect(hash32('KRW-BTC')).not.toBe(hash32('KRW-ETH'))
  expect(hash32('KRW-BTC', 1)).not.toBe(hash32('KRW-BTC', 2))
})
