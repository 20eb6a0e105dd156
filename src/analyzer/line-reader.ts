/** Reads a log file line by line as bytes, in bounded memory whatever the file holds; the analyzer and the checkers call it. */

import { type FileHandle, open } from 'node:fs/promises'
import { codeOf, messageOf, OperatingError } from '../base/error.ts'

/** One line's bytes lie from `start` to `end`, and `bytes[end]` is a newline. Valid during the call only. */
export type OnLine = (bytes: Buffer, start: number, end: number) => void

export interface LinesRead {
  bytes: number
  lines: number
  /** Lines longer than the bound, skipped whole. */
  overlongLines: number
  /** The last line has no newline: its writer was killed, or the file was cut. */
  isCut: boolean
}

const chunkBytes = 1 << 20
/** The first line of a session lists every instrument: about 1 MB with a thousand symbols. */
const maxLineBytes = 16 << 20
const newline = 10

/** A file that does not exist reads as empty: a run that died early has written no such log. Throws LOG_UNREADABLE on other trouble. */
export async function readLines(file: string, onLine: OnLine): Promise<LinesRead> {
  const read: LinesRead = { bytes: 0, lines: 0, overlongLines: 0, isCut: false }
  let handle: FileHandle
  try {
    handle = await open(file)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return read
    throw unreadable(file, error)
  }
  try {
    await readHandle(handle, read, onLine)
  } catch (error) {
    throw isSystemError(error) ? unreadable(file, error) : error
  } finally {
    await handle.close()
  }
  return read
}

async function readHandle(handle: FileHandle, read: LinesRead, onLine: OnLine): Promise<void> {
  let buffer = Buffer.allocUnsafe(2 * chunkBytes)
  /** Bytes of an unfinished line at the buffer's start. */
  let kept = 0
  let isSkipping = false
  for (;;) {
    // One byte is left free, so that an unfinished last line can be given its newline too.
    const { bytesRead } = await handle.read(buffer, kept, Math.min(chunkBytes, buffer.length - kept - 1), null)
    if (bytesRead === 0) break
    read.bytes += bytesRead
    const filled = kept + bytesRead
    let start = 0
    let searched = kept
    for (;;) {
      const end = buffer.indexOf(newline, searched)
      if (end < 0 || end >= filled) break
      if (isSkipping) isSkipping = false
      else onLine(buffer, start, end)
      read.lines++
      start = searched = end + 1
    }
    if (isSkipping) start = filled
    kept = filled - start
    if (kept > maxLineBytes) {
      read.overlongLines++
      isSkipping = true
      kept = 0
    } else if (start > 0) {
      buffer.copyWithin(0, start, filled)
    }
    if (buffer.length - kept - 1 < chunkBytes) buffer = Buffer.concat([buffer], 2 * buffer.length)
  }
  read.isCut = kept > 0 || isSkipping
  if (kept === 0) return
  buffer[kept] = newline
  onLine(buffer, 0, kept)
  read.lines++
}

function isSystemError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error
}

function unreadable(file: string, cause: unknown): OperatingError {
  return new OperatingError('LOG_UNREADABLE', `cannot read ${file}: ${messageOf(cause)}`, {
    hint: 'Check that the path is a file and that you may read it.',
    cause,
  })
}
