/** Runs a whole campaign: prepare, run and watch, recover, analyze, judge, report. A plain program: Vitest and the CLI call it. */

import { execFileSync } from 'node:child_process'
import { existsSync, lstatSync, renameSync, writeFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { join, relative } from 'node:path'
import pRetry from 'p-retry'
import type { Analysis } from '../analyzer/analysis.ts'
import { analyzeLogs } from '../analyzer/longrun-analyzer.ts'
import { messageOf, OperatingError } from '../base/error.ts'
import { SystemClock } from '../clock/system-clock.ts'
import type { EnginePlan } from '../compose.ts'
import { loadConfig, type LoadedConfig, type Override } from '../config/load.ts'
import { isNetworkMarket, type CampaignConfig } from '../config/schema.ts'
import { EnvironmentError } from '../environment/environment-error.ts'
import { checkWritable } from '../environment/preflight.ts'
import { prepareEnvironment, type Environment } from '../environment/prepare-environment.ts'
import type { ProcessRecord } from '../environment/processes.ts'
import type { StepReport } from '../environment/step.ts'
import { faultLogNames } from '../model/fault.ts'
import type { Finding } from '../monitor/finding.ts'
import { Monitor } from '../monitor/monitor.ts'
import { isRunId, runIdHint } from '../report/read-run.ts'
import { judgeRun, logPathsOf } from '../report/judge-run.ts'
import type { JudgedRun } from '../report/write-report.ts'
import type { AttemptRecord, RunRecord } from '../report/run-record.ts'
import { drawFaults } from './fault-plan.ts'
import { recordFlight } from './flight-recorder.ts'
import { marketFactsOf, type MarketFacts } from './market-facts.ts'
import { networkNeeds } from './network-needs.ts'
import { writePlan } from './plan-file.ts'
import { oraclePricing, planAttempt } from './plan.ts'
import { progressLine } from './progress.ts'
import { describeAdjustments, noAdjustments, recover, type Adjustments } from './recovery.ts'
import { runAttempt, type AttemptEnd, type StartEngine } from './supervisor.ts'

export const repoRoot = join(import.meta.dirname, '../..')

export interface CampaignOptions {
  configFile: string
  overrides: readonly Override[]
  /** Made by `newRunId` where it is left out. */
  runId?: string | undefined
  /** What the user typed, for the report. */
  command: string
  /** The campaign spec that asks for it, from the repository's root: `longhaul report` writes its Allure results where Vitest could not. */
  specFile?: string | undefined
  redisUrl: string | undefined
  signal: AbortSignal
  print: (line: string) => void
  /** One of many runs, on a machine that was looked at before the first of them. */
  ofMany?: OneOfMany | undefined
}

export interface OneOfMany {
  startEngine: StartEngine
  /** Whether a run that was judged so gets a report. */
  isReported: (judged: JudgedRun) => boolean
}

const stoppedByUser: Pick<AttemptRecord, 'decision' | 'decisionReason'> = { decision: 'interrupted', decisionReason: 'stopped by the user' }
/** Event time between the end of a killed or stopped attempt and the first loop of the next. */
const restartDelayMs = 5000
/** Wall time between two progress lines, and the same in real time, where an hour has 360 of them and not 1800. */
const progressIntervalMs = 2000
const realTimeProgressIntervalMs = 10_000
/** Wall time that an engine's process needs from its fork to its first loop: in real time a loop that is due earlier would be late. */
const engineStartMs = 1500

/** Throws CONFIG_INVALID: an id may come from the environment (LONGHAUL_RUN_ID), and folders and Redis keys are named after it. */
export function runFolderOf(runId: string): string {
  if (!isRunId(runId)) {
    throw new OperatingError('CONFIG_INVALID', `not a run id: ${JSON.stringify(runId.slice(0, 80))}`, { hint: runIdHint })
  }
  return join(repoRoot, 'reports/runs', runId)
}

/** Preparing empties the folder: never that of another run, and never what a link leads to. Throws CONFIG_INVALID. */
function refuseTaken(runFolder: string): void {
  const isLink = lstatSync(runFolder, { throwIfNoEntry: false })?.isSymbolicLink() === true
  if (!isLink && !existsSync(join(runFolder, 'run.json'))) return
  throw new OperatingError('CONFIG_INVALID', `${relative(repoRoot, runFolder)} is ${isLink ? 'a link' : 'there already'}`, {
    hint: 'Give another LONGHAUL_RUN_ID, or none: then each run has an id of its own.',
  })
}

/** Sorts by time; the process id keeps two campaigns that begin in one millisecond apart. */
export function newRunId({ scenario, seed }: Pick<CampaignConfig, 'scenario' | 'seed'>): string {
  const stamp = new Date(clock.nowMs()).toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, 19).replace('.', '')
  return `${stamp}-${scenario.toLowerCase()}-${seed}-${process.pid}`
}

