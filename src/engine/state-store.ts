/** The StateStore port: what the engine must not forget. One atomic commit at a time, by one engine at a time. */

/** All values are JSON text; keys are the engine's own (`trade:T12`, `cooldown:KRW-BTC`, `meta`). */
export interface Changes {
  set: Readonly<Record<string, string>>
  remove: readonly string[]
}

export interface StateStore {
  /** For logs and reports: `redis` or `embedded`. */
  readonly kind: 'redis' | 'embedded'

  /**
   * Takes the lease, so that no second engine writes, and returns what is stored. A lease is taken over from a holder that is known to be
   * dead; in Redis, which other hosts share, also from one that has been silent longer than the lease lasts. Its holder's next commit then
   * fails with STORE_FENCED. Throws LEASE_HELD, STORE_UNAVAILABLE, STORE_CORRUPT.
   */
  open(): Promise<ReadonlyMap<string, string>>

  /** All or nothing, and renews the lease. Throws STORE_FENCED where another engine took the lease, STORE_UNAVAILABLE on trouble. */
  commit(changes: Changes): Promise<void>

  /** Gives the lease back. Safe to call twice. */
  close(): Promise<void>
}
