import { expect, test } from 'vitest'
import { HandMadeLogs, loopsAt, quoteOf, ruleOf, rulesOf } from '../hand-made-logs.ts'

const rules = rulesOf({ noEntry: ruleOf(1, { enabled: false }), fxFrozen: ruleOf(600_000) })

/** A quote each second; null for none. */
function findings(seconds: number, quote: (second: number) => { edge: number; fx: number; symbol?: string } | null): string[] {
  using logs = new HandMadeLogs()
  for (let second = 1; second <= seconds; second++) {
    const sampled = quote(second)
    const quotes = sampled === null ? [] : [quoteOf(sampled.symbol ?? 'KRW-BTC', sampled.edge, sampled.fx)]
    logs.write('metrics', [loopsAt(second, { quotes })])
  }
  return logs.findingsAt(seconds, { rules })
}

test('a rate that stands for a window while the books move is an error that stops the run, once', () => {
  expect(findings(1500, (second) => ({ edge: second % 7, fx: 1400 }))).toEqual(['fx-frozen KRW-BTC fx-frozen @601 error aborts'])
})

test('symbols that share a rate raise it together; another rate is raised anew', () => {
  const shared = (second: number) => ({ edge: second % 7, fx: second <= 700 ? 1400 : 1401, symbol: second % 2 ? 'KRW-BTC' : 'KRW-ETH' })
  expect(findings(1500, shared)).toEqual([
    'fx-frozen KRW-BTC fx-frozen @601 error aborts',
    'fx-frozen KRW-BTC fx-frozen @1301 error aborts',
  ])
})

test.each<[string, (second: number) => { edge: number; fx: number } | null]>([
  ['a rate that moves once in nine minutes', (second) => ({ edge: second % 7, fx: 1400 + Math.floor(second / 540) })],
  ['no FX at all', (second) => ({ edge: second % 7, fx: 1 })],
  ['books that stand still as well', () => ({ edge: 5, fx: 1400 })],
  ['an outage of the quotes in between', (second) => (second % 500 > 300 ? null : { edge: second % 7, fx: 1400 })],
])('%s is none', (_, quote) => {
  expect(findings(2000, quote)).toEqual([])
})
