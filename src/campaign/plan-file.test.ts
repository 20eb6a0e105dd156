/** What may stand in a plan's file, and which names a run may have. */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import type { EnginePlan, StorePlan } from '../compose.ts'
import { writePlan } from './plan-file.ts'
import { runFolderOf } from './run-campaign.ts'

const folder = mkdtempSync(join(tmpdir(), 'longhaul-plan-'))
afterAll(() => rmSync(folder, { recursive: true }))

const file = join(folder, 'plan.json')
const planWith = (store: StorePlan) => ({ store, pace: null }) as EnginePlan
const url = 'redis://:planted@127.0.0.1:6379'

test('an address from the environment is named in the plan, and not written into it', () => {
  writePlan(file, planWith({ kind: 'redis', url, keyPrefix: 'longhaul:S0-1' }), url)
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({
    store: { kind: 'redis', keyPrefix: 'longhaul:S0-1', urlVariable: 'REDIS_URL' },
    pace: null,
  })
})

test.each<StorePlan>([
  { kind: 'embedded', folder: '/tmp/state' },
  { kind: 'redis', path: '/tmp/redis.sock', keyPrefix: 'longhaul:S0-1' },
  { kind: 'redis', url: 'redis://127.0.0.1:6379', keyPrefix: 'longhaul:S0-1' },
])('%j is written as it is', (store) => {
  writePlan(file, planWith(store), url)
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({ store, pace: null })
})

test('a password that is not in the environment is our own mistake', () => {
  const write = (): void => writePlan(file, planWith({ kind: 'redis', url, keyPrefix: 'longhaul:S0-1' }), undefined)
  expect(write).toThrow('an address with a password comes from REDIS_URL alone')
})

test.each(['../x', '/etc', 'a/b', 'a\0b', '', '*', 'a?', 'a[b]', 'a:b', '..', 'latest', 'x'.repeat(200)])(
  'no run is named %j: folders and keys are named after it',
  (runId) => {
    expect(() => runFolderOf(runId)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
  },
)
