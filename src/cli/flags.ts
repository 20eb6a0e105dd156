/** Reads a command line, or says which command explains it. Every command's own. */

import { parseArgs, type ParseArgsConfig } from 'node:util'
import { messageOf, OperatingError } from '../base/error.ts'

const help = { type: 'boolean', short: 'h' } as const

/** Throws CONFIG_INVALID. */
export function badFlags(command: string, message: string, cause?: unknown): OperatingError {
  return new OperatingError('CONFIG_INVALID', message, { hint: `longhaul ${command} --help lists every option.`, cause })
}

/** Null where `--help` was asked for. Throws CONFIG_INVALID on what is not among the options, and on a flag with an empty value. */
export function parseFlags<const Options extends NonNullable<ParseArgsConfig['options']>>(
  command: string,
  args: readonly string[],
  options: Options,
  allowPositionals = false,
) {
  try {
    const parsed = parseArgs({ args: [...args], options: { ...options, help }, allowPositionals, strict: true })
    const values: Readonly<Record<string, unknown>> = parsed.values
    // A script's variable that is not set: what stands for it must not be the default.
    const empty = Object.keys(values).find((name) => values[name] === '')
    if (empty !== undefined) throw new Error(`--${empty} expects a value, and was left empty`)
    return values['help'] === true ? null : parsed
  } catch (error) {
    throw badFlags(command, messageOf(error), error)
  }
}

/** The one run that a command was given. Throws CONFIG_INVALID. */
export function oneRun(command: string, positionals: readonly string[]): string {
  const [name, ...more] = positionals
  if (name !== undefined && more.length === 0) return name
  throw badFlags(command, `expected one run (its id, the path of its folder, or latest), was ${positionals.join(', ') || 'none'}`)
}

/** A flag that counts processes. Throws CONFIG_INVALID. */
export function countOf(command: string, flag: string, text: string): number {
  if (/^[1-9]\d{0,2}$/.test(text)) return Number(text)
  throw badFlags(command, `--${flag} expects a number from 1 to 999, was ${text}`)
}
