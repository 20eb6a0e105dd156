/** Reads a `loops` line of metrics.log straight from its bytes, as the engine writes it; the analyzer parses every other form as JSON. */

import type { LoopsMeasured } from '../model/event.ts'
import { isText, maxTimeMs } from './event-shape.ts'

const maxLoops = 64
const maxQuotes = 4
/** bidA, askA, bidB, askB, fx, quoteAgeMs */
export const quoteFields = 6

const encode = (text: string): Buffer => Buffer.from(text, 'latin1')
const head = encode('{"level":"info","time":')
const eventHead = encode(',"event":"')
const loopsHead = encode('loops","firstLoop":')
const skippable = [encode('order-sent",'), encode('order-filled",')]
const [loopCountKey, periodsKey, loopTimesKey] = [encode(',"loopCount":'), encode(',"periodsMs":'), encode(',"loopTimesMs":')]
const countNames = ['overruns', 'missingSnapshots', 'staleSymbols', 'openTrades', 'blockedSymbols', 'intents', 'busySymbols']
const countKeys = countNames.map((key) => encode(`,"${key}":`))
const quotesKey = encode(',"quotes":[')
const symbolKey = encode('{"symbol":"')
const firstFieldKey = encode('"bidA":')
const fieldKeys = ['askA', 'bidB', 'askB', 'fx', 'quoteAgeMs'].map((key) => encode(`,"${key}":`))

const [comma, quote, minus, point, colon] = [44, 34, 45, 46, 58]
const [openBracket, closeBracket, closeBrace, letterN] = [91, 93, 125, 110]
const powersOfTen = Float64Array.from({ length: 16 }, (_, exponent) => 10 ** exponent)

/** `loops`: the fields hold the line. `skip`: an order's line, which no figure needs. `other`: parse it as JSON. */
export type Scanned = 'loops' | 'skip' | 'other'

/** Holds one line at a time, so that a gigabyte of lines allocates nothing. Null reads as NaN. */
export class LoopsLine {
  timeMs = 0
  firstLoop = 0
  loopCount = 0
  readonly periodsMs = new Float64Array(maxLoops)
  periodCount = 0
  readonly loopTimesMs = new Float64Array(maxLoops)
  loopTimeCount = 0
  overruns = 0
  missingSnapshots = 0
  quoteCount = 0
  readonly quoteSymbols: string[] = Array.from({ length: maxQuotes }, () => '')
  /** Six numbers a quote, in the order of SampledQuote. */
  readonly quotes = new Float64Array(maxQuotes * quoteFields)

  readonly #symbols = new Map<number, string>()
  readonly #counts = new Float64Array(countKeys.length)
  #bytes: Buffer = Buffer.alloc(0)
  #at = 0

