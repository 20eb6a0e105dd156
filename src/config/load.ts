/** Loads a campaign's YAML file with overrides over it, or says in which file, at which line and key, what was expected. */

import { createHash } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { isMap, isScalar, isSeq, LineCounter, parseDocument, type Document } from 'yaml'
import type { z } from 'zod'
import { messageOf, OperatingError } from '../base/error.ts'
import { campaignSchema, type CampaignConfig } from './schema.ts'

/** A value from the environment or the command line that takes a key's place. */
export interface Override {
  /** Where it came from, for messages: `LONGHAUL_SEED`, `--seed`. */
  source: string
  path: readonly string[]
  value: unknown
}

export interface LoadedConfig {
  file: string
  config: CampaignConfig
  /** SHA-256 over the resolved config. */
  hash: string
  overrides: readonly Override[]
}

const maxFileBytes = 1024 * 1024
/** Each key is held against all before it: enough for maps of 3000 keys, and bounded where a file has a hundred thousand. */
const maxKeyComparisons = 5_000_000

/** Every override by its name in the environment; the command line's flags are the same words in kebab case. */
export const overridable: readonly { name: string; path: readonly string[]; kind: 'text' | 'number' | 'list'; help: string }[] = [
  { name: 'SYMBOLS', path: ['symbols'], kind: 'list', help: 'symbols, separated by commas' },
  { name: 'DURATION_MINUTES', path: ['duration_minutes'], kind: 'number', help: 'event time, in minutes' },
  { name: 'MARKET', path: ['market'], kind: 'text', help: 'simulated, tape, loopback or live' },
  { name: 'DATA_SOURCE', path: ['data_source'], kind: 'text', help: 'rest or ws' },
  { name: 'PACE', path: ['pace'], kind: 'text', help: 'max, or times real time: 60x' },
  { name: 'TRIGGER', path: ['loop', 'trigger'], kind: 'text', help: 'interval or quote' },
  { name: 'SEED', path: ['seed'], kind: 'number', help: 'seed of market, latencies and rejections' },
  { name: 'START_AT', path: ['startAt'], kind: 'text', help: 'event time of the start, ISO 8601' },
  { name: 'SWARM', path: ['faults', 'swarm'], kind: 'text', help: 'on or off: faults drawn from the seed' },
  { name: 'REDIS', path: ['redis', 'mode'], kind: 'text', help: 'auto, private, url or off' },
  { name: 'PARTS', path: ['parts'], kind: 'text', help: 'module that swaps parts of the engine' },
  { name: 'MAX_ATTEMPTS', path: ['retry', 'maxAttempts'], kind: 'number', help: 'starts of the engine in all' },
]

export function overridesFromEnvironment(environment: Readonly<Record<string, string | undefined>>): Override[] {
  const overrides: Override[] = []
  for (const { name, path, kind } of overridable) {
    const source = `LONGHAUL_${name}`
    const text = environment[source]
    if (text !== undefined && text !== '') overrides.push({ source, path, value: valueOf(kind, text) })
  }
  return overrides
}

function valueOf(kind: 'text' | 'number' | 'list', text: string): unknown {
  if (kind === 'list') return text.split(',').map((item) => item.trim())
  if (kind === 'text') return text
  // What is no number stays text, so that the schema names it.
  return text.trim() === '' || Number.isNaN(Number(text)) ? text : Number(text)
}

/** Throws CONFIG_NOT_FOUND or CONFIG_INVALID. */
export function loadConfig(file: string, overrides: readonly Override[] = []): LoadedConfig {
  const text = read(file)
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: boundedEquality(), strict: true })
  const syntaxError = document.errors[0]
  if (syntaxError) {
    const at = syntaxError.linePos?.[0]
    const [message = 'not YAML'] = syntaxError.message.split(/ at line \d|\n/)
    throw invalid(`${file}:${at?.line ?? 1}: ${message}`)
  }
  const tree = plainTree(file, document)
  for (const override of overrides) setIn(tree, override)
  const parsed = campaignSchema.safeParse(tree)
  if (!parsed.success) {
    const issues = parsed.error.issues.flatMap(unfold).slice(0, 5)
    throw invalid(issues.map((issue) => describe(file, document, lines, overrides, issue)).join('\n'))
  }
  return { file, config: parsed.data, hash: createHash('sha256').update(JSON.stringify(parsed.data)).digest('hex'), overrides }
}

