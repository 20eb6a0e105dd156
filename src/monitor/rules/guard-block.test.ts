import { describe, expect, test } from 'vitest'
import { decidedAt, HandMadeLogs, lineAt, ruleOf, rulesOf } from '../hand-made-logs.ts'

const block = (second: number, reason = 'max-exposure', symbol = 'KRW-BTC') => decidedAt(second, symbol, 'block', reason)
const allow = (second: number) => decidedAt(second, 'KRW-BTC', 'allow')

function findings(lines: readonly string[], graceMs = 0): string[] {
  using logs = new HandMadeLogs().loops(1, 900)
  const noEntry = ruleOf(1, { enabled: false })
  return logs.write('trading', lines).findingsAt(900, { rules: rulesOf({ noEntry, guardBlock: ruleOf(180_000, { graceMs }) }) })
}

describe('no trouble', () => {
  test.each([
    ['a single block', [block(100)]],
    ['a cooldown after each trade', [block(100, 'cooldown'), allow(150), block(250, 'cooldown'), allow(300), block(400, 'cooldown')]],
    ['blocks for less than the window', [block(100), block(190), block(279)]],
    ['an allow between the blocks', [block(100), block(190), allow(200), block(290), block(370)]],
    ['two blocks with more than a window between them', [block(100), block(281)]],
    ['blocks on two symbols, none of them long enough', [block(100), block(190, 'cooldown', 'KRW-ETH'), block(281, 'x', 'KRW-ETH')]],
    ['blocks on a symbol that is not watched', [block(100, 'x', 'XRPUSDT'), block(200, 'x', 'XRPUSDT'), block(300, 'x', 'XRPUSDT')]],
  ])('%s', (_, lines) => {
    expect(findings(lines)).toEqual([])
  })
})

describe('trouble', () => {
  test('is raised at the block that makes the window full, for the most frequent reason', () => {
    const lines = [block(100, 'cooldown'), block(190), block(279), block(281), block(400)]
    expect(findings(lines)).toEqual(['guard-block KRW-BTC max-exposure @281 error aborts'])
  })

  test('counts the blocks that were left out of the log', () => {
    const many = lineAt(190, { event: 'guard-decided', symbol: 'KRW-BTC', outcome: 'block', reason: 'cooldown', suppressedCount: 9 })
    expect(findings([block(100), many, block(280)])).toEqual(['guard-block KRW-BTC cooldown @280 error aborts'])
  })

  test('is raised once a symbol, and again after an allow', () => {
    const lines = [block(0), block(100), block(180), block(200), block(180, 'x', 'KRW-ETH'), allow(300), block(400), block(500), block(580)]
    expect(findings(lines)).toEqual([
      'guard-block KRW-BTC max-exposure @180 error aborts',
      'guard-block KRW-BTC max-exposure @580 error aborts',
    ])
  })

  test('waits for the end of the grace period', () => {
    expect(findings([block(0), block(100), block(200), block(310)], 300_000)).toEqual([
      'guard-block KRW-BTC max-exposure @310 error aborts',
    ])
  })

  test('a stopped session is raised at once, and once for all symbols', () => {
    const stop = (symbol: string) => decidedAt(50, symbol, 'stop-session', 'max-daily-loss')
    expect(findings([stop('KRW-BTC'), stop('KRW-ETH')])).toEqual(['guard-block KRW-BTC max-daily-loss @50 error aborts'])
  })
})
