/** For commands that start processes: what a config names beside itself is looked at once, before each of them would fail of it. */

import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { OperatingError } from '../base/error.ts'
import { marketFactsOf } from '../campaign/market-facts.ts'
import { repoRoot } from '../campaign/run-campaign.ts'
import type { CampaignConfig } from '../config/schema.ts'

/** Routes, tapes and parts. Throws CONFIG_INVALID, TAPE_NOT_FOUND and TAPE_INVALID. */
export function checkSources(config: CampaignConfig): void {
  marketFactsOf(config, repoRoot)
  if (config.parts === undefined || existsSync(resolve(repoRoot, config.parts))) return
  throw new OperatingError('CONFIG_INVALID', `there is no module ${config.parts} to take parts from`, {
    hint: 'Name a file from the root of the repository, such as fixtures/defects/frozen-feed.ts.',
  })
}
