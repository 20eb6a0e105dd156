/** The byte scanner reads what JSON.parse reads, or hands the line over. */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { LoopsMeasured } from '../model/event.ts'
import { LoopsLine, type Scanned } from './loops-line.ts'

function scan(line: LoopsLine, text: string): Scanned {
  const bytes = Buffer.from(`${text}\n`)
  return line.scan(bytes, 0, bytes.length - 1)
}

function fieldsOf(line: LoopsLine): unknown {
  const { timeMs, firstLoop, loopCount, overruns, missingSnapshots, quoteCount } = line
  return {
    timeMs,
    firstLoop,
    loopCount,
    overruns,
    missingSnapshots,
    periodsMs: [...line.periodsMs.subarray(0, line.periodCount)],
    loopTimesMs: [...line.loopTimesMs.subarray(0, line.loopTimeCount)],
    symbols: line.quoteSymbols.slice(0, quoteCount),
    quotes: [...line.quotes.subarray(0, 6 * quoteCount)],
  }
}

const count = fc.nat(1e9)
const price = fc.integer({ min: -1e9, max: 1e9 }).map((hundredths) => hundredths / 100)
const number = fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.integer(), price)
const event: fc.Arbitrary<LoopsMeasured> = fc.record({
  level: fc.constant('info' as const),
  time: fc.integer({ min: 0, max: 8.64e15 }),
  event: fc.constant('loops' as const),
  firstLoop: count,
  loopCount: count,
  periodsMs: fc.array(fc.option(number), { maxLength: 64 }),
  loopTimesMs: fc.array(number, { maxLength: 64 }),
  overruns: count,
  missingSnapshots: count,
  staleSymbols: count,
  openTrades: count,
  blockedSymbols: count,
  intents: count,
  busySymbols: count,
  quotes: fc.array(
    fc.record({
      symbol: fc.constantFrom('KRW-BTC', 'BTCUSDT', 'KRW-ETH', 'A', ''),
      bidA: number,
      askA: number,
      bidB: number,
      askB: number,
      fx: number,
      quoteAgeMs: number,
    }),
    { maxLength: 4 },
  ),
})

describe('a loops line', () => {
  it('as the engine writes it is read as JSON.parse reads it', () => {
    const [scanned, assigned] = [new LoopsLine(), new LoopsLine()]
    fc.assert(
      fc.property(event, (measured) => {
        const text = JSON.stringify(measured)
        expect(scan(scanned, text)).toBe('loops')
        expect(assigned.assign(JSON.parse(text) as LoopsMeasured)).toBe(true)
        expect(fieldsOf(scanned)).toEqual(fieldsOf(assigned))
      }),
    )
  })

  it('that is cut, or has one byte changed, is never read as anything that JSON.parse would not read', () => {
    const line = new LoopsLine()
    const other = new LoopsLine()
    fc.assert(
      fc.property(event, fc.nat(), fc.integer({ min: 32, max: 126 }), fc.boolean(), (measured, place, byte, isCut) => {
        const whole = Buffer.from(JSON.stringify(measured))
        const at = place % whole.length
        if (!isCut) whole[at] = byte
        const text = whole.subarray(0, isCut ? at : whole.length).toString('latin1')
        if (scan(line, text) !== 'loops') return
        // A letter inside one of the schema's own keys may differ; everything that is a value may not.
        const parsed = parse(text)
        if (parsed === null || !other.assign(parsed)) return
        expect(line.timeMs).toBe(parsed.time)
        expect([...line.loopTimesMs.subarray(0, line.loopTimeCount)]).toEqual(parsed.loopTimesMs)
      }),
      { numRuns: 500 },
    )
  })
})

function parse(text: string): LoopsMeasured | null {
  try {
    return JSON.parse(text) as LoopsMeasured
  } catch {
    // What is no JSON has nothing to be compared with.
    return null
  }
}

const quote = '{"symbol":"KRW-BTC","bidA":1,"askA":2,"bidB":3,"askB":4,"fx":5,"quoteAgeMs":6}'
const line = (quotes: string): string =>
  '{"level":"info","time":1,"event":"loops","firstLoop":1,"loopCount":1,"periodsMs":[null],"loopTimesMs":[5],"overruns":0,' +
  `"missingSnapshots":0,"staleSymbols":0,"openTrades":0,"blockedSymbols":0,"intents":0,"busySymbols":0,"quotes":[${quotes}]}`

describe('a line', () => {
  it.each<[string, string, Scanned]>([
    ['of loops', line(quote), 'loops'],
    ['of loops without quotes', line(''), 'loops'],
    ['with fields in another order', line(quote.replace('"askA":2,"bidB":3', '"bidB":3,"askA":2')), 'other'],
    ['with a field more', line(quote).replace('}]}', '}],"more":1}'), 'other'],
    ['with five quotes', line([quote, quote, quote, quote, quote].join()), 'other'],
    ['with text where a number should be', line(quote.replace('"fx":5', '"fx":"5"')), 'other'],
    ['with something after its end', `${line(quote)} `, 'other'],
    ['of an order, which no figure needs', '{"level":"info","time":1,"event":"order-filled","seq":4}', 'skip'],
    ['of an order, cut short', '{"level":"info","time":1,"event":"order-filled","se', 'other'],
    ['of an order gone wrong', '{"level":"error","time":1,"event":"order-sent","seq":4}', 'other'],
    ['of a trade', '{"level":"info","time":1,"event":"entry","seq":4}', 'other'],
    ['of text', 'Error: boom', 'other'],
    ['without anything', '', 'other'],
  ])('%s is scanned as such', (_what, text, expected) => {
    expect(scan(new LoopsLine(), text)).toBe(expected)
  })

  it('with null quotes gives NaN for them', () => {
    const scanned = new LoopsLine()
    expect(scan(scanned, line(quote.replace('"bidB":3', '"bidB":null')))).toBe('loops')
    expect([...scanned.quotes.subarray(0, 6)]).toEqual([1, 2, NaN, 4, 5, 6])
  })
})
