import { describe, expect, test } from 'vitest'
import type { Analysis } from '../analyzer/analysis.ts'
import type { RetrySettings } from '../config/schema.ts'
import type { Finding } from '../monitor/finding.ts'
import { type Adjustments, describeAdjustments, noAdjustments, recover, type RecoveryInput } from './recovery.ts'

const settings: RetrySettings = { maxAttempts: 3, backoffMs: 500, maxBackoffMs: 10_000, strategy: 'adjusted', giveUpOn: ['heap-slope'] }

function finding(rule: string, cause: string, symbol: string | null = null): Finding {
  return { rule, severity: 'error', aborts: true, symbol, atMs: 1000, sinceMs: 0, message: '', cause, evidence: [] }
}

/** Of logs with so many errors on each symbol. */
function analysisWith(errors: Record<string, number>): Pick<Analysis, 'symbols'> {
  return { symbols: Object.entries(errors).map(([symbol, count]) => ({ symbol, errors: count }) as Analysis['symbols'][number]) }
}

function input(found: Finding, changes: Partial<RecoveryInput> = {}): RecoveryInput {
  const analysis = analysisWith({ 'KRW-BTC': 0, 'KRW-ETH': 0 })
  return { settings, attempt: 1, symbols: ['KRW-BTC', 'KRW-ETH'], finding: found, analysis, adjustments: noAdjustments, ...changes }
}

describe('after an attempt was stopped', () => {
  test.each<[string, Finding, Partial<Adjustments>]>([
    ['a guard that finds trades too large', finding('guard-block', 'max-exposure', 'KRW-BTC'), { sizeFactor: 0.5 }],
    ['a guard without inventory', finding('guard-block', 'insufficient-inventory'), { sizeFactor: 0.5 }],
    ['a venue that asks for less', finding('error-log', 'VENUE_RATE_LIMITED'), { intervalFactor: 2 }],
    ['loops that take too long', finding('loop-period', 'p99 1600 ms'), { intervalFactor: 2 }],
    ['one symbol’s error', finding('error-log', 'a defect', 'KRW-ETH'), { quarantinedSymbols: ['KRW-ETH'] }],
    ['one symbol’s feed', finding('stale-feed', 'frozen', 'KRW-BTC'), { quarantinedSymbols: ['KRW-BTC'] }],
  ])('%s: goes on adjusted', (_name, found, adjustments) => {
    expect(recover(input(found))).toMatchObject({ decision: 'retry-adjusted', adjustments: { ...noAdjustments, ...adjustments } })
  })

  test.each<[string, Record<string, number>, string[]]>([
    ['all on one symbol', { 'KRW-BTC': 0, 'KRW-ETH': 3 }, ['KRW-ETH']],
    ['on more than one', { 'KRW-BTC': 1, 'KRW-ETH': 3 }, []],
    ['none', { 'KRW-BTC': 0, 'KRW-ETH': 0 }, []],
  ])('a finding that names no symbol is held against the errors in the logs: %s', (_name, errors, quarantinedSymbols) => {
    const { adjustments } = recover(input(finding('error-log', 'a defect'), { analysis: analysisWith(errors) }))
    expect(adjustments).toEqual({ ...noAdjustments, quarantinedSymbols })
  })

  test.each<[string, RecoveryInput]>([
    ['nothing to adjust', input(finding('engine-exited', 'SIGKILL'))],
    [
      'the config wants no adjustments',
      input(finding('error-log', 'a defect', 'KRW-ETH'), { settings: { ...settings, strategy: 'plain' } }),
    ],
    ['a symbol that is all there is', input(finding('error-log', 'a defect', 'KRW-BTC'), { symbols: ['KRW-BTC'] })],
    [
      'the last symbol that is not quarantined',
      input(finding('error-log', 'a defect', 'KRW-BTC'), { adjustments: { ...noAdjustments, quarantinedSymbols: ['KRW-ETH'] } }),
    ],
    ['a guard that a smaller size would not satisfy', input(finding('guard-block', 'max-daily-loss'))],
  ])('%s: goes on as it was', (_name, asked) => {
    expect(recover(asked)).toMatchObject({ decision: 'retry', adjustments: asked.adjustments })
  })

  test.each<[string, RecoveryInput, string]>([
    ['no attempts are left', input(finding('error-log', 'a defect'), { attempt: 3 }), '3 of 3 attempts are used'],
    ['the config gives up on the rule', input(finding('heap-slope', '5 MB/h')), 'the config gives up on'],
  ])('%s: gives up and says why', (_name, asked, why) => {
    const { decision, reason, adjustments } = recover(asked)
    expect([decision, adjustments]).toEqual(['give-up', noAdjustments])
    expect(reason).toContain(why)
  })

  test('adjustments add up over attempts, and the earlier ones are left as they were', () => {
    const first = recover(input(finding('guard-block', 'max-notional')))
    const second = recover(input(finding('guard-block', 'max-notional'), { attempt: 2, adjustments: first.adjustments }))
    const third = recover(input(finding('error-log', 'a defect', 'KRW-ETH'), { attempt: 2, adjustments: second.adjustments }))
    expect(third.adjustments).toEqual({ quarantinedSymbols: ['KRW-ETH'], intervalFactor: 1, sizeFactor: 0.25 })
    expect([first.adjustments.sizeFactor, noAdjustments.sizeFactor, noAdjustments.quarantinedSymbols]).toEqual([0.5, 1, []])
  })
})

test('adjustments are told in words, and none in none', () => {
  expect(describeAdjustments(noAdjustments)).toEqual([])
  expect(describeAdjustments({ quarantinedSymbols: ['KRW-BTC', 'KRW-ETH'], intervalFactor: 2, sizeFactor: 0.25 })).toEqual([
    'quarantined: KRW-BTC, KRW-ETH',
    'loop interval x 2',
    'trade size x 0.25',
  ])
})
