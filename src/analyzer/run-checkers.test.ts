/** Every checker: silent on a sound log, loud on each planted fault, and unknown where it cannot tell. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { Decimal } from '../base/decimal.ts'
import type {
  BalancesStated,
  Entry,
  EntryFailed,
  Exit,
  GuardDecided,
  OrderFilled,
  OrderSent,
  SessionOpened,
  TradingEvent,
} from '../model/event.ts'
import type { CheckResult } from './analysis.ts'
import { runCheckers } from './run-checkers.ts'
import { SampleLog, sampleRealised, sampleTrade, soundLog, type SampleTrade } from './sample-log.ts'

const folder = mkdtempSync(join(tmpdir(), 'longhaul-checkers-'))
afterAll(() => {
  rmSync(folder, { recursive: true })
})

function check(events: readonly TradingEvent[]): Promise<CheckResult[]> {
  const file = join(folder, 'trading.log')
  writeFileSync(file, events.map((event) => `${JSON.stringify(event)}\n`).join(''))
  return runCheckers(file)
}

/** The violations of each checker that objects, in one text. */
async function objections(events: readonly TradingEvent[]): Promise<Record<string, string>> {
  const objecting = (await check(events)).filter(({ verdict }) => verdict !== 'pass')
  return Object.fromEntries(objecting.map(({ name, violations, examined }) => [name, violations.join('\n') || examined]))
}

/** The nth event of a kind, to be spoilt. */
function nth<E extends TradingEvent>(events: TradingEvent[], name: E['event'], index: number): E {
  return events.filter((event) => event.event === name)[index] as E
}

function renumber(events: readonly TradingEvent[]): TradingEvent[] {
  return events.map((event, index) => ({ ...event, seq: index + 1 }))
}

describe('a sound log', () => {
  it('passes every check, and each says what it examined', async () => {
    const results = await check(soundLog())
    expect(results.map(({ name, verdict, examined, violations }) => [name, verdict, examined, violations])).toMatchInlineSnapshot(`
      [
        [
          "balances-conserved",
          "pass",
          "10 fills, 3 statements of balances",
          [],
        ],
        [
          "legs-paired",
          "pass",
          "2 entries, 1 failed entry, 2 exits",
          [],
        ],
        [
          "entries-agree",
          "pass",
          "2 entries",
          [],
        ],
        [
          "profit-agrees",
          "pass",
          "3 closed trades, 2 statements of profit",
          [],
        ],
        [
          "limits-respected",
          "pass",
          "3 allowed entries, 1 refused entry",
          [],
        ],
        [
          "no-stale-fill",
          "pass",
          "10 fills",
          [],
        ],
        [
          "ids-unique",
          "pass",
          "47 lines, 11 orders, 3 trades",
          [],
        ],
        [
          "stored-state-agrees",
          "pass",
          "2 attempts, 2 states at an attempt’s start or end",
          [],
        ],
        [
          "venue-agrees",
          "pass",
          "1 statement of the venues",
          [],
        ],
      ]
    `)
  })

  it('of any trades passes every check', async () => {
    const trade = fc.record({
      direction: fc.constantFrom('sell-a' as const, 'buy-a' as const),
      lots: fc.integer({ min: 1, max: 1400 }),
      ticks: fc.record({ ea: fc.integer({ min: 90_000, max: 150_000 }), xa: fc.integer({ min: 90_000, max: 150_000 }) }),
      cents: fc.record({ eb: fc.integer({ min: 1, max: 10_000_000 }), xb: fc.integer({ min: 1, max: 10_000_000 }) }),
      fx: fc.record({ entry: fc.integer({ min: 130_000, max: 150_000 }), exit: fc.integer({ min: 130_000, max: 150_000 }) }),
      isKilledBefore: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(trade, { maxLength: 8 }), async (trades) => {
        const log = new SampleLog().openSession()
        for (const { direction, lots, ticks, cents, fx, isKilledBefore } of trades) {
          const sample: SampleTrade = {
            direction,
            quantity: Decimal.parse(String(lots)).multiply(Decimal.parse('0.00001')).toString(),
            entryPrices: { a: String(ticks.ea * 1000), b: String(cents.eb / 100) },
            exitPrices: { a: String(ticks.xa * 1000), b: String(cents.xb / 100) },
            entryFx: fx.entry / 100,
            exitFx: fx.exit / 100,
          }
          const tradeId = log.enter(sample)
          if (isKilledBefore) log.openSession()
          log.exit(tradeId, realisedInNumbers(sample), sample)
        }
        expect(await objections(log.closeSession().events)).toEqual({})
      }),
      { numRuns: 25 },
    )
  })
})