  /** Needs `bytes[end]` to be a newline: it ends every number and every comparison. */
  scan(bytes: Buffer, start: number, end: number): Scanned {
    this.#bytes = bytes
    this.#at = start
    if (!this.#take(head)) return 'other'
    this.timeMs = this.#number()
    if (!(this.timeMs >= 0 && this.timeMs <= maxTimeMs) || !this.#take(eventHead)) return 'other'
    if (this.#take(loopsHead)) return this.#loops() && this.#at === end ? 'loops' : 'other'
    return bytes[end - 1] === closeBrace && skippable.some((name) => this.#take(name)) ? 'skip' : 'other'
  }

  /** Takes an event that was parsed as JSON; false where its numbers or lists are not what the schema says. */
  assign(event: LoopsMeasured): boolean {
    const { periodsMs, loopTimesMs, quotes } = event
    if (!Array.isArray(periodsMs) || !Array.isArray(loopTimesMs) || !Array.isArray(quotes)) return false
    if (periodsMs.length > maxLoops || loopTimesMs.length > maxLoops || quotes.length > maxQuotes) return false
    this.timeMs = event.time
    this.firstLoop = event.firstLoop
    this.loopCount = event.loopCount
    this.overruns = event.overruns
    this.missingSnapshots = event.missingSnapshots
    this.periodsMs.set(periodsMs.map((value) => value ?? NaN))
    this.periodCount = periodsMs.length
    this.loopTimesMs.set(loopTimesMs)
    this.loopTimeCount = loopTimesMs.length
    this.quoteCount = quotes.length
    for (const [index, sample] of quotes.entries()) {
      this.quoteSymbols[index] = sample.symbol
      const numbers: (number | null)[] = [sample.bidA, sample.askA, sample.bidB, sample.askB, sample.fx, sample.quoteAgeMs]
      this.quotes.set(
        numbers.map((value) => value ?? NaN),
        index * quoteFields,
      )
    }
    return this.#areCountsSound() && quotes.every(({ symbol }) => isText(symbol))
  }

  /** They are added up: one that is broken must not spoil the sums. */
  #areCountsSound(): boolean {
    const { firstLoop, loopCount, overruns, missingSnapshots } = this
    return [firstLoop, loopCount, overruns, missingSnapshots].every((count) => Number.isSafeInteger(count) && count >= 0)
  }

  #loops(): boolean {
    this.firstLoop = this.#number()
    if (!this.#take(loopCountKey)) return false
    this.loopCount = this.#number()
    if (!this.#take(periodsKey)) return false
    this.periodCount = this.#numbers(this.periodsMs)
    if (this.periodCount < 0 || !this.#take(loopTimesKey)) return false
    this.loopTimeCount = this.#numbers(this.loopTimesMs)
    if (this.loopTimeCount < 0) return false
    for (let i = 0; i < countKeys.length; i++) {
      const key = countKeys[i]
      if (key === undefined || !this.#takeKey(key)) return false
      this.#counts[i] = this.#number()
    }
    this.overruns = this.#counts[0] ?? NaN
    this.missingSnapshots = this.#counts[1] ?? NaN
    return this.#areCountsSound() && this.#take(quotesKey) && this.#allQuotes()
  }

  #allQuotes(): boolean {
    this.quoteCount = 0
    while (this.#bytes[this.#at] !== closeBracket) {
      if (this.quoteCount === maxQuotes || (this.quoteCount > 0 && this.#bytes[this.#at++] !== comma)) return false
      if (!this.#quote(this.quoteCount++)) return false
    }
    this.#at++
    return this.#bytes[this.#at++] === closeBrace
  }

  #quote(index: number): boolean {
    if (!this.#take(symbolKey)) return false
    const symbol = this.#symbol()
    if (symbol === null) return false
    this.quoteSymbols[index] = symbol
    if (!this.#take(firstFieldKey)) return false
    const slot = index * quoteFields
    this.quotes[slot] = this.#number()
    for (let i = 0; i < fieldKeys.length; i++) {
      const key = fieldKeys[i]
      if (key === undefined || !this.#takeKey(key)) return false
      this.quotes[slot + 1 + i] = this.#number()
    }
    return this.#bytes[this.#at++] === closeBrace
  }

  /** A name up to its quote and comma, made into a string once for each name and not once for each line. */
  #symbol(): string | null {
    const start = this.#at
    let hash = 0x811c9dc5
    let byte = this.#bytes[this.#at] ?? 0
    while (byte !== quote && byte > 31 && byte < 127 && this.#at - start < 40) {
      hash = Math.imul(hash ^ byte, 0x01000193)
      byte = this.#bytes[++this.#at] ?? 0
    }
    if (byte !== quote) return null
    const known = this.#symbols.get(hash)
    let symbol = known
    if (symbol === undefined || !this.#isAt(symbol, start)) symbol = this.#bytes.toString('latin1', start, this.#at)
    if (known === undefined && this.#symbols.size < 10_000) this.#symbols.set(hash, symbol)
    this.#at++
    return this.#bytes[this.#at++] === comma ? symbol : null
  }

  #isAt(text: string, start: number): boolean {
    if (this.#at - start !== text.length) return false
    for (let i = 0; i < text.length; i++) if (this.#bytes[start + i] !== text.charCodeAt(i)) return false
    return true
  }

  /** The count of numbers taken into `target`, or -1. */
  #numbers(target: Float64Array): number {
    if (this.#bytes[this.#at++] !== openBracket) return -1
    let count = 0
    while (this.#bytes[this.#at] !== closeBracket) {
      if (count === target.length || (count > 0 && this.#bytes[this.#at++] !== comma)) return -1
      const before = this.#at
      target[count++] = this.#number()
      if (this.#at === before) return -1
    }
    this.#at++
    return count
  }

  /**
   * NaN, for null and for anything else that is no number (what follows then fails to match). Up to 15 digits and a power of ten up to
   * 10^15 are exact in a double, so one division gives the same double as a correct parser; longer numbers go to that parser.
   */
  #number(): number {
    const bytes = this.#bytes
    let at = this.#at
    if (bytes[at] === letterN) {
      if (bytes[at + 1] === 117 && bytes[at + 2] === 108 && bytes[at + 3] === 108) this.#at = at + 4
      return NaN
    }
    const isNegative = bytes[at] === minus
    if (isNegative) at++
    const first = at
    let digits = 0
    let fractionDigits = 0
    let byte = bytes[at] ?? 0
    while (byte >= 48 && byte <= 57) {
      digits = digits * 10 + (byte - 48)
      byte = bytes[++at] ?? 0
    }
    if (at === first) return NaN
    if (byte === point) {
      const fraction = ++at
      byte = bytes[at] ?? 0
      while (byte >= 48 && byte <= 57) {
        digits = digits * 10 + (byte - 48)
        byte = bytes[++at] ?? 0
      }
      fractionDigits = at - fraction
    }
    if (at - first > 15 || byte === 101 || byte === 69) return this.#longNumber()
    this.#at = at
    const value = fractionDigits === 0 ? digits : digits / (powersOfTen[fractionDigits] ?? 1)
    return isNegative ? -value : value
  }

  #longNumber(): number {
    const start = this.#at
    while (isNumeric(this.#bytes[this.#at] ?? 0)) this.#at++
    return Number(this.#bytes.toString('latin1', start, this.#at))
  }

  /**
   * Goes past a key such as `,"askA":` where one of its length, first letter and last letter stands here: that tells every key of the
   * schema from every other, at half the cost of comparing it whole.
   */
  #takeKey(key: Buffer): boolean {
    const bytes = this.#bytes
    const at = this.#at
    const end = at + key.length
    if (bytes[end - 1] !== colon || bytes[at + 2] !== key[2] || bytes[end - 3] !== key[key.length - 3]) return false
    this.#at = end
    return true
  }

  /** Goes past these bytes where they stand here. */
  #take(literal: Buffer): boolean {
    const bytes = this.#bytes
    const at = this.#at
    for (let i = 0; i < literal.length; i++) if (bytes[at + i] !== literal[i]) return false
    this.#at = at + literal.length
    return true
  }
}

/** Digits, sign, point and exponent. */
function isNumeric(byte: number): boolean {
  return (byte >= 48 && byte <= 57) || byte === 45 || byte === 43 || byte === point || byte === 101 || byte === 69
}
