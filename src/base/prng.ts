/** The only randomness in longhaul: small, fast, seeded; forked by name so that one consumer never shifts another's numbers. */

export interface Prng {
  /** Uniform in [0, 1), 32 bits of resolution. */
  next(): number
  /** Standard normal (polar Box-Muller). */
  gaussian(): number
  /** A generator of its own, fixed by this generator's seed and the name alone, however many numbers were drawn. */
  fork(name: string): Prng
}

/** FNV-1a over UTF-16 code units, then murmur3's finalizer: turns names into well spread 32-bit seeds. */
export function hash32(text: string, seed = 0): number {
  let hash = (0x811c9dc5 ^ seed) >>> 0
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return mix32(hash)
}

/** murmur3's 32-bit finalizer (Appleby, public domain): a bijection in which every input bit flips half of the output bits. */
export function mix32(value: number): number {
  let hash = value | 0
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/** sfc32 (Chris Doty-Humphrey, PractRand): 128 bits of state, period at least 2^32. */
export class SeededPrng implements Prng {
  /** All 53 bits of the seed, mixed into 32: what forks go by. */
  readonly #forkSeed: number
  #a: number
  #b: number
  #c: number
  #counter = 1
  #spare: number | null = null

  constructor(seed: number) {
    const low = seed >>> 0
    const high = Math.floor(seed / 2 ** 32)
    this.#forkSeed = low ^ mix32(high)
    this.#a = mix32(low ^ 0x9e3779b9)
    this.#b = mix32(this.#a ^ high)
    this.#c = mix32(this.#b + low)
    for (let i = 0; i < 12; i++) this.next()
  }

  next(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0
    return (sum >>> 0) / 2 ** 32
  }

  gaussian(): number {
    if (this.#spare !== null) {
      const spare = this.#spare
      this.#spare = null
      return spare
    }
    let x = 0
    let y = 0
    let square = 0
    do {
      x = 2 * this.next() - 1
      y = 2 * this.next() - 1
      square = x * x + y * y
    } while (square >= 1 || square === 0)
    const factor = Math.sqrt((-2 * Math.log(square)) / square)
    this.#spare = y * factor
    return x * factor
  }

  fork(name: string): Prng {
    return new SeededPrng(hash32(name, this.#forkSeed))
  }
}
