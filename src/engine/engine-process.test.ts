import { fork, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { planAttempt } from '../campaign/plan.ts'
import { noAdjustments } from '../campaign/recovery.ts'
import { campaignSchema } from '../config/schema.ts'
import type { ApplicationEvent } from '../model/event.ts'
import { EmbeddedStateStore } from '../store/embedded-state-store.ts'
import { findProcess } from '../store/process-identity.ts'
import type { EngineMessage, SupervisorMessage } from './engine-process.ts'

const startMs = Date.UTC(2026, 0, 5)
const entryFile = join(import.meta.dirname, '../main.ts')
/** Wall time in which an engine must be gone once its supervisor is. */
const orphanDeadlineMs = 5000

let folder: string
let engineCount = 0
const started: ChildProcess[] = []

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'longhaul-engine-process-'))
})

afterAll(() => {
  for (const child of started) child.kill('SIGKILL')
  rmSync(folder, { recursive: true })
})

interface Program {
  logsFolder: string
  script: string
  args: string[]
}

interface Prepared extends Program {
  planFile: string
  stateFolder: string
}

function prepare(config: object = {}): Prepared {
  const runFolder = join(folder, `${++engineCount}`)
  const logsFolder = join(runFolder, 'logs')
  const stateFolder = join(runFolder, 'state')
  mkdirSync(logsFolder, { recursive: true })
  const campaign = campaignSchema.parse({
    scenario: 'T1',
    symbols: ['KRW-BTC', 'KRW-ETH'],
    duration_minutes: 60,
    pace: '100x',
    monitor: { leadMs: 10_000 },
    ...config,
  })
  const plan = planAttempt({
    config: campaign,
    attempt: 1,
    runStartMs: startMs,
    startAtMs: startMs,
    endAtMs: startMs + campaign.duration_minutes * 60_000,
    adjustments: noAdjustments,
    store: { kind: 'embedded', folder: stateFolder },
    endpoints: null,
    logsFolder,
  })
  const planFile = join(runFolder, 'plan.json')
  writeFileSync(planFile, JSON.stringify(plan))
  return { planFile, logsFolder, stateFolder, script: entryFile, args: ['engine', planFile] }
}

/** An engine under our own hand: each checkpoint is answered by `judge`, or not at all. */
class Supervised {
  readonly engine: ChildProcess
  readonly messages: EngineMessage[] = []
  readonly exited: Promise<{ code: number | null; signal: string | null }>
  readonly firstCheckpoint: Promise<unknown>
  readonly #logsFolder: string

  constructor({ logsFolder, script, args }: Program, judge: (atMs: number) => Promise<boolean> | null = () => Promise.resolve(false)) {
    this.#logsFolder = logsFolder
    const output = openSync(join(logsFolder, 'application.log'), 'a')
    this.engine = fork(script, args, { stdio: ['ignore', output, output, 'ipc'] })
    closeSync(output)
    started.push(this.engine)
    this.exited = once(this.engine, 'exit').then(([code, signal]) => ({ code: code as number | null, signal: signal as string | null }))
    this.firstCheckpoint = once(this.engine, 'message')
    this.engine.on('message', (message: EngineMessage) => {
      this.messages.push(message)
      if (message.type !== 'checkpoint') return
      void judge(message.atMs)?.then((isAbort) => this.send({ type: 'judged', atMs: message.atMs, isAbort }))
    })
  }

  send(message: SupervisorMessage): void {
    // An engine that is ending makes the send fail; its exit says the same.
    if (this.engine.connected) this.engine.send(message, () => undefined)
  }

  stopped(): Extract<EngineMessage, { type: 'stopped' }> | undefined {
    return this.messages.find((message) => message.type === 'stopped')
  }

