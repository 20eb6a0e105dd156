import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readStrikes } from './fault-log-reader.ts'

async function strikesOf(...files: string[][]): Promise<[number, number][]> {
  const folder = mkdtempSync(join(tmpdir(), 'longhaul-faults-'))
  try {
    const paths = files.map((lines, index) => {
      const path = join(folder, `${index}.log`)
      writeFileSync(path, lines.map((line) => `${line}\n`).join(''))
      return path
    })
    return [...(await readStrikes([...paths, join(folder, 'absent.log')]))]
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function struck(index: number, count: number): string {
  return JSON.stringify({ level: 'info', time: 1, event: 'fault-struck', index, kind: 'latency', venue: null, code: null, count })
}

test('takes the last count of a process, and adds those of the attempts', async () => {
  expect(await strikesOf([struck(0, 1), struck(2, 1), struck(0, 7), struck(0, 1), struck(0, 2)])).toEqual([
    [0, 9],
    [2, 1],
  ])
})

test('adds what the engine and the venues wrote', async () => {
  expect(await strikesOf([struck(0, 3)], [struck(0, 2), struck(1, 1)])).toEqual([
    [0, 5],
    [1, 1],
  ])
})

test('passes over what is no strike', async () => {
  expect(await strikesOf(['', 'not JSON', '{"event":"fault-struck","index":-1,"count":1}', '{"event":"other"}', '[]'])).toEqual([])
})
