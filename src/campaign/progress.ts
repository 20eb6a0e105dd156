/** One line on how a running campaign is doing: event time, loops, entries, errors, memory, time left. */

import type { Monitor } from '../monitor/monitor.ts'

export interface ProgressInput {
  progress: ReturnType<Monitor['progress']>
  startMs: number
  endMs: number
  /** Wall time since the run's first attempt began. */
  wallMs: number
}

export function progressLine({ progress, startMs, endMs, wallMs }: ProgressInput): string {
  const doneMs = Math.max(0, Math.min(progress.eventTimeMs, endMs) - startMs)
  const share = doneMs / (endMs - startMs)
  const leftMs = share > 0 ? (wallMs / share) * (1 - share) : null
  const parts = [
    `${Math.floor(share * 100)} %`.padStart(5),
    `event time ${clockText(doneMs)} of ${clockText(endMs - startMs)}`,
    `loops ${progress.loops}`,
    `entries ${progress.entries}`,
    `exits ${progress.exits}`,
    `errors ${progress.errors}`,
  ]
  if (progress.rssBytes !== null) parts.push(`RSS ${Math.round(progress.rssBytes / 2 ** 20)} MB`)
  if (leftMs !== null) parts.push(`ETA ${clockText(leftMs)}`)
  return parts.join(' | ')
}

/** Tells a progress line from all else that a run prints: a terminal shows only the last one. */
export function isProgressLine(line: string): boolean {
  return /^ *\d+ % \| event time /.test(line)
}

/** `1:02:03`, hours left out where there are none. */
function clockText(durationMs: number): string {
  const seconds = Math.round(durationMs / 1000)
  const two = (value: number): string => String(value).padStart(2, '0')
  const hours = Math.floor(seconds / 3600)
  const minutes = Math.floor((seconds % 3600) / 60)
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`
}
