import { describe, expect, test } from 'vitest'
import { decidedAt, HandMadeLogs, lineAt, loopsAt, ruleOf, rulesOf, startAtMs } from '../hand-made-logs.ts'

/** Only `no-entry`, so that a cause is not hidden behind the rule that would raise it sooner. */
const only = (graceMs = 0) => {
  const off = ruleOf(1, { enabled: false })
  const others = { guardBlock: off, errorLog: off, staleFeed: off, loopPeriod: off, heapSlope: off }
  return rulesOf({ ...others, noProgress: ruleOf(30_000, { enabled: false }), noEntry: ruleOf(300_000, { graceMs }) })
}
const one = { symbols: ['KRW-BTC'], rules: only() }
const entryAt = (second: number, symbol = 'KRW-BTC', tradeId = 'T1') => lineAt(second, { event: 'entry', symbol, tradeId })
const exitAt = (second: number, symbol = 'KRW-BTC', tradeId = 'T1') => lineAt(second, { event: 'exit', symbol, tradeId })
const failedAt = (second: number) => lineAt(second, { event: 'entry-failed', symbol: 'KRW-BTC', tradeId: 'T1' })
const staleAt = (second: number) => lineAt(second, { event: 'feed-stale', symbol: 'KRW-BTC', reason: 'frozen', quoteAgeMs: null })

describe('a quiet market', () => {
  test('is reported once for each symbol and once for all, harmless, and never stops the run', () => {
    using logs = new HandMadeLogs().loops(1, 3600)
    expect(logs.findingsAt(3600, { rules: only() })).toEqual([
      'no-entry KRW-BTC no-opportunity @300 info',
      'no-entry KRW-ETH no-opportunity @300 info',
      'no-entry all no-opportunity @300 info',
    ])
  })

  test('is not reported before the window is over', () => {
    using logs = new HandMadeLogs().loops(1, 299)
    expect(logs.findingsAt(299, { rules: only() })).toEqual([])
  })

  test('is not reported in the grace period', () => {
    using logs = new HandMadeLogs().loops(1, 500)
    expect(logs.findingsAt(500, { symbols: ['KRW-BTC'], rules: only(400_000) })).toEqual(['no-entry KRW-BTC no-opportunity @400 info'])
  })

  test.each([
    ['edges at the threshold', 25],
    ['edges above the threshold, but not by enough to fill the size', 34],
  ])('stays harmless with %s', (_, edge) => {
    using logs = new HandMadeLogs().loops(1, 400, {}, [edge])
    expect(logs.findingsAt(400, one)).toEqual(['no-entry KRW-BTC no-opportunity @300 info'])
  })

  test('stays harmless when the threshold is touched for two samples only', () => {
    using logs = new HandMadeLogs().loops(1, 100)
    logs.loops(101, 102, {}, [60]).loops(103, 400)
    expect(logs.findingsAt(400, one)).toEqual(['no-entry KRW-BTC no-opportunity @300 info'])
  })

  test('stays harmless when the one opportunity fell into a cooldown', () => {
    using logs = new HandMadeLogs().loops(1, 52)
    logs.loops(53, 62, {}, [60]).loops(63, 400)
    logs.write('trading', [entryAt(20), exitAt(50), decidedAt(53, 'KRW-BTC', 'block', 'cooldown')])
    expect(logs.findingsAt(400, one)).toEqual(['no-entry KRW-BTC no-opportunity @353 info'])
  })

  test('stays harmless after one entry that failed', () => {
    using logs = new HandMadeLogs().loops(1, 99)
    logs.loops(100, 105, {}, [60]).loops(106, 400)
    logs.write('trading', [decidedAt(100, 'KRW-BTC', 'allow'), failedAt(101)])
    expect(logs.findingsAt(400, one)).toEqual(['no-entry KRW-BTC no-opportunity @300 info'])
  })

  test('stays harmless after a single block', () => {
    using logs = new HandMadeLogs().loops(1, 400).write('trading', [decidedAt(100, 'KRW-BTC', 'block', 'max-exposure')])
    expect(logs.findingsAt(400, one)).toEqual(['no-entry KRW-BTC no-opportunity @300 info'])
  })

  test('stays harmless when the blocks lie more than a window back', () => {
    using logs = new HandMadeLogs().loops(1, 500)
    logs.write(
      'trading',
      [10, 45, 80].map((second) => decidedAt(second, 'KRW-BTC', 'block', 'max-exposure')),
    )
    expect(logs.findingsAt(500, { ...one, rules: only(400_000) })).toEqual(['no-entry KRW-BTC no-opportunity @400 info'])
  })

  test('is not reported again when a guard that blocked has nothing to block any more', () => {
    using logs = new HandMadeLogs().loops(1, 900)
    logs.write(
      'trading',
      [200, 245, 290].map((second) => decidedAt(second, 'KRW-BTC', 'block', 'max-exposure')),
    )
    expect(logs.findingsAt(900, one)).toEqual(['no-entry KRW-BTC guard-blocking @300 error aborts'])
  })

  test('says what was the best that it offered', () => {
    using logs = new HandMadeLogs().loops(1, 200, {}, [12.3])
    logs.loops(201, 300, {}, [7])
    const monitor = logs.monitor(one)
    const [finding] = monitor.poll(startAtMs + 300_001)
    monitor.close()
    expect(finding?.message).toBe('no entry on KRW-BTC for 300 s: the sampled quotes offered none')
    expect(finding?.evidence).toEqual(['best net edge at the top of the books 12.3 bps in 300 samples, 25 bps asked'])
  })
})

