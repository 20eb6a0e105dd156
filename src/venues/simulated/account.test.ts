import { expect, test } from 'vitest'
import { Decimal } from '../../base/decimal.ts'
import { Account } from './account.ts'

const opening = [{ asset: 'BTC', amount: '1' }]

test('an account holds and frees exactly', () => {
  const account = new Account(opening)
  account.change('BTC', Decimal.parse('-0.3'), Decimal.parse('0.3'))
  account.change('BTC', Decimal.parse('0.1'), Decimal.parse('-0.2'))
  account.change('USDT', Decimal.parse('5'), Decimal.zero)
  const told = account.balances().map(({ asset, free, locked }) => `${asset} ${free.toString()} + ${locked.toString()}`)
  expect(told).toEqual(['BTC 0.8 + 0.1', 'USDT 5 + 0'])
})

test.each([
  ['free', 'BTC', '-1.1', '0', 'BTC has -0.1 free'],
  ['locked', 'BTC', '0', '-0.1', 'BTC has -0.1 locked'],
  ['of an asset that it never had', 'USDT', '-1', '0', 'USDT has -1 free'],
])('an account never has less than nothing %s', (_name, asset, free, locked, message) => {
  const account = new Account(opening)
  expect(() => account.change(asset, Decimal.parse(free), Decimal.parse(locked))).toThrow(message)
})
