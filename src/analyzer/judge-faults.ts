/** Judges a run into which faults were injected: they happened, they made the engine show what it can, and it got over them. Pure. */

import type { Fault } from '../model/fault.ts'
import type { Analysis, Assertion, Exercise, FinalState } from './analysis.ts'

export interface InjectedFaults {
  /** Those that the config lists, and after them those that a swarm drew. */
  plan: readonly Fault[]
  listedCount: number
  /** By place in the plan; a fault that is not in it never struck. */
  strikes: ReadonlyMap<number, number>
  isSwarm: boolean
  isStreamed: boolean
}

/** Of a swarm's faults this share has to strike: some find no order and no request in their time. */
const minStruckShare = 0.5

export function faultAssertions(faults: InjectedFaults, { exercise, finalState }: Pick<Analysis, 'exercise' | 'finalState'>): Assertion[] {
  return [happened(faults), ...(faults.isSwarm ? [exercised(exercise, faults.isStreamed)] : []), healed(finalState)]
}

function happened({ plan, listedCount, strikes }: InjectedFaults): Assertion {
  const isStruck = (index: number): boolean => (strikes.get(index) ?? 0) > 0
  const missing = plan.flatMap((fault, index) => (isStruck(index) ? [] : [{ fault, isListed: index < listedCount }]))
  const struck = plan.length - missing.length
  const isEnough = struck >= plan.length * minStruckShare && struck > 0 && !missing.some(({ isListed }) => isListed)
  const names = [...new Set(missing.map(({ fault }) => fault.kind))].slice(0, 8).join(', ')
  return {
    name: 'faults happened',
    verdict: isEnough ? 'pass' : 'unknown',
    expected: 'every listed fault strikes, and half of those that were drawn',
    actual: `${struck} of ${plan.length} struck${missing.length === 0 ? '' : `; never: ${names}`}`,
  }
}

function exercised(exercise: Exercise, isStreamed: boolean): Assertion {
  const { guardBlocks, guardReleases, partialFills, unwinds, reconnects } = exercise
  const counts = { 'guard blocks': guardBlocks, 'guard releases': guardReleases, 'partial fills': partialFills, unwinds }
  const all = Object.entries(isStreamed ? { ...counts, reconnects } : counts)
  const missing = all.filter(([, count]) => count === 0).map(([name]) => name)
  return {
    name: 'exercised',
    verdict: missing.length === 0 ? 'pass' : 'unknown',
    expected: all.map(([name]) => name).join(', '),
    actual: missing.length === 0 ? all.map(([name, count]) => `${name} ${count}`).join(', ') : `never: ${missing.join(', ')}`,
  }
}

function healed({ isClosed, staleSymbols, openCircuits, unsettledTrades }: FinalState): Assertion {
  const troubles = [
    ...(isClosed ? [] : ['the session was not closed']),
    ...staleSymbols.map((symbol) => `${symbol} is not live`),
    ...openCircuits.map((venue) => `the circuit of ${venue} is open`),
    ...unsettledTrades.map((trade) => `${trade} is not settled`),
  ]
  return {
    name: 'healed',
    verdict: troubles.length === 0 ? 'pass' : 'fail',
    expected: 'after the faults every symbol is live, every circuit closed, every trade flat or hedged, and the state stored',
    actual: troubles.length === 0 ? 'so it is' : troubles.slice(0, 5).join('; '),
  }
}
