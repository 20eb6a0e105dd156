import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { campaignSchema } from '../config/schema.ts'
import type { Finding } from '../monitor/finding.ts'
import { Monitor } from '../monitor/monitor.ts'
import { findProcess } from '../store/process-identity.ts'
import { oraclePricing, planAttempt } from './plan.ts'
import { noAdjustments } from './recovery.ts'
import { runAttempt, type AttemptEnd, type AttemptOptions } from './supervisor.ts'

const startMs = Date.UTC(2026, 0, 5)

let folder: string
let runCount = 0

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'longhaul-supervisor-'))
})

afterAll(() => rmSync(folder, { recursive: true }))

interface Attempt extends AttemptEnd {
  log: (name: string) => string
}

interface Asked {
  config?: object
  /** Text of a module with `swaps`. */
  parts?: string
  options?: Partial<AttemptOptions>
}

/** One attempt with the real engine process and the real monitor; three minutes of event time where the test says nothing else. */
async function attempt({ config = {}, parts, options = {} }: Asked): Promise<Attempt> {
  const runFolder = join(folder, `run-${++runCount}`)
  const logsFolder = join(runFolder, 'logs')
  mkdirSync(logsFolder, { recursive: true })
  const partsFile = join(runFolder, 'parts.mjs')
  if (parts !== undefined) writeFileSync(partsFile, parts)
  const campaign = campaignSchema.parse({
    scenario: 'T1',
    symbols: ['KRW-BTC', 'KRW-ETH'],
    duration_minutes: 3,
    parts: parts === undefined ? undefined : partsFile,
    ...config,
  })
  const endAtMs = startMs + campaign.duration_minutes * 60_000
  const plan = planAttempt({
    config: campaign,
    attempt: 1,
    runStartMs: startMs,
    startAtMs: startMs,
    endAtMs,
    adjustments: noAdjustments,
    store: { kind: 'embedded', folder: join(runFolder, 'state') },
    endpoints: null,
    logsFolder,
  })
  const planFile = join(runFolder, 'plan.json')
  writeFileSync(planFile, JSON.stringify(plan))
  const { symbols, monitor: settings } = campaign
  const watched = { folder: logsFolder, settings, symbols, loopIntervalMs: 1000, startAtMs: startMs, endAtMs, pricing: oraclePricing(plan) }
  const monitor = new Monitor(watched)
  try {
    const end = await runAttempt({
      planFile,
      logsFolder,
      monitor,
      endAtMs,
      watchdogMs: 20_000,
      signal: new AbortController().signal,
      onStarted: () => undefined,
      onProgress: () => undefined,
      ...options,
    })
    return { ...end, log: (name) => readFileSync(join(logsFolder, `${name}.log`), 'utf8') }
  } finally {
    monitor.close()
  }
}

function brief({ rule, cause, aborts }: Finding): object {
  return { rule, cause, aborts }
}

