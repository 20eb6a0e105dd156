/**
 * What the engine says: three logs through pino, with the Clock's time. Lines of trading.log are numbered and wait for the commit that
 * makes them true; the others are written as they come.
 */

import { pino, type Logger } from 'pino'
import type { Clock } from '../clock/clock.ts'
import type { ApplicationEvent, Body, LogLevel, MetricsEvent, TradingEvent } from '../model/event.ts'
import type { LogFile } from './log-file.ts'

export interface LogFiles {
  application: LogFile
  trading: LogFile
  metrics: LogFile
}

export class Journal {
  readonly #files: LogFiles
  readonly #application: Logger
  readonly #trading: Logger
  readonly #metrics: Logger
  readonly #blocked = new Set<keyof LogFiles>()
  #pendingLines: string[] = []
  #nextSeq = 1

  constructor(files: LogFiles, clock: Clock) {
    this.#files = files
    this.#application = logger(clock, (line) => {
      files.application.write(line)
    })
    this.#trading = logger(clock, (line) => {
      this.#pendingLines.push(line)
    })
    this.#metrics = logger(clock, (line) => {
      files.metrics.write(line)
    })
  }

  get nextSeq(): number {
    return this.#nextSeq
  }

  /** Continues the numbering of a stored state. */
  resumeAt(nextSeq: number): void {
    this.#nextSeq = nextSeq
  }

  application(event: Body<ApplicationEvent>, level: LogLevel = 'info'): void {
    this.#application[level](event)
    // Trouble must be on disk even if the next thing that happens is the end of the process.
    if (level === 'error' || level === 'fatal') this.#flush('application')
  }

  metrics(event: Body<MetricsEvent>): void {
    this.#metrics.info(event)
  }

  trading(event: Body<TradingEvent>): void {
    const { event: name, ...facts } = event
    this.#trading.info({ event: name, seq: this.#nextSeq++, ...facts })
  }

  /** The trading lines since the last call: for the commit that makes them true. */
  takeTradingLines(): string[] {
    const lines = this.#pendingLines
    this.#pendingLines = []
    return lines
  }

  /** Writes committed trading lines, at once: they are the audit trail. False where some of them wait for room on the disk. */
  appendTradingLines(lines: readonly string[]): boolean {
    for (const line of lines) this.#files.trading.write(line)
    return this.#flush('trading')
  }

  /** True where no trading line waits for room on the disk any more. */
  flushTradingLines(): boolean {
    return this.#flush('trading')
  }

  /** Called once the lease is held. Gives the number of the last trading line on disk; 0 where there is none. */
  takeTradingLogOver(): number {
    const line = this.#files.trading.takeOver()
    return line === null ? 0 : seqOf(line)
  }

  /** False where the disk is full, and something waits. */
  flush(): boolean {
    // What there is to tell of the other two goes to the last.
    const areWritten = [this.#flush('trading'), this.#flush('metrics'), this.#flush('application')]
    return areWritten.every(Boolean)
  }

  close(): void {
    this.#files.application.close()
    this.#files.trading.close()
    this.#files.metrics.close()
  }

  #flush(log: keyof LogFiles): boolean {
    const file = this.#files[log]
    const isWritten = file.flush()
    if (isWritten !== this.#blocked.has(log)) return isWritten
    if (isWritten) {
      this.#blocked.delete(log)
      const droppedLines = file.takeDroppedLines()
      this.application({ event: 'log-recovered', log, droppedLines }, droppedLines > 0 ? 'warn' : 'info')
    } else {
      this.#blocked.add(log)
      this.application({ event: 'log-troubled', log, message: 'the disk takes no more' }, 'warn')
    }
    return isWritten
  }
}

export function seqOf(tradingLine: string): number {
  const parsed: unknown = JSON.parse(tradingLine)
  return typeof parsed === 'object' && parsed !== null && 'seq' in parsed && typeof parsed.seq === 'number' ? parsed.seq : 0
}

function logger(clock: Clock, write: (line: string) => void): Logger {
  return pino(
    {
      base: null,
      level: 'debug',
      timestamp: () => `,"time":${clock.nowMs()}`,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write },
  )
}
