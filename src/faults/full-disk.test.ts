import { expect, test } from 'vitest'
import { VirtualClock } from '../clock/virtual-clock.ts'
import type { Fault } from '../model/fault.ts'
import { FaultBoard } from './fault-board.ts'
import { fullDisk } from './full-disk.ts'

const startMs = 1_000_000

/** Ten bytes each second, each time tried twice; answers what each write took, and how much reached the disk. */
async function writeEachSecond(
  share: number,
  log = 'trading',
  seconds = 5,
  fromSecond = 0,
): Promise<{ taken: (number | string)[]; bytes: number }> {
  const clock = new VirtualClock({ startMs, pace: null })
  const fault: Fault = { kind: 'disk-full', fromMs: 1000, untilMs: 1000 * (seconds - 2), venue: null, code: null, share, strength: 0 }
  const board = new FaultBoard({ plan: { runStartMs: startMs, seed: 1, faults: [fault] }, onStrike: () => undefined })
  let bytes = 0
  const append = fullDisk({
    append: (_descriptor, { length }) => {
      bytes += length
      return length
    },
    clock,
    board,
    log,
  })
  const taken: (number | string)[] = []
  const tryIt = (): void => {
    try {
      taken.push(append(3, Buffer.alloc(10)))
    } catch (error) {
      taken.push((error as { code: string }).code)
    }
  }
  await clock.run(
    (async () => {
      for (let second = fromSecond; second < seconds; second++) {
        await clock.sleepUntil(startMs + second * 1000)
        tryIt()
        tryIt()
      }
    })(),
  )
  return { taken, bytes }
}

test('takes half of the write that fills it, then nothing, and all once it has room again', async () => {
  const { taken, bytes } = await writeEachSecond(1)
  expect(taken).toEqual([10, 10, 5, 'ENOSPC', 'ENOSPC', 'ENOSPC', 10, 10, 10, 10])
  expect(bytes).toBe(65)
})

test('strikes a write by its time, however many there were before it', async () => {
  const isStruck = async (fromSecond: number): Promise<boolean[]> =>
    (await writeEachSecond(0.5, 'trading', 100, fromSecond)).taken.map((taken) => taken !== 10)
  expect(await isStruck(40)).toEqual((await isStruck(0)).slice(80))
})

test('strikes the share of writes that the plan asks for, the same ones again, and others in another log', async () => {
  const first = await writeEachSecond(0.5, 'trading', 100)
  const struck = first.taken.filter((taken) => taken !== 10).length
  expect(struck).toBeGreaterThan(60)
  expect(struck).toBeLessThan(140)
  expect(await writeEachSecond(0.5, 'trading', 100)).toEqual(first)
  expect((await writeEachSecond(0.5, 'metrics', 100)).taken).not.toEqual(first.taken)
})
