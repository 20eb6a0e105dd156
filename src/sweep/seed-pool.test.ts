import { afterEach, expect, test } from 'vitest'
import { SeedPool } from './seed-pool.ts'
import type { SeedJob } from './seed-run.ts'

const job: SeedJob = { seed: 7, configFile: '/no/such.yaml', keep: 'none', engine: 'kept', deadlineMs: 60_000, command: 'test' }

let pool = new SeedPool({ size: 1 })
afterEach(async () => {
  await pool.close()
  pool = new SeedPool({ size: 1 })
})

test('a seed whose process dies or hangs twice is unknown, and the next one has a process again', { timeout: 60_000 }, async () => {
  const hung = await pool.run({ ...job, deadlineMs: 1 })
  expect(hung).toMatchObject({ seed: 7, verdict: 'unknown', reason: 'Cannot be told: its process died or hung 2 times.' })
  expect(await pool.run(job)).toMatchObject({
    seed: 7,
    reason: expect.stringContaining('Cannot be told: cannot read the config /no/such.yaml'),
  })
})

test('a pool that was closed begins nothing', async () => {
  const processes = (): string[] => process.getActiveResourcesInfo().filter((name) => name === 'ProcessWrap')
  const before = processes()
  await pool.close()
  expect(await pool.run(job)).toBeNull()
  expect(processes()).toEqual(before)
})

test('a process that cannot be started counts as one that died, and the pool closes', async () => {
  const { execPath } = process
  process.execPath = '/no/such/node'
  try {
    expect(await pool.run(job)).toMatchObject({ verdict: 'unknown' })
  } finally {
    process.execPath = execPath
  }
})