/** The rule of model/trade.ts once more, with whole numbers of 1e-20, so that it shares no code with the checker. */
function realisedInNumbers({ direction, quantity, entryPrices, exitPrices, entryFx, exitFx }: SampleTrade): Exit['realised'] {
  const at8 = (text: string | number): bigint => BigInt(Math.round(Number(text) * 1e8))
  const scale = 10n ** 8n
  const sign = direction === 'sell-a' ? 1n : -1n
  const cash = (price: string): bigint => at8(quantity) * at8(price)
  const [fx0, fx1] = [at8(entryFx), at8(exitFx)]
  const entryUsdt = -sign * cash(entryPrices.b)
  const edge = sign * (cash(entryPrices.a) - cash(exitPrices.a)) * scale + entryUsdt * fx0 + sign * cash(exitPrices.b) * fx1
  const feeInQuote = (price: string, side: 'buy' | 'sell'): bigint => {
    if (side === 'sell') return ceil(cash(price), 1000n * scale) * scale
    // In base: 0.1 % of the quantity, rounded up at the last digit, at the fill's only price.
    return ceil(at8(quantity), 1000n) * at8(price)
  }
  const upbitFee = (price: string): bigint => ceil(cash(price) * 5n, 10_000n * scale) * scale
  const [entrySide, exitSide] = direction === 'sell-a' ? (['buy', 'sell'] as const) : (['sell', 'buy'] as const)
  const fees =
    (upbitFee(entryPrices.a) + upbitFee(exitPrices.a)) * scale +
    feeInQuote(entryPrices.b, entrySide) * fx0 +
    feeInQuote(exitPrices.b, exitSide) * fx1
  const fx = entryUsdt * (fx1 - fx0)
  const text = (value: bigint): string => Decimal.parse(`${value}e-24`).toString()
  return { edgeKrw: text(edge), feesKrw: text(fees), fxKrw: text(fx), totalKrw: text(edge - fees + fx) }
}

function ceil(value: bigint, divisor: bigint): bigint {
  return (value + divisor - 1n) / divisor
}

