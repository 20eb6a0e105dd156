import { describe, expect, test } from 'vitest'
import { queueAddress } from './seed-queue.ts'

describe('the address of a queue', () => {
  test.for([
    { address: 'redis://localhost', found: { host: 'localhost', port: 6379 } },
    { address: 'redis://10.0.0.7:7000/2', found: { host: '10.0.0.7', port: 7000, db: 2 } },
    { address: 'rediss://queue.example', found: { host: 'queue.example', port: 6379, tls: {} } },
    { address: '/run/redis.sock', found: { path: '/run/redis.sock' } },
  ])('$address', ({ address, found }) => {
    expect(queueAddress(address, {})).toEqual(found)
  })

  test('the password comes from the environment', () => {
    expect(queueAddress('redis://localhost', { LONGHAUL_QUEUE_PASSWORD: 'hush' })).toMatchObject({ password: 'hush' })
  })

  test.for([
    'redis://user:hush@localhost',
    'redis://:hush@localhost',
    'redis://localhost?password=hush',
    'http://localhost',
    'localhost',
    '',
  ])('is not %j, and no password is told', (address) => {
    expect(() => queueAddress(address, {})).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.not.stringContaining('hush') }),
    )
  })
})