function read(file: string): string {
  try {
    const found = statSync(file)
    // A device or a pipe has no size, and may never end.
    if (!found.isFile()) throw new Error('not a file')
    if (found.size > maxFileBytes) throw invalid(`${file}: larger than ${maxFileBytes} bytes`)
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (error instanceof OperatingError) throw error
    throw new OperatingError('CONFIG_NOT_FOUND', `cannot read the config ${file}: ${messageOf(error)}`, {
      hint: 'Pass a campaign file such as configs/s0.yaml with --config.',
      cause: error,
    })
  }
}

/** YAML's own rule of when two keys are one; what it throws becomes an error of the document. */
function boundedEquality(): (left: unknown, right: unknown) => boolean {
  let comparisons = 0
  return (left, right) => {
    if (++comparisons > maxKeyComparisons) throw new Error('too many keys')
    return left === right || (isScalar(left) && isScalar(right) && left.value === right.value)
  }
}

function plainTree(file: string, document: Document): Record<string, unknown> {
  let tree: unknown
  try {
    // A bound on aliases keeps a small file from unfolding into a huge one.
    tree = document.toJS({ maxAliasCount: 50 })
  } catch (error) {
    throw invalid(`${file}: ${messageOf(error)}`)
  }
  if (typeof tree !== 'object' || tree === null || Array.isArray(tree)) {
    throw invalid(
      `${file}:1: expected keys such as scenario, symbols and duration_minutes, found ${tree === null ? 'nothing' : typeof tree}`,
    )
  }
  return tree as Record<string, unknown>
}

function setIn(tree: Record<string, unknown>, { path, value }: Override): void {
  let node = tree
  for (const key of path.slice(0, -1)) {
    const child = node[key]
    const next = typeof child === 'object' && child !== null && !Array.isArray(child) ? (child as Record<string, unknown>) : {}
    node[key] = next
    node = next
  }
  const last = path.at(-1)
  if (last !== undefined) node[last] = value
}

/** One issue a wrong key, so that each can be shown at its own line. */
function unfold(issue: z.core.$ZodIssue): z.core.$ZodIssue[] {
  if (issue.code !== 'unrecognized_keys') return [issue]
  return issue.keys.map((key) => ({ ...issue, path: [...issue.path, key], message: 'is not a key that is known here' }))
}

function describe(file: string, document: Document, lines: LineCounter, overrides: readonly Override[], issue: z.core.$ZodIssue): string {
  const key = issue.path.join('.')
  // Of several for one key, the last is in force.
  const override = overrides.findLast(({ path }) => path.every((part, index) => part === issue.path[index]))
  const where = override ? override.source : `${file}:${lineOf(document, lines, issue.path)}`
  const message = issue.message.charAt(0).toLowerCase() + issue.message.slice(1)
  return `${where}: ${key === '' ? 'the file' : `\`${key}\``}: ${message}`
}

/** The line of the deepest part of the path that is in the file. */
function lineOf(document: Document, lines: LineCounter, path: readonly PropertyKey[]): number {
  let offset = 0
  let node: unknown = document.contents
  for (const key of path) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && item.key.value === key)
      if (!pair) break
      if (isScalar(pair.key) && pair.key.range) offset = pair.key.range[0]
      node = pair.value
    } else if (isSeq(node) && typeof key === 'number') {
      node = node.items[key]
      if (isScalar(node) && node.range) offset = node.range[0]
    } else {
      break
    }
  }
  return lines.linePos(offset).line
}

function invalid(message: string): OperatingError {
  return new OperatingError('CONFIG_INVALID', message, { hint: 'docs/EXECUTION_GUIDE.md lists every key with its unit and default.' })
}
