import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { OperatingError } from '../base/error.ts'
import { loadConfig, type Override, overridable, overridesFromEnvironment } from './load.ts'

let folder: string
let fileCount = 0

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'longhaul-load-'))
})

afterAll(() => rmSync(folder, { recursive: true }))

const sound = 'scenario: T1\nsymbols: [KRW-BTC, KRW-ETH]\nduration_minutes: 3\n'

function fileWith(text: string): string {
  const file = join(folder, `${++fileCount}.yaml`)
  writeFileSync(file, text)
  return file
}

/** The message, with the folder left out. */
function refusal(text: string, overrides: readonly Override[] = []): string {
  const file = fileWith(text)
  try {
    loadConfig(file, overrides)
  } catch (error) {
    expect(error).toBeInstanceOf(OperatingError)
    const { code, message, hint } = error as OperatingError
    expect(code).toBe('CONFIG_INVALID')
    expect(hint).not.toBe('')
    return message.replaceAll(file, 'a.yaml')
  }
  return 'accepted'
}

function hashOf(text: string, overrides: readonly Override[] = []): string {
  return loadConfig(fileWith(text), overrides).hash
}

test.each(readdirSync(join(import.meta.dirname, '../../configs')).filter((name) => name.endsWith('.yaml')))(
  'configs/%s is sound',
  (name) => {
    expect(loadConfig(join(import.meta.dirname, '../../configs', name)).config.symbols.length).toBeGreaterThan(0)
  },
)

test('fills in what is left out', () => {
  const { config } = loadConfig(fileWith(sound))
  expect(config).toMatchObject({ mode: 'paper', pace: 'max', loop: { intervalMs: 1000 }, risk: { dailyResetTimeZone: 'Asia/Seoul' } })
})

test('addresses are kept without the slash at their end', () => {
  const { loopback } = loadConfig(fileWith(`${sound}loopback: { upbitUrl: http://127.0.0.1:1/, binanceUrl: http://localhost:2 }\n`)).config
  expect(loopback).toMatchObject({ upbitUrl: 'http://127.0.0.1:1', binanceUrl: 'http://localhost:2' })
})

test.each([
  ['simulated', 'max'],
  ['tape', 'max'],
  ['loopback', '1x'],
  ['live', '1x'],
])('a %s market runs at %s where no pace is given', (market, pace) => {
  expect(loadConfig(fileWith(`${sound}market: ${market}\n`)).config.pace).toBe(pace)
})

