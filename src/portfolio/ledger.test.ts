import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Decimal } from '../base/decimal.ts'
import { SeededPrng } from '../base/prng.ts'
import type { Side, Venue } from '../model/instrument.ts'
import { type FillPosting, Ledger } from './ledger.ts'

const opening = [
  { venue: 'upbit', asset: 'KRW', amount: '100000000' },
  { venue: 'upbit', asset: 'BTC', amount: '2' },
  { venue: 'binance', asset: 'USDT', amount: '150000' },
  { venue: 'binance', asset: 'BTC', amount: '2' },
] as const

const buy: FillPosting = {
  venue: 'binance',
  side: 'buy',
  base: 'BTC',
  quote: 'USDT',
  quantity: Decimal.parse('0.5'),
  notional: Decimal.parse('50000'),
  feeAsset: 'BTC',
  fee: Decimal.parse('0.0005'),
}

function balancesAfter(...fills: FillPosting[]): string[] {
  const ledger = new Ledger(opening)
  for (const fill of fills) ledger.postFill(fill)
  return ledger.balances().map(({ venue, asset, amount }) => `${venue} ${asset} ${amount}`)
}

describe('a fill', () => {
  test('that buys with the fee in base moves base in and quote out', () => {
    expect(balancesAfter(buy)).toEqual(['binance BTC 2.4995', 'binance USDT 100000', 'upbit BTC 2', 'upbit KRW 100000000'])
  })

  test('that sells with the fee in quote moves base out and quote in', () => {
    const sell: FillPosting = {
      ...buy,
      venue: 'upbit',
      side: 'sell',
      quote: 'KRW',
      notional: Decimal.parse('75000000'),
      feeAsset: 'KRW',
      fee: Decimal.parse('37500'),
    }
    expect(balancesAfter(sell)).toEqual(['binance BTC 2', 'binance USDT 150000', 'upbit BTC 1.5', 'upbit KRW 174962500'])
  })

  test('that spends more than the wallet holds is our bug, and changes nothing', () => {
    const ledger = new Ledger(opening)
    const before = ledger.balances()
    expect(() => ledger.postFill({ ...buy, notional: Decimal.parse('150000.00000001') })).toThrow('binance would hold -0.00000001 USDT')
    expect(ledger.balances()).toEqual(before)
  })

  test('may spend the last unit', () => {
    expect(balancesAfter({ ...buy, notional: Decimal.parse('150000') })).toContain('binance USDT 0')
  })
})

test('an entry that does not sum to zero in every asset is our bug', () => {
  const ledger = new Ledger(opening)
  expect(() =>
    ledger.post([
      { account: 'upbit', asset: 'KRW', amount: Decimal.one },
      { account: 'market:upbit', asset: 'USDT', amount: Decimal.one.negate() },
    ]),
  ).toThrow('entry does not balance: 1 KRW left over')
})

test('an opening below zero is refused', () => {
  expect(() => new Ledger([{ venue: 'upbit', asset: 'KRW', amount: '-1' }])).toThrow('upbit would hold -1 KRW')
})

test('balances come in one order, however they were opened', () => {
  fc.assert(
    fc.property(fc.shuffledSubarray([...opening], { minLength: opening.length }), (shuffled) => {
      expect(new Ledger(shuffled).balances()).toEqual(new Ledger(opening).balances())
    }),
  )
})

/** Amounts of the model are whole units of 10^-16: both factors of a notional have eight digits. */
const modelScale = 16
const rich = 10n ** 32n

function units(whole: bigint, scale: number): Decimal {
  return Decimal.parse(`${whole}e-${scale}`)
}

interface RandomFill {
  venue: Venue
  side: Side
  quantity: bigint
  price: bigint
  fee: bigint
  isFeeInBase: boolean
}

/** Posts the fills, and adds them up a second time in bare bigints. */
function compareWithModel(fills: Iterable<RandomFill>): void {
  const wallets = ['upbit BTC', 'upbit KRW', 'binance BTC', 'binance KRW']
  const model = new Map(wallets.map((wallet) => [wallet, rich]))
  const paidFees = new Map(wallets.map((wallet) => [wallet, 0n]))
  const add = (map: Map<string, bigint>, key: string, amount: bigint): unknown => map.set(key, (map.get(key) ?? 0n) + amount)
  const ledger = new Ledger(
    wallets.map((wallet) => {
      const [venue, asset = ''] = wallet.split(' ')
      return { venue: venue as Venue, asset, amount: units(rich, modelScale).toString() }
    }),
  )
  for (const { venue, side, quantity, price, fee, isFeeInBase } of fills) {
    const feeAsset = isFeeInBase ? 'BTC' : 'KRW'
    const sign = side === 'buy' ? 1n : -1n
    add(model, `${venue} BTC`, sign * quantity * 10n ** 8n)
    add(model, `${venue} KRW`, -sign * quantity * price)
    add(model, `${venue} ${feeAsset}`, -fee * 10n ** 8n)
    add(paidFees, `${venue} ${feeAsset}`, fee * 10n ** 8n)
    const exactQuantity = units(quantity, 8)
    const notional = exactQuantity.multiply(units(price, 8))
    ledger.postFill({ venue, side, base: 'BTC', quote: 'KRW', quantity: exactQuantity, notional, feeAsset, fee: units(fee, 8) })
  }
  for (const [wallet, expected] of model) {
    const [venue, asset] = wallet.split(' ') as [Venue, string]
    expect(ledger.balance(venue, asset).toString()).toBe(units(expected, modelScale).toString())
    expect(ledger.balance(`fees:${venue}`, asset).toString()).toBe(units(paidFees.get(wallet) ?? 0n, modelScale).toString())
  }
  for (const asset of ['BTC', 'KRW']) {
    const accounts = ['upbit', 'binance', 'market:upbit', 'market:binance', 'fees:upbit', 'fees:binance', 'equity'] as const
    const sum = accounts.reduce((total, account) => total.add(ledger.balance(account, asset)), Decimal.zero)
    expect(sum.toString()).toBe('0')
  }
}

describe('any fills with amounts of eight digits add up as bare bigints do', () => {
  test('as a property', () => {
    const fill = fc.record<RandomFill>({
      venue: fc.constantFrom('upbit', 'binance'),
      side: fc.constantFrom('buy', 'sell'),
      quantity: fc.bigInt({ min: 1n, max: 10n ** 12n }),
      price: fc.bigInt({ min: 1n, max: 10n ** 17n }),
      fee: fc.bigInt({ min: 0n, max: 10n ** 12n }),
      isFeeInBase: fc.boolean(),
    })
    fc.assert(fc.property(fc.array(fill, { maxLength: 30, size: 'max' }), compareWithModel))
  })

  // LEDGER_FILLS=1000000 makes it a million; that takes some seconds.
  const fillCount = Number(process.env['LEDGER_FILLS'] ?? 20_000)
  test(`over ${fillCount} in a row, where binary floats have long drifted`, { timeout: 120_000 }, () => {
    const prng = new SeededPrng(62)
    function* fills(): Generator<RandomFill> {
      for (let i = 0; i < fillCount; i++) {
        yield {
          venue: prng.next() < 0.5 ? 'upbit' : 'binance',
          side: prng.next() < 0.5 ? 'buy' : 'sell',
          quantity: BigInt(1 + Math.floor(prng.next() * 1e9)),
          price: BigInt(1 + Math.floor(prng.next() * 1e15)),
          fee: BigInt(Math.floor(prng.next() * 1e6)),
          isFeeInBase: prng.next() < 0.3,
        }
      }
    }
    compareWithModel(fills())
  })
})
