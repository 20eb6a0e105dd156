import { appendFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { OperatingError } from '../base/error.ts'
import { BookTapeReader, BookTapeWriter, type TapeBookLine, type TapeLine } from './book-tape.ts'

const header = { tape: 'longhaul-books', version: 1, market: 'loopback', instruments: [{ venue: 'upbit', code: 'KRW-BTC' }] } as const

let folder = ''
beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'longhaul-tape-')), 'tape')
})
afterEach(() => rmSync(join(folder, '..'), { recursive: true, force: true }))

function bookAt(t: number): TapeBookLine {
  return { t, r: t + 3, v: 'upbit', c: 'KRW-BTC', b: [[99_000, 0.5]], a: [[99_010, 0.00000001]] }
}

function written(...flushes: readonly TapeLine[][]): BookTapeWriter {
  const writer = new BookTapeWriter(folder, header)
  writer.beginFile()
  for (const lines of flushes) {
    for (const line of lines) writer.write(line)
    writer.flush()
  }
  return writer
}

function linesOf(reader: BookTapeReader): TapeLine[] {
  const lines: TapeLine[] = []
  for (let line = reader.next(); line !== null; line = reader.next()) lines.push(line)
  return lines
}

const linesWith = (line: string): string => `${JSON.stringify({ ...header, file: 1 })}\n${line}\n`
const firstFile = () => join(folder, '000001.ndjson.gz')

test('what was written is read again, over several files', () => {
  const writer = written([bookAt(1), bookAt(2)], [{ t: 3, r: 3, v: 'binance', down: 'away' }])
  writer.beginFile()
  writer.write({ t: 4, r: 4, v: 'binance', down: null })
  writer.flush()
  const reader = new BookTapeReader(folder)
  expect(reader.header).toEqual({ ...header, file: 1 })
  expect(linesOf(reader)).toEqual([
    bookAt(1),
    bookAt(2),
    { t: 3, r: 3, v: 'binance', down: 'away' },
    { t: 4, r: 4, v: 'binance', down: null },
  ])
})

describe('a killed recorder', () => {
  test('loses what it had not flushed, and nothing else', () => {
    written([bookAt(1)]).write(bookAt(2))
    expect(linesOf(new BookTapeReader(folder))).toEqual([bookAt(1)])
  })

  test('leaves a file that can be read to its last whole line, wherever the disk stopped', () => {
    written([bookAt(1)], [bookAt(2)])
    const whole = readFileSync(firstFile())
    for (let length = whole.length - 1; length > whole.length - 60; length--) {
      writeFileSync(firstFile(), whole)
      truncateSync(firstFile(), length)
      const lines = linesOf(new BookTapeReader(folder))
      expect(lines.slice(0, 1)).toEqual([bookAt(1)])
      expect(lines.length).toBeLessThanOrEqual(2)
    }
  })
})

test('two recordings in one folder are refused', () => {
  written([bookAt(1)])
  expect(() => new BookTapeWriter(folder, header)).toThrow(expect.objectContaining({ code: 'TAPE_INVALID' }))
})

test('a file is due before the first line, and when one is full', () => {
  const writer = new BookTapeWriter(folder, header)
  expect(writer.isFileDue).toBe(true)
  writer.beginFile()
  expect(writer.isFileDue).toBe(false)
  const wide: TapeBookLine = { ...bookAt(1), b: Array.from({ length: 300_000 }, () => [99_000, 0.00012345] as const) }
  for (let i = 0; i < 6; i++) writer.write(wide)
  expect(writer.isFileDue).toBe(true)
})

