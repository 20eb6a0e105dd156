import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Fault } from '../model/fault.ts'
import { FaultBoard } from './fault-board.ts'

const runStartMs = 1_000_000

function fault(changes: Partial<Fault> = {}): Fault {
  return { kind: 'latency', fromMs: 1000, untilMs: 2000, venue: null, code: null, share: 1, strength: 0, ...changes }
}

function boardOf(...faults: Fault[]): { board: FaultBoard; struck: number[] } {
  const struck: number[] = []
  const board = new FaultBoard({ plan: { runStartMs, seed: 62, faults }, onStrike: (index) => struck.push(index) })
  return { board, struck }
}

describe('a fault strikes', () => {
  test.each([
    { when: 'before its start', atMs: 999, isStruck: false },
    { when: 'at its start', atMs: 1000, isStruck: true },
    { when: 'just before its end', atMs: 1999, isStruck: true },
    { when: 'at its end', atMs: 2000, isStruck: false },
  ])('$when: $isStruck', ({ atMs, isStruck }) => {
    const { board, struck } = boardOf(fault())
    expect(board.strike('latency', runStartMs + atMs, { name: 'a' }) !== null).toBe(isStruck)
    expect(struck).toEqual(isStruck ? [0] : [])
  })

  test.each([
    { aim: { venue: 'upbit' }, at: { venue: 'upbit' }, isStruck: true },
    { aim: { venue: 'upbit' }, at: { venue: 'binance' }, isStruck: false },
    { aim: { venue: 'upbit', code: 'KRW-BTC' }, at: { venue: 'upbit', code: 'KRW-ETH' }, isStruck: false },
    { aim: { venue: 'upbit', code: 'KRW-BTC' }, at: { venue: 'upbit' }, isStruck: true },
    { aim: {}, at: { venue: 'binance', code: 'BTCUSDT' }, isStruck: true },
  ] as const)('$at where it is aimed at $aim: $isStruck', ({ aim, at, isStruck }) => {
    const { board } = boardOf(fault(aim))
    expect(board.strike('latency', runStartMs + 1500, { ...at, name: 'a' }) !== null).toBe(isStruck)
  })

  test('only what it is of the kind of', () => {
    const { board } = boardOf(fault())
    expect(board.strike('rejection', runStartMs + 1500, { name: 'a' })).toBeNull()
  })

  test('each occasion of its share alike, whoever asks first', () => {
    const names = Array.from({ length: 1000 }, (_, index) => `order ${index}`)
    const strikes = (order: readonly string[]): Set<string> => {
      const { board } = boardOf(fault({ share: 0.3 }))
      return new Set(order.filter((name) => board.strike('latency', runStartMs + 1500, { name }) !== null))
    }
    const forwards = strikes(names)
    expect(strikes(names.toReversed())).toEqual(forwards)
    expect(forwards.size).toBeGreaterThan(200)
    expect(forwards.size).toBeLessThan(400)
  })
})

test('what is found strikes where it is counted, and not before', () => {
  const { board, struck } = boardOf(fault(), fault({ kind: 'rejection' }))
  const found = board.find('rejection', runStartMs + 1500, { name: 'a' })
  expect([found?.index, struck]).toEqual([1, []])
  for (let i = 0; i < 2; i++) board.count(found!)
  board.strike('latency', runStartMs + 1500, { name: 'a' })
  expect(struck).toEqual([1, 1, 0])
})

test('what is left of a plan strikes as it did in the whole', () => {
  const [first, second] = [fault({ share: 0.5, kind: 'rejection' }), fault({ share: 0.5 })]
  const strikes = (...faults: Fault[]): boolean[] =>
    Array.from({ length: 100 }, (_, index) => {
      return boardOf(...faults).board.strike('latency', runStartMs + 1500, { name: String(index) }) !== null
    })
  expect(strikes(second)).toEqual(strikes(first, second))
})

test('however faults overlap, an occasion is struck by the first of its kind in the plan that is in force and drawn', () => {
  const faults = fc.array(
    fc.record({ fromMs: fc.integer({ min: 0, max: 100 }), lengthMs: fc.integer({ min: 1, max: 100 }), isCertain: fc.boolean() }),
    { maxLength: 6 },
  )
  fc.assert(
    fc.property(faults, fc.integer({ min: 0, max: 200 }), (drawn, atMs) => {
      const plan = drawn.map(({ fromMs, lengthMs, isCertain }) => fault({ fromMs, untilMs: fromMs + lengthMs, share: isCertain ? 1 : 0 }))
      const { board, struck } = boardOf(...plan)
      const expected = plan.findIndex(({ fromMs, untilMs, share }) => share === 1 && fromMs <= atMs && atMs < untilMs)
      expect(board.strike('latency', runStartMs + atMs, { name: 'a' })).toEqual(expected < 0 ? null : plan[expected])
      expect(struck).toEqual(expected < 0 ? [] : [expected])
    }),
  )
})
