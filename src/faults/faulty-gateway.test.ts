import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Decimal } from '../base/decimal.ts'
import { SeededPrng } from '../base/prng.ts'
import { VirtualClock } from '../clock/virtual-clock.ts'
import { DropCopy } from '../execution/drop-copy.ts'
import { PaperOrderGateway } from '../execution/paper-order-gateway.ts'
import type { Fault, FaultKind } from '../model/fault.ts'
import { instrumentOf } from '../model/instrument.ts'
import { binanceBitcoin } from '../model/sample-instruments.ts'
import type { OrderBook } from '../model/order-book.ts'
import type { OrderReport, OrderRequest } from '../model/order.ts'
import { FaultBoard } from './fault-board.ts'
import { FaultyGateway } from './faulty-gateway.ts'

const startMs = Date.UTC(2026, 0, 5)
const orderTimeoutMs = 800

const instrument = instrumentOf(binanceBitcoin)

interface Struck {
  kind: FaultKind
  strength?: number
  share?: number
}

/** The paper venue with faults in front of it that last for the whole test; ten milliseconds for an order's way. */
function faultyVenue(...struck: readonly Struck[]) {
  return venueThatLoses(0, struck)
}

/** The same; `timeoutProbability`: of an order that never comes to the paper venue. */
function venueThatLoses(timeoutProbability: number, struck: readonly Struck[]) {
  const clock = new VirtualClock({ startMs, pace: null })
  const settings = { minOrderDelayMs: 10, maxOrderDelayMs: 10, rejectProbability: 0, timeoutProbability, orderTimeoutMs }
  const book = (): OrderBook => {
    const nowMs = clock.nowMs()
    const times = { exchangeTimeMs: nowMs, changedAtMs: nowMs, receivedAtMs: nowMs }
    return { bids: [{ price: 99_000, size: 10 }], asks: [{ price: 99_010, size: 10 }], ...times }
  }
  const paper = new PaperOrderGateway({
    provider: { fetchBook: () => Promise.resolve(book()) },
    clock,
    prng: new SeededPrng(1),
    settings,
    freshness: { maxQuoteAgeMs: 3000, maxUnchangedMs: 30_000 },
  })
  const faults = struck.map(({ kind, strength = 0, share = 1 }): Fault => {
    return { kind, fromMs: 0, untilMs: Infinity, venue: null, code: null, share, strength }
  })
  const strikes: string[] = []
  const board = new FaultBoard({ plan: { runStartMs: startMs, seed: 1, faults }, onStrike: (_index, { kind }) => strikes.push(kind) })
  return { clock, strikes, gateway: new FaultyGateway({ gateway: paper, clock, board, orderTimeoutMs }) }
}

function buy(quantity = '0.1', orderId = 'O1'): OrderRequest {
  const limitPrice = Decimal.parse('99020')
  return {
    orderId,
    tradeId: 'T1',
    symbol: 'KRW-BTC',
    leg: 'b',
    purpose: 'entry',
    instrument,
    side: 'buy',
    quantity: Decimal.parse(quantity),
    limitPrice,
  }
}

function told(report: OrderReport | null): unknown {
  return report && [report.status, report.reason, report.fill?.quantity.toString() ?? null]
}

describe('an answer', () => {
  test.each<[FaultKind]>([['lost-acknowledgement'], ['lost-fill']])(
    'that is lost (%s) leaves an order that was filled in doubt until it is looked up',
    async (kind) => {
      const { clock, gateway, strikes } = faultyVenue({ kind })
      expect(await clock.run(gateway.send(buy()))).toBeNull()
      expect(clock.nowMs()).toBe(startMs + orderTimeoutMs)
      expect(gateway.statement().orders).toBe(1)
      expect(told(await gateway.lookUp(buy()))).toEqual(['filled', null, '0.1'])
      expect(strikes).toEqual([kind])
    },
  )

  test('that is late is given to nobody before its time', async () => {
    const { clock, gateway } = faultyVenue({ kind: 'late-fill', strength: 5000 })
    expect(await clock.run(gateway.send(buy()))).toBeNull()
    expect(await gateway.lookUp(buy())).toBeNull()
    await clock.run(clock.sleepUntil(startMs + 4999))
    expect(await gateway.lookUp(buy())).toBeNull()
    await clock.run(clock.sleepUntil(startMs + 5000))
    expect(told(await gateway.lookUp(buy()))).toEqual(['filled', null, '0.1'])
  })

  test('that is late and still in time is no doubt', async () => {
    const { clock, gateway } = faultyVenue({ kind: 'late-fill', strength: 500 })
    expect(told(await clock.run(gateway.send(buy())))).toEqual(['filled', null, '0.1'])
    expect(clock.nowMs()).toBe(startMs + 500)
  })

  test('that the plan does not touch comes as it came', async () => {
    const { clock, gateway, strikes } = faultyVenue({ kind: 'lost-fill', share: 0 })
    expect(told(await clock.run(gateway.send(buy())))).toEqual(['filled', null, '0.1'])
    expect(clock.nowMs()).toBe(startMs + 10)
    expect(strikes).toEqual([])
  })
})