/** What is done to the sound log, and who must object with what. */
const faults: [fault: string, checker: string, violation: string, spoil: (events: TradingEvent[]) => TradingEvent[] | void][] = [
  [
    'a balance is short by the last unit',
    'balances-conserved',
    'states binance:BTC',
    (events) => {
      nth<SessionOpened>(events, 'session-opened', 1).balances[3]!.amount += '1'
    },
  ],
  [
    'a balance is reset on restart',
    'balances-conserved',
    'states upbit:KRW 100000000',
    (events) => {
      nth<SessionOpened>(events, 'session-opened', 1).balances[0]!.amount = '100000000'
    },
  ],
  [
    'a balance falls below zero',
    'balances-conserved',
    'upbit BTC falls to -0.005',
    (events) => {
      nth<SessionOpened>(events, 'session-opened', 0).balances[1]!.amount = '0.005'
    },
  ],
  [
    'a fee is left out',
    'balances-conserved',
    'fee 0 KRW, due 700',
    (events) => {
      nth<OrderFilled>(events, 'order-filled', 0).fee = '0'
    },
  ],
  [
    'a fee is taken in the wrong asset',
    'balances-conserved',
    'fee in USDT, the venue takes BTC',
    (events) => {
      nth<OrderFilled>(events, 'order-filled', 1).feeAsset = 'USDT'
    },
  ],
  [
    'a fill is logged twice',
    'ids-unique',
    'O1 is filled twice',
    (events) => {
      const index = events.findIndex((event) => event.event === 'order-filled')
      return renumber(events.toSpliced(index, 0, structuredClone(events[index]!)))
    },
  ],
  [
    'an order is sent again after a time-out',
    'ids-unique',
    'O1 is sent twice',
    (events) => {
      const index = events.findIndex((event) => event.event === 'order-sent')
      return renumber(events.toSpliced(index, 0, structuredClone(events[index]!)))
    },
  ],
  ['a line is lost', 'ids-unique', 'follows seq 4', (events) => events.toSpliced(4, 1)],
  [
    'an order id is used again after a restart',
    'ids-unique',
    'O1 is sent twice',
    (events) => {
      nth<OrderSent>(events, 'order-sent', 9).orderId = 'O1'
    },
  ],
  [
    'a book is four seconds old',
    'no-stale-fill',
    'book 3900 ms older than the order, limit 3000',
    (events) => {
      const fill = nth<OrderFilled>(events, 'order-filled', 0)
      fill.book.receivedAtMs = fill.time - 4000
    },
  ],
  [
    'a book has not moved for a minute',
    'no-stale-fill',
    'book unchanged for 60000 ms',
    (events) => {
      const { book } = nth<OrderFilled>(events, 'order-filled', 0)
      book.changedAtMs = book.receivedAtMs - 60_000
    },
  ],
  [
    'a book is crossed',
    'no-stale-fill',
    'crossed book',
    (events) => {
      nth<OrderFilled>(events, 'order-filled', 0).book.bestBid = '140002000'
    },
  ],
  [
    'more is filled than was displayed',
    'no-stale-fill',
    '0.01 taken at 140000000, displayed 0.005',
    (events) => {
      nth<OrderFilled>(events, 'order-filled', 0).levels[0]!.displayedSize = '0.005'
    },
  ],
  [
    'a fill is beyond the limit',
    'no-stale-fill',
    'beyond the limit 140001000',
    (events) => {
      nth<OrderSent>(events, 'order-sent', 0).limitPrice = '140001000'
    },
  ],
  [
    'a fill is better than the book',
    'no-stale-fill',
    'better than the best, 139999000',
    (events) => {
      nth<OrderFilled>(events, 'order-filled', 0).book.bestBid = '139999000'
    },
  ],
  [
    'a price is off the tick',
    'no-stale-fill',
    'price 99000.001 off the tick',
    (events) => {
      nth<OrderFilled>(events, 'order-filled', 1).levels[0]!.price = '99000.001'
    },
  ],
  [
    'a quantity is off the lot',
    'no-stale-fill',
    'quantity 0.010001 off the lot 0.00001',
    (events) => {
      nth<OrderFilled>(events, 'order-filled', 1).quantity = '0.010001'
    },
  ],
  [
    'a notional is not its levels',
    'no-stale-fill',
    'notional 1400001, the levels make 1400000',
    (events) => {
      nth<OrderFilled>(events, 'order-filled', 0).notional = '1400001'
    },
  ],
  [
    'a leg is filled short and nothing is unwound',
    'legs-paired',
    'its leg b filled 0.009',
    (events) => {
      nth<OrderFilled>(events, 'order-filled', 1).quantity = '0.009'
    },
  ],
  [
    'a leg of an exit is lost',
    'legs-paired',
    'leg b of KRW-BTC is 0.01, trades and dust make 0',
    (events) => {
      return renumber(events.filter((event) => !('orderId' in event) || event.orderId !== 'O4'))
    },
  ],
  [
    'both legs buy',
    'legs-paired',
    'its leg a was to buy',
    (events) => {
      nth<OrderSent>(events, 'order-sent', 0).side = 'buy'
    },
  ],
  [
    'dust is not declared',
    'legs-paired',
    'leg a of KRW-BTC is 0.00001, trades and dust make 0',
    (events) => {
      return renumber(events.filter(({ event }) => event !== 'unwind'))
    },
  ],
  [
    'a closed trade gets another order',
    'legs-paired',
    'for T1, which has ended',
    (events) => {
      nth<OrderSent>(events, 'order-sent', 4).tradeId = 'T1'
    },
  ],
  [
    'a trade ends twice',
    'legs-paired',
    'exit of T1, which is unknown or has ended',
    (events) => {
      nth<Exit>(events, 'exit', 1).tradeId = 'T1'
    },
  ],
  [
    'a trade is begun and forgotten',
    'legs-paired',
    'T2 on KRW-BTC was begun and never came to an end',
    (events) => {
      return renumber(events.filter(({ event }) => event !== 'entry-failed'))
    },
  ],
  [
    'two trades are open where one may be',
    'limits-respected',
    'KRW-BTC open trades 2, limit 1',
    (events) => {
      return renumber(events.filter((event) => event.event !== 'exit' || event.tradeId !== 'T1'))
    },
  ],
  [
    'a trade is larger than allowed',
    'limits-respected',
    'notional 2000001, limit 2000000',
    (events) => {
      nth<GuardDecided>(events, 'guard-decided', 0).seen.notionalKrw = 2_000_001
    },
  ],
  [
    'a quote was stale when the guard allowed',
    'limits-respected',
    'quote age 3001, limit 3000',
    (events) => {
      nth<GuardDecided>(events, 'guard-decided', 0).seen.quoteAgeMs = 3001
    },
  ],
  [
    'a daily loss is passed over',
    'limits-respected',
    'daily loss 500000, limit 500000',
    (events) => {
      nth<GuardDecided>(events, 'guard-decided', 0).seen.dailyLossKrw = 500_000
    },
  ],
  [
    'the session goes on after a stop',
    'limits-respected',
    'allowed after the session was stopped',
    (events) => {
      nth<GuardDecided>(events, 'guard-decided', 1).outcome = 'stop-session'
    },
  ],
  [
    'a symbol has no limits',
    'limits-respected',
    'the session sets it no limits',
    (events) => {
      nth<SessionOpened>(events, 'session-opened', 0).limits.symbols = {}
    },
  ],
  [
    'profit leaves out the fees',
    'profit-agrees',
    'totalKrw 17050, the fills make 12866.05',
    (events) => {
      nth<Exit>(events, 'exit', 0).realised.totalKrw = '17050'
    },
  ],
  [
    'profit takes USDT for KRW',
    'profit-agrees',
    'edgeKrw 10005, the fills make 26950',
    (events) => {
      nth<Exit>(events, 'exit', 0).realised.edgeKrw = '10005'
    },
  ],
  [
    'profit leaves out the FX',
    'profit-agrees',
    'fxKrw 0, the fills make -9900',
    (events) => {
      nth<Exit>(events, 'exit', 1).realised.fxKrw = '0'
    },
  ],
  [
    'a failed entry hides its cost',
    'profit-agrees',
    'totalKrw 0, the fills make -2799.3',
    (events) => {
      nth<EntryFailed>(events, 'entry-failed', 0).realised.totalKrw = '0'
    },
  ],
  [
    'the profit so far is reset on restart',
    'profit-agrees',
    'balances-stated states 12866.05 KRW, the trades make 22932.8',
    (events) => {
      nth<BalancesStated>(events, 'balances-stated', 0).realisedKrw = '12866.05'
    },
  ],
  [
    'an open trade is lost in a restart',
    'stored-state-agrees',
    'T3 on KRW-BTC is lost',
    (events) => {
      nth<SessionOpened>(events, 'session-opened', 1).openTrades = []
    },
  ],
  [
    'an open trade comes back with another size',
    'stored-state-agrees',
    'T3 holds 0.02, its entry 0.01',
    (events) => {
      nth<SessionOpened>(events, 'session-opened', 1).openTrades[0]!.quantity = '0.02'
    },
  ],
  [
    'fills are replayed into the state',
    'stored-state-agrees',
    'upbit:BTC 2.00001, the log makes',
    (events) => {
      nth<SessionOpened>(events, 'session-opened', 1).balances[1]!.amount = '2.00001'
    },
  ],
  [
    'an attempt is repeated',
    'stored-state-agrees',
    'attempt 1 follows attempt 1',
    (events) => {
      nth<SessionOpened>(events, 'session-opened', 1).attempt = 1
    },
  ],
]

