import { describe, expect, test } from 'vitest'
import { HandMadeLogs, lineAt, loopsAt, quoteOf, ruleOf, rulesOf } from '../hand-made-logs.ts'

const stale = (second: number, reason = 'frozen', symbol = 'KRW-BTC') =>
  lineAt(second, { event: 'feed-stale', symbol, reason, quoteAgeMs: null })
const recovered = (second: number, symbol = 'KRW-BTC') => lineAt(second, { event: 'feed-recovered', symbol, staleForMs: 1 })

describe("by the engine's word", () => {
  test.each([
    ['an outage of less than the window', [stale(50), recovered(169)], []],
    ['outages that recover in between', [stale(50), recovered(100), stale(110), recovered(200)], []],
    ['an outage of a window', [stale(50), recovered(171)], ['stale-feed KRW-BTC frozen @170 error aborts']],
    ['one that changes its reason', [stale(50, 'missing'), stale(60, 'stale')], ['stale-feed KRW-BTC stale @170 error aborts']],
    ['a symbol that is not watched', [stale(50, 'missing', 'XRPUSDT')], []],
  ])('%s', (_, lines, expected) => {
    using logs = new HandMadeLogs().loops(1, 250).write('application', lines)
    expect(logs.findingsAt(250)).toEqual(expected)
  })

  test('each symbol and each outage is a finding of its own', () => {
    using logs = new HandMadeLogs().loops(1, 600)
    logs.write('application', [stale(10), stale(20, 'stale', 'KRW-ETH'), recovered(200), recovered(201, 'KRW-ETH'), stale(300, 'missing')])
    expect(logs.findingsAt(600, { rules: rulesOf({ noEntry: ruleOf(1, { enabled: false }) }) })).toEqual([
      'stale-feed KRW-BTC frozen @130 error aborts',
      'stale-feed KRW-ETH stale @140 error aborts',
      'stale-feed KRW-BTC missing @420 error aborts',
    ])
  })

  test('a frozen feed stops the run under its own name, before the missing entries do', () => {
    using logs = new HandMadeLogs().loops(1, 60, {}, [60, 5]).loops(61, 400, { staleSymbols: 1 }, [null, 5])
    logs.write('trading', [lineAt(20, { event: 'entry', symbol: 'KRW-BTC', tradeId: 'T1' })])
    logs.write('trading', [lineAt(40, { event: 'exit', symbol: 'KRW-BTC', tradeId: 'T1' })])
    logs.write('application', [stale(60)])
    expect(logs.findingsAt(400).filter((finding) => finding.endsWith('aborts'))[0]).toBe('stale-feed KRW-BTC frozen @180 error aborts')
  })
})

describe('by the metrics', () => {
  test('symbols that are counted stale and not named are raised for all', () => {
    using logs = new HandMadeLogs().loops(1, 50).loops(51, 250, { staleSymbols: 1 })
    expect(logs.findingsAt(250)).toEqual(['stale-feed all stale @171 error aborts'])
  })

  test('symbols that are named are not raised twice', () => {
    using logs = new HandMadeLogs().loops(1, 250, { staleSymbols: 1 }).write('application', [stale(1)])
    expect(logs.findingsAt(250)).toEqual(['stale-feed KRW-BTC frozen @121 error aborts'])
  })

  test('a symbol that is named and not watched is not one without a name', () => {
    using logs = new HandMadeLogs().loops(1, 450, { staleSymbols: 1 })
    logs.write('application', [stale(1, 'missing', 'XRPUSDT'), recovered(250, 'XRPUSDT')])
    expect(logs.findingsAt(249)).toEqual([])
    expect(logs.findingsAt(450, { rules: rulesOf({ noEntry: ruleOf(1, { enabled: false }) }) })).toEqual([
      'stale-feed all stale @370 error aborts',
    ])
  })

  test('a count that goes back to none in between is none', () => {
    using logs = new HandMadeLogs().loops(1, 100, { staleSymbols: 1 })
    logs.loops(101, 101).loops(102, 200, { staleSymbols: 1 })
    expect(logs.findingsAt(200)).toEqual([])
  })

  test('a quote that the engine still trades on after a window is stale, whatever the engine says', () => {
    using logs = new HandMadeLogs().loops(1, 99)
    const aged = [100, 101].map((second) => loopsAt(second, { quotes: [{ ...quoteOf('KRW-ETH', 5), quoteAgeMs: 120_000 }] }))
    expect(logs.write('metrics', aged).findingsAt(110)).toEqual(['stale-feed KRW-ETH stale @100 error aborts'])
  })
})
