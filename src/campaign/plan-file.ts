/** Writes an engine's plan into the file that it is given, without what only the environment may hold. run-campaign.ts calls it. */

import { writeFileSync } from 'node:fs'
import { assert } from '../base/assert.ts'
import type { EnginePlan, StorePlan } from '../compose.ts'
import { isWithoutSecrets } from '../store/redis-address.ts'

/** `redisUrl` is the REDIS_URL of this process, which the engine's process inherits. */
export function writePlan(file: string, plan: EnginePlan, redisUrl: string | undefined): void {
  writeFileSync(file, JSON.stringify({ ...plan, store: writableStore(plan.store, redisUrl) }, null, 2))
}

/** The file stays in the run's folder, and is sent about with it. */
function writableStore(store: StorePlan, redisUrl: string | undefined): StorePlan {
  if (!('url' in store)) return store
  const { kind, keyPrefix, url } = store
  if (url === redisUrl) return { kind, keyPrefix, urlVariable: 'REDIS_URL' }
  assert(isWithoutSecrets(url), 'an address with a password comes from REDIS_URL alone')
  return store
}
