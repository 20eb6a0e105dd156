import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isWithoutSecrets, withoutSecrets } from './redis-address.ts'

test.each([
  ['redis://127.0.0.1:6379', 'redis://127.0.0.1:6379'],
  ['redis://127.0.0.1:6379/2', 'redis://127.0.0.1:6379/2'],
  ['127.0.0.1:6379', '127.0.0.1:6379'],
  ['/run/redis.sock', '/run/redis.sock'],
  ['rediss://user:planted@db.example.com:6380/0', 'rediss://db.example.com:6380/0'],
  ['redis://:planted@[::1]:6379', 'redis://[::1]:6379'],
  ['redis://db:6379?password=planted', 'redis://db:6379'],
  ['/run/redis.sock?password=planted', '/run/redis.sock'],
  [':planted@db:6379', 'db:6379'],
  ['redis://:planted/slash@db', 'redis://db'],
  ['redis://db:6379/planted', 'an address that is not shown'],
  ['redis://:pl@nted@db', 'an address that is not shown'],
  ['redis://:plan?ted@db', 'an address that is not shown'],
  ['redis://db?password=pl@nted', 'an address that is not shown'],
  ['', 'an address that is not shown'],
])('%s is shown as %s', (address, shown) => {
  expect(withoutSecrets(address)).toBe(shown)
  expect(isWithoutSecrets(address)).toBe(shown === address)
})

test('no password of any letters is shown, in any place where one may stand', () => {
  const password = fc.string({ unit: 'grapheme', maxLength: 20 }).map((text) => `PLANTED${text}PLANTED`)
  const place = fc.constantFrom<(text: string) => string>(
    (text) => `redis://user:${text}@db:6379`,
    (text) => `redis://${text}@db`,
    (text) => `${text}@db:6379`,
    (text) => `redis://db:6379?password=${text}`,
    (text) => `/run/redis.sock?password=${text}`,
  )
  fc.assert(
    fc.property(password, place, (text, address) => {
      expect(withoutSecrets(address(text))).not.toContain('PLANTED')
    }),
    { numRuns: 1000 },
  )
})
