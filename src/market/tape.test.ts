import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { OperatingError } from '../base/error.ts'
import { loadTape, type TapeSettings } from './tape.ts'

const folder = mkdtempSync(join(tmpdir(), 'longhaul-tape-'))
afterAll(() => rmSync(folder, { recursive: true }))

const parts = ['open', 'high', 'low', 'close', 'vol_btc']
const header = ['ts_ms', ...['upbit', 'binance'].flatMap((venue) => parts.map((part) => `${venue}_${part}`))].join(',')
const first = '60000,10,12,9,11,1,100,120,90,110,5'

let fileCount = 0

function fileOf(...lines: readonly string[]): string {
  const file = join(folder, `${fileCount++}.csv`)
  writeFileSync(file, `${lines.join('\n')}\n`)
  return file
}

function pair(file: string, window: Partial<TapeSettings> = {}): TapeSettings {
  return { format: 'pair-1m', file, ...window }
}

function errorOf(settings: TapeSettings): OperatingError {
  try {
    loadTape(settings)
  } catch (error) {
    if (error instanceof OperatingError) return error
    throw error
  }
  throw new Error('expected an error')
}

describe('loading a tape', () => {
  test('reads candles by the names in the header, in any order of columns, gzip or plain', () => {
    const text = `binance_vol_btc,${header.replace(',binance_vol_btc', '')},more\n5,${first.slice(0, -2)},x\n`
    const file = join(folder, 'order.csv.gz')
    writeFileSync(file, gzipSync(text))
    const tape = loadTape(pair(file))
    expect(tape).toMatchObject({ name: 'order.csv.gz', firstMs: 60_000, fromMs: 60_000, toMs: 120_000, usdKrw: null })
    expect([tape.binance.volume[0], tape.binance.close[0], 'open' in tape.upbit && tape.upbit.open[0]]).toEqual([5, 110, 10])
  })

  test('leaves NaN where a venue has an empty cell, and where a minute has no row at all', () => {
    const { binance, upbit } = loadTape(pair(fileOf(header, first, '180000,11,12,9,11,1,,,,,')))
    expect([...binance.close]).toEqual([110, NaN, NaN])
    expect('close' in upbit && [...upbit.close]).toEqual([11, NaN, 11])
  })

  test('plays a window and keeps what lies before it', () => {
    const file = fileOf(header, first, first.replace('60000', '120000'), first.replace('60000', '180000'))
    const tape = loadTape(pair(file, { from: '1970-01-01T00:02:00Z', to: '1970-01-01T00:03:00Z' }))
    expect(tape).toMatchObject({ firstMs: 60_000, fromMs: 120_000, toMs: 180_000 })
    expect(tape.binance.close).toHaveLength(3)
  })

  test("shows a second's quote at the first whole second after it was recorded, never before", () => {
    const quotes = fileOf('ts_ms,best_bid,best_ask', '60962,10,11', '61962,12,13')
    const candles = fileOf('ts_ms,open,high,low,close,vol_btc', '60000,100,120,90,110,5')
    const tape = loadTape({ format: 'bbo-1s-with-candles', file: quotes, candlesFile: candles })
    expect(tape.fromMs).toBe(61_000)
    expect('bid' in tape.upbit && tape.upbit.bid.slice(0, 4)).toEqual(Float64Array.of(NaN, 10, 12, NaN))
  })

  test.each([
    ['a missing column', [header.replace('upbit_low', 'low'), first], 'line 1, column upbit_low: expected a header row that names'],
    ['text for a number', [header, first.replace('12', 'twelve')], 'line 2, column upbit_high: expected a number'],
    ['a negative number', [header, first.replace('9,', '-9,')], 'line 2, column upbit_low: expected a number that is not negative'],
    ['times out of order', [header, first, first], 'line 3, column ts_ms: expected a Unix time in ms after 60000'],
    ['a time inside a minute', [header, first, first.replace('60000', '120001')], 'line 3, column ts_ms: expected a whole minute'],
    ['a low above the open', [header, first.replace('10,12,9', '8,12,9')], 'line 2, column upbit_low: expected 0 < low <= open'],
    ['no rows', [header], 'line 2, column ts_ms: expected at least one row'],
  ])('says where %s stands and what was expected', (_, lines, message) => {
    const error = errorOf(pair(fileOf(...lines)))
    expect(error.code).toBe('TAPE_INVALID')
    expect(error.message).toContain(message)
  })

  test.each<[string, Buffer, string]>([
    ['NUL bytes', Buffer.from(`${header}\n60000,\0\0,12,9,11,1,100,120,90,110,5\n`), 'line 2, column upbit_open: expected a number'],
    ['only NUL bytes', Buffer.alloc(100_000), 'line 1, column ts_ms: expected at most 10000 characters in a line'],
    ['bytes that are no UTF-8', Buffer.from([0xff, 0xfe, 0xc3, 0x28]), 'line 1, column ts_ms: expected a header row'],
    ['a line of 64 MB', Buffer.concat([Buffer.from(`${header}\n`), Buffer.alloc(64 << 20, ',')]), 'line 2, column ts_ms: expected at most'],
    ['a gzip that is cut', gzipSync(`${header}\n${first}\n`).subarray(0, 60), 'cannot be read: unexpected end of file'],
    ['a gzip of bytes of another kind', Buffer.from([0x1f, 0x8b, 0, 0, 0, 0]), 'cannot be read: unknown compression method'],
    [
      'a gzip that unfolds into 300 MB',
      gzipSync(Buffer.alloc(300 << 20), { level: 1 }),
      'cannot be read: Cannot create a Buffer larger than',
    ],
  ])('refuses %s, in bounded time and memory', (_, bytes, message) => {
    const file = join(folder, `${fileCount++}.csv`)
    writeFileSync(file, bytes)
    const error = errorOf(pair(file))
    expect([error.code, error.message]).toEqual(['TAPE_INVALID', expect.stringContaining(message)])
  })

  test('refuses a file that is larger than any tape, unread', () => {
    const file = fileOf(header, first)
    truncateSync(file, 2 ** 31)
    expect(errorOf(pair(file)).message).toContain('cannot be read: larger than 268435456 bytes')
  })

  test('takes any file for a tape, or says what is wrong with it', () => {
    const whole = Buffer.from(`${header}\n${first}\n${first.replace('60000', '120000')}\n`)
    const places = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 })
    const file = join(folder, 'fuzzed.csv')
    fc.assert(
      fc.property(places, fc.boolean(), fc.nat(whole.length), (changes, isZipped, length) => {
        const bytes = Buffer.from(whole.subarray(0, length % 2 === 0 ? whole.length : length))
        for (const [place, byte] of changes) if (place < bytes.length) bytes[place] = byte
        writeFileSync(file, isZipped ? gzipSync(bytes) : bytes)
        try {
          expect(loadTape(pair(file)).toMs).toBeGreaterThan(0)
        } catch (error) {
          expect(error).toBeInstanceOf(OperatingError)
        }
      }),
      { numRuns: 300 },
    )
  })

  test('says where it looked for a file that is not there', () => {
    const error = errorOf(pair('fixtures/tapes/none.csv'))
    expect(error.code).toBe('TAPE_NOT_FOUND')
    expect(error.message).toMatch(/^no tape at \/.*fixtures\/tapes\/none\.csv$/)
  })

  test('says what a tape covers when the window lies outside', () => {
    const error = errorOf(pair(fileOf(header, first), { from: '1999-01-01T00:00:00Z' }))
    expect(error.hint).toBe('It covers 1970-01-01T00:01:00.000Z to 1970-01-01T00:02:00.000Z.')
  })
})