const clock = new SystemClock()

/** Throws CONFIG_* and EnvironmentError; anything that goes wrong later is in the verdict. */
export async function runCampaign(options: CampaignOptions): Promise<JudgedRun> {
  const startedAtMs = clock.nowMs()
  const loaded = loadConfig(options.configFile, options.overrides)
  const sources = loaded.overrides.map(({ source }) => source)
  const configStep: StepReport = {
    name: 'load-config',
    status: 'done',
    detail: [relative(repoRoot, loaded.file), `SHA-256 ${loaded.hash.slice(0, 12)}`, ...sources].join(', '),
    hint: null,
    tookMs: clock.nowMs() - startedAtMs,
  }
  return new Campaign(options, loaded, configStep).run()
}

class Campaign {
  readonly #options: CampaignOptions
  readonly #config: CampaignConfig
  readonly #configStep: StepReport
  readonly #record: RunRecord
  readonly #runFolder: string
  readonly #logsFolder: string
  readonly #market: MarketFacts
  readonly #isRealTime: boolean
  /** Of the market and the first loop; in real time it is known once everything is prepared. */
  #startMs: number
  #nextStartMs: number
  #adjustments: Adjustments = noAdjustments
  #printedAtMs = 0

  constructor(options: CampaignOptions, loaded: LoadedConfig, configStep: StepReport) {
    this.#options = options
    this.#config = loaded.config
    this.#configStep = configStep
    const runId = options.runId ?? newRunId(loaded.config)
    this.#runFolder = runFolderOf(runId)
    this.#logsFolder = join(this.#runFolder, 'logs')
    this.#market = marketFactsOf(loaded.config, repoRoot)
    this.#isRealTime = isNetworkMarket(loaded.config.market)
    this.#startMs = this.#market.startMs
    this.#nextStartMs = this.#startMs
    const { command, specFile } = options
    this.#record = newRecord({ runId, loaded, command, specFile, modelledParts: this.#market.modelledParts })
  }

