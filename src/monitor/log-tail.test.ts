import { appendFileSync, mkdtempSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { RawLine } from './log-line.ts'
import { LogTail } from './log-tail.ts'

let folder = ''
let file = ''
let tails: LogTail[] = []

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'longhaul-tail-'))
  file = path.join(folder, 'metrics.log')
})

afterEach(() => {
  for (const tail of tails) tail.close()
  tails = []
  rmSync(folder, { recursive: true })
})

function tailOf(bounds: { chunkBytes?: number; maxLineBytes?: number } = {}): LogTail {
  const tail = new LogTail({ log: 'metrics', path: file, startAtMs: 100, maxTimeMs: 1_000_000, ...bounds })
  tails.push(tail)
  return tail
}

/** Every line that is there now: an event as its time, a raw line as `time:text`. */
function read(tail: LogTail): (number | string)[] {
  const lines: (number | string)[] = []
  tail.refresh()
  for (let line = tail.shift(); line !== null; line = tail.shift()) {
    lines.push(line instanceof RawLine ? `${line.timeMs}:${line.text}` : line.time)
  }
  return lines
}

const event = (time: number, padding = ''): string => `${JSON.stringify({ level: 'info', time, event: 'x', padding })}\n`

describe('what is read', () => {
  test('a file that does not exist yet has no lines, and is read once it does', () => {
    const tail = tailOf()
    expect(read(tail)).toEqual([])
    writeFileSync(file, event(200))
    expect(read(tail)).toEqual([200])
  })

  test('each line is given once, and only when its newline is there', () => {
    const tail = tailOf()
    const second = event(300)
    writeFileSync(file, event(200) + second.slice(0, 10))
    expect(read(tail)).toEqual([200])
    expect(read(tail)).toEqual([])
    appendFileSync(file, second.slice(10))
    expect(read(tail)).toEqual([300])
  })

  test('peek gives the same line until it is shifted', () => {
    writeFileSync(file, event(200) + event(300))
    const tail = tailOf()
    tail.refresh()
    expect(tail.peek()).toBe(tail.peek())
    expect(tail.shift()).toMatchObject({ time: 200 })
    expect(tail.peek()).toMatchObject({ time: 300 })
  })

  test('lines come out the same however the file grows and however small the chunks are', () => {
    const texts = fc.array(
      fc.oneof(
        fc.string({ unit: 'grapheme', maxLength: 80 }),
        fc.nat(900_000).map((time) => event(time).trim()),
      ),
    )
    const upTo = (max: number): fc.Arbitrary<number> => fc.integer({ min: 1, max })
    const check = fc.property(texts, fc.infiniteStream(upTo(60)), upTo(64), (lines, steps, size) => {
      const bytes = Buffer.from(lines.map((line) => `${line.replaceAll(/[\r\n]/g, ' ')}\n`).join(''))
      writeFileSync(file, bytes)
      const whole = read(tailOf())
      rmSync(file)
      const tail = tailOf({ chunkBytes: size })
      const pieces: (number | string)[] = []
      for (let offset = 0; offset < bytes.length;) {
        const step = steps.next().value ?? 1
        appendFileSync(file, bytes.subarray(offset, offset + step))
        offset += step
        pieces.push(...read(tail))
      }
      expect(pieces).toEqual(whole)
      rmSync(file, { force: true })
    })
    fc.assert(check, { numRuns: 50 })
  })
})

describe('lines that are no events', () => {
  test.each([
    ['plain text', 'Error: boom'],
    ['an array', '[1,2]'],
    ['broken JSON', '{"time":200,"event":"x"'],
    ['no time', '{"event":"x"}'],
    ['a time that is no number', '{"time":"200","event":"x"}'],
    ['a time that is not whole', '{"time":200.5,"event":"x"}'],
    ['a time beyond all bounds', '{"time":1e999,"event":"x"}'],
    ['a time far ahead', '{"time":1000001,"event":"x"}'],
    ['no name', '{"time":200}'],
    ['loops without periods', '{"time":200,"event":"loops","quotes":[]}'],
    ['a sampled quote that is null', '{"time":200,"event":"loops","periodsMs":[],"quotes":[null]}'],
    ['an entry without a symbol', '{"time":200,"event":"entry","tradeId":"T1"}'],
    ['open trades that are no list', '{"time":200,"event":"session-opened","openTrades":7}'],
  ])('%s is given raw, at the time of the event before it', (_, text) => {
    writeFileSync(file, `${text}\n${event(150)}${text}\n`)
    expect(read(tailOf())).toEqual([`100:${text}`, 150, `150:${text}`])
  })

  test('bytes that are no UTF-8 do no harm', () => {
    writeFileSync(file, Buffer.concat([Buffer.from([0xff, 0xc3, 0x28, 0x0a]), Buffer.from(event(200))]))
    expect(read(tailOf())).toEqual(['100:\ufffd\ufffd(', 200])
  })

  test('carriage returns and empty lines are left out', () => {
    writeFileSync(file, `a\r\n\n${event(200).trim()}\r\n`)
    expect(read(tailOf())).toEqual(['100:a', 200])
  })
})

describe('files that change under it', () => {
  test('a file that was cut is read from its new start, and counted', () => {
    const tail = tailOf()
    writeFileSync(file, event(200) + event(300))
    read(tail)
    truncateSync(file)
    appendFileSync(file, event(400))
    expect(read(tail)).toEqual([400])
    expect(tail.replacedCount).toBe(1)
  })

  test('a file that was replaced is read to its end before the new one', () => {
    const tail = tailOf()
    writeFileSync(file, event(200))
    read(tail)
    appendFileSync(file, event(300))
    tail.refresh()
    renameSync(file, `${file}.old`)
    writeFileSync(file, event(400))
    expect([...read(tail), ...read(tail)]).toEqual([300, 400])
    expect(tail.replacedCount).toBe(1)
  })

  test('a folder in the place of the file is an operating error', () => {
    const tail = new LogTail({ log: 'metrics', path: folder, startAtMs: 0, maxTimeMs: 1 })
    tails.push(tail)
    tail.refresh()
    expect(() => tail.peek()).toThrow(expect.objectContaining({ code: 'LOG_UNREADABLE' }))
  })
})

describe('long lines', () => {
  test('a line longer than a chunk is read whole', () => {
    writeFileSync(file, event(200, 'p'.repeat(500)) + event(300))
    const tail = tailOf({ chunkBytes: 64, maxLineBytes: 1024 })
    expect(read(tail)).toEqual([200, 300])
    expect(tail.droppedLineCount).toBe(0)
  })

  test('a line longer than the bound is dropped and counted, and the next one is read', () => {
    const tail = tailOf({ chunkBytes: 64, maxLineBytes: 1024 })
    writeFileSync(file, event(200))
    for (let i = 0; i < 10; i++) {
      appendFileSync(file, 'p'.repeat(5000))
      read(tail)
    }
    appendFileSync(file, `ppp\n${event(300)}`)
    expect(read(tail)).toEqual([300])
    expect(tail.droppedLineCount).toBe(1)
  })
})
