import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { OperatingError } from '../base/error.ts'
import { SystemClock } from '../clock/system-clock.ts'
import { Committer } from './committer.ts'
import { Journal, seqOf } from './journal.ts'
import { LogFile, type AppendBytes, type LogFileOptions } from './log-file.ts'
import type { Changes, StateStore } from './state-store.ts'

let folder: string
let tableCount = 0

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'longhaul-committer-'))
})

afterAll(() => rmSync(folder, { recursive: true }))

class Killed extends Error {}

/** Keeps what is committed, and looks at what the log held when it was asked to. */
class ObservedStore implements StateStore {
  readonly kind = 'embedded'
  readonly state = new Map<string, string>()
  readonly logBefore: string[] = []
  readonly keysAsked: string[][] = []
  readonly #readLog: () => string
  /** How the next commits end: `lost` dies before it is made, `made` after. All further ones succeed. */
  ends: ('unavailable' | 'answer-lost' | 'fenced' | 'defect' | 'lost' | 'made')[] = []
  underWay = 0
  maxUnderWay = 0

  constructor(readLog: () => string) {
    this.#readLog = readLog
  }

  open(): Promise<ReadonlyMap<string, string>> {
    return Promise.resolve(new Map(this.state))
  }

  async commit({ set, remove }: Changes): Promise<void> {
    this.logBefore.push(this.#readLog())
    this.keysAsked.push([...Object.keys(set), ...remove].filter((key) => key !== 'outbox' && key !== 'next-seq'))
    this.maxUnderWay = Math.max(this.maxUnderWay, ++this.underWay)
    await new Promise((resolve) => setImmediate(resolve))
    this.underWay--
    const end = this.ends.shift()
    if (end === 'unavailable') throw new OperatingError('STORE_UNAVAILABLE', 'no answer', { hint: 'none' })
    if (end === 'fenced') throw new OperatingError('STORE_FENCED', 'another engine has the lease', { hint: 'none' })
    if (end === 'defect') throw new TypeError('a defect of the store')
    if (end === 'lost') throw new Killed()
    for (const key of remove) this.state.delete(key)
    for (const [key, value] of Object.entries(set)) this.state.set(key, value)
    if (end === 'made') throw new Killed()
    if (end === 'answer-lost') throw new OperatingError('STORE_UNAVAILABLE', 'Connection is closed.', { hint: 'none' })
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}

/** A part of the engine that keeps its state under its own keys. */
class Register {
  readonly #changes = new Map<string, string | null>()

  put(key: string, value: string | null): void {
    this.#changes.set(key, value)
  }

  takeChanges(): Changes {
    const set: Record<string, string> = {}
    const remove: string[] = []
    for (const [key, value] of this.#changes) {
      if (value === null) remove.push(key)
      else set[key] = value
    }
    this.#changes.clear()
    return { set, remove }
  }
}

/** Committer, journal and files over one store; `restart` makes all but the store and the files anew. */
class Table {
  readonly #prefix = join(folder, `${++tableCount}-`)
  readonly store = new ObservedStore(() => this.log())
  register = new Register()
  /** Of the disk under trading.log. */
  roomBytes = Infinity
  journal!: Journal
  committer!: Committer

  constructor() {
    this.restart()
  }

  restart(): void {
    const file = (name: string, options?: LogFileOptions): LogFile => new LogFile(`${this.#prefix}${name}.log`, options)
    const trading = file('trading', { isSole: true, disk: this.#disk })
    const clock = new SystemClock()
    this.journal = new Journal({ application: file('application'), trading, metrics: file('metrics') }, clock)
    this.register = new Register()
    this.committer = new Committer({ store: this.store, clock, journal: this.journal, sources: [this.register] })
    this.committer.recover(new Map(this.store.state))
  }

  readonly #disk = (append: AppendBytes): AppendBytes => {
    return (descriptor, bytes) => {
      const takenBytes = Math.min(this.roomBytes, bytes.length)
      if (takenBytes === 0) throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
      this.roomBytes -= takenBytes
      return append(descriptor, bytes.subarray(0, takenBytes))
    }
  }

  say(text: string): void {
    this.journal.trading({ event: 'balances-stated', balances: [], openTrades: 0, realisedKrw: text })
  }

  log(name = 'trading'): string {
    this.journal.flush()
    return readFileSync(`${this.#prefix}${name}.log`, 'utf8')
  }

  /** The numbers of trading.log's lines, and what each says. */
  lines(): [seq: number, text: string][] {
    return this.log()
      .split('\n')
      .filter(Boolean)
      .map((line) => [seqOf(line), (JSON.parse(line) as { realisedKrw: string }).realisedKrw])
  }

  tear(text: string): void {
    appendFileSync(`${this.#prefix}trading.log`, text)
  }

  troubles(): number {
    return this.log('application')
      .split('\n')
      .filter((line) => line.includes('store-troubled')).length
  }
}

describe('a commit', () => {
  test('is made before its lines are in the log', async () => {
    const table = new Table()
    table.register.put('trade:T1', '"open"')
    table.say('first')
    expect(await table.committer.commit()).toBe(true)
    expect(table.store.logBefore).toEqual([''])
    expect(table.lines()).toEqual([[1, 'first']])
    expect(Object.fromEntries(table.store.state)).toMatchObject({ 'trade:T1': '"open"', 'next-seq': '2', outbox: table.log() })
  })

  test('of nothing asks the store for nothing', async () => {
    const table = new Table()
    expect(await table.committer.commit()).toBe(true)
    expect(table.store.logBefore).toEqual([])
  })

  test('carries what has changed since the last one that was made, and no more', async () => {
    const table = new Table()
    table.register.put('a', '1')
    await table.committer.commit()
    table.register.put('b', '1')
    table.register.put('a', null)
    await table.committer.commit()
    expect(table.store.keysAsked).toEqual([['a'], ['b', 'a']])
  })

  test('waits for the one before it', async () => {
    const table = new Table()
    const commits = ['one', 'two', 'three'].map((text) => {
      table.register.put('word', JSON.stringify(text))
      table.say(text)
      return table.committer.commit()
    })
    expect(await Promise.all(commits)).toEqual([true, true, true])
    expect(table.store.maxUnderWay).toBe(1)
    expect(table.lines()).toEqual([
      [1, 'one'],
      [2, 'two'],
      [3, 'three'],
    ])
  })
})

describe('a store that does not answer', () => {
  test('makes a commit fail, and the next one carries all of it', async () => {
    const table = new Table()
    table.store.ends = ['unavailable', 'unavailable']
    table.register.put('a', '1')
    table.register.put('b', '1')
    table.say('first')
    expect(await table.committer.commit()).toBe(false)
    expect([table.committer.isHealthy, table.log()]).toEqual([false, ''])
    table.register.put('b', null)
    table.say('second')
    expect(await table.committer.commit()).toBe(false)
    expect(await table.committer.commit()).toBe(true)
    expect(table.committer.isHealthy).toBe(true)
    expect(table.lines()).toEqual([
      [1, 'first'],
      [2, 'second'],
    ])
    expect([table.store.state.get('a'), table.store.state.get('b'), table.store.state.get('next-seq')]).toEqual(['1', undefined, '3'])
  })

  test('and has stored the commit all the same: the next one carries it again, and nothing is doubled', async () => {
    const table = new Table()
    table.store.ends = ['answer-lost']
    table.register.put('a', '1')
    table.say('first')
    expect(await table.committer.commit()).toBe(false)
    expect(table.store.state.get('a')).toBe('1')
    table.say('second')
    expect(await table.committer.commit()).toBe(true)
    expect(table.lines()).toEqual([
      [1, 'first'],
      [2, 'second'],
    ])
    expect(table.store.state.get('next-seq')).toBe('3')
  })

  test('is told once, and again at the next outage', async () => {
    const table = new Table()
    table.store.ends = ['unavailable', 'unavailable']
    table.say('first')
    await table.committer.commit()
    await table.committer.commit()
    expect(table.troubles()).toBe(1)
    await table.committer.commit()
    table.store.ends = ['unavailable']
    table.say('second')
    await table.committer.commit()
    expect(table.troubles()).toBe(2)
  })
})

test.each([
  ['another engine has taken the lease', 'fenced', 'STORE_FENCED'],
  ['the store has a defect', 'defect', undefined],
] as const)('%s: that goes up, and even so nothing is forgotten', async (_name, end, code) => {
  const table = new Table()
  table.store.ends = [end]
  table.register.put('a', '1')
  table.say('first')
  await expect(table.committer.commit()).rejects.toMatchObject(code === undefined ? { name: 'TypeError' } : { code })
  expect(table.log()).toBe('')
  table.say('second')
  expect(await table.committer.commit()).toBe(true)
  expect(table.lines()).toEqual([
    [1, 'first'],
    [2, 'second'],
  ])
  expect(table.store.state.get('a')).toBe('1')
})

describe('a full disk', () => {
  test('makes a commit false whose lines it does not take, and nothing more is stored until it has room', async () => {
    const table = new Table()
    table.roomBytes = 10
    table.say('first')
    expect(await table.committer.commit()).toBe(false)
    expect(table.committer.isHealthy).toBe(false)
    const outbox = table.store.state.get('outbox')
    table.say('second')
    expect(await table.committer.commit()).toBe(false)
    expect(table.store.state.get('outbox')).toBe(outbox)
    table.roomBytes = Infinity
    expect(await table.committer.commit()).toBe(true)
    expect(table.committer.isHealthy).toBe(true)
    expect(table.lines()).toEqual([
      [1, 'first'],
      [2, 'second'],
    ])
  })

  test('is over once its lines are written, though nothing else is to be stored', async () => {
    const table = new Table()
    table.roomBytes = 0
    table.say('first')
    expect(await table.committer.commit()).toBe(false)
    table.roomBytes = Infinity
    expect(await table.committer.commit()).toBe(true)
    expect(table.committer.isHealthy).toBe(true)
  })

  test('is told when it begins and when it is over', async () => {
    const table = new Table()
    table.roomBytes = 0
    table.say('first')
    await table.committer.commit()
    await table.committer.commit()
    table.roomBytes = Infinity
    await table.committer.commit()
    const told = table.log('application').split('\n').filter(Boolean)
    expect(told.map((line) => (JSON.parse(line) as { event: string }).event)).toEqual(['log-troubled', 'log-recovered'])
  })
})

describe('recovery', () => {
  test('writes the lines that were stored and not yet logged, once', async () => {
    const table = new Table()
    table.say('first')
    await table.committer.commit()
    table.say('second')
    table.say('third')
    table.store.ends = ['made']
    await expect(table.committer.commit()).rejects.toThrow(Killed)
    expect(table.lines()).toEqual([[1, 'first']])
    table.restart()
    expect(table.lines()).toEqual([
      [1, 'first'],
      [2, 'second'],
      [3, 'third'],
    ])
    table.restart()
    expect(table.lines()).toHaveLength(3)
    table.say('fourth')
    await table.committer.commit()
    expect(table.lines()[3]).toEqual([4, 'fourth'])
  })

  test('ends a line that the killed engine had begun', async () => {
    const table = new Table()
    table.say('first')
    table.say('second')
    table.store.ends = ['made']
    await expect(table.committer.commit()).rejects.toThrow(Killed)
    const [line = ''] = (table.store.state.get('outbox') ?? '').split('\n')
    table.tear(`${line}\n${line.slice(0, 20)}`)
    table.restart()
    expect(table.lines()).toEqual([
      [1, 'first'],
      [2, 'second'],
    ])
  })

  test('forgets what was never stored, its numbers too', async () => {
    const table = new Table()
    table.say('first')
    await table.committer.commit()
    table.say('lost')
    table.store.ends = ['lost']
    await expect(table.committer.commit()).rejects.toThrow(Killed)
    table.restart()
    table.say('second')
    await table.committer.commit()
    expect(table.lines()).toEqual([
      [1, 'first'],
      [2, 'second'],
    ])
  })

  test('wherever it is killed and however often: numbers without a gap, state and log that agree', async () => {
    const troubles = fc.constantFrom('unavailable' as const, 'answer-lost' as const, 'lost' as const, 'made' as const)
    const ends = fc.option(troubles, { freq: 3, nil: 'well' as const })
    const rooms = fc.option(fc.nat(300), { freq: 3, nil: Infinity })
    const step = fc.record({ lines: fc.integer({ min: 0, max: 3 }), end: ends, roomBytes: rooms })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        const table = new Table()
        let count = 0
        for (const { lines, end, roomBytes } of steps) {
          table.roomBytes = roomBytes
          table.store.ends = end === 'well' ? [] : [end]
          for (let i = 0; i < lines; i++) table.say(String(++count))
          table.register.put('count', String(count))
          try {
            await table.committer.commit()
          } catch (error) {
            if (!(error instanceof Killed)) throw error
            table.restart()
            count = Number(table.store.state.get('count') ?? 0)
          }
        }
        table.store.ends = []
        table.roomBytes = Infinity
        table.register.put('count', String(count))
        await table.committer.commit()
        expect(table.lines()).toEqual(Array.from({ length: count }, (_, index) => [index + 1, String(index + 1)]))
        expect(table.store.state.get('next-seq')).toBe(String(count + 1))
      }),
      { numRuns: 60 },
    )
  })
})