describe('a spoilt log', () => {
  it.each(faults)('where %s fails %s', async (_fault, checker, violation, spoil) => {
    const events = soundLog()
    const found = await objections(spoil(events) ?? events)
    expect(found[checker]).toContain(violation)
  })

  it('lists at most twenty violations and counts the rest', async () => {
    const events = soundLog().map((event) => ({ ...event, seq: 7 }))
    const results = await check(events)
    const { violations } = results.find(({ name }) => name === 'ids-unique')!
    expect(violations).toHaveLength(20)
    expect(violations[19]).toBe('and 28 more')
  })

  it('whose displayed size is taken twice from one book fails no-stale-fill', async () => {
    const log = new SampleLog().openSession()
    log.exit(log.enter(), sampleRealised)
    log.exit(log.enter(), sampleRealised)
    const [first, again] = [nth<OrderFilled>(log.events, 'order-filled', 0), nth<OrderFilled>(log.events, 'order-filled', 4)]
    for (const fill of [first, again]) fill.levels[0]!.displayedSize = '0.015'
    expect(await objections(log.events)).toEqual({})
    again.book.changedAtMs = first.book.changedAtMs
    const found = await objections(log.events)
    expect(found['no-stale-fill']).toContain('0.02 taken at 140000000, displayed 0.015')
  })

  it('may grow an exit that the guard has nothing to do with: the entry alone counts against the limits', async () => {
    const log = new SampleLog().openSession()
    const tradeId = log.enter()
    nth<Entry>(log.events, 'entry', 0).notionalKrw = '9000000'
    log.exit(tradeId, sampleRealised)
    expect(Object.keys(await objections(log.events))).toEqual(['entries-agree'])
  })
})

