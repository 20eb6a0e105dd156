import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { compareRuns, comparisonText } from './compare-runs.ts'

let parent = ''
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'longhaul-compare-'))
})
afterEach(() => rmSync(parent, { recursive: true }))

interface Trade {
  symbol?: string
  direction?: string
  loop?: number
  price?: string
}

/** Two legs of one price, an entry and an exit, `lateMs` into a loop of one second. */
function linesOf(
  { symbol = 'KRW-BTC', direction = 'sell-a', loop = 5, price = '99010' }: Trade,
  index: number,
  at: (loop: number) => number,
) {
  const tradeId = `T${index + 1}`
  const fill = (leg: string, purpose: string, time: number) => ({
    event: 'order-filled',
    time,
    tradeId,
    symbol,
    leg,
    purpose,
    levels: [{ price, quantity: '0.1', displayedSize: '0.5' }],
    book: { bestBid: '99000', bestAsk: price },
  })
  const opened = at(loop)
  const closed = at(loop + 20)
  return [
    fill('a', 'entry', opened),
    fill('b', 'entry', opened),
    { event: 'entry', time: opened, tradeId, symbol, direction, quantity: '0.1', netEdgeBps: 31.5 },
    fill('a', 'exit', closed),
    fill('b', 'exit', closed),
    { event: 'exit', time: closed, tradeId, symbol, direction, reason: 'take-profit' },
  ]
}

function run(
  name: string,
  { startMs = 0, lateMs = 0, trades = [{}], askA = 100 }: Partial<Record<'startMs' | 'lateMs' | 'askA', number>> & { trades?: Trade[] },
) {
  const folder = join(parent, name)
  mkdirSync(join(folder, 'logs'), { recursive: true })
  const at = (loop: number): number => startMs + loop * 1000 + lateMs
  const write = (log: string, lines: readonly object[]): void =>
    writeFileSync(join(folder, 'logs', `${log}.log`), lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
  write('application', [{ event: 'engine-started', startAtMs: startMs, loopIntervalMs: 1000 }])
  write(
    'trading',
    trades.flatMap((trade, index) => linesOf(trade, index, at)),
  )
  const quotes = [{ symbol: 'KRW-BTC', bidA: 99, askA, bidB: 1, askB: 2, fx: 1460, quoteAgeMs: lateMs }]
  write(
    'metrics',
    [0, 1, 2].map((loop) => ({ event: 'loops', time: at(loop), quotes })),
  )
  return folder
}

test('two runs that began at different times and did the same are the same', async () => {
  const comparison = await compareRuns(run('left', { startMs: 1_000_000 }), run('right', { startMs: 9_000_000, lateMs: 17 }))
  expect(comparison).toMatchObject({ trades: [1, 1], sameTrades: 1, quotes: { compared: 3, equal: 3 }, differenceCount: 0 })
  expect(comparisonText(comparison)).toContain('the same 1, in the same order')
})

test.for<[string, Trade, string, string]>([
  ['another symbol', { symbol: 'KRW-ETH' }, 'trade 2', 'symbol and direction'],
  ['the other direction', { direction: 'buy-a' }, 'trade 2', 'symbol and direction'],
  ['a later loop', { loop: 6 }, 'trade 2', 'opened in loop'],
  ['another price', { price: '99020' }, 'trade 2, leg a, entry 1', 'levels taken'],
])('a trade with %s is told', async ([, other, where, what]) => {
  const { differences, sameTrades } = await compareRuns(run('left', { trades: [{}, {}] }), run('right', { trades: [{}, other] }))
  expect(differences[0]).toMatchObject({ where, what })
  expect(sameTrades).toBe(what === 'symbol and direction' ? 1 : 2)
})

test('a trade that only one of them made is told', async () => {
  const comparison = await compareRuns(run('left', { trades: [{}, {}] }), run('right', { trades: [{}] }))
  expect(comparison).toMatchObject({ trades: [2, 1], sameTrades: 1 })
  expect(comparison.differences[0]).toEqual({
    where: 'trade 2',
    what: 'symbol and direction',
    left: 'KRW-BTC sell-a',
    right: 'no trade',
  })
  expect(comparisonText(comparison)).toContain('trades 2 and 1, the first 1 the same')
})

test('quotes that differ are told with both of them', async () => {
  const comparison = await compareRuns(run('left', {}), run('right', { askA: 101 }))
  expect(comparison.quotes).toEqual({ compared: 3, equal: 0 })
  expect(comparison.differences[0]).toEqual({
    where: 'loop 1, KRW-BTC',
    what: 'quotes',
    left: 'A 99 / 100, B 1 / 2, FX 1460',
    right: 'A 99 / 101, B 1 / 2, FX 1460',
  })
})

test('more differences than are listed are counted', async () => {
  const trades = Array.from({ length: 60 }, () => ({}))
  const comparison = await compareRuns(run('left', { trades }), run('right', { trades: trades.map(() => ({ loop: 7 })) }))
  expect(comparison.differences).toHaveLength(50)
  expect(comparison.differenceCount).toBe(120)
  expect(comparisonText(comparison)).toContain('and 70 more')
})
