import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type DepthSnapshot, type DepthUpdate, type LevelUpdate, LocalBook } from './local-book.ts'

const snapshot: DepthSnapshot = {
  lastId: 10,
  limit: 1000,
  bids: [
    { price: 99, size: 1 },
    { price: 98, size: 2 },
  ],
  asks: [
    { price: 101, size: 3 },
    { price: 102, size: 4 },
  ],
}

function update(firstId: number, lastId = firstId, bids: LevelUpdate[] = [], asks: LevelUpdate[] = []): DepthUpdate {
  return { firstId, lastId, bids, asks }
}

function synchronised(options: Partial<DepthSnapshot> = {}): LocalBook {
  const book = new LocalBook(5)
  expect(book.snapshot({ ...snapshot, ...options })).toBe('applied')
  return book
}

function levelsOf(book: LocalBook): [number, number][][] | null {
  const levels = book.levels(1000)
  return levels && [levels.bids, levels.asks].map((side) => side.map(({ price, size }) => [price, size]))
}

test('sizes are absolute, and 0 takes a level away', () => {
  const book = synchronised()
  const changes = update(
    11,
    11,
    [
      [99, 0],
      [98.5, 7],
      [97, 1],
    ],
    [
      [101, 9],
      [100.5, 1],
      [150, 0],
    ],
  )
  expect(book.update(changes)).toBe('applied')
  expect(levelsOf(book)).toEqual([
    [
      [98.5, 7],
      [98, 2],
      [97, 1],
    ],
    [
      [100.5, 1],
      [101, 9],
      [102, 4],
    ],
  ])
  expect(book.levels(1)).toEqual({ bids: [{ price: 98.5, size: 7 }], asks: [{ price: 100.5, size: 1 }] })
})

describe('an update after the snapshot', () => {
  test.for<[string, number, number, string, number | null]>([
    ['that it holds already', 8, 9, 'known', 10],
    ['that ends where it does', 9, 10, 'known', 10],
    ['that begins inside it and goes on', 9, 12, 'applied', 12],
    ['that goes on exactly', 11, 12, 'applied', 12],
    ['that leaves one out', 12, 12, 'gap', null],
  ])('%s', ([_name, firstId, lastId, outcome, expectedId]) => {
    const book = synchronised()
    expect(book.update(update(firstId, lastId))).toBe(outcome)
    expect(book.lastId).toBe(expectedId)
  })
})

describe('a snapshot after updates 11 to 13', () => {
  test.for<[string, number, string, number | null]>([
    ['from before the first, with one missing', 9, 'too-old', null],
    ['that ends where they begin', 10, 'applied', 13],
    ['from among them', 12, 'applied', 13],
    ['from after them', 20, 'applied', 20],
  ])('%s', ([_name, lastId, outcome, expectedId]) => {
    const book = new LocalBook(5)
    expect([update(11), update(12), update(13)].map((each) => book.update(each))).toEqual(['waiting', 'waiting', 'waiting'])
    expect(book.snapshot({ ...snapshot, lastId })).toBe(outcome)
    expect(book.lastId).toBe(expectedId)
  })
})

test('more updates than are kept before a snapshot comes are dropped, and an older snapshot is refused', () => {
  const book = new LocalBook(2)
  expect([11, 12, 13].map((id) => book.update(update(id)))).toEqual(['waiting', 'waiting', 'overflow'])
  expect(book.snapshot(snapshot)).toBe('too-old')
  expect(book.snapshot({ ...snapshot, lastId: 12 })).toBe('applied')
  expect(book.lastId).toBe(13)
})

test('a gap among the updates that wait drops those before it', () => {
  const book = new LocalBook(5)
  expect([update(11), update(13)].map((each) => book.update(each))).toEqual(['waiting', 'gap'])
  expect(book.snapshot(snapshot)).toBe('too-old')
})

test('after a gap, the update that showed it waits for the snapshot', () => {
  const book = synchronised()
  expect(book.update(update(12, 12, [[98, 8]]))).toBe('gap')
  expect(book.levels(1)).toBeNull()
  expect(book.snapshot({ ...snapshot, lastId: 11 })).toBe('applied')
  expect(levelsOf(book)?.[0]).toEqual([
    [99, 1],
    [98, 8],
  ])
})

describe('a crossed book is discarded', () => {
  const crossing = update(11, 11, [[101, 1]])

  test('when an update crosses it', () => {
    const book = synchronised()
    expect(book.update(crossing)).toBe('crossed')
    expect(book.lastId).toBeNull()
  })

  test('when an update that waited crosses it', () => {
    const book = new LocalBook(5)
    book.update(crossing)
    expect(book.snapshot(snapshot)).toBe('crossed')
    expect(book.lastId).toBeNull()
  })

  test('when the snapshot shows it so', () => {
    const book = new LocalBook(5)
    expect(book.snapshot({ ...snapshot, bids: [{ price: 101, size: 1 }, ...snapshot.bids] })).toBe('crossed')
    expect([book.lastId, book.levels(1)]).toEqual([null, null])
    expect(book.snapshot(snapshot)).toBe('applied')
  })
})

test('a side that lost all its levels is no quote, and comes back', () => {
  const book = synchronised()
  expect(
    book.update(
      update(11, 11, [
        [99, 0],
        [98, 0],
      ]),
    ),
  ).toBe('applied')
  expect(book.levels(5)).toBeNull()
  book.update(update(12, 12, [[97, 1]]))
  expect(levelsOf(book)?.[0]).toEqual([[97, 1]])
})

