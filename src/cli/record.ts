/** `longhaul record`: writes the quotes of any market onto a tape that `market: tape` replays. main.ts hands it the composition root. */

import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { messageOf, OperatingError } from '../base/error.ts'
import { exitCodes, type ExitCode } from '../base/exit-code.ts'
import { marketFactsOf } from '../campaign/market-facts.ts'
import { networkNeeds } from '../campaign/network-needs.ts'
import { planAttempt } from '../campaign/plan.ts'
import { noAdjustments } from '../campaign/recovery.ts'
import { repoRoot } from '../campaign/run-campaign.ts'
import { VirtualClock } from '../clock/virtual-clock.ts'
import type { EnginePlan, Feed } from '../compose.ts'
import { loadConfig, overridesFromEnvironment, type Override } from '../config/load.ts'
import type { CampaignConfig } from '../config/schema.ts'
import { openNetwork, type Network } from '../environment/network.ts'
import { processRegister } from '../environment/prepare-environment.ts'
import { BookTapeWriter } from '../market/book-tape.ts'
import { RecordedMarket } from '../market/recorded-market.ts'
import { TapeRecorder } from '../market/tape-recorder.ts'
import { badFlags, parseFlags } from './flags.ts'

const usage = `usage: longhaul record --out FOLDER [--config configs/s0.yaml] [--market live] [--minutes 3] [--data-source ws] [--symbols …]

  --out FOLDER         a new or an empty folder; the tape's files lie in it, 000001.ndjson.gz and on
  --config FILE        whose symbols and market are recorded; default: configs/s0.yaml
  --market M           simulated, tape, loopback or live; default: what the config says
  --minutes N          event time; default: the config's duration
  --data-source S      ws (default) or rest
  --symbols A,B        others than the config's
  --seed N             of a simulated or loopback market

Ctrl-C ends the recording, and nothing that was written is lost; a second one ends it at once. What to write into a config to replay
the tape is printed at the end. LONGHAUL_* override the config, as for longhaul run.
exit codes: 0 recorded, 2 nothing that can be replayed, 3 bad command line or config, 4 environment not ready, 130 stopped before it began
`

const text = { type: 'string' } as const
const options = { out: text, config: text, market: text, minutes: text, 'data-source': text, symbols: text, seed: text }

/** Each flag's name among the overrides. */
const overrideNames = {
  market: 'LONGHAUL_MARKET',
  minutes: 'LONGHAUL_DURATION_MINUTES',
  'data-source': 'LONGHAUL_DATA_SOURCE',
  symbols: 'LONGHAUL_SYMBOLS',
  seed: 'LONGHAUL_SEED',
} as const

type Values = Partial<Record<keyof typeof options, string>>

export async function record(args: readonly string[], composeFeed: (plan: EnginePlan) => Feed): Promise<ExitCode> {
  const flags = parseFlags('record', args, options)
  if (flags === null) {
    process.stdout.write(usage)
    return exitCodes.ok
  }
  const values: Values = flags.values
  const streams: Override = { source: 'longhaul record', path: ['data_source'], value: 'ws' }
  const overrides = [streams, ...overridesFromEnvironment(process.env), ...overridesOf(values)]
  const { config } = loadConfig(resolve(values.config ?? join(repoRoot, 'configs/s0.yaml')), overrides)
  return new Recording(config, newFolder(values.out), composeFeed).run()
}

function overridesOf(values: Values): Override[] {
  const flags = Object.keys(overrideNames) as (keyof typeof overrideNames)[]
  return flags.flatMap((flag) =>
    overridesFromEnvironment({ [overrideNames[flag]]: values[flag] }).map((found) => ({ ...found, source: `--${flag}` })),
  )
}

/** Looked at before anything is started: two recordings in one folder would be read as one. */
function newFolder(out: string | undefined): string {
  if (out === undefined) throw badFlags('record', '--out expects a folder for the tape, and was left out')
  const folder = resolve(out)
  let names: string[]
  try {
    mkdirSync(folder, { recursive: true })
    names = readdirSync(folder)
  } catch (error) {
    throw badFlags('record', `--out expects a folder to write into: ${messageOf(error)}`, error)
  }
  if (names.length > 0) throw badFlags('record', `--out expects a new or an empty folder, and there is ${names[0]} in ${folder}`)
  return folder
}