describe('a tape that cannot be played says in which file and line', () => {
  test.for<[string, string, string]>([
    ['no header', '{"t":1}\n', 'line 1: expected the header of a tape of version 1'],
    ['another version', `${JSON.stringify({ ...header, version: 2 })}\n`, 'line 1: expected the header'],
    ['no JSON', `${JSON.stringify({ ...header, file: 1 })}\nnonsense\n`, 'line 2: Unexpected token'],
    ['a line that is null', `${JSON.stringify({ ...header, file: 1 })}\nnull\n`, 'line 2: expected t, r and v'],
    [
      'a time that is no integer',
      `${JSON.stringify({ ...header, file: 1 })}\n{"t":1.5,"r":2,"v":"upbit","down":null}\n`,
      'line 2: expected t',
    ],
    ['another venue', `${JSON.stringify({ ...header, file: 1 })}\n{"t":1,"r":2,"v":"kraken","down":null}\n`, 'line 2: expected t'],
    [
      'a negative size',
      `${JSON.stringify({ ...header, file: 1 })}\n${JSON.stringify({ ...bookAt(1), a: [[1, -1]] })}\n`,
      'line 2: expected c',
    ],
  ])('%s', ([, text, message]) => {
    written()
    writeFileSync(firstFile(), gzipSync(text))
    expect(() => linesOf(new BookTapeReader(folder))).toThrow(
      expect.objectContaining({ code: 'TAPE_INVALID', message: expect.stringContaining(message) as string }),
    )
  })

  test.for<[string, () => Buffer, string]>([
    ['a size that is a text', () => gzipSync(linesWith(JSON.stringify({ ...bookAt(1), a: [[1, '2']] }))), 'line 2: expected c, b and a'],
    ['NUL bytes', () => gzipSync(linesWith('\0\0\0')), 'line 2: Unexpected token'],
    ['levels in levels', () => gzipSync(linesWith('['.repeat(100_000))), 'line 2: '],
    ['a line of 64 MB', () => gzipSync(linesWith(' '.repeat(64 << 20)), { level: 1 }), 'line 2: longer than 4194304 characters'],
    [
      'a gzip that unfolds into 200 MB',
      () => gzipSync(Buffer.alloc(200 << 20), { level: 1 }),
      'cannot be read: Cannot create a Buffer larger',
    ],
  ])('%s', ([, bytes, message]) => {
    written()
    writeFileSync(firstFile(), bytes())
    expect(() => linesOf(new BookTapeReader(folder))).toThrow(
      expect.objectContaining({ code: 'TAPE_INVALID', message: expect.stringContaining(message) as string }),
    )
  })

  test('a file that is larger than any of ours is refused unread', () => {
    written([bookAt(1)])
    truncateSync(firstFile(), 2 ** 31)
    expect(() => new BookTapeReader(folder)).toThrow(expect.objectContaining({ message: expect.stringContaining('larger than') as string }))
  })

  test('whatever its bytes are, it is read, or the reader says what is wrong with it', () => {
    written([bookAt(1), bookAt(2)], [{ t: 3, r: 3, v: 'binance', down: 'away' }])
    const text = gunzipSync(readFileSync(firstFile()))
    const changes = fc.array(fc.tuple(fc.nat(text.length - 1), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(changes, fc.boolean(), (bytes, isInside) => {
        const spoiled = Buffer.from(isInside ? text : gzipSync(text))
        for (const [place, byte] of bytes) spoiled[place % spoiled.length] = byte
        writeFileSync(firstFile(), isInside ? gzipSync(spoiled) : spoiled)
        try {
          for (const line of linesOf(new BookTapeReader(folder))) expect(Number.isSafeInteger(line.t)).toBe(true)
        } catch (error) {
          expect(error).toBeInstanceOf(OperatingError)
        }
      }),
      { numRuns: 300 },
    )
  })

  test('a file that is no gzip', () => {
    written([bookAt(1)])
    writeFileSync(firstFile(), 'plain')
    expect(() => new BookTapeReader(folder)).toThrow(expect.objectContaining({ code: 'TAPE_INVALID' }))
  })

  test('bytes of another kind after whole members', () => {
    written([bookAt(1)])
    appendFileSync(firstFile(), gzipSync('more\n'))
    expect(() => linesOf(new BookTapeReader(folder))).toThrow(
      expect.objectContaining({ message: expect.stringContaining('line 3') as string }),
    )
  })

  test('an empty folder', () => {
    expect(() => new BookTapeReader(folder)).toThrow(expect.objectContaining({ code: 'TAPE_NOT_FOUND' }))
  })
})