describe('what is wrong is said with file, line, key and what was expected', () => {
  test.each([
    ['an unknown key', `${sound}durationMinutes: 3\n`, 'a.yaml:4: `durationMinutes`: is not a key that is known here'],
    [
      'an unknown key further in',
      `${sound}loop:\n  intervalMs: 500\n  everyMs: 1\n`,
      'a.yaml:6: `loop.everyMs`: is not a key that is known here',
    ],
    ['a negative duration', sound.replace(': 3', ': -3'), 'a.yaml:3: `duration_minutes`: too small: expected number to be >0'],
    [
      'a word for a number',
      sound.replace(': 3', ': three'),
      'a.yaml:3: `duration_minutes`: invalid input: expected number, received string',
    ],
    ['a key left out', 'scenario: T1\nduration_minutes: 3\n', 'a.yaml:1: `symbols`: invalid input: expected array, received undefined'],
    ['one of a list', sound.replace('KRW-ETH', 'krw/eth'), 'a.yaml:2: `symbols.1`: expected a symbol such as KRW-BTC or BTCUSDT'],
    ['a symbol twice', sound.replace('KRW-ETH', 'KRW-BTC'), 'a.yaml:2: `symbols`: a symbol is listed twice'],
    ['a pace', `${sound}pace: fast\n`, 'a.yaml:4: `pace`: expected max, or a number of times such as 60x'],
    ['live trading', `${sound}mode: live\n`, 'a.yaml:4: `mode`: invalid input: expected "paper"'],
    [
      'a pace on a market in real time',
      `${sound}market: loopback\npace: 60x\n`,
      'a.yaml:5: `pace`: expected 1x or nothing: a loopback market runs in real time, was 60x',
    ],
    [
      'a pace on live venues',
      `${sound}pace: max\nmarket: live\n`,
      'a.yaml:4: `pace`: expected 1x or nothing: a live market runs in real time, was max',
    ],
    [
      'quotes as a trigger where none are pushed',
      `${sound}loop:\n  trigger: quote\n`,
      'a.yaml:5: `loop.trigger`: expected interval: without data_source ws, quotes change only when the loop asks for them',
    ],
    ['a trigger', `${sound}loop: { trigger: tick }\n`, 'a.yaml:4: `loop.trigger`: invalid option: expected one of "interval"|"quote"'],
    ['a data source', `${sound}data_source: http\n`, 'a.yaml:4: `data_source`: invalid option: expected one of "rest"|"ws"'],
    ['a market', `${sound}market: paper\n`, 'a.yaml:4: `market`: invalid option: expected one of "simulated"|"tape"|"loopback"|"live"'],
    ['one server of two', `${sound}loopback:\n  upbitUrl: http://127.0.0.1:1\n`, 'a.yaml:4: `loopback`: expected both addresses or none'],
    [
      'a server that is no address',
      `${sound}loopback:\n  upbitUrl: http://127.0.0.1:1\n  binanceUrl: nowhere\n`,
      'a.yaml:6: `loopback.binanceUrl`: expected an address such as http://127.0.0.1:8102, with no path',
    ],
    [
      'an address with a path',
      `${sound}live:\n  upbit:\n    restUrl: https://api.upbit.com/v1\n`,
      'a.yaml:6: `live.upbit.restUrl`: expected an address such as https://api.upbit.com, with no path',
    ],
    [
      'an address of another protocol',
      `${sound}live:\n  binance:\n    streamUrl: https://stream.binance.com:9443\n`,
      'a.yaml:6: `live.binance.streamUrl`: expected an address such as wss://stream.binance.com:9443, with no path',
    ],
    [
      'recorded books without their folder',
      `${sound}tape:\n  format: books\n`,
      'a.yaml:4: `tape.folder`: invalid input: expected string, received undefined',
    ],
    [
      'recorded books with an exchange rate',
      `${sound}tape:\n  format: books\n  folder: reports/tape\n  usdKrw: 1300\n`,
      'a.yaml:7: `tape.usdKrw`: is not a key that is known here',
    ],
    [
      'a clock that may be off by less than nothing',
      `${sound}venues:\n  maxClockOffsetMs: 0\n`,
      'a.yaml:5: `venues.maxClockOffsetMs`: too small: expected number to be >=1',
    ],
    [
      'a budget of no time',
      `${sound}budgets:\n  maxQuoteToDecisionP99Ms: 0\n`,
      'a.yaml:5: `budgets.maxQuoteToDecisionP99Ms`: too small: expected number to be >0',
    ],
    ['nothing', '', 'a.yaml:1: expected keys such as scenario, symbols and duration_minutes, found nothing'],
    ['a list', '- scenario\n', 'a.yaml:1: expected keys such as scenario, symbols and duration_minutes, found object'],
    ['a key twice', `${sound}scenario: T2\n`, 'a.yaml:4: Map keys must be unique'],
    ['no YAML', `${sound}loop: [1, 2\n`, 'a.yaml:5: Flow sequence in block collection must be sufficiently indented and end with a ]'],
  ])('%s', (_name, text, message) => {
    expect(refusal(text)).toBe(message)
  })

  test('several at once, one a line', () => {
    expect(refusal(`${sound.replace(': 3', ': -3')}seed: -1\nspeed: 1\n`).split('\n')).toEqual([
      'a.yaml:3: `duration_minutes`: too small: expected number to be >0',
      'a.yaml:4: `seed`: too small: expected number to be >=0',
      'a.yaml:5: `speed`: is not a key that is known here',
    ])
  })

  test('a small file that unfolds into a huge one', () => {
    const layers = Array.from({ length: 12 }, (_, index) => `a${index + 1}: &a${index + 1} [${Array(9).fill(`*a${index}`).join(', ')}]`)
    expect(refusal(`${sound}a0: &a0 [x]\n${layers.join('\n')}\n`)).toMatch(/^a\.yaml: .*alias/i)
  })

  test.each<[string, string, string | RegExp]>([
    ['a NUL byte', `${sound}title: a\0b\n`, /./],
    ['another encoding', Buffer.from(sound, 'utf16le').toString('latin1'), /^a\.yaml:\d+: /],
    // Each is held against all others: where nothing bounds that, two minutes.
    ['eighty thousand keys', Array.from({ length: 80_000 }, (_, index) => `k${index}: 1\n`).join(''), /^a\.yaml:1: too many keys/],
    ['lists in lists', `${sound}budgets: ${'['.repeat(20_000)}\n`, /^a\.yaml(:\d+)?: /],
    ['maps in maps', `${sound}budgets: ${'{a: '.repeat(20_000)}\n`, /^a\.yaml(:\d+)?: /],
    ['lists in lists by indent', `${sound}budgets:\n${'- '.repeat(20_000)}x\n`, /^a\.yaml(:\d+)?: /],
    [
      'a text of a megabyte',
      `${sound}title: ${'x'.repeat(1_000_000)}\n`,
      'a.yaml:4: `title`: too big: expected string to have <=120 characters',
    ],
    ['an alias of itself', `${sound}budgets: &a [*a]\n`, /^a\.yaml(:\d+)?: /],
    ['__proto__', `${sound}__proto__: { mode: live }\n`, 'a.yaml:4: `__proto__`: is not a key that is known here'],
    [
      '__proto__ further in',
      `${sound}redis: { __proto__: { mode: off } }\n`,
      'a.yaml:4: `redis.__proto__`: is not a key that is known here',
    ],
    ['a tag that makes code', `${sound}title: !!js/function 'function () {}'\n`, /./],
    ['a merge key', `${sound}<<: { mode: live }\n`, 'a.yaml:4: `<<`: is not a key that is known here'],
    [
      'a password',
      `${sound}redis: { url: 'redis://:planted@127.0.0.1' }\n`,
      'a.yaml:4: `redis.url`: expected an address without user, password and options: REDIS_URL may hold them',
    ],
  ])('%s', (_name, text, message) => {
    expect(refusal(text)).toMatch(message)
  })

  test('a byte order mark is none of the first key', () => {
    expect(refusal(`\uFEFF${sound}`)).toBe('accepted')
  })

  test('whatever stands in a file, it is taken or refused with the file’s name', () => {
    const whole = readFileSync(join(import.meta.dirname, '../../configs/chaos.yaml'))
    const places = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.constantFrom(...Buffer.from('\0\t\n -:?[]{}&*!|>%@`"\'#,0aé'))), {
      minLength: 1,
      maxLength: 8,
    })
    fc.assert(
      fc.property(places, (changes) => {
        const bytes = Buffer.from(whole)
        for (const [place, byte] of changes) bytes[place] = byte
        expect(refusal(bytes.toString('utf8'))).toMatch(/^(accepted$|a\.yaml)/)
      }),
      { numRuns: 300 },
    )
  })

  test('a file larger than any config', () => {
    expect(refusal(`${sound}#${' '.repeat(1024 * 1024)}`)).toBe('a.yaml: larger than 1048576 bytes')
  })

  test('no file', () => {
    expect(() => loadConfig(join(folder, 'none.yaml'))).toThrow(expect.objectContaining({ code: 'CONFIG_NOT_FOUND' }) as Error)
  })

  test('a folder, or a device that has no size and no end', () => {
    for (const path of [folder, '/dev/zero']) expect(() => loadConfig(path)).toThrow(`cannot read the config ${path}: not a file`)
  })
})

