/** Thrown where a step of preparing the environment failed; carries what was done so far, for the report. */

import { OperatingError } from '../base/error.ts'
import type { StepReport } from './step.ts'

export class EnvironmentError extends OperatingError {
  /** In order; the last one failed. */
  readonly steps: readonly StepReport[]

  constructor(steps: readonly StepReport[], message: string, options: { hint: string; cause: unknown }) {
    super('ENVIRONMENT_NOT_READY', message, options)
    this.steps = steps
  }
}

/** What a step throws when the world is not as it must be. */
export function notReady(message: string, hint: string, cause?: unknown): OperatingError {
  return new OperatingError('ENVIRONMENT_NOT_READY', message, { hint, cause })
}
