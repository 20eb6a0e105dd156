/** Small arrays cut from shared blocks: V8 gives an array above 64 bytes memory of its own, which costs more than filling it. Books use it. */

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
