import { defineConfig } from 'vitest/config'
import { CampaignAllureReporter, campaignsProject } from './fixtures/allure-reporter.ts'

const resultsFile = process.env['LONGHAUL_RESULTS']

function jsonReporter(outputFile: string): ['json', { outputFile: string }] {
  return ['json', { outputFile }]
}

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
      { extends: true, test: { name: 'unit', include: ['src/**/*.test.ts'] } },
      {
        extends: true,
        test: {
          name: campaignsProject,
          include: ['campaigns/**/*.spec.ts'],
          // Runs what LONGHAUL_CONFIG names; without it there is nothing to run.
          exclude: process.env['LONGHAUL_CONFIG'] ? [] : ['campaigns/any.spec.ts'],
          // One after the other, and after the unit tests: two soak runs at once would measure each other.
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})
