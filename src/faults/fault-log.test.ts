import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { VirtualClock } from '../clock/virtual-clock.ts'
import { LogFile } from '../engine/log-file.ts'
import type { Fault } from '../model/fault.ts'
import { FaultLog } from './fault-log.ts'

const fault: Fault = { kind: 'disk-full', fromMs: 0, untilMs: 1000, venue: null, code: null, share: 1, strength: 0 }
let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'longhaul-fault-log-'))
})

afterEach(() => rmSync(folder, { recursive: true }))

function open(): { log: FaultLog; counts: () => number[] } {
  const file = join(folder, 'faults.log')
  const lines = (): string[] => readFileSync(file, 'utf8').split('\n').filter(Boolean)
  const log = new FaultLog(new LogFile(file), new VirtualClock({ startMs: 7, pace: null }))
  return { log, counts: () => lines().map((line) => (JSON.parse(line) as { count: number }).count) }
}

test("a fault's first strike is on disk at once, the sum when the log is closed", () => {
  const { log, counts } = open()
  log.struck(0, fault, 1)
  expect(counts()).toEqual([1])
  log.struck(0, fault, 2)
  log.struck(0, fault, 3)
  expect(counts()).toEqual([1])
  log.close()
  expect(counts()).toEqual([1, 3])
})

test('what strikes when the log is closed, as a full disk may strike the last lines of the other logs, is left out', () => {
  const { log, counts } = open()
  log.close()
  log.struck(0, fault, 1)
  expect(counts()).toEqual([])
})