class Recording {
  readonly #config: CampaignConfig
  readonly #folder: string
  readonly #composeFeed: (plan: EnginePlan) => Feed

  constructor(config: CampaignConfig, folder: string, composeFeed: (plan: EnginePlan) => Feed) {
    this.#config = config
    this.#folder = folder
    this.#composeFeed = composeFeed
  }

  async run(): Promise<ExitCode> {
    const scratch = mkdtempSync(join(tmpdir(), 'longhaul-record-'))
    const interrupt = new AbortController()
    const onSignal = (): void => interrupt.abort()
    process.once('SIGINT', onSignal)
    process.once('SIGTERM', onSignal)
    let network: Network | null = null
    try {
      network = await this.#openNetwork(scratch)
      if (interrupt.signal.aborted) return exitCodes.interrupted
      await this.#record(network, scratch, interrupt.signal)
      return exitCodes.ok
    } finally {
      await network?.stop()
      rmSync(scratch, { recursive: true, force: true })
      process.off('SIGINT', onSignal)
      process.off('SIGTERM', onSignal)
    }
  }

  async #openNetwork(scratch: string): Promise<Network | null> {
    const needs = networkNeeds(this.#config)
    if (needs === null) return null
    const runId = `record-${process.pid}`
    return openNetwork(needs, { folder: scratch, runId, register: processRegister(repoRoot), step: tellStep })
  }

  async #record(network: Network | null, scratch: string, signal: AbortSignal): Promise<void> {
    const { market, duration_minutes: minutes, symbols, data_source: source, loop } = this.#config
    const startMs = network?.startMs ?? marketFactsOf(this.#config, repoRoot).startMs
    const endAtMs = startMs + Math.round(minutes * 60_000)
    const feed = this.#composeFeed(
      planAttempt({
        config: this.#config,
        attempt: 1,
        runStartMs: startMs,
        startAtMs: startMs,
        endAtMs,
        adjustments: noAdjustments,
        store: { kind: 'embedded', folder: scratch },
        endpoints: network?.endpoints ?? null,
        logsFolder: scratch,
      }),
    )
    const { clock, provider } = feed
    const instruments = feed.instruments.map(({ venue, code }) => ({ venue, code }))
    const writer = new BookTapeWriter(this.#folder, { tape: 'longhaul-books', version: 1, market, instruments })
    const recorder = new TapeRecorder({ provider, clock, writer, instruments, intervalMs: loop.intervalMs })
    process.stdout.write(`recording ${symbols.join(', ')} from ${market} over ${source}, ${minutes} minutes, into ${this.#folder}\n`)
    signal.addEventListener('abort', () => recorder.stop())
    try {
      const running = recorder.run(endAtMs)
      await (clock instanceof VirtualClock ? clock.run(running) : running)
    } finally {
      // What is still connected would keep the process alive.
      await provider.close()
    }
    process.stdout.write(`recorded ${writer.lineCount} books and outages, ${writer.writtenBytes} bytes\n`)
    process.stdout.write(this.#replayText(clock.nowMs()))
  }

  /** Opens the tape as a replay would. Throws TAPE_INVALID where there is nothing to replay. */
  #replayText(endMs: number): string {
    const { fromMs } = new RecordedMarket({ folder: this.#folder })
    const minutes = Math.floor((endMs - fromMs) / 600) / 100
    if (minutes <= 0) throw tooShort(this.#folder)
    const inRepository = relative(repoRoot, this.#folder)
    const folder = inRepository.startsWith('..') ? this.#folder : inRepository
    return `replay with\n  market: tape\n  tape: { format: books, folder: ${JSON.stringify(folder)} }\n  duration_minutes: ${minutes}\n`
  }
}

function tooShort(folder: string): OperatingError {
  return new OperatingError('TAPE_INVALID', `the tape in ${folder} is too short to be replayed`, { hint: 'Record for longer.' })
}

async function tellStep(name: string, action: () => Promise<string>): Promise<void> {
  process.stdout.write(`prepare ${name.padEnd(15)} ${await action()}\n`)
}
