/** Which symbols wait for a look, since when, and in which order. */

import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { InstrumentKey } from '../market-data/market-data-provider.ts'
import { QuoteQueue } from './quote-queue.ts'

const upbit = (code: string): InstrumentKey => ({ venue: 'upbit', code })
const binance = (code: string): InstrumentKey => ({ venue: 'binance', code })
/** Two symbols share an instrument, as KRW-BTC and BTCUSDT do. */
const routes = [
  { symbol: 'KRW-BTC', a: upbit('KRW-BTC'), b: binance('BTCUSDT') },
  { symbol: 'BTCUSDT', a: binance('BTCUSDT'), b: upbit('USDT-BTC') },
  { symbol: 'KRW-ETH', a: upbit('KRW-ETH'), b: binance('ETHUSDT') },
]
const instruments = [...routes.flatMap(({ a, b }) => [a, b]), upbit('KRW-USDT')]

test('a quote marks every symbol that has the instrument, and one without a symbol marks none', () => {
  const queue = new QuoteQueue(routes)
  queue.add(upbit('KRW-USDT'), 1)
  expect(queue.depth).toBe(0)
  queue.add(binance('BTCUSDT'), 2)
  expect([...queue.symbols()]).toEqual(['KRW-BTC', 'BTCUSDT'])
})

test('the same code on the other venue is another instrument', () => {
  const queue = new QuoteQueue(routes)
  queue.add(binance('KRW-BTC'), 1)
  expect(queue.depth).toBe(0)
})

test('a symbol that waits keeps its place and its first arrival; the newest is known too', () => {
  const queue = new QuoteQueue(routes)
  const coalesced = [queue.add(upbit('KRW-BTC'), 1.5), queue.add(upbit('KRW-ETH'), 2), queue.add(binance('BTCUSDT'), 3)]
  // The last of them found KRW-BTC waiting, and BTCUSDT not.
  expect(coalesced).toEqual([0, 0, 1])
  expect([...queue.symbols()]).toEqual(['KRW-BTC', 'KRW-ETH', 'BTCUSDT'])
  expect(queue.take('KRW-BTC')).toEqual({ firstMs: 1.5, newestMs: 3 })
  expect(queue.take('KRW-BTC')).toBeNull()
})

test('a symbol that is taken and changes again stands at the end', () => {
  const queue = new QuoteQueue(routes)
  queue.add(upbit('KRW-BTC'), 1)
  queue.add(upbit('KRW-ETH'), 2)
  queue.take('KRW-BTC')
  queue.add(upbit('KRW-BTC'), 3)
  expect([...queue.symbols()]).toEqual(['KRW-ETH', 'KRW-BTC'])
})

test('symbols can be taken while they are read', () => {
  const queue = new QuoteQueue(routes)
  for (const instrument of instruments) queue.add(instrument, 1)
  const seen: string[] = []
  for (const symbol of queue.symbols()) {
    seen.push(symbol)
    queue.take(symbol)
  }
  expect([seen, queue.depth]).toEqual([['KRW-BTC', 'BTCUSDT', 'KRW-ETH'], 0])
})

type Step = { isTake: boolean; index: number }

test('agrees with a list that is searched from the start', () => {
  const step: fc.Arbitrary<Step> = fc.record({ isTake: fc.boolean(), index: fc.nat(instruments.length - 1) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const queue = new QuoteQueue(routes)
      const model: { symbol: string; firstMs: number; newestMs: number }[] = []
      for (const [atMs, { isTake, index }] of steps.entries()) {
        if (isTake) {
          const symbol = routes[index % routes.length]!.symbol
          const at = model.findIndex((waiting) => waiting.symbol === symbol)
          const [expected] = at < 0 ? [] : model.splice(at, 1)
          expect(queue.take(symbol)).toEqual(expected === undefined ? null : { firstMs: expected.firstMs, newestMs: expected.newestMs })
          continue
        }
        const changed = instruments[index]!
        let coalesced = 0
        for (const { symbol, a, b } of routes) {
          if (![a, b].some(({ venue, code }) => venue === changed.venue && code === changed.code)) continue
          const waiting = model.find((candidate) => candidate.symbol === symbol)
          if (waiting) {
            coalesced++
            waiting.newestMs = atMs
          } else model.push({ symbol, firstMs: atMs, newestMs: atMs })
        }
        expect(queue.add(changed, atMs)).toBe(coalesced)
        expect([...queue.symbols()]).toEqual(model.map(({ symbol }) => symbol))
      }
    }),
  )
})
