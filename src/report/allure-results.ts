/**
 * Allure's result files of a run whose Vitest was killed: it writes none until all its tests are done. `longhaul report` calls it.
 * The files' shape is that of `TestResult` in allure-js-commons; equal names continue one history.
 */

import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { messageOf, OperatingError } from '../base/error.ts'
import { resultsFolderOfSpec } from './allure-folder.ts'
import { campaignTitle, tellAssertion, tellRun, writeAllureFacts, type AllureApi } from './allure.ts'
import type { RunRecord } from './run-record.ts'
import type { JudgedRun } from './write-report.ts'

const packageName = 'longhaul'
/** The test that tells of the whole run, in a campaign spec as here. */
const reportTest = 'final report'

/**
 * Writes a result for each assertion and one for the report, where the spec's folder has no report of this run yet. What is there of
 * other runs stays: Allure shows several results of one test as its retries. Answers the folder, or null where nothing was missing or no
 * spec ran it. Throws REPORT_FAILED.
 */
export async function writeMissingResults(allResults: string, runFolder: string, judged: JudgedRun): Promise<string | null> {
  const { specFile, runId, scenario } = judged.record
  if (specFile === undefined) return null
  const folder = resultsFolderOfSpec(allResults, specFile)
  if (hasReportOf(folder, runId)) return null
  try {
    mkdirSync(folder, { recursive: true })
    for (const assertion of judged.judgement.assertions) {
      const result = new ResultFile(folder, judged.record, specFile, assertion.name)
      await tellAssertion(result, judged, assertion)
      result.write(assertion.verdict, `expected ${assertion.expected}; was ${assertion.actual}`)
    }
    const report = new ResultFile(folder, judged.record, specFile, reportTest)
    await tellRun(report, runFolder, judged)
    report.write(judged.judgement.verdict, judged.judgement.reason)
    // A later run's figures are not to be replaced by this one's.
    if (!existsSync(join(folder, `${scenario}-perf.json`))) writeAllureFacts(folder, judged)
  } catch (error) {
    throw new OperatingError('REPORT_FAILED', `cannot write Allure's results in ${folder}: ${messageOf(error)}`, {
      hint: 'See that the folder is writable and the disk has room, then: longhaul report <run>.',
      cause: error,
    })
  }
  return folder
}

/** Every result names its run in a parameter. The report is written last: without it, whoever wrote the others was killed meanwhile. */
function hasReportOf(folder: string, runId: string): boolean {
  if (!existsSync(folder)) return false
  const parts = [JSON.stringify({ name: 'run', value: runId }).slice(0, -1), JSON.stringify({ name: reportTest }).slice(1, -1)]
  return readdirSync(folder)
    .filter((name) => name.endsWith('-result.json'))
    .map((name) => readFileSync(join(folder, name), 'utf8'))
    .some((text) => parts.every((part) => text.includes(part)))
}

interface Step {
  name: string
  status: string
  stage: 'finished'
  statusDetails: object
  steps: Step[]
  attachments: []
  parameters: []
  start: number
  stop: number
}

/** One test's result, told through Allure's own calls. */
class ResultFile implements AllureApi {
  readonly #folder: string
  readonly #record: RunRecord
  readonly #specFile: string
  readonly #name: string
  readonly #uuid: string
  readonly #labels: { name: string; value: string }[] = []
  readonly #parameters: { name: string; value: string; excluded?: boolean }[] = []
  readonly #attachments: { name: string; source: string; type: string }[] = []
  readonly #steps: Step[] = []
  #openSteps = this.#steps
  #description = ''

  constructor(folder: string, record: RunRecord, specFile: string, name: string) {
    this.#folder = folder
    this.#record = record
    this.#specFile = specFile
    this.#name = name
    // The same for the same run, so that writing them again doubles nothing.
    this.#uuid = md5(`${record.runId} ${name}`)
  }

  async label(name: string, value: string): Promise<void> {
    this.#labels.push({ name, value })
  }

  async parameter(name: string, value: string, options?: { excluded: boolean }): Promise<void> {
    this.#parameters.push({ name, value, ...options })
  }

  async description(markdown: string): Promise<void> {
    this.#description = markdown
  }

  async logStep(name: string, status = 'passed'): Promise<void> {
    this.#openSteps.push(newStep(name, status))
  }

  async step(name: string, body: () => PromiseLike<void>): Promise<void> {
    const step = newStep(name, 'passed')
    const outer = this.#openSteps
    outer.push(step)
    this.#openSteps = step.steps
    await body()
    this.#openSteps = outer
    if (step.steps.some(({ status }) => status === 'failed')) step.status = 'failed'
  }

  async attachment(
    name: string,
    content: Buffer,
    { contentType, fileExtension }: { contentType: string; fileExtension: string },
  ): Promise<void> {
    const source = `${this.#uuid}-${this.#attachments.length}-attachment.${fileExtension}`
    writeFileSync(join(this.#folder, source), content)
    this.#attachments.push({ name, source, type: contentType })
  }

  /** `message` says why it did not pass. */
  write(verdict: string, message: string): void {
    const { startedAt, endedAt } = this.#record
    const suite = campaignTitle(this.#record.config)
    const fullName = `${packageName}:${this.#specFile}#${suite} ${this.#name}`
    const isPassed = verdict === 'pass' || verdict === 'warn'
    const result = {
      uuid: this.#uuid,
      name: this.#name,
      fullName,
      titlePath: [packageName, ...this.#specFile.split('/'), suite],
      testCaseId: md5(fullName),
      historyId: `${md5(fullName)}:${md5(historyParameters(this.#parameters))}`,
      status: isPassed ? 'passed' : 'failed',
      statusDetails: isPassed ? {} : { message },
      stage: 'finished',
      description: this.#description,
      labels: [{ name: 'framework', value: 'vitest' }, { name: 'parentSuite', value: suite }, ...this.#labels],
      parameters: this.#parameters,
      steps: this.#steps,
      attachments: this.#attachments,
      links: [],
      start: Date.parse(startedAt),
      stop: Date.parse(endedAt ?? startedAt),
    }
    writeFileSync(join(this.#folder, `${this.#uuid}-result.json`), JSON.stringify(result))
  }
}

function newStep(name: string, status: string): Step {
  // Without times the site says that its duration is unknown, which is also a verdict's name.
  return { name, status, stage: 'finished', statusDetails: {}, steps: [], attachments: [], parameters: [], start: 0, stop: 0 }
}

/** As allure-js-commons does it (`getTestResultHistoryId`), or a run's history would begin anew. */
function historyParameters(parameters: readonly { name: string; value: string; excluded?: boolean }[]): string {
  return parameters
    .filter(({ excluded }) => excluded !== true)
    .toSorted((left, right) => left.name.localeCompare(right.name) || left.value.localeCompare(right.value))
    .map(({ name, value }) => `${name}:${value}`)
    .join(',')
}

function md5(text: string): string {
  return createHash('md5').update(text).digest('hex')
}
