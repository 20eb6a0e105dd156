/** Operating errors: the world went wrong, not our code; each says what, where, and what to do about it. */

/** Every operating error's code. Stable: logs, reports and scripts match on these. */
export type ErrorCode =
  | 'CONFIG_INVALID'
  | 'CONFIG_NOT_FOUND'
  | 'ENVIRONMENT_NOT_READY'
  | 'RUN_NOT_FOUND'
  | 'LOG_NOT_FOUND'
  | 'LOG_UNREADABLE'
  | 'TAPE_NOT_FOUND'
  | 'TAPE_INVALID'
  | 'STORE_UNAVAILABLE'
  | 'STORE_FENCED'
  | 'STORE_CORRUPT'
  | 'LEASE_HELD'
  | 'VENUE_UNREACHABLE'
  | 'VENUE_TIMEOUT'
  | 'VENUE_STATUS'
  | 'VENUE_RATE_LIMITED'
  | 'VENUE_MALFORMED'
  | 'ENGINE_EXITED'
  | 'REPORT_FAILED'

export interface OperatingErrorOptions {
  /** One sentence that tells the reader what to do. */
  hint: string
  cause?: unknown
}

export class OperatingError extends Error {
  override readonly name = 'OperatingError'
  readonly code: ErrorCode
  readonly hint: string

  constructor(code: ErrorCode, message: string, options: OperatingErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.hint = options.hint
  }
}

/** The code of what Node or a library has thrown, such as ENOENT; null where it has none. */
export function codeOf(thrown: unknown): string | null {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : null
}

/** The message of anything thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}

/** The stack of anything thrown, or its text where it carries none. */
export function stackOf(thrown: unknown): string {
  return thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)
}