describe('time that does not count', () => {
  test('an entry starts the wait anew', () => {
    using logs = new HandMadeLogs().loops(1, 560)
    logs.write('trading', [entryAt(250), exitAt(260)])
    expect(logs.findingsAt(559, one)).toEqual([])
    expect(logs.findingsAt(560, one)).toEqual(['no-entry KRW-BTC no-opportunity @560 info'])
  })

  test('a trade that is open is no wait, on its symbol and over all', () => {
    using logs = new HandMadeLogs().loops(1, 900)
    logs.write('trading', [entryAt(10)])
    expect(logs.findingsAt(900, { rules: only() })).toEqual(['no-entry KRW-ETH no-opportunity @300 info'])
  })

  test('a trade carried over from the last attempt is no wait', () => {
    using logs = new HandMadeLogs().loops(1, 600)
    const opened = lineAt(0, { event: 'session-opened', openTrades: [{ tradeId: 'T7', symbol: 'KRW-BTC' }] })
    logs.write('trading', [opened, exitAt(200, 'KRW-BTC', 'T7')])
    expect(logs.findingsAt(600, one)).toEqual(['no-entry KRW-BTC no-opportunity @500 info'])
  })

  test('a trade that the last attempt left half opened is no wait until it fails, on its symbol and over all', () => {
    using logs = new HandMadeLogs().loops(1, 900)
    const opened = lineAt(0, { event: 'session-opened', openTrades: [{ tradeId: 'T1', symbol: 'KRW-BTC' }] })
    logs.write('trading', [opened, failedAt(400)])
    expect(logs.findingsAt(900, { rules: only() })).toEqual([
      'no-entry KRW-ETH no-opportunity @300 info',
      'no-entry KRW-BTC no-opportunity @700 info',
      'no-entry all no-opportunity @700 info',
    ])
  })

  test('a cooldown after a failed entry is left out of the wait', () => {
    using logs = new HandMadeLogs().loops(1, 400)
    const cooldowns = [110, 120, 130].map((second) => decidedAt(second, 'KRW-BTC', 'block', 'cooldown'))
    logs.write('trading', [decidedAt(100, 'KRW-BTC', 'allow'), failedAt(100), ...cooldowns])
    expect(logs.findingsAt(400, one)).toEqual(['no-entry KRW-BTC no-opportunity @330 info'])
  })

  test('an entry on one symbol does not excuse the other', () => {
    using logs = new HandMadeLogs().loops(1, 400)
    logs.write('trading', [entryAt(100), exitAt(200)])
    expect(logs.findingsAt(400, { rules: only() })).toEqual(['no-entry KRW-ETH no-opportunity @300 info'])
  })
})

