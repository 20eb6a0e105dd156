import { describe, expect, test } from 'vitest'
import type { Fault } from '../model/fault.ts'
import type { Assertion, Exercise, FinalState } from './analysis.ts'
import { ExerciseRecorder } from './exercise-recorder.ts'
import { faultAssertions, type InjectedFaults } from './judge-faults.ts'

const fault: Fault = { kind: 'latency', fromMs: 0, untilMs: 1, venue: null, code: null, share: 1, strength: 0 }
const none = new ExerciseRecorder()
const shown: Partial<Exercise> = { guardBlocks: 1, guardReleases: 1, partialFills: 1, unwinds: 1, reconnects: 1 }

function judged(
  faults: Partial<InjectedFaults>,
  exercise: Partial<Exercise> = {},
  state: Partial<FinalState> = {},
): Map<string, Assertion> {
  const injected = { plan: [fault], listedCount: 1, strikes: new Map([[0, 3]]), isSwarm: true, isStreamed: true, ...faults }
  const assertions = faultAssertions(injected, {
    exercise: { ...none.exercise(), ...shown, ...exercise },
    finalState: { ...none.finalState(), isClosed: true, ...state },
  })
  return new Map(assertions.map((assertion) => [assertion.name, assertion]))
}

describe('faults happened', () => {
  test.each([
    { what: 'all struck', faults: {}, verdict: 'pass' },
    { what: 'a listed one never struck', faults: { strikes: new Map() }, verdict: 'unknown' },
    { what: 'one of two listed ones never struck', faults: { plan: [fault, fault], listedCount: 2 }, verdict: 'unknown' },
    { what: 'one of two drawn ones never struck', faults: { plan: [fault, fault], listedCount: 0 }, verdict: 'pass' },
    { what: 'two of three drawn ones never struck', faults: { plan: [fault, fault, fault], listedCount: 0 }, verdict: 'unknown' },
    { what: 'a swarm drew nothing', faults: { plan: [], listedCount: 0, strikes: new Map() }, verdict: 'unknown' },
  ])('is $verdict where $what', ({ faults, verdict }) => {
    expect(judged(faults).get('faults happened')).toMatchObject({ verdict })
  })
})

describe('exercised', () => {
  test.each(['guardBlocks', 'guardReleases', 'partialFills', 'unwinds', 'reconnects'] as const)('is unknown without %s', (name) => {
    expect(judged({}, { [name]: 0 }).get('exercised')).toMatchObject({ verdict: 'unknown' })
  })

  test('passes where all of it was, and asks for no reconnects where there are no streams', () => {
    expect(judged({}).get('exercised')).toMatchObject({ verdict: 'pass' })
    expect(judged({ isStreamed: false }, { reconnects: 0 }).get('exercised')).toMatchObject({ verdict: 'pass' })
  })

  test('is not asked of faults that were listed and not drawn', () => {
    expect(judged({ isSwarm: false }).has('exercised')).toBe(false)
  })
})

describe('healed', () => {
  test.each<{ what: string; state: Partial<FinalState>; verdict: string }>([
    { what: 'all is as it should be', state: {}, verdict: 'pass' },
    { what: 'a symbol is not live', state: { staleSymbols: ['KRW-BTC'] }, verdict: 'fail' },
    { what: 'a circuit is open', state: { openCircuits: ['upbit'] }, verdict: 'fail' },
    { what: 'a trade is not settled', state: { unsettledTrades: ['T7 KRW-BTC unbalanced'] }, verdict: 'fail' },
    { what: 'the session was not closed', state: { isClosed: false }, verdict: 'fail' },
  ])('is $verdict where $what', ({ state, verdict }) => {
    expect(judged({}, {}, state).get('healed')).toMatchObject({ verdict })
  })
})
