/** The engine from its first commit to its last: takes the lease, restores or funds the state, runs the loop, closes the session. */

import { messageOf, OperatingError } from '../base/error.ts'
import type { Clock } from '../clock/clock.ts'
import type { MarketDataProvider } from '../market-data/market-data-provider.ts'
import type { EngineStarted, SessionOpened, StopReason } from '../model/event.ts'
import { schemaVersion } from '../model/event.ts'
import type { PortfolioState } from '../portfolio/portfolio-state.ts'
import type { Committer } from './committer.ts'
import type { RunnableEngine } from './engine-process.ts'
import type { Journal } from './journal.ts'
import type { LiveRunner } from './live-runner.ts'
import type { Metrics } from './metrics.ts'
import type { EngineSettings } from './settings.ts'
import type { StateStore } from './state-store.ts'

/** What a state that was opened lets the composition root make. */
export interface OpenedParts {
  portfolio: PortfolioState
  committer: Committer
  runner: LiveRunner
  metrics: Metrics
}

export interface EngineOptions {
  clock: Clock
  store: StateStore
  journal: Journal
  provider: MarketDataProvider
  settings: EngineSettings
  facts: Pick<EngineStarted, 'market' | 'dataSource'>
  /** Makes the rest from what the store holds: empty at the first start. */
  openParts: (stored: ReadonlyMap<string, string>) => OpenedParts
}

/** A store that is away when the engine starts or ends is asked this often, in event time, before that is given up. */
const storeTriesMax = 30
const storeRetryMs = 1000

export class Engine implements RunnableEngine {
  readonly #options: EngineOptions
  #parts: OpenedParts | null = null
  /** What it was told first. */
  #toldToStop: StopReason | null = null
  readonly #stopped = Promise.withResolvers<void>()

  constructor(options: EngineOptions) {
    this.#options = options
  }

  async run(): Promise<StopReason> {
    const { openParts } = this.#options
    const stored = await this.#openStore()
    if (typeof stored === 'string') return stored
    const parts = openParts(stored)
    this.#parts = parts
    parts.committer.recover(stored)
    this.#sayStarted()
    this.#openSession(parts.portfolio)
    await parts.committer.commit()
    await this.#openFeeds(parts.metrics)
    if (this.#toldToStop !== null) parts.runner.stop(this.#toldToStop)
    return parts.runner.run()
  }

  stop(reason: StopReason): void {
    this.#toldToStop ??= reason
    this.#stopped.resolve()
    this.#parts?.runner.stop(reason)
  }

  /** The session's last lines, its last commit, and everything given back. Trouble on the way is logged and stops none of the rest. */
  async close(reason: StopReason): Promise<void> {
    const { store, journal, provider } = this.#options
    const parts = this.#parts
    if (parts) {
      parts.metrics.close()
      await this.#orLog(() => this.#closeSession(parts, reason))
    }
    await this.#orLog(() => provider.close())
    await this.#orLog(() => store.close())
    journal.application({
      event: 'engine-stopped',
      reason,
      loops: parts?.runner.loops ?? 0,
      overruns: parts?.runner.overruns ?? 0,
    })
  }

  /** A store that is just being restarted, as is this engine, is waited for; or why the engine is to stop before it is back. */
  async #openStore(): Promise<ReadonlyMap<string, string> | StopReason> {
    const { clock, store, journal } = this.#options
    for (let triesLeft = storeTriesMax; ; triesLeft--) {
      try {
        return await store.open()
      } catch (error) {
        const isAway = error instanceof OperatingError && error.code === 'STORE_UNAVAILABLE'
        if (!isAway || triesLeft === 1) throw error
        if (this.#toldToStop !== null) return this.#toldToStop
        if (triesLeft === storeTriesMax) journal.application({ event: 'store-troubled', code: error.code, message: error.message }, 'warn')
        await clock.sleepUntil(clock.nowMs() + storeRetryMs)
      }
    }
  }

  #sayStarted(): void {
    const { journal, settings, facts, store } = this.#options
    const { attempt, startAtMs, endAtMs, loopIntervalMs, routes } = settings
    const symbols = routes.map(({ symbol }) => symbol)
    journal.application({ event: 'engine-started', attempt, ...facts, store: store.kind, symbols, startAtMs, endAtMs, loopIntervalMs })
  }

  /** An engine that is told to stop does not wait for first quotes. */
  async #openFeeds(metrics: Metrics): Promise<void> {
    const { provider, journal } = this.#options
    await Promise.race([provider.open(), this.#stopped.promise])
    for (const { venue, source } of metrics.measureFeeds()) journal.application({ event: 'feed-opened', venue, source })
  }

  #openSession(portfolio: PortfolioState): void {
    const { journal, settings } = this.#options
    const { attempt, seed, routes, instruments, risk } = settings
    const { dailyResetTimeZone } = risk
    const limits: SessionOpened['limits'] = { global: { ...risk.global, dailyResetTimeZone }, symbols: risk.symbols }
    journal.trading({
      event: 'session-opened',
      schema: schemaVersion,
      attempt,
      seed,
      routes,
      instruments,
      limits,
      balances: portfolio.ledger.balances(),
      openTrades: [...portfolio.trades()],
    })
  }

  async #closeSession({ portfolio, committer, runner }: OpenedParts, reason: StopReason): Promise<void> {
    runner.stateVenues()
    const { clock, journal } = this.#options
    journal.trading({
      event: 'session-closed',
      reason,
      balances: portfolio.ledger.balances(),
      openTrades: [...portfolio.trades()],
      realisedKrw: portfolio.realisedKrw.toString(),
    })
    // At the end of its time an engine may wait. Who is told to stop has to be gone soon, and the next start goes on from what is stored.
    for (let triesLeft = storeTriesMax; !(await committer.commit()); triesLeft--) {
      if (reason !== 'completed') return
      if (triesLeft === 1 || this.#toldToStop !== null) throw sessionLeftOpen()
      await clock.sleepUntil(clock.nowMs() + storeRetryMs)
    }
  }

  async #orLog(step: () => Promise<void>): Promise<void> {
    try {
      await step()
    } catch (error) {
      const code = error instanceof OperatingError ? error.code : 'STORE_UNAVAILABLE'
      this.#options.journal.application({ event: 'store-troubled', code, message: messageOf(error) }, 'error')
    }
  }
}

function sessionLeftOpen(): OperatingError {
  return new OperatingError('STORE_UNAVAILABLE', 'the session is left open: its last lines can be stored or logged nowhere', {
    hint: 'What was committed is safe: the next start goes on from there.',
  })
}
