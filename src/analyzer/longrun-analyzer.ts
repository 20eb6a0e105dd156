/** LongrunAnalyzer: one pass over each of a run's logs, in flat memory, to the figures of an Analysis. The report and the CLI call it. */

import { basename } from 'node:path'
import { tradingEventNames, type LogEvent, type LogLevel } from '../model/event.ts'
import type { Analysis } from './analysis.ts'
import { hasShapeOfItsEvent, isText, isTime } from './event-shape.ts'
import { parseObject } from './json-object.ts'
import { type LinesRead, readLines } from './line-reader.ts'
import { LoopsLine } from './loops-line.ts'
import { RunRecorder } from './run-recorder.ts'

/** Any of the three may be absent, or hold the events of all three. */
export interface LogPaths {
  applicationLog?: string
  tradingLog?: string
  metricsLog?: string
  /** Only these, and each of them even where the logs never name it; all that occur by default. */
  symbols?: readonly string[]
}

const maxSamples = 5
const maxSampleChars = 300

const carriageReturn = 13
const space = 32
const openBrace = 123

/** A file that is absent reads as empty; `notJudgeable` says why where nothing was found. Throws LOG_UNREADABLE. */
export async function analyzeLogs(paths: LogPaths): Promise<Analysis> {
  const intake = new LineIntake(paths.symbols ?? null)
  const flaws: string[] = []
  for (const file of [paths.applicationLog, paths.tradingLog, paths.metricsLog]) {
    if (file === undefined) continue
    const read = await readLines(file, (bytes, start, end) => {
      intake.line(bytes, start, end)
    })
    intake.unreadable(read.overlongLines, `${file}: a line longer than 16 MB`)
    flaws.push(...flawsOf(basename(file), read, intake.endFile()))
  }
  const analysis = intake.finish()
  const isWithoutEvents = analysis.firstMs === null
  return { ...analysis, notJudgeable: isWithoutEvents ? analysis.notJudgeable : (flaws[0] ?? analysis.notJudgeable) }
}

/** What was read of one log. */
interface FileIntake {
  events: number
  isLastLineUnreadable: boolean
}

/** Whoever names a log says that there is something in it: what it may have lost could be what counts. */
function flawsOf(name: string, { bytes, isCut }: LinesRead, { events, isLastLineUnreadable }: FileIntake): string[] {
  if (bytes === 0) return [`${name} is missing or empty`]
  if (events === 0) return [`${name} holds no event`]
  return isCut && isLastLineUnreadable ? [`${name} ends in the middle of a line`] : []
}

/** Sorts lines into events, raw text and trouble. */
class LineIntake {
  readonly #recorder: RunRecorder
  readonly #loopsLine = new LoopsLine()
  readonly #rawLineSamples: string[] = []
  readonly #unreadableSamples: string[] = []
  #rawLines = 0
  #unreadableLines = 0
  #lastMs: number | null = null
  #events = 0
  #isLastLineUnreadable = false

  constructor(symbols: readonly string[] | null) {
    this.#recorder = new RunRecorder(symbols)
  }

  line(bytes: Buffer, start: number, end: number): void {
    this.#isLastLineUnreadable = false
    const scanned = this.#loopsLine.scan(bytes, start, end)
    if (scanned === 'other') {
      this.#anyLine(bytes, start, end)
      return
    }
    this.#events++
    this.#sawTime(this.#loopsLine.timeMs)
    if (scanned === 'loops') this.#recorder.loops(this.#loopsLine)
  }

  unreadable(count: number, sample: string): void {
    if (count > 0 && this.#unreadableSamples.length < maxSamples) this.#unreadableSamples.push(sample.slice(0, maxSampleChars))
    this.#unreadableLines += count
    this.#isLastLineUnreadable ||= count > 0
  }

  /** Of the file that was read last; begins the next. */
  endFile(): FileIntake {
    const file = { events: this.#events, isLastLineUnreadable: this.#isLastLineUnreadable }
    this.#events = 0
    return file
  }

  finish(): Analysis {
    return this.#recorder.finish({
      rawLines: this.#rawLines,
      rawLineSamples: this.#rawLineSamples,
      unreadableLines: this.#unreadableLines,
      unreadableSamples: this.#unreadableSamples,
    })
  }

