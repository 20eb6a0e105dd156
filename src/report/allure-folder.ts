/** Where Allure's results of campaigns lie. The reporter of Vitest and `longhaul report` write there, the site reads it. */

import { basename, join } from 'node:path'

/** LONGHAUL_ALLURE_RESULTS is for runs whose results are not to be published with the rest. */
export const resultsFolder = process.env['LONGHAUL_ALLURE_RESULTS'] ?? join(import.meta.dirname, '../../reports/allure-results')

/** A folder a spec: it is emptied when the spec starts again. */
export function resultsFolderOfSpec(allResults: string, specFile: string): string {
  return join(allResults, basename(specFile, '.spec.ts'))
}
