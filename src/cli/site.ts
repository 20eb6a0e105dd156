/** `longhaul site`: builds the Allure site from the campaigns' last results, with the history of the reports before it. */

import { spawn } from 'node:child_process'
import { globSync, rmSync } from 'node:fs'
import { join, relative } from 'node:path'
import { OperatingError } from '../base/error.ts'
import { exitCodes, type ExitCode } from '../base/exit-code.ts'
import { parseFlags } from './flags.ts'

const usage = `usage: longhaul site

Builds reports/allure from reports/allure-results (written by campaign specs under Vitest) and adds a line to
reports/allure-history.jsonl. allurerc.mjs says how. Look at it with: npm run report:open

exit codes: 0 built, 2 not built, 3 bad command line
`

const repoRoot = join(import.meta.dirname, '../..')
/** Far above what a site of thousands of results takes. */
const deadlineMs = 120_000

export async function site(args: readonly string[]): Promise<ExitCode> {
  if (parseFlags('site', args, {}) === null) {
    process.stdout.write(usage)
    return exitCodes.ok
  }
  if (globSync('reports/allure-results/*/*-result.json', { cwd: repoRoot }).length === 0) {
    throw new OperatingError('REPORT_FAILED', 'there are no Allure results in reports/allure-results', {
      hint: 'Run a campaign through Vitest first: npx vitest run campaigns/s0.',
    })
  }
  const exitCode = await generate()
  if (exitCode !== 0) {
    throw new OperatingError('REPORT_FAILED', `allure generate ended with ${exitCode ?? 'a signal'}`, {
      hint: `Its messages are above. It was given at most ${deadlineMs / 1000} s.`,
    })
  }
  const page = relative(process.cwd(), join(repoRoot, 'reports/allure/index.html'))
  process.stdout.write(`site    ${page}\nopen it with: npm run report:open\n`)
  return exitCodes.ok
}

function generate(): Promise<number | null> {
  // Allure writes beside an earlier site's files and leaves that one's index.html in front.
  rmSync(join(repoRoot, 'reports/allure'), { recursive: true, force: true })
  const cli = join(repoRoot, 'node_modules/allure/cli.js')
  const child = spawn(process.execPath, [cli, 'generate'], { cwd: repoRoot, stdio: 'inherit', timeout: deadlineMs })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', resolve)
  })
}