describe('what cannot be told', () => {
  it('is unknown where the session’s first line is missing', async () => {
    const results = await check(soundLog().slice(1))
    expect(new Set(results.map(({ verdict }) => verdict))).toEqual(new Set(['unknown']))
    expect(results[0]!.examined).toContain('does not start with session-opened')
  })

  it('is unknown where the log is of another schema', async () => {
    const events = soundLog()
    nth<SessionOpened>(events, 'session-opened', 0).schema = 2
    const results = await check(events)
    expect(new Set(results.map(({ verdict }) => verdict))).toEqual(new Set(['unknown']))
  })

  it('is unknown where a checker throws, and the others go on', async () => {
    const events = soundLog()
    nth<OrderFilled>(events, 'order-filled', 0).notional = 'much'
    const results = await check(events)
    expect(results.find(({ name }) => name === 'balances-conserved')).toMatchObject({ verdict: 'unknown', violations: [] })
    expect(results.find(({ name }) => name === 'ids-unique')).toMatchObject({ verdict: 'pass' })
  })

  it('is unknown where a leg is called as no leg is, and what every object has is left as it was', async () => {
    const events = soundLog().map((event) => ({ ...event, ...('leg' in event ? { leg: '__proto__' } : {}) }))
    const results = await check(events as TradingEvent[])
    expect(new Set(results.map(({ verdict }) => verdict))).toEqual(new Set(['unknown']))
    expect(Object.keys(Object.prototype)).toEqual([])
  })

  it('is unknown where there is no log, or no session in it', async () => {
    for (const results of [await runCheckers(join(folder, 'none.log')), await check([])]) {
      expect(new Set(results.map(({ verdict, examined }) => `${verdict}: ${examined}`))).toEqual(
        new Set(['unknown: not examined: the log has no session-opened']),
      )
    }
  })

  it('is told at once where a number has no end: the line is none, and lacks in the numbering', async () => {
    const events = soundLog()
    nth<OrderFilled>(events, 'order-filled', 0).notional = `1.${'0'.repeat(200_000)}`
    expect((await objections(events))['ids-unique']).toContain('follows seq 3')
  })

  it('is unknown where a symbol is none of the session’s', async () => {
    const events = soundLog()
    nth<Entry>(events, 'entry', 0).symbol = 'KRW-DOGE'
    const results = await check(events)
    expect(new Set(results.map(({ verdict }) => verdict))).toEqual(new Set(['unknown']))
    expect(results[0]!.examined).toContain('no route for its symbol')
  })

  it('is unknown where a fill does not say when its book was received or changed', async () => {
    for (const time of ['receivedAtMs', 'changedAtMs'] as const) {
      const events = soundLog()
      delete (nth<OrderFilled>(events, 'order-filled', 0).book as Partial<OrderFilled['book']>)[time]
      expect(Object.keys(await objections(events))).toEqual(['no-stale-fill'])
    }
  })

  it('passes over the lines of other logs in the same file', async () => {
    const file = join(folder, 'mixed.log')
    const lines = soundLog().map((event) => `${JSON.stringify(event)}\n{"level":"info","time":1,"event":"loops","periodsMs":[}\nraw text\n`)
    writeFileSync(file, lines.join(''))
    const results = await runCheckers(file)
    expect(results.every(({ verdict }) => verdict === 'pass')).toBe(true)
  })
})

it('the sample is what its comment says', () => {
  expect(realisedInNumbers(sampleTrade)).toEqual(sampleRealised)
})
