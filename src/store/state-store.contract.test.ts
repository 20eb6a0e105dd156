/** What every StateStore must do, run over each of them. */

import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SystemClock } from '../clock/system-clock.ts'
import type { StateStore } from '../engine/state-store.ts'
import type { RedisServer } from '../environment/redis-server.ts'
import { isRedisInstalled, startRedisServer } from '../environment/redis-server.ts'
import { EmbeddedStateStore } from './embedded-state-store.ts'
import { storeKeys } from './keys.ts'
import { currentProcess } from './process-identity.ts'
import { RedisStateStore } from './redis-state-store.ts'

const deadHolder = JSON.stringify({ ...currentProcess(), startTime: 'long ago' })
const foreignHolder = JSON.stringify({ pid: 1, startTime: '1', space: 'another host' })

interface Place {
  store(): StateStore
  /** Makes the lease look as if this process had taken it. */
  setHolder(holder: string): Promise<void>
  /** What a clean-up does to state that it takes for left over. */
  wipe(): Promise<void>
}

let folder: string
let server: RedisServer | null = null
let admin: Redis | null = null
let placeCount = 0

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'longhaul-store-'))
  if (!isRedisInstalled()) return
  server = await startRedisServer(folder)
  admin = new Redis({ path: server.socketPath })
})

afterAll(async () => {
  admin?.disconnect()
  await server?.stop()
  rmSync(folder, { recursive: true })
})

function embeddedPlace(): Place {
  const place = join(folder, `embedded-${++placeCount}`)
  return {
    store: () => new EmbeddedStateStore(place),
    setHolder: async (holder) => {
      for (const name of readdirSync(place).filter((file) => file.startsWith('lease-'))) writeFileSync(join(place, name), holder)
    },
    wipe: async () => {
      for (const name of readdirSync(place)) rmSync(join(place, name))
    },
  }
}

function redisPlace(): Place {
  const keyPrefix = `place-${++placeCount}`
  const keys = storeKeys(keyPrefix)
  const options = { path: server!.socketPath, keyPrefix, clock: new SystemClock(), leaseMs: 60_000, commandTimeoutMs: 5000 }
  return {
    store: () => new RedisStateStore(options),
    setHolder: async (holder) => {
      await admin!.set(keys.lease, `1 ${holder}`)
    },
    wipe: async () => {
      await admin!.del(keys.state, keys.lease, keys.fence)
    },
  }
}

const stores = [
  { name: 'EmbeddedStateStore', place: embeddedPlace },
  { name: 'RedisStateStore', place: redisPlace },
]

describe.for(stores)('$name', ({ name, place: makePlace }) => {
  function place(context: { skip: (note: string) => void }): Place {
    if (name === 'RedisStateStore' && server === null) context.skip('no redis-server on the PATH')
    return makePlace()
  }

  test('opens empty where nothing was stored', async (context) => {
    const store = place(context).store()
    expect([...(await store.open())]).toEqual([])
    await store.close()
  })

  test('gives the next opener exactly what was committed', async (context) => {
    const at = place(context)
    const first = at.store()
    await first.open()
    await first.commit({ set: { 'trade:T1': '{"id":"T1"}', meta: '1' }, remove: [] })
    await first.commit({ set: { meta: '2', '': '"empty key"' }, remove: ['trade:T1', 'never-set'] })
    await first.close()
    const second = at.store()
    expect(Object.fromEntries(await second.open())).toEqual({ meta: '2', '': '"empty key"' })
    await second.close()
  })

  test('keeps any text in keys and values, over any sequence of commits', async (context) => {
    const at = place(context)
    const text = fc.string({ unit: 'grapheme', maxLength: 12 })
    const keys = fc.oneof(fc.constantFrom('a', 'b', '__proto__', 'line\nbreak'), text)
    const changes = fc.record({
      set: fc.array(fc.tuple(keys, text), { maxLength: 4 }).map((pairs) => Object.fromEntries(pairs)),
      remove: fc.array(keys, { maxLength: 3 }),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(changes, { maxLength: 4 }), { minLength: 1, maxLength: 3 }), async (sessions) => {
        await at.wipe().catch(() => undefined)
        const model = new Map<string, string>()
        for (const commits of sessions) {
          const store = at.store()
          expect(await store.open()).toEqual(model)
          for (const { set, remove } of commits) {
            const removed = remove.filter((key) => !Object.hasOwn(set, key))
            await store.commit({ set, remove: removed })
            for (const key of removed) model.delete(key)
            for (const [key, value] of Object.entries(set)) model.set(key, value)
          }
          await store.close()
        }
      }),
      { numRuns: 30 },
    )
  })

  test('refuses a second engine while the first lives', async (context) => {
    const at = place(context)
    const first = at.store()
    await first.open()
    await expect(at.store().open()).rejects.toMatchObject({ code: 'LEASE_HELD' })
    await first.commit({ set: { meta: '1' }, remove: [] })
    await first.close()
  })

  test('refuses a second engine while one on another host may live', async (context) => {
    const at = place(context)
    const first = at.store()
    await first.open()
    await at.setHolder(foreignHolder)
    await expect(at.store().open()).rejects.toMatchObject({ code: 'LEASE_HELD' })
    await first.close()
  })

  test('lets one of two engines in that open at the same moment', async (context) => {
    const at = place(context)
    const contenders = [at.store(), at.store(), at.store()]
    const outcomes = await Promise.allSettled(contenders.map((store) => store.open()))
    expect(outcomes.filter((outcome) => outcome.status === 'fulfilled')).toHaveLength(1)
    for (const store of contenders) await store.close()
  })

  test('takes over from a dead holder at once, and fences it off', async (context) => {
    const at = place(context)
    const first = at.store()
    await first.open()
    await first.commit({ set: { meta: '1' }, remove: [] })
    await at.setHolder(deadHolder)
    const second = at.store()
    expect(Object.fromEntries(await second.open())).toEqual({ meta: '1' })
    await expect(first.commit({ set: { meta: 'stale' }, remove: [] })).rejects.toMatchObject({ code: 'STORE_FENCED' })
    await second.commit({ set: { more: '2' }, remove: [] })
    await first.close()
    await second.close()
    const third = at.store()
    expect(Object.fromEntries(await third.open())).toEqual({ meta: '1', more: '2' })
    await third.close()
  })

  test('does not write on after its state was wiped', async (context) => {
    const at = place(context)
    const store = at.store()
    await store.open()
    await store.commit({ set: { meta: '1' }, remove: [] })
    await at.wipe()
    await expect(store.commit({ set: { half: '2' }, remove: [] })).rejects.toMatchObject({ code: 'STORE_FENCED' })
    await store.close()
  })

  test('closes twice, and opens again', async (context) => {
    const store = place(context).store()
    await store.open()
    await store.close()
    await store.close()
    expect(await store.open()).toEqual(new Map())
    await store.close()
  })
})
