import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { VirtualClock } from '../clock/virtual-clock.ts'
import type { Body, TradingEvent } from '../model/event.ts'
import { Journal, seqOf } from './journal.ts'
import { LogFile } from './log-file.ts'

let folder: string
let journalCount = 0

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'longhaul-journal-'))
})

afterAll(() => rmSync(folder, { recursive: true }))

function newJournal(prefix = join(folder, `${++journalCount}-`)) {
  const clock = new VirtualClock({ startMs: 1_000_000, pace: null })
  const file = (name: string): LogFile => new LogFile(`${prefix}${name}.log`)
  const journal = new Journal({ application: file('application'), trading: file('trading'), metrics: file('metrics') }, clock)
  const textOf = (name: string): string => readFileSync(`${prefix}${name}.log`, 'utf8')
  return { clock, journal, textOf, prefix }
}

const stated: Body<TradingEvent> = { event: 'balances-stated', balances: [], openTrades: 0, realisedKrw: '0' }

test('lines carry the Clock’s time and their level, and nothing of the machine', async () => {
  const { clock, journal, textOf } = newJournal()
  journal.application({ event: 'store-troubled', code: 'STORE_UNAVAILABLE', message: 'no answer' }, 'warn')
  await clock.run(clock.sleepUntil(1_000_250))
  journal.application({ event: 'feed-recovered', symbol: 'KRW-BTC', staleForMs: 5 })
  journal.flush()
  expect(textOf('application')).toMatchInlineSnapshot(`
    "{"level":"warn","time":1000000,"event":"store-troubled","code":"STORE_UNAVAILABLE","message":"no answer"}
    {"level":"info","time":1000250,"event":"feed-recovered","symbol":"KRW-BTC","staleForMs":5}
    "
  `)
})

test('trading lines are numbered and wait for the commit that makes them true', () => {
  const { journal, textOf } = newJournal()
  journal.trading(stated)
  journal.trading(stated)
  journal.flush()
  expect(textOf('trading')).toBe('')
  const lines = journal.takeTradingLines()
  expect(lines.map(seqOf)).toEqual([1, 2])
  expect(journal.takeTradingLines()).toEqual([])
  expect(journal.nextSeq).toBe(3)
  journal.appendTradingLines(lines)
  expect(textOf('trading')).toMatchInlineSnapshot(`
    "{"level":"info","time":1000000,"event":"balances-stated","seq":1,"balances":[],"openTrades":0,"realisedKrw":"0"}
    {"level":"info","time":1000000,"event":"balances-stated","seq":2,"balances":[],"openTrades":0,"realisedKrw":"0"}
    "
  `)
})

test('an error is on disk at once; the rest when there is enough of it', () => {
  const { journal, textOf } = newJournal()
  journal.application({ event: 'feed-recovered', symbol: 'KRW-BTC', staleForMs: 5 })
  expect(textOf('application')).toBe('')
  journal.application({ event: 'engine-failed', message: 'gone', stack: 'at home' }, 'fatal')
  expect(textOf('application').split('\n')).toHaveLength(3)
})

test('the next journal over the same files knows where the numbers stopped', () => {
  const first = newJournal()
  expect(first.journal.takeTradingLogOver()).toBe(0)
  for (let i = 0; i < 3; i++) first.journal.trading(stated)
  first.journal.appendTradingLines(first.journal.takeTradingLines())
  first.journal.close()
  const second = newJournal(first.prefix)
  expect(second.journal.takeTradingLogOver()).toBe(3)
  second.journal.resumeAt(4)
  second.journal.trading(stated)
  expect(second.journal.takeTradingLines().map(seqOf)).toEqual([4])
})