describe('a snapshot that was cut at its limit', () => {
  test('says nothing of prices beyond its last ones', () => {
    const book = synchronised({ limit: 2 })
    book.update(update(11, 11, [[97, 5]], [[103, 5]]))
    expect(levelsOf(book)).toEqual([
      [
        [99, 1],
        [98, 2],
      ],
      [
        [101, 3],
        [102, 4],
      ],
    ])
  })

  test('covers fewer levels as the market moves away, and a whole one all there are', () => {
    const cut = synchronised({ limit: 2 })
    const whole = synchronised({ limit: 3 })
    expect([cut.covers(2), whole.covers(2)]).toEqual([true, true])
    for (const book of [cut, whole]) book.update(update(11, 11, [[99, 0]]))
    expect([cut.covers(2), whole.covers(2)]).toEqual([false, true])
  })

  test('is replaced by another while the book goes on', () => {
    const book = synchronised({ limit: 2 })
    book.awaitSnapshot()
    expect(book.update(update(11, 11, [[97, 5]]))).toBe('applied')
    expect(book.snapshot({ ...snapshot, lastId: 9 })).toBe('too-old')
    expect(book.lastId).toBe(11)
    expect(book.snapshot(snapshot)).toBe('applied')
    expect([book.lastId, levelsOf(book)?.[0]]).toEqual([
      11,
      [
        [99, 1],
        [98, 2],
        [97, 5],
      ],
    ])
  })
})

/** A venue's whole book after each update: what REST would show, and what the stream said. */
interface History {
  updates: DepthUpdate[]
  states: { lastId: number; bids: Map<number, number>; asks: Map<number, number> }[]
}

const change = fc.record({
  ids: fc.integer({ min: 1, max: 3 }),
  isBid: fc.boolean(),
  step: fc.nat(7),
  size: fc.nat(3),
  shift: fc.integer({ min: -1, max: 1 }),
})

/** Bids lie below a mid that wanders, asks above it, so that the venue's own book is never crossed. */
function historyOf(changes: readonly { ids: number; isBid: boolean; step: number; size: number; shift: number }[]): History {
  const bids = new Map(Array.from({ length: 8 }, (_, i) => [100 - 1 - i, 1]))
  const asks = new Map(Array.from({ length: 8 }, (_, i) => [100 + 1 + i, 1]))
  const history: History = { updates: [], states: [{ lastId: 1, bids: new Map(bids), asks: new Map(asks) }] }
  let lastId = 1
  let mid = 100
  for (const { ids, isBid, step, size, shift } of changes) {
    mid += shift
    const moved: { bids: LevelUpdate[]; asks: LevelUpdate[] } = { bids: [], asks: [] }
    for (const price of bids.keys()) if (price >= mid) moved.bids.push([price, 0])
    for (const price of asks.keys()) if (price <= mid) moved.asks.push([price, 0])
    if (isBid) moved.bids.push([mid - 1 - step, size])
    else moved.asks.push([mid + 1 + step, size])
    for (const [side, updates] of [
      [bids, moved.bids],
      [asks, moved.asks],
    ] as const)
      for (const [price, newSize] of updates)
        if (newSize > 0) side.set(price, newSize)
        else side.delete(price)
    history.updates.push({ firstId: lastId + 1, lastId: lastId + ids, ...moved })
    lastId += ids
    history.states.push({ lastId, bids: new Map(bids), asks: new Map(asks) })
  }
  return history
}

function sideOf(side: ReadonlyMap<number, number>, sign: 1 | -1): { price: number; size: number }[] {
  return [...side].map(([price, size]) => ({ price, size })).sort((left, right) => sign * (right.price - left.price))
}

test('with drops, repeats, reorderings and late snapshots there is no book, or exactly the venue’s at its last update', () => {
  const fault = fc.record({ isDropped: fc.boolean(), lagCount: fc.nat(2), isRepeated: fc.boolean() })
  const rest = fc.record({ isAsked: fc.boolean(), stateLag: fc.nat(6), limit: fc.integer({ min: 1, max: 12 }) })
  let bookCount = 0
  const property = fc.property(
    fc.array(fc.tuple(change, fc.option(fault, { freq: 4 }), rest), { minLength: 1, maxLength: 60 }),
    fc.integer({ min: 1, max: 6 }),
    (steps, maxKept) => {
      const { updates, states } = historyOf(steps.map(([each]) => each))
      const book = new LocalBook(maxKept)
      let worst = { bid: -Infinity, ask: Infinity }
      for (const [index, [, faults, { isAsked, stateLag, limit }]] of steps.entries()) {
        const arrived = updates[Math.max(0, index - (faults?.lagCount ?? 0))]!
        if (faults?.isDropped !== true) book.update(arrived)
        if (faults?.isRepeated === true) book.update(arrived)
        if (isAsked) {
          book.awaitSnapshot()
          const state = states[Math.max(0, index + 1 - stateLag)]!
          const bids = sideOf(state.bids, 1).slice(0, limit)
          const asks = sideOf(state.asks, -1).slice(0, limit)
          const outcome = book.snapshot({ lastId: state.lastId, limit, bids, asks })
          if (outcome === 'applied') {
            worst = {
              bid: bids.length < limit ? -Infinity : bids.at(-1)!.price,
              ask: asks.length < limit ? Infinity : asks.at(-1)!.price,
            }
          }
        }
        if (book.lastId === null) continue
        bookCount++
        const truth = states.find((state) => state.lastId === book.lastId)!
        const expected = {
          bids: sideOf(truth.bids, 1).filter(({ price }) => price >= worst.bid),
          asks: sideOf(truth.asks, -1).filter(({ price }) => price <= worst.ask),
        }
        const isEmpty = expected.bids.length === 0 || expected.asks.length === 0
        expect(book.levels(1000)).toEqual(isEmpty ? null : expected)
      }
    },
  )
  fc.assert(property, { numRuns: 200 })
  expect(bookCount).toBeGreaterThan(0)
})
