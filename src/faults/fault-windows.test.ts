import { expect, test } from 'vitest'
import type { Fault, FaultKind } from '../model/fault.ts'
import { FaultBoard } from './fault-board.ts'
import { FaultWindows } from './fault-windows.ts'

function fault(kind: FaultKind, fromMs: number, untilMs: number): Fault {
  return { kind, fromMs, untilMs, venue: null, code: null, share: 0, strength: 0 }
}

test('a window is open from the first start to the last end of faults that overlap, for the kinds asked for alone', () => {
  const faults = [
    fault('latency', 10, 20),
    fault('no-answer', 15, 30),
    fault('latency', 16, 18),
    fault('banned', 40, 50),
    fault('latency', 60, 61),
  ]
  const board = new FaultBoard({ plan: { runStartMs: 1000, seed: 1, faults }, onStrike: () => undefined })
  const windows = new FaultWindows(board, ['latency', 'no-answer'])
  const times = [9, 10, 14, 20, 29, 30, 45, 60, 61, 1000]
  expect(times.filter((sinceStartMs) => windows.isOpen(1000 + sinceStartMs))).toEqual([10, 14, 20, 29, 60])
  const late = (atMs: number): number | null => new FaultWindows(board, ['latency', 'no-answer']).openSinceMs(atMs)
  expect([1029, 1030, 1060].map(late)).toEqual([1010, null, 1060])
})
