import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { recordFlight } from './flight-recorder.ts'

let folder: string
let count = 0

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'longhaul-flight-'))
})

afterAll(() => rmSync(folder, { recursive: true }))

function record(logs: Record<string, string>): { kept: (name: string) => string; names: string[]; at: string } {
  const logsFolder = join(folder, `${++count}`, 'logs')
  mkdirSync(logsFolder, { recursive: true })
  for (const [name, text] of Object.entries(logs)) writeFileSync(join(logsFolder, name), text)
  const at = join(folder, `${count}`, 'flight-recorder/attempt-1')
  recordFlight({ logsFolder, folder: at })
  return { kept: (name) => readFileSync(join(at, name), 'utf8'), names: readdirSync(at).toSorted(), at }
}

test('keeps short logs whole, a last line without its end too', () => {
  const logs = { 'application.log': 'one\ntw', 'trading.log': '', 'metrics.log': 'one\n', 'faults.log': 'two\n' }
  const { kept, names } = record({ ...logs, 'other.txt': 'x' })
  expect(Object.fromEntries(names.map((name) => [name, kept(name)]))).toEqual(logs)
})

test('keeps the end of a long log, in whole lines', () => {
  const lines = Array.from({ length: 10_000 }, (_, index) => `${index} ${'x'.repeat(100)}\n`)
  const { kept } = record({ 'metrics.log': lines.join('') })
  const text = kept('metrics.log')
  expect(Buffer.byteLength(text)).toBeLessThanOrEqual(512 * 1024)
  expect(Buffer.byteLength(text)).toBeGreaterThan(512 * 1024 - 200)
  expect(lines.slice(-text.split('\n').length + 1).join('')).toBe(text)
})

test('an attempt that died before it logged leaves an empty record', () => {
  const { names, at } = record({})
  expect(names).toEqual([])
  expect(existsSync(at)).toBe(true)
})