  async run(): Promise<JudgedRun> {
    refuseTaken(this.#runFolder)
    checkWritable(this.#runFolder)
    this.#save()
    const environment = await this.#prepare()
    try {
      this.#record.store = environment.store.kind
      this.#startMs = environment.network?.startMs ?? this.#startMs
      this.#nextStartMs = this.#startMs
      this.#record.status = 'running'
      this.#save()
      await this.#runAttempts(environment)
    } finally {
      await environment.stop()
      this.#record.endedAt = isoNow()
      this.#record.status = this.#options.signal.aborted ? 'interrupted' : 'finished'
      this.#save()
    }
    const judged = await judgeRun(this.#runFolder, this.#options.ofMany?.isReported)
    this.#options.print(`verdict ${judged.judgement.verdict}: ${judged.judgement.reason}`)
    this.#options.print(`report  ${relative(repoRoot, join(this.#runFolder, 'FINAL_REPORT.md'))}`)
    return judged
  }

  get #endMs(): number {
    return this.#startMs + Math.round(this.#config.duration_minutes * 60_000)
  }

  async #prepare(): Promise<Environment> {
    const { print, redisUrl } = this.#options
    const { scenario, symbols, seed, pace, market } = this.#config
    print(`${scenario} ${symbols.join(', ')} | market ${market} | pace ${pace} | seed ${seed} | ${relative(repoRoot, this.#runFolder)}`)
    try {
      const environment = await prepareEnvironment({
        runFolder: this.#runFolder,
        repoRoot,
        runId: this.#record.runId,
        redis: this.#config.redis,
        env: { REDIS_URL: redisUrl },
        tapeFiles: this.#market.tapeFiles,
        network: networkNeeds(this.#config, { faults: this.#record.faults, file: join(this.#logsFolder, faultLogNames.venues) }),
        configStep: this.#configStep,
        isOneOfMany: this.#options.ofMany !== undefined,
      })
      this.#tellSteps(environment.steps)
      return environment
    } catch (error) {
      this.#record.status = 'not-ready'
      this.#record.endedAt = isoNow()
      if (error instanceof EnvironmentError) this.#tellSteps(error.steps)
      this.#save()
      throw error
    }
  }

  #tellSteps(steps: readonly StepReport[]): void {
    this.#record.steps = [...steps]
    for (const { name, status, detail } of steps) this.#options.print(`prepare ${name.padEnd(15)} ${status.padEnd(8)} ${detail}`)
  }

  async #runAttempts(environment: Environment): Promise<void> {
    const { maxAttempts, backoffMs, maxBackoffMs } = this.#config.retry
    const { signal } = this.#options
    const attempts = pRetry(
      async (attempt) => {
        const record = await this.#runAttempt(attempt, environment)
        if (record.decision.startsWith('retry')) throw new AttemptStopped(record.decisionReason)
      },
      {
        retries: maxAttempts - 1,
        minTimeout: backoffMs,
        maxTimeout: Math.max(backoffMs, maxBackoffMs),
        shouldRetry: ({ error }) => error instanceof AttemptStopped,
        signal,
      },
    )
    await attempts.catch((error: unknown) => {
      if (error !== signal.reason) throw error
      // The user ended the wait for another attempt: what ran is judged.
      Object.assign(this.#record.attempts.at(-1) ?? {}, stoppedByUser)
    })
  }

  async #runAttempt(attempt: number, environment: Environment): Promise<AttemptRecord> {
    const startAtMs = this.#isRealTime ? this.#nextLoopStart(Math.max(this.#nextStartMs, clock.nowMs() + engineStartMs)) : this.#nextStartMs
    const plan = planAttempt({
      config: this.#config,
      attempt,
      runStartMs: this.#startMs,
      startAtMs,
      endAtMs: this.#endMs,
      adjustments: this.#adjustments,
      faults: this.#record.faults,
      store: environment.store,
      endpoints: environment.network?.endpoints ?? null,
      logsFolder: this.#logsFolder,
    })
    const planFile = join(this.#runFolder, `plan-${attempt}.json`)
    writePlan(planFile, plan, this.#options.redisUrl)
    const record: AttemptRecord = {
      attempt,
      startAtMs,
      endedAtMs: null,
      stopReason: null,
      exitCode: null,
      signal: null,
      wallMs: 0,
      findings: [],
      decision: 'running',
      decisionReason: '',
      adjustments: describeAdjustments(this.#adjustments),
      flightRecorder: null,
    }
    this.#record.attempts.push(record)
    this.#save()
    const end = await this.#watch(planFile, plan, environment)
    await this.#conclude(record, end)
    this.#record.engineWallMs += end.wallMs
    this.#save()
    return record
  }

  async #watch(planFile: string, plan: EnginePlan, environment: Environment): Promise<AttemptEnd> {
    const { symbols, monitor: settings } = this.#config
    const { startAtMs } = plan.settings
    const monitor = new Monitor({
      folder: this.#logsFolder,
      settings,
      symbols: symbols.filter((symbol) => !this.#adjustments.quarantinedSymbols.includes(symbol)),
      loopIntervalMs: plan.settings.loopIntervalMs,
      startAtMs,
      endAtMs: this.#endMs,
      pricing: oraclePricing(plan),
    })
    const wallStartMs = clock.nowMs()
    let engine: ProcessRecord | null = null
    try {
      return await runAttempt({
        startEngine: this.#options.ofMany?.startEngine,
        planFile,
        logsFolder: this.#logsFolder,
        monitor,
        endAtMs: this.#endMs,
        // A slow pace spends wall time between two checkpoints without being stuck.
        watchdogMs: settings.watchdogMs + (plan.pace === null ? 0 : (3 * settings.leadMs) / plan.pace),
        signal: this.#options.signal,
        onStarted: (pid) => {
          engine = environment.register.record('engine', this.#record.runId, pid)
        },
        onProgress: () => this.#tellProgress(monitor, startAtMs, wallStartMs),
      })
    } finally {
      monitor.close()
      if (engine) environment.register.forget(engine)
    }
  }

  #tellProgress(monitor: Monitor, startMs: number, wallStartMs: number): void {
    const nowMs = clock.nowMs()
    const intervalMs = this.#isRealTime ? realTimeProgressIntervalMs : progressIntervalMs
    if (nowMs - Math.max(this.#printedAtMs, wallStartMs) < intervalMs) return
    this.#printedAtMs = nowMs
    this.#options.print(progressLine({ progress: monitor.progress(), startMs, endMs: this.#endMs, wallMs: nowMs - wallStartMs }))
  }

  async #conclude(record: AttemptRecord, end: AttemptEnd): Promise<void> {
    const { stopReason, exitCode, signal, wallMs, endedAtMs, findings } = end
    Object.assign(record, { stopReason, exitCode, signal, wallMs, endedAtMs, findings })
    const stoppedBy = findings.find((finding) => finding.aborts)
    if (this.#options.signal.aborted) {
      Object.assign(record, stoppedByUser)
    } else if (!stoppedBy || stopReason === 'completed') {
      Object.assign(record, { decision: 'finished', decisionReason: `engine stopped: ${stopReason ?? 'without a word'}` })
    } else {
      await this.#recover(record, stoppedBy, endedAtMs)
    }
    this.#options.print(`attempt ${record.attempt} ${record.decision}: ${record.decisionReason}`)
  }

  /** Keeps the flight recorder, analyzes what there is, and decides what follows. */
  async #recover(record: AttemptRecord, finding: Finding, endedAtMs: number): Promise<void> {
    const { attempt } = record
    const analysis = await analyzeLogs({ ...logPathsOf(this.#runFolder), symbols: this.#config.symbols })
    record.flightRecorder = this.#recordFlight(attempt, analysis)
    const { retry: settings, symbols } = this.#config
    const recovery = recover({ settings, attempt, symbols, finding, analysis, adjustments: this.#adjustments })
    this.#adjustments = recovery.adjustments
    // A killed engine's last loops are not all in the logs: it had got as far as its next checkpoint, at the most.
    const unloggedMs = record.stopReason === null ? this.#config.monitor.leadMs : 0
    this.#nextStartMs = this.#nextLoopStart(endedAtMs + unloggedMs + restartDelayMs)
    const isOver = this.#nextStartMs >= this.#endMs
    record.decision = isOver ? 'give-up' : recovery.decision
    record.decisionReason = isOver ? `${recovery.reason}, but no event time is left` : recovery.reason
    for (const { rule, atMs, message } of record.findings.filter(({ severity }) => severity === 'error')) {
      this.#options.print(`finding ${rule} at ${new Date(atMs).toISOString()}: ${message}`)
    }
  }

  /** A flight recorder that cannot be written (a full disk) must not hide what stopped the attempt. */
  #recordFlight(attempt: number, analysis: Analysis): string | null {
    const folder = `flight-recorder/attempt-${attempt}`
    try {
      recordFlight({ logsFolder: this.#logsFolder, folder: join(this.#runFolder, folder) })
      writeFileSync(join(this.#runFolder, folder, 'analysis.json'), JSON.stringify(analysis, null, 2))
      return folder
    } catch (error) {
      this.#options.print(`no flight recorder of attempt ${attempt}: ${messageOf(error)}`)
      return null
    }
  }

  /** Attempts keep the first one's rhythm. */
  #nextLoopStart(atMs: number): number {
    const { intervalMs } = this.#config.loop
    return this.#startMs + Math.ceil((atMs - this.#startMs) / intervalMs) * intervalMs
  }

  /** A disk that is full takes nothing away from what was saved before. */
  #save(): void {
    const file = join(this.#runFolder, 'run.json')
    const draft = `${file}.tmp`
    try {
      writeFileSync(draft, JSON.stringify(this.#record, null, 2))
      renameSync(draft, file)
    } catch (error) {
      throw new OperatingError('REPORT_FAILED', `cannot save ${relative(repoRoot, file)}: ${messageOf(error)}`, {
        hint: `Free some space; then longhaul report ${this.#record.runId} judges what was logged.`,
        cause: error,
      })
    }
  }
}

/** Tells p-retry that another attempt is wanted. */
class AttemptStopped extends Error {
  override readonly name = 'AttemptStopped'
}

interface RecordOptions {
  runId: string
  loaded: LoadedConfig
  command: string
  specFile: string | undefined
  modelledParts: readonly string[]
}

function newRecord({ runId, loaded: { config, file, hash }, command, specFile, modelledParts }: RecordOptions): RunRecord {
  const git = gitState()
  return {
    schema: 1,
    runId,
    scenario: config.scenario,
    title: config.title,
    status: 'preparing',
    commit: git?.commit ?? null,
    isDirty: git?.isDirty ?? false,
    command,
    specFile,
    seed: config.seed,
    configHash: hash,
    configFile: relative(repoRoot, file),
    config: { ...config, redis: { ...config.redis, url: undefined } },
    store: null,
    startedAt: isoNow(),
    endedAt: null,
    engineWallMs: 0,
    host: {
      nodeVersion: process.version,
      platform: `${process.platform} ${process.arch}`,
      cpuModel: cpus()[0]?.model ?? 'unknown',
      cpuCount: cpus().length,
      memoryBytes: totalmem(),
    },
    modelledParts: [...modelledParts],
    faults: drawFaults(config),
    steps: [],
    attempts: [],
  }
}

function isoNow(): string {
  return new Date(clock.nowMs()).toISOString()
}

export interface GitState {
  commit: string
  isDirty: boolean
}

let knownGitState: GitState | null | undefined

/** Of when it was first asked. Null outside a checkout, or where git is not installed. */
export function gitState(): GitState | null {
  if (knownGitState === undefined) knownGitState = readGitState()
  return knownGitState
}

function readGitState(): GitState | null {
  const git = (...args: string[]): string =>
    execFileSync('git', args, { cwd: repoRoot, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], timeout: 5000 }).trim()
  try {
    return { commit: git('rev-parse', 'HEAD'), isDirty: git('status', '--porcelain', '--untracked-files=no') !== '' }
  } catch {
    // No checkout, or no git: the report says "no commit".
    return null
  }
}
