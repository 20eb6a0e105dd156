/**
 * Small arrays cut from shared blocks, for books: V8 gives every array above 64 bytes memory of its own, which costs three times as much
 * as all the rest of a book.
 */

/** Fifty books five levels deep. A block lives as long as any of its arrays, so it should be small beside what its keepers hold. */
const blockBytes = 8192

let block = new ArrayBuffer(blockBytes)
let usedBytes = 0

/** Zeros, never handed out twice. */
export function cutLevels(length: number): Float64Array {
  const bytes = length * Float64Array.BYTES_PER_ELEMENT
  if (bytes > blockBytes / 2) return new Float64Array(length)
  if (usedBytes + bytes > blockBytes) {
    block = new ArrayBuffer(blockBytes)
    usedBytes = 0
  }
  const levels = new Float64Array(block, usedBytes, length)
  usedBytes += bytes
  return levels
}