  #anyLine(bytes: Buffer, from: number, to: number): void {
    let start = from
    let end = to
    // A file system that lost power, or a log cut by truncation under an open writer, leaves runs of NUL before a line.
    while (start < end && (bytes[start] ?? 0) <= space) start++
    if (bytes.subarray(from, start).includes(0)) this.unreadable(1, `${start - from} bytes of NUL or space before a line`)
    while (end > start && (bytes[end - 1] === carriageReturn || bytes[end - 1] === 0)) end--
    if (start === end) return
    if (bytes[start] !== openBrace) {
      this.#raw(bytes.toString('utf8', start, Math.min(end, start + 4 * maxSampleChars)))
      return
    }
    const text = bytes.toString('utf8', start, end)
    const event = parseObject(text)
    const timeMs = event?.['time']
    if (event === null || typeof timeMs !== 'number' || !isTime(timeMs)) this.unreadable(1, text)
    else this.#event(event, timeMs, text)
  }

  #event(event: Record<string, unknown>, timeMs: number, text: string): void {
    this.#sawTime(timeMs)
    const level = levelOf(event['level'])
    const name = event['event']
    const isTrouble = level === 'warn' || level === 'error' || level === 'fatal'
    if (isTrouble) this.#recorder.trouble(level, timeMs, kindOf(event), isText(event['symbol']) ? event['symbol'] : null)
    if (!isKnown(name)) {
      // Another engine's error is an error all the same; what else it says we cannot read.
      this.unreadable(1, text)
      return
    }
    this.#events++
    if (!hasShapeOfItsEvent(name, event)) {
      this.unreadable(1, text)
      return
    }
    try {
      // The one place where a line is taken for what it says it is; what it lacks shows as the error below.
      const known = event as unknown as LogEvent
      if (known.event !== 'loops') this.#recorder.observe(known)
      else if (this.#loopsLine.assign(known)) this.#recorder.loops(this.#loopsLine)
      else this.unreadable(1, text)
    } catch (error) {
      this.unreadable(1, `${error instanceof Error ? error.message : String(error)}: ${text}`)
    }
  }

  #raw(text: string): void {
    this.#rawLines++
    if (this.#rawLineSamples.length < maxSamples) this.#rawLineSamples.push(text.slice(0, maxSampleChars))
    if (/\b(ERROR|FATAL|CRITICAL|Traceback|panic)\b|\b[A-Za-z]*(Error|Exception)\b/.test(text)) {
      this.#recorder.trouble('error', this.#lastMs, 'raw', null)
    } else if (/\bWARN(ING)?\b|Warning\b/.test(text)) {
      this.#recorder.trouble('warn', this.#lastMs, 'raw', null)
    }
  }

  #sawTime(timeMs: number): void {
    this.#lastMs = timeMs
    this.#recorder.sawTime(timeMs)
  }
}

const knownEvents: ReadonlySet<string> = new Set<LogEvent['event']>([
  ...tradingEventNames,
  'engine-started',
  'feed-opened',
  'guard-drilled',
  'engine-stopped',
  'symbol-failed',
  'venue-troubled',
  'feed-stale',
  'feed-recovered',
  'circuit-opened',
  'circuit-closed',
  'order-in-doubt',
  'store-troubled',
  'store-recovered',
  'log-troubled',
  'log-recovered',
  'engine-failed',
  'checkpoint',
  'loops',
  'process',
  'latency',
  'feed',
])

function isKnown(name: unknown): name is LogEvent['event'] {
  return typeof name === 'string' && knownEvents.has(name)
}

/** Also pino's own numbers, which other engines write. */
function levelOf(level: unknown): LogLevel {
  if (typeof level === 'number') return level >= 60 ? 'fatal' : level >= 50 ? 'error' : level >= 40 ? 'warn' : 'info'
  const name = typeof level === 'string' ? level.toLowerCase() : 'info'
  return name === 'fatal' || name === 'error' || name === 'warn' || name === 'debug' ? name : 'info'
}

/** `venue-troubled:VENUE_TIMEOUT`, `symbol-failed`, or the message of a line without an event's name. */
function kindOf(event: Record<string, unknown>): string {
  const { event: name, code, msg } = event
  const base = typeof name === 'string' ? name : typeof msg === 'string' ? msg : 'unnamed'
  return (typeof code === 'string' ? `${base}:${code}` : base).slice(0, 80)
}
