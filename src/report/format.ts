/** Figures as people read them: money, counts, bytes, times. Pure; the report's pages and charts call it. JSON keeps the exact values. */

import { Decimal } from '../base/decimal.ts'

/** `₩1,234,567`, `-₩12`: whole won, half to even. */
export function formatKrw(exact: string): string {
  const rounded = Decimal.parse(exact).round(0, 'half-even')
  return `${rounded.isNegative() ? '-' : ''}₩${BigInt(rounded.abs().toString()).toLocaleString('en-US')}`
}

export function formatCount(count: number): string {
  return count.toLocaleString('en-US')
}

/** At most three decimals, fewer for larger numbers: `0.125`, `12.3`, `1,235`. */
export function formatNumber(value: number): string {
  const magnitude = Math.abs(value)
  const maximumFractionDigits = magnitude >= 100 ? 0 : magnitude >= 10 ? 1 : magnitude >= 1 ? 2 : 3
  return value.toLocaleString('en-US', { maximumFractionDigits })
}

/** `96.2 MiB`. */
export function formatBytes(bytes: number): string {
  return `${formatNumber(bytes / 2 ** 20)} MiB`
}

/** `850 ms`, `3.0 s`, `3 min`, `12 h 30 min`. */
export function formatDuration(durationMs: number): string {
  if (durationMs < 1000) return `${formatNumber(durationMs)} ms`
  if (durationMs < 60_000) return `${(durationMs / 1000).toFixed(1)} s`
  const allSeconds = Math.round(durationMs / 1000)
  const [minutes, seconds] = [Math.floor(allSeconds / 60), allSeconds % 60]
  if (minutes >= 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
  return seconds === 0 ? `${minutes} min` : `${minutes} min ${seconds} s`
}

/** `2026-01-05 00:03:00Z`. */
export function formatUtc(timeMs: number): string {
  return `${new Date(timeMs).toISOString().slice(0, 19).replace('T', ' ')}Z`
}

export function formatPercent(part: number, whole: number): string {
  return whole === 0 ? '-' : `${((100 * part) / whole).toFixed(1)} %`
}

/** A Markdown table; cells may hold any text. */
export function markdownTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(escapeCell).join(' | ')} |`
  return [line(header), `|${header.map(() => ' --- |').join('')}`, ...rows.map(line)].join('\n')
}

/** Text from logs must not break out of its cell, nor be read as a tag. */
function escapeCell(text: string): string {
  return text
    .replaceAll('\\', '\\\\')
    .replaceAll('|', '\\|')
    .replace(/<(?=[a-z/!])/gi, '&lt;')
    .replace(/\s*[\r\n]+\s*/g, ' ')
}
