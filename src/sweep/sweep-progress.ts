/** Says how far a sweep is: in place on a terminal, else a line now and then, and a line at once for each run that failed. */

import { SystemClock } from '../clock/system-clock.ts'
import { formatCount, formatDuration, formatNumber } from '../report/format.ts'
import type { SeedResult } from './seed-result.ts'
import { verdictLine } from './sweep-report.ts'
import { countVerdicts } from './sweep-table.ts'

export interface SweepProgressOptions {
  total: number
  earlier: readonly SeedResult[]
  isTerminal: boolean
  write: (text: string) => void
}

const eraseLine = '\r\u001B[2K'
/** Wall time between two lines. */
const intervalMs = 10_000

export class SweepProgress {
  readonly #options: SweepProgressOptions
  readonly #clock = new SystemClock()
  readonly #verdicts: ReturnType<typeof countVerdicts>
  readonly #startedMs: number
  #doneNow = 0
  #printedMs: number

  constructor(options: SweepProgressOptions) {
    this.#options = options
    this.#verdicts = countVerdicts(options.earlier)
    this.#startedMs = this.#clock.nowMs()
    this.#printedMs = this.#startedMs
  }

  note({ seed, verdict, reason }: SeedResult): void {
    this.#doneNow++
    this.#verdicts[verdict]++
    if (verdict === 'fail' || verdict === 'unknown') this.say(`seed ${seed}: ${verdict}: ${reason}`)
    const nowMs = this.#clock.nowMs()
    const { isTerminal, write } = this.#options
    if (isTerminal) write(`${eraseLine}${this.line()}`)
    else if (nowMs - this.#printedMs >= intervalMs) {
      this.#printedMs = nowMs
      write(`${this.line()}\n`)
    }
  }

  /** A line of its own, above the one that is written in place. */
  say(text: string): void {
    this.#options.write(`${this.#options.isTerminal ? eraseLine : ''}${text.replace(/\p{Cc}+/gu, ' ')}\n`)
  }

  end(): void {
    this.say(this.line())
  }

  line(): string {
    const { total, earlier } = this.#options
    const done = earlier.length + this.#doneNow
    const perSecond = (this.#doneNow * 1000) / Math.max(1, this.#clock.nowMs() - this.#startedMs)
    const left = this.#doneNow === 0 ? 'unknown' : formatDuration((1000 * (total - done)) / perSecond)
    const rate = `${formatNumber(perSecond)} seeds/s, ${left} left`
    return `${formatCount(done)}/${formatCount(total)} seeds, ${rate}: ${verdictLine(this.#verdicts)}`
  }
}
