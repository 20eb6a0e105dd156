/** Replays a failing seed with its logs kept, shrinks it, and leaves the shortest command that still fails, with what it logs. */

import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { stringify } from 'yaml'
import { repoRoot } from '../campaign/run-campaign.ts'
import { drawFaults } from '../campaign/fault-plan.ts'
import { campaignSchema, type CampaignConfig } from '../config/schema.ts'
import type { Fault } from '../model/fault.ts'
import { failsLike, type Failure, type SeedResult } from './seed-result.ts'
import { deadlineMsOf, type SeedJob } from './seed-run.ts'
import { shrink, type Case } from './shrink.ts'

/** shrunk.json. */
export interface Failed {
  seed: number
  failure: Failure
  command: string
  /** What is left of it, in words. */
  shrunk: string
  /** Runs that it took. */
  runs: number
}

export interface FailedSeedOptions {
  seed: number
  failure: Failure
  config: CampaignConfig
  /** Of this failure alone. */
  folder: string
  /** Null where the user has stopped it. */
  run: (job: SeedJob) => Promise<SeedResult | null>
}

/** Runs of one failure, the replay included. */
const maxRuns = 80
/** Least numbers, which a shorter run misses without any defect: the faults alone are worth shrinking. */
const leasts: ReadonlySet<string | null> = new Set(['entries', 'entries on every symbol', 'exits'])
const minuteMs = 60_000

/** Null where it was stopped. What an earlier call has found is not looked for again. */
export async function shrinkFailedSeed(options: FailedSeedOptions): Promise<Failed | null> {
  const known = join(options.folder, 'shrunk.json')
  if (existsSync(known)) return JSON.parse(readFileSync(known, 'utf8')) as Failed
  return new FailedSeed(options).run()
}

class FailedSeed {
  readonly #options: FailedSeedOptions
  readonly #config: CampaignConfig
  readonly #command: string
  #runs = 0
  #isStopped = false
  #cutShort = ''
  #lastReason = ''

  constructor(options: FailedSeedOptions) {
    this.#options = options
    this.#config = { ...options.config, seed: options.seed }
    this.#command = `npx longhaul run --config ${relative(repoRoot, join(options.folder, 'config.yaml'))}`
  }

  async run(): Promise<Failed | null> {
    const { folder, failure } = this.#options
    mkdirSync(folder, { recursive: true })
    const asFound: Case<Fault> = {
      durationMinutes: this.#config.duration_minutes,
      symbols: this.#config.symbols,
      faults: drawFaults(this.#config),
    }
    if (!(await this.#keep(asFound, 'as-found')))
      return this.#isStopped ? null : this.#conclude(asFound, `nothing, it did not fail so again: ${this.#lastReason}`)
    const least = await shrink(asFound, (candidate) => this.#fails(candidate), !leasts.has(failure.assertion))
    if (this.#isStopped) return null
    if (await this.#keep(least, 'run')) return this.#conclude(least, `${describe(least)}${this.#cutShort}`)
    if (this.#isStopped) return null
    // The command that is given has been seen to fail, and on a new engine, as a user's will be.
    rmSync(join(folder, 'run'), { recursive: true, force: true })
    return this.#conclude(asFound, `${describe(asFound)} (what is shorter did not fail on a new engine)`)
  }

  /** One that is beyond the bound is not tried, and so does not fail. */
  async #fails(candidate: Case<Fault>): Promise<boolean> {
    if (this.#isStopped) return false
    if (this.#runs >= maxRuns) {
      this.#cutShort = ` (after ${maxRuns} runs no more were tried)`
      return false
    }
    const result = await this.#runCase(candidate, { keep: 'none', engine: this.#config.parts === undefined ? 'kept' : 'new' })
    return result !== null && failsLike(this.#options.failure, result)
  }

  /** True where it fails; its run's folder then lies in the failure's, under `name`. */
  async #keep(candidate: Case<Fault>, name: string): Promise<boolean> {
    const result = await this.#runCase(candidate, { keep: 'all', engine: 'new' })
    if (result === null) return false
    const place = join(this.#options.folder, name)
    rmSync(place, { recursive: true, force: true })
    if (result.runFolder !== null) renameSync(join(repoRoot, result.runFolder), place)
    return failsLike(this.#options.failure, result)
  }

  async #runCase(candidate: Case<Fault>, how: Pick<SeedJob, 'keep' | 'engine'>): Promise<SeedResult | null> {
    this.#runs++
    const { seed, folder } = this.#options
    const configFile = join(folder, 'config.yaml')
    writeFileSync(configFile, stringify(configOf(this.#config, candidate)))
    const result = await this.#options.run({ seed, configFile, deadlineMs: deadlineMsOf(this.#config), command: this.#command, ...how })
    this.#isStopped ||= result === null
    this.#lastReason = result?.reason ?? ''
    return result
  }

  #conclude(least: Case<Fault>, shrunk: string): Failed {
    const { seed, failure, folder } = this.#options
    const failed: Failed = { seed, failure, command: this.#command, shrunk, runs: this.#runs }
    writeFileSync(join(folder, 'config.yaml'), stringify(configOf(this.#config, least)))
    writeFileSync(join(folder, 'command.txt'), `${this.#command}\n`)
    writeFileSync(join(folder, 'shrunk.json'), `${JSON.stringify(failed, null, 2)}\n`)
    return failed
  }
}

/** With the faults listed one by one, and without what is the default: what a person reads first. */
export function configOf(config: CampaignConfig, { durationMinutes, symbols, faults }: Case<Fault>): Record<string, unknown> {
  const { healedMinutes } = config.faults
  const healedFromMs = (durationMinutes - healedMinutes) * minuteMs
  const plan = faults
    .map((fault) => ({ ...fault, untilMs: Math.min(fault.untilMs, healedFromMs) }))
    .filter(({ kind, fromMs, untilMs }) => (kind === 'kill' ? untilMs >= fromMs : untilMs > fromMs))
  const explicit = { ...config, symbols: [...symbols], duration_minutes: durationMinutes, faults: { plan, swarm: 'off', healedMinutes } }
  const needed = { scenario: config.scenario, symbols: explicit.symbols, duration_minutes: durationMinutes }
  return { ...needed, ...withoutDefaults(explicit, campaignSchema.parse(needed)) }
}

/** Of keys and of the sections' keys; what lies deeper stays whole, since not every part of it has a default of its own. */
function withoutDefaults(value: object, byDefault: object, depth = 2): object {
  const defaults = byDefault as Record<string, unknown>
  const kept = Object.entries(value).filter(([key, part]) => part !== undefined && !isDeepStrictEqual(part, defaults[key]))
  const shortened = ([key, part]: [string, unknown]): [string, unknown] => {
    const partDefaults = defaults[key]
    return [key, depth > 1 && isPlain(part) && isPlain(partDefaults) ? withoutDefaults(part, partDefaults, depth - 1) : part]
  }
  return Object.fromEntries(kept.map(shortened))
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function describe({ durationMinutes, symbols, faults }: Case<Fault>): string {
  const duration = durationMinutes === 1 ? '1 minute' : `${durationMinutes} minutes`
  return [duration, symbols.join(', '), ['no faults', '1 fault'][faults.length] ?? `${faults.length} faults`].join('; ')
}
