import { expect, test } from 'vitest'
import { isProgressLine, type ProgressInput, progressLine } from './progress.ts'

const startMs = Date.UTC(2026, 0, 5)
const hourMs = 3_600_000

function line(eventTimeMs: number, wallMs: number, changes: Partial<ProgressInput['progress']> = {}): string {
  const dropped = { droppedFindings: 0, droppedLines: 0, replacedLogs: 0 }
  const counts = { loops: 3600, entries: 12, exits: 11, openTrades: 1, errors: 0, rssBytes: null, ...dropped }
  return progressLine({ progress: { ...counts, eventTimeMs, ...changes }, startMs, endMs: startMs + 12 * hourMs, wallMs })
}

test('says how far the run is, and when it will be done', () => {
  const lines = [
    line(startMs, 0),
    line(startMs + 3 * hourMs, 1500, { rssBytes: 100 * 2 ** 20 }),
    line(startMs + 754_000, 60_000, { errors: 2 }),
    line(startMs + 12 * hourMs, 4000),
  ]
  expect(lines.join('\n')).toMatchInlineSnapshot(`
    "  0 % | event time 0:00 of 12:00:00 | loops 3600 | entries 12 | exits 11 | errors 0
     25 % | event time 3:00:00 of 12:00:00 | loops 3600 | entries 12 | exits 11 | errors 0 | RSS 100 MB | ETA 0:05
      1 % | event time 12:34 of 12:00:00 | loops 3600 | entries 12 | exits 11 | errors 2 | ETA 56:18
    100 % | event time 12:00:00 of 12:00:00 | loops 3600 | entries 12 | exits 11 | errors 0 | ETA 0:00"
  `)
})

test.each([
  ['before the start', startMs - hourMs, '  0 % | event time 0:00'],
  ['behind the end', startMs + 13 * hourMs, '100 % | event time 12:00:00'],
])('event time %s counts as the nearest', (_name, eventTimeMs, start) => {
  expect(line(eventTimeMs, 1000).startsWith(start)).toBe(true)
})

test('a progress line can be told from others', () => {
  expect(isProgressLine(line(startMs + hourMs, 1000))).toBe(true)
  expect(isProgressLine('finding no-entry at 2026-01-05T00:00:00.000Z: 50 % | event time')).toBe(false)
})
