import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { OperatingError } from '../base/error.ts'
import { VirtualClock } from '../clock/virtual-clock.ts'
import type { StateStore } from '../engine/state-store.ts'
import type { Fault, FaultKind } from '../model/fault.ts'
import { EmbeddedStateStore } from '../store/embedded-state-store.ts'
import { HeldStateStore } from '../store/held-state-store.ts'
import { FaultBoard } from './fault-board.ts'
import { FaultyStateStore } from './faulty-state-store.ts'

const startMs = 1_000_000
let folder: string
let folderCount = 0

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'longhaul-faulty-store-'))
})

afterAll(() => rmSync(folder, { recursive: true }))

function fault(kind: FaultKind, { fromMs = 1000, untilMs = 3000, share = 1, strength = 0 }: Partial<Fault> = {}): Fault {
  return { kind, fromMs, untilMs, venue: null, code: null, share, strength }
}

interface Outcome {
  /** `stored`, or the words of the refusal. */
  outcome: string
  /** Event time since the start. */
  atMs: number
}

/** Commits a number each second from `first` on, as `key-0`, `key-1`, …; answers how each ended and what the store holds in the end. */
async function commitEachSecond(
  faults: readonly Fault[],
  count = 5,
  seed = 1,
  first = 0,
): Promise<{ outcomes: Outcome[]; keys: string[]; strikes: number }> {
  const clock = new VirtualClock({ startMs, pace: null })
  const place = join(folder, String(++folderCount))
  let strikes = 0
  const board = new FaultBoard({ plan: { runStartMs: startMs, seed, faults }, onStrike: () => strikes++ })
  const store: StateStore = new FaultyStateStore({ store: new HeldStateStore(new EmbeddedStateStore(place), clock), clock, board })
  const main = async (): Promise<Outcome[]> => {
    await store.open()
    const outcomes: Outcome[] = []
    for (let i = first; i < count; i++) {
      await clock.sleepUntil(startMs + i * 1000)
      const outcome = await outcomeOf(store.commit({ set: { [`key-${i}`]: '1' }, remove: [] }))
      outcomes.push({ outcome, atMs: clock.nowMs() - startMs })
    }
    await store.close()
    return outcomes
  }
  const outcomes = await clock.run(main())
  const after = new EmbeddedStateStore(place)
  const keys = [...(await after.open()).keys()]
  await after.close()
  return { outcomes, keys, strikes }
}

function outcomeOf(commit: Promise<void>): Promise<string> {
  return commit.then(
    () => 'stored',
    (error: unknown) =>
      error instanceof OperatingError && error.code === 'STORE_UNAVAILABLE' ? error.message : `defect: ${String(error)}`,
  )
}

function words({ outcomes }: { outcomes: Outcome[] }): string[] {
  return outcomes.map(({ outcome }) => outcome)
}

describe('commits', () => {
  test.each([
    ['store-down', 'ECONNREFUSED'],
    ['store-read-only', 'READONLY'],
  ] as const)('meet a %s with Redis’s words while it lasts, and none of them is stored', async (kind, refusal) => {
    const run = await commitEachSecond([fault(kind)])
    const refused: unknown = expect.stringContaining(refusal)
    expect(words(run)).toEqual(['stored', refused, refused, 'stored', 'stored'])
    expect(run.keys).toEqual(['key-0', 'key-3', 'key-4'])
    expect(run.strikes).toBe(2)
  })

  test('meet a slow store late by its strength in event time', async () => {
    const run = await commitEachSecond([fault('store-slow', { strength: 400 })])
    expect(run.outcomes.map(({ atMs }) => atMs)).toEqual([0, 1400, 2400, 3000, 4000])
    expect(run.keys).toHaveLength(5)
  })

  test('under way at a restart are stored, and their answer is lost; the next are refused until it is over', async () => {
    const run = await commitEachSecond([fault('store-restart')])
    expect(words(run)).toEqual([
      'stored',
      expect.stringContaining('Connection is closed'),
      expect.stringContaining('ECONNREFUSED'),
      'stored',
      'stored',
    ])
    expect(run.keys).toEqual(['key-0', 'key-1', 'key-3', 'key-4'])
  })

  test('lose an answer at each restart', async () => {
    const run = await commitEachSecond([fault('store-restart', { untilMs: 2000 }), fault('store-restart', { fromMs: 3000, untilMs: 4000 })])
    expect(words(run).filter((outcome) => outcome.includes('closed'))).toHaveLength(2)
    expect(run.keys).toHaveLength(5)
  })

  test('are struck by the share that the plan asks for, and by the same ones again', async () => {
    const faults = [fault('store-down', { fromMs: 1, untilMs: 100_000, share: 0.3 })]
    const first = await commitEachSecond(faults, 100)
    expect(first.strikes).toBeGreaterThan(15)
    expect(first.strikes).toBeLessThan(45)
    expect(await commitEachSecond(faults, 100)).toEqual(first)
    expect((await commitEachSecond(faults, 100, 2)).outcomes).not.toEqual(first.outcomes)
    // As by an engine that was killed after the fortieth.
    expect((await commitEachSecond(faults, 100, 1, 40)).outcomes).toEqual(first.outcomes.slice(40))
  })
})

test.each(['store-down', 'store-restart', 'store-read-only'] as const)('an engine that starts during a %s finds no store', async (kind) => {
  const clock = new VirtualClock({ startMs, pace: null })
  const plan = { runStartMs: startMs, seed: 1, faults: [fault(kind, { fromMs: 0 })] }
  const board = new FaultBoard({ plan, onStrike: () => undefined })
  const store = new FaultyStateStore({ store: new EmbeddedStateStore(join(folder, kind)), clock, board })
  await expect(store.open()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
})
