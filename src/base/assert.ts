/** Assertions: a broken invariant is our bug, so it throws and ends the run. Anyone may call this. */

class AssertionError extends Error {
  override readonly name = 'AssertionError'
}

export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionError(message)
}