  log(name: string): string {
    return readFileSync(join(this.#logsFolder, `${name}.log`), 'utf8')
  }

  lastApplicationEvent(): ApplicationEvent {
    return JSON.parse(this.log('application').trimEnd().split('\n').at(-1)!) as ApplicationEvent
  }
}

async function within<T>(limitMs: number, promise: Promise<T>): Promise<T> {
  const deadline = new AbortController()
  const late = delay(limitMs, undefined, { signal: deadline.signal }).then(() => {
    throw new Error(`nothing within ${limitMs} ms`)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    deadline.abort()
    late.catch(() => undefined)
  }
}

describe.concurrent('an engine process', { timeout: 60_000 }, () => {
  test('without a supervisor runs to its end', async () => {
    const { planFile, logsFolder } = prepare({ duration_minutes: 3, pace: 'max' })
    const engine = spawn(process.execPath, [entryFile, 'engine', planFile], { stdio: 'ignore' })
    started.push(engine)
    expect((await once(engine, 'exit'))[0]).toBe(0)
    const last = readFileSync(join(logsFolder, 'application.log'), 'utf8').trimEnd().split('\n').at(-1)!
    expect(JSON.parse(last)).toMatchObject({ event: 'engine-stopped', reason: 'completed', loops: 180, time: startMs + 180_000 })
  })

  test('stops clean when its supervisor disconnects', async () => {
    const supervised = new Supervised(prepare())
    await supervised.firstCheckpoint
    supervised.engine.disconnect()
    expect(await within(orphanDeadlineMs, supervised.exited)).toEqual({ code: 0, signal: null })
    expect(supervised.lastApplicationEvent()).toMatchObject({ event: 'engine-stopped', reason: 'supervisor-gone' })
    expect(supervised.log('trading').trimEnd().split('\n').at(-1)).toContain('"event":"session-closed"')
  })

  test.each([
    ['judges every checkpoint', "child.send({ type: 'judged', atMs: message.atMs, isAbort: false })"],
    ['has not answered the checkpoint that the engine waits for', ''],
  ])('is no orphan for long when a supervisor is killed that %s', async (_name, answer) => {
    const { planFile, logsFolder } = prepare({ pace: answer === '' ? 'max' : '100x' })
    const script = `
      import { fork } from 'node:child_process'
      const options = { stdio: ['ignore', 'ignore', 'ignore', 'ipc'], execArgv: [] }
      const child = fork(${JSON.stringify(entryFile)}, ['engine', ${JSON.stringify(planFile)}], options)
      let count = 0
      child.on('message', (message) => {
        ${answer}
        if (++count === 2) console.log(child.pid)
      })`
    const supervisor = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
    started.push(supervisor)
    const [pid] = (await once(supervisor.stdout, 'data')) as [Buffer]
    expect(findProcess(Number(pid))).not.toBeNull()
    supervisor.kill('SIGKILL')
    await within(orphanDeadlineMs, gone(Number(pid)))
    expect(readFileSync(join(logsFolder, 'application.log'), 'utf8')).toContain('"reason":"supervisor-gone"')
  })

  test.each(['SIGTERM', 'SIGINT'] as const)('stops clean on %s', async (signal) => {
    const supervised = new Supervised(prepare())
    await supervised.firstCheckpoint
    supervised.engine.kill(signal)
    expect(await within(orphanDeadlineMs, supervised.exited)).toEqual({ code: 0, signal: null })
    expect(supervised.stopped()?.reason).toBe('interrupted')
    expect(supervised.lastApplicationEvent()).toMatchObject({ event: 'engine-stopped', reason: 'interrupted' })
  })

  test('says checkpoints on time, and never runs two of them ahead of its judge', async () => {
    const lastJudged = { atMs: startMs }
    const aheadMs: number[] = []
    const supervised = new Supervised(prepare({ duration_minutes: 2, pace: 'max' }), async (atMs) => {
      aheadMs.push(atMs - lastJudged.atMs)
      await delay(5)
      lastJudged.atMs = atMs
      return false
    })
    await supervised.exited
    const checkpoints = supervised.messages.flatMap((message) => (message.type === 'checkpoint' ? [message.atMs - startMs] : []))
    expect(checkpoints.slice(0, 11)).toEqual(Array.from({ length: 11 }, (_, index) => 10_000 * (index + 1)))
    expect(Math.max(...aheadMs)).toBeLessThanOrEqual(20_000)
  })

  test('an abort takes effect at the same event, however fast the engine and its judge are', async () => {
    const abortAtMs = startMs + 600_000
    const ends = await Promise.all(
      [
        { pace: 'max', judgeMs: 0 },
        { pace: 'max', judgeMs: 15 },
        { pace: '2000x', judgeMs: 3 },
      ].map(async ({ pace, judgeMs }) => {
        const supervised = new Supervised(prepare({ pace }), async (atMs) => {
          await delay(judgeMs)
          return atMs === abortAtMs
        })
        expect((await supervised.exited).code).toBe(0)
        return { stopped: supervised.stopped(), trading: supervised.log('trading') }
      }),
    )
    // At the checkpoint after the one that was judged so, when its loop is done.
    const { reason, atMs = 0 } = ends[0]!.stopped ?? {}
    expect([reason, Math.floor((atMs - abortAtMs) / 1000)]).toEqual(['aborted', 10])
    expect(ends[0]!.trading).toContain('"event":"entry"')
    for (const end of ends.slice(1)) expect(end).toEqual(ends[0])
  })

  test('that cannot have the state’s lease fails, and says why', async () => {
    const prepared = prepare()
    const holder = new EmbeddedStateStore(prepared.stateFolder)
    await holder.open()
    const supervised = new Supervised(prepared)
    expect((await supervised.exited).code).toBe(1)
    expect(supervised.stopped()?.reason).toBe('failed')
    const failed = supervised
      .log('application')
      .split('\n')
      .find((line) => line.includes('engine-failed'))!
    expect(JSON.parse(failed)).toMatchObject({ level: 'fatal', message: expect.stringContaining('is held by process') as string })
    await holder.close()
  })
})

/** A process around the least engine, on a real clock: it runs until it is told to stop, or for so long. */
function onRealClock(
  { durationMs, leadMs }: { durationMs: number; leadMs: number },
  judge?: (atMs: number) => Promise<boolean> | null,
): Supervised {
  const logsFolder = join(folder, `${++engineCount}`)
  mkdirSync(logsFolder)
  const modules = ['engine-process', 'journal', 'log-file', '../clock/system-clock'].map((name) => join(import.meta.dirname, `${name}.ts`))
  const [processModule, journalModule, logFileModule, clockModule] = modules.map((path) => JSON.stringify(path))
  const script = join(logsFolder, 'engine.mjs')
  writeFileSync(
    script,
    `import { runEngineProcess } from ${processModule}
     import { Journal } from ${journalModule}
     import { LogFile } from ${logFileModule}
     import { SystemClock } from ${clockModule}
     const clock = new SystemClock()
     const open = (name) => new LogFile(${JSON.stringify(logsFolder)} + '/' + name + '.log')
     const journal = new Journal({ application: open('application'), trading: open('trading'), metrics: open('metrics') }, clock)
     const ended = Promise.withResolvers()
     const end = clock.schedule(clock.nowMs() + ${durationMs}, () => ended.resolve('completed'))
     const stop = (reason) => (end.cancel(), ended.resolve(reason))
     const engine = { run: () => ended.promise, stop, close: () => Promise.resolve() }
     await runEngineProcess({ clock, journal, engine, leadMs: ${leadMs} })`,
  )
  return new Supervised({ logsFolder, script, args: [] }, judge)
}

describe.concurrent('an engine process on a real clock', { timeout: 60_000 }, () => {
  test('is gone when its engine has ended, though the next checkpoint is far off', async () => {
    const engine = onRealClock({ durationMs: 100, leadMs: 60_000 })
    expect(await within(orphanDeadlineMs, engine.exited)).toEqual({ code: 0, signal: null })
    expect(engine.messages).toMatchObject([{ type: 'stopped', reason: 'completed' }])
  })

  test('is not held back by a supervisor that takes its time', async () => {
    const engine = onRealClock({ durationMs: 1500, leadMs: 50 }, () => null)
    expect((await within(orphanDeadlineMs, engine.exited)).code).toBe(0)
    expect(engine.stopped()?.reason).toBe('completed')
    expect(engine.messages.filter(({ type }) => type === 'checkpoint').length).toBeGreaterThanOrEqual(2)
  })

  test('an abort takes effect at once, and no checkpoint comes after it', async () => {
    // Of a length in which even a busy machine answers the first checkpoint.
    const engine = onRealClock({ durationMs: 60_000, leadMs: 1500 }, () => Promise.resolve(true))
    expect((await within(orphanDeadlineMs, engine.exited)).code).toBe(0)
    expect(engine.messages.map(({ type }) => type)).toEqual(['checkpoint', 'stopped'])
    expect(engine.stopped()?.reason).toBe('aborted')
  })
})

async function gone(pid: number): Promise<void> {
  while (findProcess(pid) !== null) await delay(20)
}