describe.concurrent('an attempt', { timeout: 30_000 }, () => {
  test('runs to its end', async () => {
    let progressCount = 0
    const pids: number[] = []
    const end = await attempt({ options: { onStarted: (pid) => pids.push(pid), onProgress: () => progressCount++ } })
    expect(end).toMatchObject({ stopReason: 'completed', exitCode: 0, signal: null, endedAtMs: startMs + 180_000, findings: [] })
    expect(progressCount).toBeGreaterThanOrEqual(17)
    expect(pids.map(findProcess)).toEqual([null])
    expect(end.log('application')).toContain('"loops":180')
  })

  test('is stopped by the user, clean and without a finding', async () => {
    const user = new AbortController()
    const onProgress = (): void => user.abort()
    const end = await attempt({ config: { duration_minutes: 600, pace: '100x' }, options: { signal: user.signal, onProgress } })
    expect(end).toMatchObject({ stopReason: 'interrupted', exitCode: 0, signal: null, findings: [] })
    expect(end.log('trading').trimEnd().split('\n').at(-1)).toContain('"event":"session-closed"')
  })

  test('that the user had stopped before it began stops too', async () => {
    const end = await attempt({ config: { duration_minutes: 600, pace: '100x' }, options: { signal: AbortSignal.abort() } })
    // A busy machine may not have started it when the first deadline is over.
    expect(end.stopReason ?? end.signal).toMatch(/^(interrupted|SIGTERM|SIGKILL)$/)
    expect(end.findings).toEqual([])
  })

  test('is aborted by a finding, at the same event whatever the pace', async () => {
    const parts = `
      let count = 0
      export const swaps = {
        strategy: (part) => ({
          decide(view) {
            if (++count === 200) throw new Error('a planted defect')
            return part.decide(view)
          },
        }),
      }`
    const ends = await Promise.all([{ pace: 'max' }, { pace: '400x' }].map((config) => attempt({ config, parts })))
    for (const { stopReason, exitCode, findings } of ends) {
      expect({ stopReason, exitCode }).toEqual({ stopReason: 'aborted', exitCode: 0 })
      expect(findings.map(brief)).toEqual([{ rule: 'error-log', cause: 'a planted defect', aborts: true }])
    }
    expect(ends[1]!.endedAtMs).toBe(ends[0]!.endedAtMs)
    expect(ends[1]!.log('trading')).toBe(ends[0]!.log('trading'))
  })

  test('of an engine that cannot be recorded leaves no engine running', async () => {
    let pid = 0
    const onStarted = (started: number): void => {
      pid = started
      throw new Error('no space left')
    }
    await expect(attempt({ options: { onStarted } })).rejects.toThrow('no space left')
    await expect.poll(() => findProcess(pid), { timeout: 15_000 }).toBeNull()
  })

  test('of an engine that is killed says so, with the signal', async () => {
    let pid = 0
    const onProgress = (): void => {
      if (findProcess(pid)) process.kill(pid, 'SIGKILL')
    }
    const onStarted = (started: number): void => {
      pid = started
    }
    const end = await attempt({ config: { duration_minutes: 600, pace: '100x' }, options: { onStarted, onProgress } })
    expect(end).toMatchObject({ stopReason: null, exitCode: null, signal: 'SIGKILL' })
    expect(end.findings.map(brief)).toEqual([{ rule: 'engine-exited', cause: 'SIGKILL', aborts: true }])
    expect(end.findings[0]).toMatchObject({ severity: 'error', symbol: null, message: "the engine's process ended by itself (SIGKILL)" })
    expect(end.endedAtMs).toBeGreaterThanOrEqual(startMs + 10_000)
  })

  test('of an engine that ends by an exception keeps its stack in application.log', async () => {
    const end = await attempt({ parts: "throw new Error('a defect while it is loaded')" })
    expect(end).toMatchObject({ stopReason: null, exitCode: 2, signal: null })
    expect(end.log('application')).toMatch(/Error: a defect while it is loaded\n +at /)
    expect(end.findings.map(({ rule }) => rule)).toContain('engine-exited')
  })

  test('keeps what the process prints raw beside what it logs', async () => {
    const parts = `
      process.stderr.write('words on stderr\\n')
      process.stdout.write('words on stdout\\n')
      process.emitWarning('a warning of Node’s')
      export const swaps = {}`
    const { log, stopReason } = await attempt({ config: { monitor: { rules: { errorLog: { enabled: false } } } }, parts })
    const lines = log('application').split('\n')
    for (const words of ['words on stderr', 'words on stdout']) expect(lines).toContain(words)
    expect(log('application')).toContain('Warning: a warning of Node’s')
    expect(lines.filter((line) => line.startsWith('{')).length).toBeGreaterThanOrEqual(2)
    expect(stopReason).toBe('completed')
  })

  test('of an engine that hangs is ended by the watchdog', async () => {
    const parts = 'export const swaps = { strategy: () => ({ decide() { for (;;); } }) }'
    const startedAtMs = performance.now()
    const end = await attempt({ parts, options: { watchdogMs: 3000 } })
    expect(end).toMatchObject({ stopReason: null, exitCode: null, signal: 'SIGKILL' })
    expect(end.findings.map(brief)).toEqual([{ rule: 'no-progress', cause: 'engine-stuck', aborts: true }])
    expect(performance.now() - startedAtMs).toBeLessThan(20_000)
  })

  test('of a loop that goes on for ever in event time is aborted, and ended where it does not stop', async () => {
    const parts = `
      export const swaps = {
        provider: (part, { clock }) => ({
          open: () => part.open(),
          onChange: (listener) => part.onChange(listener),
          takeCounts: () => part.takeCounts(),
          async refresh() {
            for (let i = 0; clock.nowMs() > ${startMs + 20_000}; i++) await clock.sleepUntil(clock.nowMs() + 1000)
            return part.refresh()
          },
          book: (instrument) => part.book(instrument),
          fetchBook: (instrument) => part.fetchBook(instrument),
          close: () => part.close(),
        }),
      }`
    const end = await attempt({ config: { duration_minutes: 600 }, parts, options: { watchdogMs: 3000 } })
    expect(end).toMatchObject({ stopReason: null, signal: 'SIGKILL' })
    expect(end.findings.map(({ rule }) => rule)).toContain('no-progress')
  })
})
