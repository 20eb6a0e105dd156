/** Configuration of the Allure 3 site: `npm run report` builds it, `npx allure quality-gate` judges the results. */

import { defineConfig } from 'allure'
import { globSync, readFileSync } from 'node:fs'

/** One folder a campaign spec; fixtures/allure-reporter.ts fills them. */
const resultsDir = './reports/allure-results/*'

/** How far a figure may move in the wrong direction against the last report. What depends on the seed alone may hardly move. */
const maxDeltaPercent = {
  loop_time_p99: 10,
  loop_period_p99: 1,
  rss_max: 25,
  heap_after_gc_max: 25,
  // Wall time on a shared machine is noisy: only a collapse is a finding.
  acceleration: 60,
}

/** A rule about a figure that is missing fails, so there are rules only for the campaigns that ran. */
const metricKeys = globSync(`${resultsDir}/*-perf.json`).flatMap((file) => JSON.parse(readFileSync(file, 'utf8')).map(({ key }) => key))

export default defineConfig({
  name: 'longhaul campaigns',
  output: './reports/allure',
  resultsDir,
  historyPath: './reports/allure-history.jsonl',
  historyLimit: 200,
  // Campaigns name theirs; what compares, plants, kills and damages runs stands by itself.
  defaultLabels: { epic: 'Trials' },
  // The gate compares with the last site: it must not add what it judges.
  appendHistory: !process.argv.includes('quality-gate'),
  plugins: {
    awesome: {
      options: {
        reportLanguage: 'en',
        groupBy: ['epic', 'parentSuite'],
        charts: [
          { type: 'currentStatus', title: 'This report' },
          { type: 'statusDynamics', title: 'Verdicts over the last reports', limit: 50 },
          { type: 'durationDynamics', title: 'Durations over the last reports', limit: 50 },
        ],
      },
    },
  },
  categories: [
    // A campaign that never began has no labels yet: its error tells.
    { name: 'Environment not ready', matchers: { trace: /EnvironmentError|OperatingError/ } },
    { name: 'Unknown: nothing was proved', matchers: { statuses: ['failed', 'broken'], labels: { kind: 'unknown' } } },
    { name: 'Performance budget missed', matchers: { statuses: ['failed', 'broken'], labels: { kind: 'performance' } } },
    { name: 'Product defect', matchers: { statuses: ['failed', 'broken'], labels: { kind: 'product' } } },
    { name: 'Broken test', matchers: { statuses: ['failed', 'broken'] } },
  ],
  qualityGate: {
    rules: [
      // An empty results folder has no failures either.
      { maxFailures: 0, minTestsCount: 1, successRate: 1 },
      ...metricKeys
        .filter((key) => key.split('.')[1] in maxDeltaPercent)
        .map((key) => ({ id: key, metricMaxDeltaPercent: { key, value: maxDeltaPercent[key.split('.')[1]] } })),
    ],
  },
})
