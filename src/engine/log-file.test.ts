import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { LogFile } from './log-file.ts'

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
  expect(file.lastLine()).toBe(lastLine)
  file.write('next\n')
  file.close()
  expect(readFileSync(path, 'utf8')).toBe(`${after}next\n`)
})

test('the last line is found behind more than the bytes that are looked at', () => {
  const path = fileWith(`${'x'.repeat(1023)}\n`.repeat(3000))
  appendFileSync(path, 'last\ntorn')
  const file = new LogFile(path)
  expect(file.lastLine()).toBe('last')
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

test.skipIf(!existsSync('/dev/full'))('a full disk is an error each time, never a line that is forgotten', () => {
  const file = new LogFile('/dev/full')
  file.write('one\n')
  expect(() => file.flush()).toThrow('ENOSPC')
  expect(() => file.flush()).toThrow('ENOSPC')
})
