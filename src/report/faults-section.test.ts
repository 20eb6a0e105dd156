import { expect, test } from 'vitest'
import { campaignSchema } from '../config/schema.ts'
import type { Fault } from '../model/fault.ts'
import { faults } from './faults-section.ts'
import { sampleRun } from './sample-run.ts'

const latency: Fault = { kind: 'latency', fromMs: 0, untilMs: 20_000, venue: null, code: null, share: 1, strength: 100 }
const kill: Fault = { ...latency, kind: 'kill', untilMs: 0 }
const config = campaignSchema.parse({
  scenario: 'T1',
  symbols: ['KRW-BTC'],
  duration_minutes: 30,
  faults: { plan: [latency], swarm: 'on', healedMinutes: 5 },
})

test('says by kind what was planned and what struck, and how often the run showed what a healthy one may never do', () => {
  const run = sampleRun({ record: { config, faults: [latency, latency, kill] } })
  const text = faults({ ...run, strikes: [0, 17, 1] })
  expect(text).toContain('3 faults were to be injected, 2 of them drawn from the seed; the last 5 min')
  expect(text).toMatch(/\| latency +\| 2 +\| 1 +\| 17 +\| 40/)
  expect(text).toMatch(/\| kill +\| 1 +\| 1 +\| 1 /)
  expect(text).not.toContain('maintenance')
  expect(text).toMatch(/\| unwinds of unequal legs +\| 0 +\|/)
})

test('is left out where nothing was to be injected', () => {
  expect(faults(sampleRun())).toBeNull()
})
