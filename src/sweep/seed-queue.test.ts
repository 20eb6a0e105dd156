import { describe, expect, test } from 'vitest'
import { nameOnQueue, queueAddress } from './seed-queue.ts'
import type { SweepFacts } from './sweep-folder.ts'

describe('the address of a queue', () => {
  test.for([
    { address: 'redis://localhost', found: { host: 'localhost', port: 6379 } },
    { address: 'redis://10.0.0.7:7000/2', found: { host: '10.0.0.7', port: 7000, db: 2 } },
    { address: 'rediss://queue.example', found: { host: 'queue.example', port: 6379, tls: {} } },
    { address: 'redis://[::1]:7000', found: { host: '::1', port: 7000 } },
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

describe('results on a queue are of one sweep, one config and one code', () => {
  const version = { sources: 'a'.repeat(64), parts: null, commit: null }
  const facts: SweepFacts = { schema: 1, id: 's1-1-9', scenario: 'S1', firstSeed: 1, lastSeed: 9, configHash: 'c'.repeat(64), version }

  test.for([
    { other: 'id', changes: { id: 's1-1-10' } },
    { other: 'config', changes: { configHash: 'd'.repeat(64) } },
    { other: 'sources', changes: { version: { ...version, sources: 'b'.repeat(64) } } },
    { other: 'parts', changes: { version: { ...version, parts: 'b'.repeat(64) } } },
  ])('another $other', ({ changes }) => {
    expect(nameOnQueue({ ...facts, ...changes })).not.toBe(nameOnQueue(facts))
  })

  test('the same', () => {
    expect(nameOnQueue({ ...facts, version: { ...version, commit: '0123456789ab with changes' } })).toBe(nameOnQueue(facts))
  })
})
