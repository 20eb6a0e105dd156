/** A venue's wire face: its REST interface over a Market, answer by answer. Faces implement it; transports and loopback servers call it. */

export interface FaceAnswer {
  status: number
  /** Lower-case names. */
  headers: Record<string, string>
  body: string
}

export interface Face {
  /** Answers a GET request for `target` (path and query) that reached the venue at `nowMs`, to which the market has been advanced. */
  answer(target: string, nowMs: number): FaceAnswer
}

export interface Target {
  path: string
  query: ReadonlyMap<string, string>
}

/** Splits path and query. An escape that cannot be decoded stays as it is: no parameter of ours then matches. */
export function parseTarget(target: string): Target {
  const mark = target.indexOf('?')
  const query = new Map<string, string>()
  if (mark < 0) return { path: target, query }
  for (const pair of target.slice(mark + 1).split('&')) {
    const equals = pair.indexOf('=')
    if (equals > 0) query.set(pair.slice(0, equals), unescaped(pair.slice(equals + 1)))
  }
  return { path: target.slice(0, mark), query }
}

function unescaped(text: string): string {
  if (!text.includes('%')) return text
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** Counts what was used in the running window of `windowMs`, aligned as the venues do: every second, every minute on the clock. */
export class UsageWindow {
  readonly windowMs: number
  #window = -1
  #used = 0

  constructor(windowMs: number) {
    this.windowMs = windowMs
  }

  /** Adds `amount` and returns the sum so far in the window. */
  use(nowMs: number, amount: number): number {
    const window = Math.floor(nowMs / this.windowMs)
    if (window !== this.#window) {
      this.#window = window
      this.#used = 0
    }
    this.#used += amount
    return this.#used
  }
}
