import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { HandMadeLogs, lineAt, ruleOf, rulesOf } from '../hand-made-logs.ts'

const rules = rulesOf({ noEntry: ruleOf(1, { enabled: false }) })
const priceKrw = 140_000_000

type Leg = 'a' | 'b'

/** A fill of so many coins; those sold are negative. Leg B is priced in USDT. */
function filled(second: number, leg: Leg, coins: number, tradeId = 'T1'): string {
  const [instrument, price, fxKrwPerUsdt] = leg === 'a' ? ['KRW-BTC', priceKrw, 1400] : ['BTCUSDT', priceKrw / 1400, 1400]
  const quantity = Math.abs(coins)
  const facts = { symbol: 'KRW-BTC', tradeId, leg, side: coins > 0 ? 'buy' : 'sell', instrument, fxKrwPerUsdt }
  return lineAt(second, { event: 'order-filled', ...facts, quantity: String(quantity), notional: String(quantity * price) })
}

const trade = (second: number, event: string, facts: object = {}): string =>
  lineAt(second, { event, symbol: 'KRW-BTC', tradeId: 'T1', ...facts })
const unwound = (second: number, excessQuantity: string): string => trade(second, 'unwind', { leg: 'a', excessQuantity, dustQuantity: '0' })

function findings(lines: readonly string[]): string[] {
  using logs = new HandMadeLogs().loops(1, 300).write('trading', lines)
  return logs.findingsAt(300, { rules })
}

describe('an exposure of a window is an error that stops the run', () => {
  test.each<[string, readonly string[], string]>([
    ['a leg that was filled alone', [filled(10, 'a', -0.007)], 'unhedged KRW-BTC leg a @70 error aborts'],
    ['a leg that was filled in part', [filled(10, 'a', -0.007), filled(10, 'b', 0.004)], 'unhedged KRW-BTC leg a @70 error aborts'],
    ['an entry that says it is hedged', [filled(10, 'b', 0.007), trade(11, 'entry')], 'unhedged KRW-BTC leg b @70 error aborts'],
    ['a trade that was given up', [filled(10, 'b', 0.007), trade(11, 'entry-failed')], 'unhedged KRW-BTC leg b @70 error aborts'],
    [
      'an exit of one leg',
      [filled(10, 'a', -0.007), filled(10, 'b', 0.007), trade(10, 'entry'), filled(100, 'a', 0.007)],
      'unhedged KRW-BTC leg b @160 error aborts',
    ],
    [
      'an unwind that leaves an excess',
      [filled(10, 'a', -0.007), filled(10, 'b', 0.007), unwound(20, '0.004')],
      'unhedged KRW-BTC leg b @80 error aborts',
    ],
  ])('%s', (_, lines, expected) => {
    expect(findings(lines)).toEqual([expected])
  })

  test('what an attempt begins with counts from its start', () => {
    const openTrades = [{ symbol: 'KRW-BTC', tradeId: 'T1', quantity: '0.003', notionalKrw: '420000', excess: { a: '-0.004', b: '0' } }]
    expect(findings([lineAt(0, { event: 'session-opened', openTrades })])).toEqual(['unhedged KRW-BTC leg a @60 error aborts'])
  })
})

describe('no exposure', () => {
  test.each<[string, readonly string[]]>([
    ['legs that agree', [filled(10, 'a', -0.007), filled(10, 'b', 0.007)]],
    ['legs that agree a little later', [filled(10, 'a', -0.007), filled(69, 'b', 0.007)]],
    ['an excess that is unwound in time', [filled(10, 'a', -0.007), unwound(11, '-0.007'), filled(60, 'a', 0.007), unwound(60, '0')]],
    ['dust, its own and what it swept', [filled(10, 'a', -0.007), filled(10, 'b', 0.0072)]],
    [
      'an attempt that begins with a hedged trade',
      [lineAt(0, { event: 'session-opened', openTrades: [{ symbol: 'KRW-BTC', tradeId: 'T1' }] })],
    ],
  ])('%s', (_, lines) => {
    expect(findings(lines)).toEqual([])
  })
})

test('a trade is raised exactly where its legs differ for a window, and when it falls due', () => {
  const moves = fc.array(fc.record({ afterSeconds: fc.integer({ min: 1, max: 90 }), coins: fc.integer({ min: -2, max: 2 }) }), {
    maxLength: 8,
  })
  fc.assert(
    fc.property(moves, (steps) => {
      const lines: string[] = []
      const expected: string[] = []
      let [second, net, sinceSecond] = [0, 0, 0]
      const settle = (untilSecond: number): void => {
        if (net !== 0 && sinceSecond + 60 <= untilSecond) expected.push(`@${sinceSecond + 60}`)
      }
      for (const { afterSeconds, coins } of steps) {
        if (coins === 0 || second + afterSeconds > 300) continue
        second += afterSeconds
        // What falls due at the very instant of a fill is judged after it.
        const wasExposed = net !== 0
        if (net + coins === 0) settle(second - 1)
        net += coins
        lines.push(filled(second, 'a', coins))
        if (!wasExposed) sinceSecond = second
      }
      settle(300)
      expect(findings(lines).map((finding) => /@\d+/.exec(finding)?.[0])).toEqual(expected)
    }),
    { numRuns: 60 },
  )
})
