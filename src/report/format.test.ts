/** How figures read. */

import { expect, test } from 'vitest'
import { formatBytes, formatDuration, formatKrw, formatNumber, formatPercent, formatUtc, markdownTable } from './format.ts'

test.each([
  ['1234567', '₩1,234,567'],
  ['-1234567.5', '-₩1,234,568'],
  ['0.5', '₩0'],
  ['-0.4', '₩0'],
  ['123456789012345678901234', '₩123,456,789,012,345,678,901,234'],
])('the exact amount %s reads %s', (exact, text) => {
  expect(formatKrw(exact)).toBe(text)
})

test.each([
  [850, '850 ms'],
  [3000, '3.0 s'],
  [59_999, '60.0 s'],
  [180_000, '3 min'],
  [182_400, '3 min 2 s'],
  [179_999, '3 min'],
  [45_000_000, '12 h 30 min'],
  [43_199_999, '12 h 0 min'],
])('%d ms reads %s', (durationMs, text) => {
  expect(formatDuration(durationMs)).toBe(text)
})

test.each([
  [0.1234, '0.123'],
  [12.34, '12.3'],
  [1234.5, '1,235'],
  [-4.567, '-4.57'],
])('the number %d reads %s', (value, text) => {
  expect(formatNumber(value)).toBe(text)
})

test('bytes, shares and instants carry their unit', () => {
  const texts = [formatBytes(100 * 2 ** 20), formatPercent(1, 3), formatPercent(0, 0), formatUtc(0)]
  expect(texts).toEqual(['100 MiB', '33.3 %', '-', '1970-01-01 00:00:00Z'])
})

test('text from a log cannot leave its cell or become a tag', () => {
  expect(markdownTable(['a'], [['x | y\r\n  <script> a < b \\'], []])).toBe('| a |\n| --- |\n| x \\| y &lt;script> a < b \\\\ |\n|  |')
})
