/** The house rules as one test: each rule lists its offenders as file:line, and is itself tested to find one. */

import { readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join, normalize, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'

const repoRoot = resolve(import.meta.dirname, '..')

/** A folder imports only from folders that stand before it. */
const dataFolders = ['base', 'clock', 'model', 'market-data', 'market']
const engineFolders = [...dataFolders, 'portfolio', 'strategy', 'risk', 'execution', 'engine', 'venues', 'store', 'faults']
const harnessFolders = ['config', 'environment', 'monitor', 'analyzer', 'report', 'campaign', 'sweep', 'cli']
const chain = [...engineFolders, ...harnessFolders]

/** The only files at the top: they tie everything together, so they may import anything; of compose.ts others may import types. */
const topFiles = new Set(['src/main.ts', 'src/compose.ts'])

/** What the analyzer judges: it must find the truth without their help. */
const judgedFolders = new Set(['market', 'portfolio', 'strategy', 'risk', 'execution', 'engine', 'venues', 'store', 'faults'])

/** Where the engine half touches the world. */
const seams: Record<string, string> = {
  'src/clock/system-clock.ts': 'the real clock',
  'src/clock/virtual-clock.ts': 'lets real input and output settle while virtual time stands still',
  'src/engine/engine-process.ts': 'the life and death of the process',
  'src/engine/log-file.ts': 'the real log files',
  'src/engine/metrics.ts': 'measures the process, outside the determinism contract',
  'src/faults/faulty-engine.ts': 'kills and stops the process, as a fault plan says',
  'src/engine/warm-engine.ts': 'which run the process works for, and where what it prints goes',
  'src/market/book-tape.ts': 'writes and reads recorded order books',
  'src/market/tape.ts': 'reads recorded market data',
  'src/store/embedded-state-store.ts': 'the real store on disk',
  'src/store/redis-state-store.ts': 'the real store on the network',
  'src/store/process-identity.ts': 'tells whether the holder of a lease lives',
  'src/venues/http-exchange.ts': 'unzips what the network brings',
  'src/venues/network-transport.ts': 'the real network',
  'src/venues/simulated/signing.ts': 'the hashes that signed requests carry',
  'src/venues/simulated/venue-server.ts': 'the loopback servers',
}

/** Functions that are longer than the limit and whose number of lines may only fall. */
const longFunctions: Record<string, number> = {}

const maxColumns = 140
const maxFunctionLines = 70

interface Import {
  path: string
  line: number
  isTypeOnly: boolean
}

interface Source {
  /** From the repository's root, with slashes. */
  path: string
  lines: string[]
  /** The same lines with comments and the text in strings blanked: what is left is what runs. */
  code: string[]
  imports: Import[]
  isTest: boolean
}

const comment = /\/\*[\s\S]*?\*\/|\/\/[^\n]*/
const string = /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\[\s\S]|[^`\\])*`/
/** Only where an operand may begin, since a slash may also divide. */
const regularExpression = /(?<=[(,=:[!&|?{};]\s*|return )\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\//
const notCode = anyOf('g', comment, string, regularExpression)

const statement = /^\s*(?:import|export)\s+(type\s)?(?:[^'";]*?\sfrom\s+)?'([^']+)'/
const importPattern = anyOf('gm', statement, /\bimport\('([^']+)'\)/, /new URL\('([^']+\.ts)'/)

function anyOf(flags: string, ...patterns: readonly RegExp[]): RegExp {
  return new RegExp(patterns.map((pattern) => pattern.source).join('|'), flags)
}

function blank(text: string): string {
  return text.replaceAll(/[^\n]/g, ' ')
}

/** What stands in `${}` of a template runs; its other text does not. */
function blankLiteral(literal: string): string {
  if (!literal.startsWith('`')) return blank(literal)
  return literal
    .split(/(\$\{[^}]*\})/)
    .map((part) => (part.startsWith('${') ? part : blank(part)))
    .join('')
}

function source(path: string, text: string): Source {
  const withoutComments = text.replaceAll(notCode, (match) => (/^\/[*/]/.test(match) ? blank(match) : match))
  const imports = [...withoutComments.matchAll(importPattern)].map((match) => ({
    path: match[2] ?? match[3] ?? match[4] ?? '',
    line: withoutComments.slice(0, match.index + match[0].search(/\S/)).split('\n').length,
    isTypeOnly: match[1] !== undefined,
  }))
  const code = text.replaceAll(notCode, blankLiteral).split('\n')
  return { path, lines: text.split('\n'), code, imports, isTest: path.endsWith('.test.ts') || path.endsWith('.spec.ts') }
}

function folderOf(path: string): string {
  return path.split('/')[1] ?? ''
}

function isInFolder(path: string): boolean {
  return path.split('/').length > 2
}

function isInSource({ path }: Source): boolean {
  return path.startsWith('src/')
}

function inSource(files: readonly Source[]): Source[] {
  return files.filter(isInSource)
}

function tests(files: readonly Source[]): Source[] {
  return files.filter((file) => file.isTest)
}

function notTests(files: readonly Source[]): Source[] {
  return files.filter((file) => !file.isTest)
}

/** The path that a relative import means, from the repository's root; null for packages. */
function targetOf(from: Source, { path }: Import): string | null {
  return path.startsWith('.') ? normalize(join(dirname(from.path), path)) : null
}

function offendersIn(files: readonly Source[], pattern: RegExp, part: 'code' | 'lines' = 'code'): string[] {
  const offence = (file: Source, index: number): string => `${file.path}:${index + 1}: ${file.lines[index]?.trim()}`
  return files.flatMap((file) => file[part].flatMap((line, index) => (pattern.test(line) ? [offence(file, index)] : [])))
}

type IsForbidden = (file: Source, imported: Import, target: string | null) => boolean

function importOffenders(files: readonly Source[], isForbidden: IsForbidden): string[] {
  return files.flatMap((file) =>
    file.imports
      .filter((imported) => isForbidden(file, imported, targetOf(file, imported)))
      .map((imported) => `${file.path}:${imported.line}: imports ${imported.path}`),
  )
}

function wrongDirection(file: Source, imported: Import, target: string | null): boolean {
  if (target === null || !target.startsWith('src/') || topFiles.has(file.path)) return false
  if (topFiles.has(target)) return !imported.isTypeOnly
  return folderOf(target) !== folderOf(file.path) && !(chain.indexOf(folderOf(target)) < chain.indexOf(folderOf(file.path)))
}

function judgedPart(file: Source, _imported: Import, target: string | null): boolean {
  return folderOf(file.path) === 'analyzer' && judgedFolders.has(folderOf(target ?? ''))
}

/** venues/upbit sees venues/*.ts and itself, and no other venue. */
function otherVenue(file: Source, _imported: Import, target: string | null): boolean {
  const [from, to] = [file.path, target ?? ''].map((path) => /^src\/venues\/([^/]+)\//.exec(path)?.[1])
  return from !== undefined && to !== undefined && from !== to
}

/** A date made of a given instant is no clock; one made of nothing is. */
const worldlyCode = anyOf(
  '',
  /\bDate\.now\b|\bnew Date\(\s*\)|(?<!new )\bDate\(|\bperformance\.|\b(?:set|clear)(?:Timeout|Interval|Immediate)\b/,
  /\bprocess\.|\bglobalThis\b|\bcrypto\.|\bfetch\(|\bnew (?:WebSocket|EventSource)\b/,
)
const worldlyModule = /^(?:node:(?!path$|util$).*|ioredis|p-retry|undici|ws|hono|@hono\/.*)$/

function worldOutsideSeams(files: readonly Source[]): string[] {
  const isInside = ({ path, isTest }: Source): boolean => !isTest && engineFolders.includes(folderOf(path)) && seams[path] === undefined
  const inside = inSource(files).filter(isInside)
  const imports = importOffenders(inside, (_file, imported) => !imported.isTypeOnly && worldlyModule.test(imported.path))
  return [...offendersIn(inside, worldlyCode), ...imports]
}

/** Lines that are nothing but text in a template, such as an inline snapshot's, cannot be broken. */
function tooWide({ path, lines, code }: Source): string[] {
  const isText = (index: number): boolean => code[index]?.trim() === '' && !/^\s*(?:\/\/|\/?\*)/.test(lines[index] ?? '')
  return lines.flatMap((line, index) => (line.length > maxColumns && !isText(index) ? [`${path}:${index + 1}: ${line.trim()}`] : []))
}

const functionStart = /(?:\bfunction\b.*|=>\s*|\)(?::[^=;]*)?\s*)\{\s*$/
const otherStart = /^\s*(?:\} )?(?:export )?(?:abstract )?(?:class|interface|type|if|else|for|while|do|switch|try|catch|import)\b/

/** Layout makes this simple: a function's last line is the first that starts with a brace at the indentation of its first line. */
function tooLong(file: Source): string[] {
  return file.code.flatMap((line, start) => {
    if (!functionStart.test(line) || otherStart.test(line)) return []
    const indentation = /^\s*/.exec(line)?.[0] ?? ''
    const end = file.code.findIndex((candidate, index) => index > start && candidate.startsWith(`${indentation}}`))
    const title = file.lines[start]?.trim() ?? ''
    const count = end - start + 1
    const maxLines = longFunctions[`${file.path}: ${title}`] ?? maxFunctionLines
    return count > maxLines ? [`${file.path}:${start + 1}: ${count} lines: ${title}`] : []
  })
}

/** A file's own test does not keep it alive: something must use it. */
function deadFiles(files: readonly Source[]): string[] {
  const byPath = new Map(files.map((file) => [file.path, file]))
  const isRoot = (file: Source): boolean => file.path === 'src/main.ts' || !isInSource(file) || file.isTest
  const alive = new Set(files.filter(isRoot).map((file) => file.path))
  for (const path of alive) {
    const file = byPath.get(path)
    const own = path.replace(/\.test\.ts$/, '.ts')
    for (const imported of file?.imports ?? []) {
      const target = file === undefined ? null : targetOf(file, imported)
      if (target !== null && byPath.has(target) && !(target === own && path !== own)) alive.add(target)
    }
  }
  return files.filter((file) => !alive.has(file.path)).map((file) => `${file.path}:1: nothing uses it`)
}

/** A rule or checker that nobody lists would never run. */
function unregistered(files: readonly Source[]): string[] {
  const used = new Set(notTests(files).flatMap((file) => file.imports.map((imported) => targetOf(file, imported))))
  return notTests(files)
    .filter(({ path }) => /^src\/(?:monitor\/rules|analyzer\/checkers)\//.test(path) && !used.has(path))
    .map(({ path }) => `${path}:1: not registered`)
}

function badName({ path }: Source): boolean {
  const name = basename(path).replace(/(?:\.contract)?(?:\.test|\.spec|\.config)?\.ts$/, '')
  return !/^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(name) || /^(?:index|utils?|types|helpers?)$/.test(name)
}

interface Rule {
  name: string
  offenders: (files: readonly Source[]) => string[]
  /** Sources in which the rule must find exactly one offender. */
  bad: Record<string, string>
}

const header = '/** Says what it is for. */\n'
const notErasable = anyOf(
  '',
  /^\s*(?:export )?(?:declare |const )?(?:enum|namespace) \w/,
  /\(\s*(?:public|private|protected|readonly) \w+[:?]/,
)
// Written so that the patterns and their examples are no offenders themselves.
const suppression = /(?:ox|es)lint-(?:disable|enable)|@ts-(?:ignore|expect-error|nocheck)/
const loose = /\b(?:TOD[O]|FIXM[E]|XX[X]|HAC[K])\b|(?:^|[\s(])#\d+\b/

const rules: Rule[] = [
  {
    name: 'imports point one way, and only types come from the composition root',
    offenders: (files) => importOffenders(notTests(inSource(files)), wrongDirection),
    bad: { 'src/risk/limits.ts': "import { run } from '../engine/live-runner.ts'" },
  },
  {
    name: 'venues do not import one another',
    offenders: (files) => importOffenders(notTests(files), otherVenue),
    bad: { 'src/venues/upbit/parse.ts': "import {\n  parse,\n} from '../binance/parse.ts'" },
  },
  {
    name: 'the analyzer imports nothing that it judges',
    offenders: (files) => importOffenders(notTests(files), judgedPart),
    bad: { 'src/analyzer/checkers/legs-paired.ts': "import type { Ledger } from '../../portfolio/ledger.ts'" },
  },
  {
    name: 'the source never imports the test framework',
    offenders: (files) =>
      importOffenders(notTests(inSource(files)), (_file, imported) => /^(?:vitest|allure-vitest|fast-check)\b/.test(imported.path)),
    bad: { 'src/report/allure.ts': "import { test } from 'vitest'" },
  },
  {
    name: 'the engine half touches time, network, disk and process only at the seams',
    offenders: worldOutsideSeams,
    bad: { 'src/engine/live-runner.ts': 'const text = `${Date.now()}`' },
  },
  {
    name: 'the engine half imports nothing of the world outside the seams',
    offenders: worldOutsideSeams,
    bad: { 'src/portfolio/ledger.ts': "import { readFileSync } from 'node:fs'" },
  },
  {
    name: 'randomness comes from a seed',
    offenders: (files) => offendersIn(files, /\bMath\.random\b|\brandom(?:UUID|Bytes|Int)\b|\bgetRandomValues\b/),
    bad: { 'src/cli/run.ts': 'const seed = Math.random()' },
  },
  {
    name: 'nothing writes through console',
    offenders: (files) => offendersIn(files, /\bconsole\./),
    bad: { 'src/cli/run.ts': "console.log('done')" },
  },
  {
    name: 'no enum, namespace or parameter property',
    offenders: (files) => offendersIn(files, notErasable),
    bad: { 'src/model/side.ts': 'export const enum Side {}' },
  },
  {
    name: 'no default exports, but where a tool asks for one',
    offenders: (files) =>
      offendersIn(
        files.filter(({ path }) => !/\.config\.ts$|^fixtures\/.*-reporter\.ts$/.test(path)),
        /^export default\b|\bas default\b/,
      ),
    bad: { 'src/model/side.ts': 'export default class Side {}' },
  },
  {
    name: 'no any',
    offenders: (files) => offendersIn(files, /[:<|,]\s*any\b(?!\s*:)|\bas any\b/),
    bad: { 'src/model/side.ts': 'const side: any = 1' },
  },
  {
    name: 'no lint or type suppressions',
    offenders: (files) => offendersIn(files, suppression, 'lines'),
    bad: { 'src/model/side.ts': '// \u0040ts-ignore' },
  },
  {
    name: 'no swallowed errors',
    offenders: (files) => offendersIn(files, /\bcatch(?:\s*\([^)]*\))?\s*\{\s*\}|\.catch\(\(\)\s*=>\s*\{\s*\}\)/),
    bad: { 'src/model/side.ts': 'try { go() } catch {}' },
  },
  {
    name: 'no mocks',
    offenders: (files) => offendersIn(tests(files), /\bvi\.(?:mock|doMock|fn|spyOn|stub|useFakeTimers)/),
    bad: { 'src/risk/risk-guard.test.ts': 'const clock = vi.fn()' },
  },
  {
    name: 'every test runs',
    offenders: (files) => offendersIn(tests(files), /\b(?:test|it|describe)\.(?:only|todo|skip)\(/),
    bad: { 'src/risk/risk-guard.test.ts': "test.only('this one', () => undefined)" },
  },
  {
    name: 'file names are kebab-case and say what is in them',
    offenders: (files) => files.filter(badName).map(({ path }) => `${path}:1: name`),
    bad: { 'src/model/utils.ts': header },
  },
  {
    name: 'a file begins with what it is for',
    offenders: (files) =>
      notTests(inSource(files))
        .filter(({ lines }) => !/^(?:#!.*\n)?\/(?:\*\*|\/)/.test(lines.slice(0, 2).join('\n')))
        .map(({ path }) => `${path}:1: no header`),
    bad: { 'src/model/side.ts': 'export const side = 1' },
  },
  {
    name: `lines have at most ${maxColumns} columns`,
    offenders: (files) => files.flatMap(tooWide),
    bad: { 'src/model/side.ts': `// ${'x'.repeat(maxColumns)}` },
  },
  {
    name: `functions have at most ${maxFunctionLines} lines`,
    offenders: (files) => notTests(files).flatMap(tooLong),
    bad: { 'src/model/side.ts': `export class Side {\n  #walk(\n    from: number,\n  ): void {\n${'    go()\n'.repeat(70)}  }\n}` },
  },
  {
    name: 'no loose ends and no issue numbers',
    offenders: (files) => offendersIn(files, loose, 'lines'),
    bad: { 'src/model/side.ts': '// See \u002312.' },
  },
  {
    name: 'only main.ts, compose.ts and this file stand at the top',
    offenders: (files) =>
      inSource(files)
        .filter(({ path }) => !isInFolder(path) && !topFiles.has(path) && path !== 'src/tidy.test.ts')
        .map(({ path }) => `${path}:1: at the top`),
    bad: { 'src/side.ts': header },
  },
  {
    name: 'every folder has its place in the chain',
    offenders: (files) =>
      inSource(files)
        .filter(({ path }) => isInFolder(path) && !chain.includes(folderOf(path)))
        .map(({ path }) => `${path}:1: its folder has no place in the chain`),
    bad: { 'src/misc/side.ts': header },
  },
  {
    name: 'every file is used',
    offenders: deadFiles,
    bad: {
      'src/main.ts': "const load = () => import('./cli/run.ts')",
      'src/cli/run.ts': header,
      'src/model/side.ts': header,
      'src/model/side.test.ts': "import { side } from './side.ts'",
    },
  },
  {
    name: 'every monitor rule and every checker is registered',
    offenders: unregistered,
    bad: {
      'src/monitor/rules/no-entry.ts': header,
      'src/monitor/rules/no-entry.test.ts': "import { NoEntry } from './no-entry.ts'",
    },
  },
]

/** Generated or foreign code is not under these folders. */
function treeFiles(): Source[] {
  const filesUnder = (folder: string): string[] => readdirSync(join(repoRoot, folder), { recursive: true, encoding: 'utf8' })
  const paths = ['src', 'campaigns', 'fixtures', 'bench'].flatMap((folder) => filesUnder(folder).map((path) => join(folder, path)))
  return [...paths, 'vitest.config.ts']
    .filter((path) => path.endsWith('.ts'))
    .map((path) => source(path, readFileSync(join(repoRoot, path), 'utf8')))
}

const tree = treeFiles()

describe('the tree', () => {
  test.for(rules)('$name', ({ offenders }) => {
    expect(offenders(tree)).toEqual([])
  })

  test('every seam and every long function on the lists still exists', () => {
    const paths = new Set(tree.map((file) => file.path))
    const listed = [...Object.keys(seams), ...Object.keys(longFunctions).map((name) => name.split(': ')[0] ?? '')]
    expect(listed.filter((path) => !paths.has(path))).toEqual([])
  })
})

describe('a rule finds its offender', () => {
  test.for(rules)('$name', ({ offenders, bad }) => {
    expect(offenders(Object.entries(bad).map(([path, text]) => source(path, text)))).toHaveLength(1)
  })
})

test('comments, strings and type imports are no offence, and lines keep their numbers', () => {
  const text = `/** Date.now() is not for here. */
import { type Clock } from '../clock/clock.ts'
const say = 'Math.random() and console.log'
const pattern = /'console.log("/
/* new Date()
   spans lines */ const time = clock.nowMs() // performance.now()
`
  const file = source('src/engine/live-runner.ts', text)
  expect(file.code[4]?.trim()).toBe('')
  expect(file.code[5]?.trim()).toBe('const time = clock.nowMs()')
  expect(file.imports).toEqual([{ path: '../clock/clock.ts', line: 2, isTypeOnly: false }])
  const found = rules.flatMap(({ offenders }) => offenders([file]))
  expect(found).toEqual(['src/engine/live-runner.ts:1: nothing uses it'])
})