describe('trouble', () => {
  test('an edge that nobody tried to take is a missed opportunity', () => {
    using logs = new HandMadeLogs().loops(1, 99, {}, [5, 5])
    logs.loops(100, 102, {}, [60, 5]).loops(103, 400)
    expect(logs.findingsAt(400, { rules: only() })).toEqual([
      'no-entry KRW-BTC missed-opportunity @300 error aborts',
      'no-entry KRW-ETH no-opportunity @300 info',
      'no-entry all missed-opportunity @300 error aborts',
    ])
  })

  test('an opportunity that is missed long after the market went quiet is raised when it is proved', () => {
    using logs = new HandMadeLogs().loops(1, 1999)
    logs.loops(2000, 2010, {}, [60]).loops(2011, 2100)
    expect(logs.findingsAt(2100, one)).toEqual([
      'no-entry KRW-BTC no-opportunity @300 info',
      'no-entry KRW-BTC missed-opportunity @2002 error aborts',
    ])
  })

  test.each([
    ['entries that are allowed and never made', null],
    ['entries that are allowed and fail', failedAt],
  ])('four %s are a missed opportunity', (_, ending) => {
    const after = (seconds: readonly number[]): string[] => {
      using logs = new HandMadeLogs().loops(1, 400)
      logs.write(
        'trading',
        seconds.flatMap((second) => [decidedAt(second, 'KRW-BTC', 'allow'), ...(ending ? [ending(second + 1)] : [])]),
      )
      return logs.findingsAt(400, one)
    }
    expect(after([50, 100, 150])).toEqual(['no-entry KRW-BTC no-opportunity @300 info'])
    expect(after([50, 100, 150, 200])).toEqual(['no-entry KRW-BTC missed-opportunity @300 error aborts'])
  })

  test('an entry that is on its way is not counted among those that failed', () => {
    using logs = new HandMadeLogs().loops(1, 500)
    const failed = [50, 100, 150].flatMap((second) => [decidedAt(second, 'KRW-BTC', 'allow'), failedAt(second + 1)])
    logs.write('trading', [...failed, decidedAt(310, 'KRW-BTC', 'allow'), entryAt(312)])
    expect(logs.findingsAt(400, one)).toEqual(['no-entry KRW-BTC no-opportunity @300 info'])
  })

  test('what was missed or failed before an entry does not count after it', () => {
    using logs = new HandMadeLogs().loops(1, 9)
    const failed = [30, 60, 90].flatMap((second) => [decidedAt(second, 'KRW-BTC', 'allow'), failedAt(second + 1)])
    const afterwards = [decidedAt(250, 'KRW-BTC', 'allow'), failedAt(251)]
    logs
      .loops(10, 13, {}, [60])
      .loops(14, 600)
      .write('trading', [...failed, entryAt(200), exitAt(210), ...afterwards])
    expect(logs.findingsAt(600, one)).toEqual(['no-entry KRW-BTC no-opportunity @510 info'])
  })

  test('what one symbol missed while another traded is no cause for all', () => {
    using logs = new HandMadeLogs().loops(1, 99)
    logs.loops(100, 102, {}, [60, 5]).loops(103, 600)
    logs.write('trading', [entryAt(200, 'KRW-ETH'), exitAt(300, 'KRW-ETH')])
    expect(logs.findingsAt(600, { rules: only() })).toEqual([
      'no-entry KRW-BTC missed-opportunity @300 error aborts',
      'no-entry KRW-ETH no-opportunity @600 info',
      'no-entry all no-opportunity @600 info',
    ])
  })

  test('a guard that blocks is named, with its reason', () => {
    using logs = new HandMadeLogs().loops(1, 400, {}, [60])
    const blocks = [50, 60, 150, 160].map((second) => decidedAt(second, 'KRW-BTC', 'block', 'max-exposure'))
    logs.write('trading', blocks)
    const monitor = logs.monitor(one)
    const [finding] = monitor.poll(startAtMs + 300_001)
    monitor.close()
    expect(finding).toMatchObject({ cause: 'guard-blocking', aborts: true, atMs: startAtMs + 300_000 })
    expect(finding?.message).toBe('no entry on KRW-BTC for 300 s: the guard blocks, mostly: max-exposure')
    expect(finding?.evidence).toContain('4 x block max-exposure')
  })

  test('a feed that was stale for most of the window is named', () => {
    using logs = new HandMadeLogs().loops(1, 100).loops(101, 400, { staleSymbols: 1 }, [null])
    logs.write('application', [staleAt(100)])
    expect(logs.findingsAt(400, one)).toEqual(['no-entry KRW-BTC stale-feed @300 error aborts'])
  })

  test('a feed that was stale for less is no cause', () => {
    using logs = new HandMadeLogs().loops(1, 400)
    logs.write('application', [staleAt(100), lineAt(220, { event: 'feed-recovered', symbol: 'KRW-BTC', staleForMs: 120_000 })])
    expect(logs.findingsAt(400, one)).toEqual(['no-entry KRW-BTC no-opportunity @300 info'])
  })

  test('a symbol that the engine has forgotten, without a quote and without a word, has a stale feed', () => {
    using logs = new HandMadeLogs().loops(1, 400, {}, [null, 5])
    expect(logs.findingsAt(400, one)).toEqual(['no-entry KRW-BTC stale-feed @300 error aborts'])
  })

  test('an engine without loops is stuck', () => {
    using logs = new HandMadeLogs().loops(1, 250)
    expect(logs.findingsAt(400, one)).toEqual(['no-entry KRW-BTC engine-stuck @300 error aborts'])
  })

  test('is raised again only after an entry', () => {
    using logs = new HandMadeLogs().loops(1, 1000, {}, [60])
    logs.write('trading', [entryAt(500), exitAt(510)])
    expect(logs.findingsAt(1000, one)).toEqual([
      'no-entry KRW-BTC missed-opportunity @300 error aborts',
      'no-entry KRW-BTC missed-opportunity @810 error aborts',
    ])
  })
})

test('each of a hundred symbols has its opportunities seen, though it is sampled once in twenty-five lines', () => {
  using logs = new HandMadeLogs()
  const names = Array.from({ length: 100 }, (_, index) => `KRW-C${index}`)
  const lines = Array.from({ length: 400 }, (_, index) => {
    const loops = JSON.parse(loopsAt(index + 1, {}, [60, 60]))
    const first = (index * 4) % 100
    const quotes = [0, 1, 2, 3].map((offset) => ({ ...loops.quotes[offset % 2], symbol: names[first + offset] }))
    return JSON.stringify({ ...loops, quotes })
  })
  logs.write('metrics', lines)
  const findings = logs.findingsAt(400, { symbols: names, rules: only() })
  expect(findings).toHaveLength(101)
  expect(new Set(findings.map((finding) => finding.split(' ')[2]))).toEqual(new Set(['missed-opportunity']))
})