describe('an order', () => {
  test.each<[Struck, string, unknown]>([
    [{ kind: 'rejection' }, '0.1', ['rejected', 'venue rejected the order', null]],
    [{ kind: 'filter-change', strength: 100 }, '0.1005', ['rejected', 'Filter failure: LOT_SIZE', null]],
    [{ kind: 'filter-change', strength: 100 }, '0.101', ['filled', null, '0.101']],
    [{ kind: 'partial-fill', strength: 0.4567891 }, '0.1', ['partial', 'the book was thinner than the order', '0.04567']],
    [{ kind: 'partial-fill', strength: 0 }, '0.1', ['unfilled', 'the book was thinner than the order', null]],
    [{ kind: 'partial-fill', strength: 1 }, '0.1', ['filled', null, '0.1']],
  ])('struck by %o for %s BTC ends as %o', async (struck, quantity, end) => {
    const { clock, gateway } = faultyVenue(struck)
    expect(told(await clock.run(gateway.send(buy(quantity))))).toEqual(end)
  })

  test('that gets nothing is one that the venue took', async () => {
    const { clock, gateway } = faultyVenue({ kind: 'partial-fill', strength: 0 })
    await clock.run(gateway.send(buy()))
    expect(gateway.statement()).toEqual({ orders: 1, changes: [] })
  })

  test('may be filled in part and lose its answer too', async () => {
    const { clock, gateway } = faultyVenue({ kind: 'partial-fill', strength: 0.5 }, { kind: 'lost-fill' })
    expect(await clock.run(gateway.send(buy()))).toBeNull()
    expect(told(await gateway.lookUp(buy()))).toEqual(['partial', 'the book was thinner than the order', '0.05'])
  })
})

const orderFaults = ['rejection', 'filter-change', 'partial-fill', 'late-fill', 'lost-acknowledgement', 'lost-fill'] as const

describe('a fault that changes nothing about an order is not counted:', () => {
  test.each<[string, Struck, string, string]>([
    ['an order of whole new lots', { kind: 'filter-change', strength: 100 }, '0.101', 'filled'],
    ['a part that is the whole', { kind: 'partial-fill', strength: 1 }, '0.1', 'filled'],
    ['a book that is thinner than the part', { kind: 'partial-fill', strength: 0.9 }, '20', 'partial'],
  ])('%s', async (_what, struck, quantity, status) => {
    const { clock, gateway, strikes } = faultyVenue(struck)
    expect(await clock.run(gateway.send(buy(quantity)))).toMatchObject({ status })
    expect(strikes).toEqual([])
  })

  test.each<[FaultKind]>([['late-fill'], ['lost-acknowledgement'], ['lost-fill']])('an order that never came: %s', async (kind) => {
    const { clock, gateway, strikes } = venueThatLoses(1, [
      { kind, strength: 500 },
      { kind: 'partial-fill', strength: 0.5 },
    ])
    expect(await clock.run(gateway.send(buy()))).toBeNull()
    expect(told(await gateway.lookUp(buy()))).toEqual(['timed-out', 'no answer within 800 ms', null])
    expect(strikes).toEqual([])
  })
})

test('whatever strikes, what orders end with is what the venue states, and the same plan does the same again', async () => {
  const struck = fc.record({
    kind: fc.constantFrom(...orderFaults),
    strength: fc.double({ min: 0.01, max: 20, noNaN: true }),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
  })
  const lots = fc.integer({ min: 1, max: 30_000 })
  await fc.assert(
    fc.asyncProperty(fc.array(struck, { maxLength: 6 }), fc.array(lots, { maxLength: 12 }), async (faults, sizes) => {
      const bounded = faults.map((fault) =>
        fault.kind === 'partial-fill' ? { ...fault, strength: Math.floor(fault.strength) / 20 } : fault,
      )
      const ends = async (): Promise<unknown[]> => {
        const { clock, gateway } = faultyVenue(...bounded)
        const expected = new DropCopy()
        const all: unknown[] = []
        for (const [index, size] of sizes.entries()) {
          const order = buy(`${size}e-5`, `O${index}`)
          let report = await clock.run(gateway.send(order))
          for (let ask = 0; report === null; ask++) {
            expect(ask).toBeLessThan(3)
            report = await gateway.lookUp(order)
            await clock.run(clock.sleepUntil(clock.nowMs() + 100))
          }
          if (report.status !== 'rejected' && report.status !== 'timed-out') expected.took(order, report.fill)
          all.push(told(report))
        }
        expect(gateway.statement()).toEqual(expected.statement())
        return all
      }
      expect(await ends()).toEqual(await ends())
    }),
  )
})
