/** The exit code that a verdict ends a command with. */

import type { Verdict } from '../analyzer/analysis.ts'
import { exitCodes, type ExitCode } from '../base/exit-code.ts'

export const exitCodeOfVerdict: Readonly<Record<Verdict, ExitCode>> = {
  pass: exitCodes.ok,
  warn: exitCodes.ok,
  fail: exitCodes.fail,
  unknown: exitCodes.unknown,
}
