/** Makes a failing run smaller while it still fails: its duration, then its symbols, then its faults. Pure but for the runs it asks for. */

/** Whether the run of this candidate fails in the same way. */
export type Fails<T> = (candidate: T) => Promise<boolean>

export interface Case<F> {
  /** Whole, but for those of the run that was found. */
  durationMinutes: number
  symbols: readonly string[]
  faults: readonly F[]
}

/** `shrinksTime`: false where less time or fewer symbols would themselves make it fail, as for a least number of entries. */
export async function shrink<F>(failing: Case<F>, fails: Fails<Case<F>>, shrinksTime: boolean): Promise<Case<F>> {
  let best = failing
  if (shrinksTime) {
    const durationMinutes = await leastFailing(best.durationMinutes, (minutes) => fails({ ...best, durationMinutes: minutes }))
    best = { ...best, durationMinutes }
    const symbols = await withoutNeedless(best.symbols, (some) => fails({ ...best, symbols: some }))
    best = { ...best, symbols }
  }
  const faults = await deltaDebug(best.faults, (some) => fails({ ...best, faults: some }))
  return { ...best, faults }
}

/** The least whole number from 1 that bisection finds, where `failing`, which need not be whole, is known to fail; it where none does. */
export async function leastFailing(failing: number, fails: Fails<number>): Promise<number> {
  let passing = 0
  let least = failing
  while (Math.ceil(least) - passing > 1) {
    const middle = Math.floor((passing + Math.ceil(least)) / 2)
    if (await fails(middle)) least = middle
    else passing = middle
  }
  return least
}

/** Leaves out one after the other; one is always left. */
export async function withoutNeedless<T>(items: readonly T[], fails: Fails<readonly T[]>): Promise<readonly T[]> {
  let needed = items
  for (const item of items) {
    const rest = needed.filter((candidate) => candidate !== item)
    if (rest.length > 0 && (await fails(rest))) needed = rest
  }
  return needed
}

/**
 * ddmin (Zeller and Hildebrandt, Simplifying and Isolating Failure-Inducing Input, IEEE TSE 28(2), 2002), complements only, after one look
 * at none at all: what is left fails, and leaving out any single one of it does not.
 */
export async function deltaDebug<T>(items: readonly T[], fails: Fails<readonly T[]>): Promise<readonly T[]> {
  if (items.length === 0 || (await fails([]))) return []
  let needed = items
  let parts = 2
  while (needed.length > 1) {
    const size = Math.ceil(needed.length / parts)
    const smaller = await firstFailing(complements(needed, size), fails)
    if (smaller !== null) {
      needed = smaller
      parts = Math.max(2, parts - 1)
    } else if (size === 1) {
      return needed
    } else {
      parts = Math.min(needed.length, parts * 2)
    }
  }
  return needed
}

function* complements<T>(items: readonly T[], size: number): Generator<readonly T[]> {
  for (let start = 0; start < items.length; start += size) yield [...items.slice(0, start), ...items.slice(start + size)]
}

async function firstFailing<T>(candidates: Iterable<T>, fails: Fails<T>): Promise<T | null> {
  for (const candidate of candidates) if (await fails(candidate)) return candidate
  return null
}