describe('overrides', () => {
  test('take the place of what the file says, the last one of all', () => {
    const seeds = [1, 2].map((value): Override => ({ source: `source ${value}`, path: ['seed'], value }))
    const mode: Override = { source: '--redis', path: ['redis', 'mode'], value: 'off' }
    const { config } = loadConfig(fileWith(`${sound}seed: 7\nredis:\n  keyPrefix: own\n`), [...seeds, mode])
    expect([config.seed, config.redis.mode, config.redis.keyPrefix]).toEqual([2, 'off', 'own'])
  })

  test.each<[string, Override[], string]>([
    ['a value', [{ source: '--seed', path: ['seed'], value: 'x' }], '--seed: `seed`: invalid input: expected number, received string'],
    [
      'one of a list',
      [{ source: '--symbols', path: ['symbols'], value: ['KRW-BTC', '?'] }],
      '--symbols: `symbols.1`: expected a symbol such as KRW-BTC or BTCUSDT',
    ],
    [
      'a key further in',
      [{ source: '--redis', path: ['redis', 'mode'], value: 'on' }],
      '--redis: `redis.mode`: invalid option: expected one of "auto"|"private"|"url"|"off"',
    ],
    [
      'the one in force, of two',
      [
        { source: 'LONGHAUL_SEED', path: ['seed'], value: 1 },
        { source: '--seed', path: ['seed'], value: -1 },
      ],
      '--seed: `seed`: too small: expected number to be >=0',
    ],
  ])('that are wrong are named by their source: %s', (_name, overrides, message) => {
    expect(refusal(sound, overrides)).toBe(message)
  })

  test('are not blamed for a key of the file that only begins like theirs', () => {
    expect(refusal(`${sound}seeds: 1\n`, [{ source: '--seed', path: ['seed'], value: 1 }])).toBe(
      'a.yaml:4: `seeds`: is not a key that is known here',
    )
  })

  test('come from the environment by name, in their kind', () => {
    const found = overridesFromEnvironment({
      LONGHAUL_SYMBOLS: 'KRW-BTC, KRW-ETH',
      LONGHAUL_SEED: '7',
      LONGHAUL_PACE: '60x',
      LONGHAUL_MARKET: '',
      SEED: '8',
    })
    expect(found).toEqual([
      { source: 'LONGHAUL_SYMBOLS', path: ['symbols'], value: ['KRW-BTC', 'KRW-ETH'] },
      { source: 'LONGHAUL_PACE', path: ['pace'], value: '60x' },
      { source: 'LONGHAUL_SEED', path: ['seed'], value: 7 },
    ])
  })

  test('that are no number stay text, for the schema to name', () => {
    const found = overridesFromEnvironment({ LONGHAUL_DURATION_MINUTES: '5 minutes' })
    expect(refusal(sound, found)).toBe('LONGHAUL_DURATION_MINUTES: `duration_minutes`: invalid input: expected number, received string')
  })

  test('name keys that exist', () => {
    for (const { path } of overridable) {
      const message = refusal(sound, [{ source: 'the test', path, value: { no: 'such value' } }])
      expect(message).not.toContain('is not a key that is known here\n')
      expect(message).toMatch(new RegExp(`^the test: \`${path.join('.')}\`: `))
    }
  })
})

describe('the hash', () => {
  test('is that of what is run: order, comments and defaults written out change nothing', () => {
    const hash = hashOf(sound)
    expect(hash).toMatch(/^[0-9a-f]{64}$/)
    expect(hashOf(`# a comment\n${sound.split('\n').toReversed().join('\n')}`)).toBe(hash)
    expect(hashOf(`${sound}mode: paper\nseed: 62\n`)).toBe(hash)
  })

  test('changes with any value, also with one from an override', () => {
    const seed: Override = { source: '--seed', path: ['seed'], value: 63 }
    expect(new Set([hashOf(sound), hashOf(`${sound}loop: {intervalMs: 999}\n`), hashOf(sound, [seed])]).size).toBe(3)
    expect(hashOf(sound, [seed])).toBe(hashOf(`${sound}seed: 63\n`))
  })
})
