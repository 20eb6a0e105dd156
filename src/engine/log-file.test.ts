import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { LogFile, type AppendBytes } from './log-file.ts'

let folder: string
let fileCount = 0

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'longhaul-log-file-'))
})

afterAll(() => rmSync(folder, { recursive: true }))

function fileWith(text: string): string {
  const path = join(folder, `${++fileCount}.log`)
  writeFileSync(path, text)
  return path
}

test.each([
  ['an empty file', '', '', null],
  ['whole lines', 'one\ntwo\n', 'one\ntwo\n', 'two'],
  ['a last line without its end', 'one\ntwo\nthr', 'one\ntwo\n', 'two'],
  ['nothing but a torn line', 'on', '', null],
  ['letters of several bytes', 'één\ntwéé\ndr', 'één\ntwéé\n', 'twéé'],
])('opening %s keeps whole lines only', (_name, before, after, lastLine) => {
  const path = fileWith(before)
  const file = new LogFile(path)
  expect(file.takeOver()).toBe(lastLine)
  file.write('next\n')
  file.close()
  expect(readFileSync(path, 'utf8')).toBe(`${after}next\n`)
})

test.each([
  ['behind many others', `${'x'.repeat(1023)}\n`.repeat(3000), 'last', 'torn'],
  ['of megabytes', 'one\n', 'x'.repeat(3_000_000), 'torn'],
  ['before megabytes of a torn one', 'one\n', 'last', 'x'.repeat(3_000_000)],
])('a last line %s is found whole, and what is torn is cut off', (_name, before, last, torn) => {
  const path = fileWith(`${before}${last}\n${torn}`)
  const file = new LogFile(path)
  expect(file.takeOver() === last).toBe(true)
  expect(readFileSync(path, 'utf8') === `${before}${last}\n`).toBe(true)
  file.close()
})

test('lines wait until they are flushed, or until there are enough of them', () => {
  const path = fileWith('')
  const file = new LogFile(path)
  file.write('one\n')
  expect(readFileSync(path, 'utf8')).toBe('')
  file.flush()
  expect(readFileSync(path, 'utf8')).toBe('one\n')
  file.write(`${'x'.repeat(64 * 1024)}\n`)
  expect(readFileSync(path, 'utf8')).toHaveLength('one\n'.length + 64 * 1024 + 1)
  file.close()
})

test('what another process appends to the same file stands between our lines, and neither is lost', () => {
  const path = fileWith('')
  const file = new LogFile(path)
  file.write('ours\n')
  file.flush()
  appendFileSync(path, 'raw\n')
  file.write('ours again\n')
  file.close()
  expect(readFileSync(path, 'utf8')).toBe('ours\nraw\nours again\n')
})

test.skipIf(!existsSync('/dev/full'))('a full disk is said each time, and no line is forgotten', () => {
  const file = new LogFile('/dev/full')
  file.write('one\n')
  expect([file.flush(), file.flush()]).toEqual([false, false])
})

/** A disk with room for so many bytes, which takes a part of a write that is larger. */
class SmallDisk {
  roomBytes = 0

  readonly under = (append: AppendBytes): AppendBytes => {
    return (descriptor, bytes) => {
      const takenBytes = Math.min(this.roomBytes, bytes.length)
      if (takenBytes === 0) throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
      this.roomBytes -= takenBytes
      return append(descriptor, bytes.subarray(0, takenBytes))
    }
  }
}

test('whatever a disk that fills up takes of a write, all lines are there in order once it has room again', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.string({ unit: 'grapheme', maxLength: 20 }), fc.nat(30)), { maxLength: 20 }), (steps) => {
      const path = fileWith('')
      const disk = new SmallDisk()
      const file = new LogFile(path, { disk: disk.under, isSole: true })
      const lines = steps.map(([text]) => `${text.replaceAll('\n', ' ')}\n`)
      for (const [index, [, roomBytes]] of steps.entries()) {
        disk.roomBytes = roomBytes
        file.write(lines[index]!)
        file.flush()
      }
      disk.roomBytes = Infinity
      expect(file.flush()).toBe(true)
      expect(readFileSync(path, 'utf8')).toBe(lines.join(''))
      file.close()
    }),
    { numRuns: 50 },
  )
})

test('a log that may drop keeps a bounded number of bytes while the disk is full, and counts the lines that it had no room for', () => {
  const path = fileWith('')
  const disk = new SmallDisk()
  const file = new LogFile(path, { disk: disk.under, mayDrop: true })
  const line = `${'x'.repeat(1023)}\n`
  for (let i = 0; i < 3000; i++) file.write(line)
  expect(file.flush()).toBe(false)
  disk.roomBytes = Infinity
  expect(file.flush()).toBe(true)
  const keptLines = readFileSync(path, 'utf8').length / line.length
  expect(keptLines).toBeLessThanOrEqual(1025)
  expect(keptLines + file.takeDroppedLines()).toBe(3000)
  expect(file.takeDroppedLines()).toBe(0)
  file.close()
})

test('any other failure of the disk is an error', () => {
  const append = (): number => {
    throw Object.assign(new Error('EIO: i/o error, write'), { code: 'EIO' })
  }
  const file = new LogFile(fileWith(''), { disk: () => append })
  file.write('one\n')
  expect(() => file.flush()).toThrow('EIO')
})

function takenOver(path: string): LogFile {
  const file = new LogFile(path, { isSole: true })
  file.takeOver()
  return file
}

test('a log that is ours alone takes nothing more once another engine has written to it', () => {
  const path = fileWith('one\n')
  const stale = takenOver(path)
  stale.write('two\n')
  const next = takenOver(path)
  next.write('two, for the engine that stood still\n')
  next.close()
  expect(() => stale.flush()).toThrow(expect.objectContaining({ code: 'STORE_FENCED' }))
  stale.close()
  expect(readFileSync(path, 'utf8')).toBe('one\ntwo, for the engine that stood still\n')
})

test('an engine that stood still just before its write doubles nothing: its line falls on the same one by the next engine', () => {
  const path = fileWith('')
  const inBetween = (append: AppendBytes): AppendBytes => {
    return (descriptor, bytes) => {
      const next = takenOver(path)
      next.write('one\n')
      next.write('two\n')
      next.close()
      return append(descriptor, bytes)
    }
  }
  const stale = new LogFile(path, { isSole: true, disk: inBetween })
  stale.write('one\n')
  stale.flush()
  expect(readFileSync(path, 'utf8')).toBe('one\ntwo\n')
  stale.write('three\n')
  expect(() => stale.flush()).toThrow(expect.objectContaining({ code: 'STORE_FENCED' }))
  stale.close()
})

test('a log that is ours alone is not touched before it is taken over: until then another engine may be in the middle of a line', () => {
  const path = fileWith('one\ntw')
  const next = new LogFile(path, { isSole: true })
  appendFileSync(path, 'o\nthr')
  expect(readFileSync(path, 'utf8')).toBe('one\ntwo\nthr')
  expect(next.takeOver()).toBe('two')
  next.write('three\n')
  next.close()
  expect(readFileSync(path, 'utf8')).toBe('one\ntwo\nthree\n')
})
