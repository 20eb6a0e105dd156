import { defineConfig } from 'vitest/config'
import { CampaignAllureReporter, campaignProjects } from './fixtures/allure-reporter.ts'
import { endWithParent } from './fixtures/end-with-parent.ts'

const resultsFile = process.env['LONGHAUL_RESULTS']

function jsonReporter(outputFile: string): ['json', { outputFile: string }] {
  return ['json', { outputFile }]
}

/** Campaigns over real sockets, in real time. */
const realTimeSpecs = 'campaigns/loopback-*.spec.ts'
/** Soak runs whose own figures are judged; all others compare runs, plant, kill and damage. */
const soakSpecs = ['campaigns/s[0-9].spec.ts', 'campaigns/any.spec.ts', 'campaigns/tape.spec.ts']

endWithParent()

export default defineConfig({
  test: {
    disableConsoleIntercept: true,
    reporters: [
      'default',
      new CampaignAllureReporter(),
      // On GitHub a failed assertion is shown at its line.
      ...(process.env['GITHUB_ACTIONS'] === 'true' ? (['github-actions'] as const) : []),
      // Reporters that a command line names would take Allure's place: who wants JSON as well names its file.
      ...(resultsFile === undefined ? [] : [jsonReporter(resultsFile)]),
    ],
    attachmentsDir: 'reports/vitest-attachments',
    projects: [
      // Every processor: many of them wait for processes that they forked, which on a busy machine takes a while.
      { extends: true, test: { name: 'unit', include: ['src/**/*.test.ts'], maxWorkers: '100%', testTimeout: 20_000 } },
      {
        extends: true,
        test: {
          name: campaignProjects.soak,
          include: soakSpecs,
          // `any` runs what LONGHAUL_CONFIG names; without it there is nothing to run.
          exclude: process.env['LONGHAUL_CONFIG'] ? [] : ['campaigns/any.spec.ts'],
          // One after the other, and after the unit tests: two soak runs at once would measure each other.
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: campaignProjects.trial,
          include: ['campaigns/*.spec.ts'],
          exclude: [realTimeSpecs, ...soakSpecs],
          maxWorkers: '100%',
          sequence: { groupOrder: 2 },
        },
      },
      // These wait for the clock more than they work, so they run at the same time, when all else is done.
      { extends: true, test: { name: campaignProjects.realTime, include: [realTimeSpecs], maxWorkers: 5, sequence: { groupOrder: 3 } } },
    ],
  },
})
