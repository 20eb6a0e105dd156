import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { VirtualClock } from '../clock/virtual-clock.ts'
import type { RunnableEngine } from '../engine/engine-process.ts'
import { LogFile } from '../engine/log-file.ts'
import type { Fault } from '../model/fault.ts'
import { FaultBoard } from './fault-board.ts'
import { FaultLog } from './fault-log.ts'
import { FaultyEngine } from './faulty-engine.ts'

const runStartMs = 1_000_000

/** An engine that notes when each of its seconds comes, under a plan; and what faults.log says of it. */
async function secondsUnder(startMs: number, faults: readonly Fault[]): Promise<{ secondsMs: number[]; strikes: unknown[] }> {
  const folder = mkdtempSync(join(tmpdir(), 'longhaul-faulty-engine-'))
  try {
    const clock = new VirtualClock({ startMs, pace: null })
    const log = new FaultLog(new LogFile(join(folder, 'faults.log')), clock)
    const board = new FaultBoard({ plan: { runStartMs, seed: 1, faults }, onStrike: (...strike) => log.struck(...strike) })
    const secondsMs: number[] = []
    const engine: RunnableEngine = {
      async run() {
        for (let second = 1; second <= 5; second++) {
          await clock.sleepUntil(startMs + second * 1000)
          secondsMs.push(clock.nowMs() - runStartMs)
        }
        return 'completed'
      },
      stop: () => undefined,
      close: () => Promise.resolve(),
    }
    const faulty = new FaultyEngine({ engine, clock, board, log })
    expect(await clock.run(faulty.run())).toBe('completed')
    await clock.run(faulty.close('completed'))
    const lines = readFileSync(join(folder, 'faults.log'), 'utf8').split('\n').filter(Boolean)
    return { secondsMs, strikes: lines.map((line): unknown => JSON.parse(line)) }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const freeze: Fault = { kind: 'freeze', fromMs: 1500, untilMs: 3700, venue: null, code: null, share: 1, strength: 0 }

test('an engine that is frozen does nothing meanwhile, is late for what fell due, and then goes on in time', async () => {
  const { secondsMs, strikes } = await secondsUnder(runStartMs, [freeze])
  expect(secondsMs).toEqual([1000, 3700, 3700, 4000, 5000])
  expect(strikes).toMatchObject([{ event: 'fault-struck', time: runStartMs + 1500, index: 0, kind: 'freeze', count: 1 }])
})

test('a freeze that ends within another one holds nothing, and is not counted', async () => {
  const { secondsMs, strikes } = await secondsUnder(runStartMs, [freeze, { ...freeze, fromMs: 1600, untilMs: 3000 }])
  expect(secondsMs).toEqual([1000, 3700, 3700, 4000, 5000])
  expect(strikes).toMatchObject([{ index: 0, count: 1 }])
})

test('an attempt that begins after a freeze or a kill has it behind it', async () => {
  const kill: Fault = { ...freeze, kind: 'kill', untilMs: 1500 }
  const { secondsMs, strikes } = await secondsUnder(runStartMs + 10_000, [kill, freeze])
  expect(secondsMs).toEqual([11_000, 12_000, 13_000, 14_000, 15_000])
  expect(strikes).toEqual([])
})

/** A process that looks at the clock every ten milliseconds until, once struck, it has stood still for a while; it prints for how long. */
const realEngine = `
const [{ SystemClock }, { LogFile }, { FaultBoard }, { FaultLog }, { FaultyEngine }] = await Promise.all(
  ['../clock/system-clock.ts', '../engine/log-file.ts', './fault-board.ts', './fault-log.ts', './faulty-engine.ts'].map((file) =>
    import(new URL(file, process.argv[1])),
  ),
)
const clock = new SystemClock()
const log = new FaultLog(new LogFile(process.argv[2]), clock)
const plan = { runStartMs: clock.nowMs(), seed: 1, faults: [JSON.parse(process.argv[3])] }
let isStruck = false
const onStrike = (...strike) => {
  isStruck = true
  log.struck(...strike)
}
const board = new FaultBoard({ plan, onStrike })
const engine = {
  async run() {
    let [lastMs, stillMs] = [clock.nowMs(), 0]
    while (stillMs < 250 && lastMs < plan.runStartMs + 10_000) {
      await clock.sleepUntil(lastMs + 10)
      if (isStruck) stillMs = Math.max(stillMs, clock.nowMs() - lastMs)
      lastMs = clock.nowMs()
    }
    console.log(stillMs)
    return 'completed'
  },
  stop() {},
  async close() {},
}
const faulty = new FaultyEngine({ engine, clock, board, log })
await faulty.close(await faulty.run())
`

test.each(['freeze', 'kill'] as const)('on a real clock a %s is that of the process', async (kind) => {
  const folder = mkdtempSync(join(tmpdir(), 'longhaul-faulty-engine-'))
  try {
    const file = join(folder, 'faults.log')
    const fault: Fault = { ...freeze, kind, fromMs: 100, untilMs: kind === 'kill' ? 100 : 600 }
    const args = ['--input-type=module', '-e', realEngine, import.meta.url, file, JSON.stringify(fault)]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    let output = ''
    child.stdout.on('data', (text: Buffer) => (output += text.toString()))
    const [code, signal] = (await once(child, 'close')) as [number | null, string | null]
    expect([code, signal]).toEqual(kind === 'kill' ? [null, 'SIGKILL'] : [0, null])
    if (kind === 'freeze') expect(Number(output)).toBeGreaterThanOrEqual(250)
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ event: 'fault-struck', kind, count: 1 })
  } finally {
    rmSync(folder, { recursive: true })
  }
})
