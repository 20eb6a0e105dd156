/** The Clock port: the only source of time and the only way to wait. Event time is Unix milliseconds, whole. */

export interface ScheduledCall {
  cancel(): void
}

export interface Clock {
  /** Event time now: whole Unix milliseconds that never go back. */
  nowMs(): number

  /** The same instant with a fraction where the clock has one: for measuring latencies, never for deciding. */
  preciseMs(): number

  /** Processor time that this thread has used, in milliseconds with a fraction: for measuring only, outside the determinism contract. */
  cpuMs(): number

  /** Resolves at `atMs`, or at once when that has passed. Calls due at one instant resolve in the order they were made. */
  sleepUntil(atMs: number): Promise<void>

  /** Runs `callback` at `atMs`. The callback must not throw; it may resolve promises. */
  schedule(atMs: number, callback: () => void): ScheduledCall

  /**
   * The same for a callback that settles no promise, such as a simulated venue's answer being written: virtual time then goes on to the
   * next instant at once, without a turn of the event loop.
   */
  scheduleQuietly(atMs: number, callback: () => void): ScheduledCall

  /**
   * Waits for real input or output. Virtual time stands still until it settles, and results are handed over in the order in which
   * the calls were made, so that a faster disk or network cannot change what the engine does next.
   */
  hold<T>(io: () => Promise<T>): Promise<T>
}
