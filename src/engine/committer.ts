/**
 * Makes what the engine did true: one atomic commit of everything that changed, together with the trading lines that tell of it, and only
 * then the lines go to trading.log. A commit that fails loses nothing: it is part of the next.
 */

import { assert } from '../base/assert.ts'
import { OperatingError } from '../base/error.ts'
import type { Clock } from '../clock/clock.ts'
import type { Journal } from './journal.ts'
import type { Changes, StateStore } from './state-store.ts'
import { seqOf } from './journal.ts'

/** A part of the engine that knows what of it has changed since it was last asked. */
export interface ChangeSource {
  takeChanges(): Changes
}

/** The last commit's trading lines: a killed engine may have stored them without having written them. */
const outboxKey = 'outbox'
const nextSeqKey = 'next-seq'
/** Of orders under way when the store went away, and one an hour since: nothing else goes on without it. */
const waitingLinesMax = 100_000

export interface CommitterOptions {
  store: StateStore
  clock: Clock
  journal: Journal
  sources: readonly ChangeSource[]
}

export class Committer {
  readonly #options: CommitterOptions
  /** Both are empty again only once a commit was made. */
  readonly #unsaved = new Map<string, string | null>()
  #unwrittenLines: string[] = []
  /** Event time since when the store does not answer. */
  #storeDownSinceMs: number | null = null
  #isLogFull = false
  #lastCommit: Promise<unknown> = Promise.resolve()

  constructor(options: CommitterOptions) {
    this.#options = options
  }

  /** False while the store does not answer or trading.log cannot be written: nothing new may be started then. */
  get isHealthy(): boolean {
    return this.#storeDownSinceMs === null && !this.#isLogFull
  }

  /** Writes the trading lines that the last commit before a kill had stored and trading.log had not yet. */
  recover(stored: ReadonlyMap<string, string>): void {
    const { journal } = this.#options
    const lastSeq = journal.takeTradingLogOver()
    const lines = (stored.get(outboxKey) ?? '').split('\n').filter(Boolean)
    journal.appendTradingLines(lines.filter((line) => seqOf(line) > lastSeq).map((line) => `${line}\n`))
    journal.resumeAt(Number(stored.get(nextSeqKey) ?? '1'))
  }

  /**
   * True once all is stored, and its lines are in trading.log. False where the store is unavailable or the disk full: what is not stored
   * is kept for the next try. Throws STORE_FENCED, where another engine has taken over and this one must end. One at a time: a commit that
   * failed must not overwrite a later one.
   */
  commit(): Promise<boolean> {
    const commit = this.#lastCommit.then(() => this.#commitNow())
    this.#lastCommit = commit.catch(() => undefined)
    return commit
  }

  async #commitNow(): Promise<boolean> {
    const { store, journal } = this.#options
    this.#gather()
    this.#unwrittenLines.push(...journal.takeTradingLines())
    // The outbox holds one commit's lines: they must be in the log before the next commit's take their place.
    this.#isLogFull = !journal.flushTradingLines()
    if (this.#isLogFull) return false
    if (this.#unsaved.size === 0 && this.#unwrittenLines.length === 0) return true
    const lines = this.#unwrittenLines
    assert(lines.length <= waitingLinesMax, `${lines.length} trading lines wait for the store: something goes on without it`)
    try {
      await store.commit(changesOf(this.#unsaved, lines, journal.nextSeq))
    } catch (error) {
      if (!(error instanceof OperatingError) || error.code !== 'STORE_UNAVAILABLE') throw error
      this.#storeDown(error)
      return false
    }
    this.#unsaved.clear()
    this.#unwrittenLines = []
    this.#storeUp()
    this.#isLogFull = !journal.appendTradingLines(lines)
    return !this.#isLogFull
  }

  #gather(): void {
    for (const source of this.#options.sources) {
      const { set, remove } = source.takeChanges()
      for (const key of remove) this.#unsaved.set(key, null)
      for (const [key, value] of Object.entries(set)) this.#unsaved.set(key, value)
    }
  }

  #storeDown(error: OperatingError): void {
    if (this.#storeDownSinceMs !== null) return
    const { journal, clock } = this.#options
    this.#storeDownSinceMs = clock.nowMs()
    journal.application({ event: 'store-troubled', code: error.code, message: error.message }, 'warn')
  }

  #storeUp(): void {
    if (this.#storeDownSinceMs === null) return
    const { journal, clock } = this.#options
    journal.application({ event: 'store-recovered', downForMs: clock.nowMs() - this.#storeDownSinceMs })
    this.#storeDownSinceMs = null
  }
}

function changesOf(saved: ReadonlyMap<string, string | null>, lines: readonly string[], nextSeq: number): Changes {
  const set: Record<string, string> = { [outboxKey]: lines.join(''), [nextSeqKey]: String(nextSeq) }
  const remove: string[] = []
  for (const [key, value] of saved) {
    if (value === null) remove.push(key)
    else set[key] = value
  }
  return { set, remove }
}
