/** Every exit code of longhaul, with the word that is printed beside it. */

export const exitCodes = {
  /** The verdict is pass or warn. */
  ok: 0,
  /** The verdict is fail. */
  fail: 1,
  /** The verdict is unknown: the run crashed, was not analyzed, or exercised nothing. */
  unknown: 2,
  /** The config or the command line is wrong. */
  badConfig: 3,
  /** The environment is not ready: Redis, disk, runtime, leftovers. */
  environmentNotReady: 4,
  /** Stopped by the user. */
  interrupted: 130,
} as const

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]
