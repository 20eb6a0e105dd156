/** Lines as bytes from files of every shape. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, expect, it } from 'vitest'
import { type LinesRead, readLines } from './line-reader.ts'

const folder = mkdtempSync(join(tmpdir(), 'longhaul-lines-'))
const file = join(folder, 'some.log')
afterAll(() => {
  rmSync(folder, { recursive: true })
})

async function linesOf(text: string | Buffer): Promise<{ lines: string[]; read: LinesRead }> {
  writeFileSync(file, text)
  const lines: string[] = []
  const read = await readLines(file, (bytes, start, end) => {
    expect(bytes[end]).toBe(10)
    lines.push(bytes.toString('latin1', start, end))
  })
  return { lines, read }
}

it('gives every line once, the last one also without its newline', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.string({ unit: 'grapheme-ascii' })), fc.boolean(), async (expected, hasLastNewline) => {
      const text = expected.join('\n') + (hasLastNewline && expected.length > 0 ? '\n' : '')
      const { lines, read } = await linesOf(text)
      const split = text.split('\n')
      expect(lines).toEqual(split.at(-1) === '' ? split.slice(0, -1) : split)
      expect(read).toEqual({ bytes: text.length, lines: lines.length, overlongLines: 0, isCut: text !== '' && !text.endsWith('\n') })
    }),
    { numRuns: 50 },
  )
})

it('joins lines that lie across chunks', async () => {
  const expected = Array.from({ length: 40 }, (_, index) => String.fromCharCode(97 + (index % 26)).repeat(100_003 + index))
  const { lines } = await linesOf(`${expected.join('\n')}\n`)
  expect(lines.map((line) => [line[0], line.length])).toEqual(expected.map((line) => [line[0], line.length]))
})

it('skips a line beyond its bound, counts it, and goes on', async () => {
  const { lines, read } = await linesOf(Buffer.concat([Buffer.from('before\n'), Buffer.alloc(40 << 20, 120), Buffer.from('\nafter\n')]))
  expect(lines).toEqual(['before', 'after'])
  expect(read.overlongLines).toBe(1)
})

it('reads a file that does not exist as empty', async () => {
  const read = await readLines(join(folder, 'none.log'), () => expect.unreachable())
  expect(read).toEqual({ bytes: 0, lines: 0, overlongLines: 0, isCut: false })
})

it('says why a folder cannot be read', async () => {
  await expect(readLines(folder, () => expect.unreachable())).rejects.toMatchObject({ code: 'LOG_UNREADABLE' })
})

it('lets what the caller throws through', async () => {
  writeFileSync(file, 'a line\n')
  const fail = (): never => {
    throw new Error('of the caller')
  }
  await expect(readLines(file, fail)).rejects.toThrow('of the caller')
})
