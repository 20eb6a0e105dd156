/** S0, three minutes: does the multi-symbol engine basically work? Every push runs it. */

import * as allure from 'allure-js-commons'
import { describe, expect } from 'vitest'
import { defineCampaign, figuresOf } from '../fixtures/campaign.ts'
import { tellScenario } from '../src/report/allure.ts'

const { test, config, timeout, title } = defineCampaign('configs/s0.yaml')

// What the mission expects of S0 holds for the seeded market and the plan as it is written; another market trades as it may.
const isAsWritten =
  config.market === 'simulated' && config.data_source === 'rest' && config.symbols.length === 2 && config.duration_minutes === 3

describe(title, () => {
  test.runIf(isAsWritten)(
    'opens two to four trades in 180 loops a symbol, one a second, without an error',
    { timeout },
    async ({ campaign }) => {
      const judged = campaign.judgedOrThrow()
      await tellScenario(allure, judged.record)
      const { entries, loops, meanLoopPeriodMs, errors } = figuresOf(judged)
      expect(entries).toBeGreaterThanOrEqual(2)
      expect(entries).toBeLessThanOrEqual(4)
      expect(loops).toBe(180)
      expect(Math.abs(meanLoopPeriodMs - 1000)).toBeLessThanOrEqual(100)
      expect(errors).toBe(0)
    },
  )
})
